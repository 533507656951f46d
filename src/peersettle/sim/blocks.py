"""A chain whose blocks are made when a replay says so, at its time, with the transactions that it gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from peersettle.chain import Call, Chain, embedded, fund
from peersettle.chain.artifacts import decode
from peersettle.errors import ChainError, InputError
from peersettle.signing import KeySigner
from peersettle.types import Address, address

if TYPE_CHECKING:
    from peersettle.chain.pyevm import EmbeddedProvider

GAS: Final = 12_000_000
"""The limit of each transaction."""
BLOCK_GAS: Final = 2_000_000_000
FEE: Final = 10**11
WEALTH: Final = 10**21
"""Wei; what a transaction costs in the replay's settlement currency is reckoned elsewhere."""
_AHEAD: Final = 6 * 3_600
"""Seconds before the replay in which a node's own clock may run."""
_ERROR: Final = "08c379a0"


@dataclass(frozen=True)
class Included:
    """A transaction in a block."""

    ok: bool
    reason: str | None
    """Why it reverted; None where the contract gave none."""
    gas: int
    contract: Address | None = None


class Blocks(Protocol):
    """Where the contracts of a replay live."""

    @property
    def chain(self) -> Chain:
        """For reading."""
        ...

    def mine(self, time: int, transactions: Sequence[tuple[KeySigner, Call]]) -> list[Included]:
        """One block with these transactions, in order, later than the one before."""
        ...

    def close(self) -> None:
        """It is not needed any more."""
        ...


class _Nonces:
    """Everybody's next nonce, and the first money for gas."""

    def __init__(self, chain: Chain) -> None:
        self._chain, self._next = chain, dict[Address, int]()

    def signed(self, signer: KeySigner, call: Call) -> bytes:
        if signer.address not in self._next:
            raise ChainError(f"{signer.address} has nothing to pay gas with: fund it first")
        nonce = self._next[signer.address]
        self._next[signer.address] = nonce + 1
        fields: dict[str, Any] = {
            "type": 2,
            "chainId": self._chain.chain_id,
            "nonce": nonce,
            "gas": GAS,
            "maxFeePerGas": FEE,
            "maxPriorityFeePerGas": 0,
            "value": call.value,
            "data": "0x" + call.data.hex(),
        }
        return signer.sign_transaction(fields if call.to is None else {**fields, "to": call.to})

    def meet(self, signers: Sequence[KeySigner], give: Callable[[Address], None]) -> None:
        for signer in signers:
            if signer.address not in self._next:
                give(signer.address)
                self._next[signer.address] = self._chain.nonce(signer.address)


class EmbeddedBlocks:
    """py-evm in this process. Its clock is the replay's alone, as long as that is ahead of the wall's."""

    def __init__(self) -> None:
        from eth_tester.backends.pyevm.main import get_default_genesis_params

        self._chain: Final = embedded()
        chain_id, backend = self._chain.chain_id, self._miner
        backend.reset_to_genesis(get_default_genesis_params({"gas_limit": BLOCK_GAS}))
        type(backend.chain).chain_id = chain_id
        self._nonces: Final = _Nonces(self._chain)
        self._giver: Final = KeySigner(backend.account_keys[0].to_bytes())

    @property
    def chain(self) -> Chain:
        """For reading."""
        return self._chain

    @property
    def _miner(self) -> Any:
        provider: EmbeddedProvider = self._chain.w3.provider  # type: ignore[assignment]
        tester: Any = provider.ethereum_tester
        return tester.backend

    def mine(self, time: int, transactions: Sequence[tuple[KeySigner, Call]]) -> list[Included]:
        """As `Blocks.mine`."""
        backend, found, before = self._miner, list[Included](), 0
        chain = backend.chain
        if time < chain.header.timestamp:
            raise InputError(f"a block at {time} cannot follow one at {chain.header.timestamp - 1}")
        chain.header = chain.header.copy(timestamp=time)
        builder = chain.get_vm(chain.header).get_transaction_builder()

        def give(who: Address) -> None:
            nonlocal before
            grant = self._nonces.signed(self._giver, Call(who, b"", WEALTH))
            before = int(chain.apply_transaction(builder.decode(grant))[1].gas_used)

        self._nonces.meet([self._giver], lambda _: None)
        self._nonces.meet([signer for signer, _ in transactions], give)
        for signer, call in transactions:
            transaction = builder.decode(self._nonces.signed(signer, call))
            _, receipt, computation = chain.apply_transaction(transaction)
            created = computation.msg.storage_address if call.to is None and not computation.is_error else None
            found.append(
                Included(
                    ok=not computation.is_error,
                    reason=_reason(bytes(computation.output)) if computation.is_error else None,
                    gas=int(receipt.gas_used) - before,
                    contract=address("0x" + created.hex()) if created else None,
                )
            )
            before = int(receipt.gas_used)
        list(backend.mine_blocks(1))
        return found

    def close(self) -> None:
        """It is gone with the process."""
        self._chain.close()


class AnvilBlocks:
    """anvil, which includes what it is sent when it is told to."""

    def __init__(self, start: int) -> None:
        from peersettle.chain import Anvil, connect

        options = ("--timestamp", str(start - _AHEAD), "--gas-limit", str(BLOCK_GAS), "--order", "fifo")
        self._anvil: Final = Anvil(extra=options)
        self._anvil.__enter__()
        self._chain: Final = connect(self._anvil.url)
        self._nonces: Final = _Nonces(self._chain)

    @property
    def chain(self) -> Chain:
        """For reading."""
        return self._chain

    def mine(self, time: int, transactions: Sequence[tuple[KeySigner, Call]]) -> list[Included]:
        """As `Blocks.mine`."""
        self._chain.request("evm_setAutomine", False)  # until now, while contracts were deployed, it was useful
        self._nonces.meet([signer for signer, _ in transactions], lambda who: fund(self._chain, who, WEALTH))
        hashes = [self._chain.send_raw(self._nonces.signed(signer, call)) for signer, call in transactions]
        self._chain.request("evm_setNextBlockTimestamp", time)
        self._chain.request("evm_mine")
        found = []
        for sent, (signer, call) in zip(hashes, transactions, strict=True):
            receipt = self._chain.receipt(sent)
            if receipt is None:
                raise ChainError(f"anvil has not included {call.what}")
            reason = None if receipt.succeeded else self._why(signer, call, receipt.block_number)
            found.append(Included(receipt.succeeded, reason, receipt.gas_used, receipt.contract))
        return found

    def close(self) -> None:
        """End the node."""
        self._chain.close()
        self._anvil.__exit__(None, None, None)

    def _why(self, signer: KeySigner, call: Call, block: int) -> str | None:
        from peersettle.errors import Reverted

        try:
            if call.to is not None:
                self._chain.call(call.to, call.data, sender=signer.address, at=block)
        except Reverted as error:
            return error.reason
        return None


def _reason(output: bytes) -> str | None:
    if output[:4].hex() != _ERROR:
        return None
    (text,) = decode(["string"], output[4:])
    return str(text)
