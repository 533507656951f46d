"""Settlement and SettlementCheck."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from peersettle.chain.artifacts import artifact, encode
from peersettle.chain.calls import Call
from peersettle.errors import InputError, InvalidField, Reverted, SignatureError
from peersettle.trades.approvals import Approval
from peersettle.trades.documents import Quote, SignedTrade
from peersettle.trades.messages import Domain, Swap, Trade
from peersettle.trades.netting import Netting
from peersettle.trades.signature import Signature
from peersettle.types import ZERO_ADDRESS, Account, Address, Hash32, checksummed

if TYPE_CHECKING:
    from peersettle.chain.client import BlockId, Chain
    from peersettle.chain.deployments import Deployment

MAX_ENTRIES: Final = 16
MAX_ENTRY_BYTES: Final = 4096
_CALL_OVERHEAD: Final = 20_000  # as in Settlement.vy
_ENTRY_WORK: Final = 30_000  # copying an entry in, and its log
_TRANSACTION: Final = 21_000
_UNKNOWN_CAP: Final = 300_000


@dataclass(frozen=True, slots=True)
class RawProblem:
    """A problem as SettlementCheck returns it; `peersettle.trades.ProblemCode` names the codes."""

    code: int
    index: int
    available: int
    required: int


class Settlement:
    """The Settlement contract of one deployment, or at one address; only `check` needs the deployment.

    Methods that build a `Call` make no request. Every document must be of this contract's domain.
    """

    def __init__(self, chain: Chain, deployment: Deployment | Address) -> None:
        self._chain = chain
        self._functions = artifact("Settlement").functions
        self.address: Final = deployment if isinstance(deployment, str) else deployment.settlement
        self._check = None if isinstance(deployment, str) else deployment.check

    @property
    def domain(self) -> Domain:
        """Where signatures for this contract count."""
        return Domain(self._chain.chain_id, self.address)

    # Swaps

    def swap(self, quote: Quote) -> Call:
        """The taker takes a quote that the maker has signed with a plain key."""
        maker = _pair("maker", quote.maker_signature)
        return self._quote_call("swap", quote, maker)

    def swap_relayed(self, quote: Quote) -> Call:
        """Anybody settles a quote that both have signed with plain keys."""
        maker, taker = _pair("maker", quote.maker_signature), _pair("taker", quote.taker_signature)
        return self._quote_call("swap_relayed", quote, maker, taker)

    def swap_approved(self, quote: Quote) -> Call:
        """As `swap` or `swap_relayed`, with the quote's signed approvals and signatures of any form."""
        approvals = [a.to_abi() for a in sorted(quote.approvals, key=lambda a: a.leg)]
        return self._quote_call("swap_approved", quote, quote.maker_signature, quote.taker_signature, approvals)

    def for_quote(self, quote: Quote, sender: Address) -> Call:
        """The cheapest call that settles this quote when `sender` sends it.

        Raises:
            SignatureError: the sender is not the taker, and the taker has not signed.
        """
        swap = quote.swap
        takes = swap.is_open or swap.taker == sender
        if not takes and not quote.taker_signature:
            raise SignatureError(
                f"{sender} is not the taker {swap.taker}, who has not signed: only the taker can send it",
                sender=sender,
                taker=swap.taker,
            )
        plain = _is_ecdsa(quote.maker_signature) and (takes or _is_ecdsa(quote.taker_signature))
        if quote.approvals or not plain:
            return self.swap_approved(quote)
        return self.swap(quote) if takes else self.swap_relayed(quote)

    # Trades

    def settle(self, signed: SignedTrade) -> Call:
        """Settle one trade, attaching what its native legs need.

        The sender's own signature may be missing.
        """
        self._assert_domain(signed.domain)
        return self._call(
            "settle",
            *_entry(signed),
            value=signed.trade.native_amount,
            what=f"settle trade 0x{signed.digest.hex()}",
            settles=(signed.digest,),
        )

    def settle_batch(self, trades: Sequence[SignedTrade], gas_caps: Sequence[int] | None = None) -> Call:
        """Settle independent trades; one that fails is skipped. All parties must have signed.

        `gas_caps` is what each may use; by default it is estimated on the chain, with a third to spare.

        Raises:
            InputError: no trade, too many, one too long, or not one cap for each.
        """
        if not 1 <= len(trades) <= MAX_ENTRIES:
            raise InputError(f"a batch takes 1 to {MAX_ENTRIES} trades, not {len(trades)}")
        for trade in trades:
            self._assert_domain(trade.domain)
        types = self._functions["settle"].inputs
        entries = [encode(types, _entry(trade)) for trade in trades]
        for trade, entry in zip(trades, entries, strict=True):
            if len(entry) > MAX_ENTRY_BYTES:
                raise InputError(
                    f"trade 0x{trade.digest.hex()} is {len(entry)} bytes long, and a batch takes "
                    f"{MAX_ENTRY_BYTES}: settle it alone"
                )
        caps = list(gas_caps) if gas_caps is not None else [self._gas_cap(entry) for entry in entries]
        if len(caps) != len(trades):
            raise InputError(f"{len(caps)} gas caps for {len(trades)} trades; give one for each")
        # All caps at hand, and the 1/64 that the last of the calls cannot pass on.
        needed = sum(caps) + len(caps) * (_CALL_OVERHEAD + _ENTRY_WORK) + max(caps) // 60 + 100_000
        call = self._call(
            "settle_batch",
            entries,
            caps,
            what=f"settle a batch of {len(trades)} trades",
            settles=tuple(trade.digest for trade in trades),
        )
        return _with_gas(call, needed + 16 * len(call.data))

    def settle_net(self, netting: Netting) -> Call:
        """Settle many swaps by moving only what remains between their parties."""
        for quote in netting.quotes:
            self._assert_domain(quote.domain)
        return self._call(
            "settle_net",
            *netting.to_abi(),
            what=f"settle {len(netting.quotes)} swaps net",
            settles=tuple(quote.digest for quote in netting.quotes),
        )

    # Margin accounts

    def deposit(
        self, ledger: Address, account: Account, token: Address, amount: int, approval: Approval | None = None
    ) -> Call:
        """Bring the sender's tokens, in smallest units, to a margin account, which is credited with what arrives.

        `approval` stands in for the allowance. Only its owner may bring an account its first token of a market.
        """
        approvals = [approval.to_abi()] if approval else []
        what = f"deposit {amount} units of {token} for {account}"
        return self._call("deposit", ledger, account.id, token, amount, approvals, what=what)

    # Cancelling

    def cancel(self, word: int, mask: int) -> Call:
        """Cancel the sender's own quotes with these bits of a nonce word, at once."""
        return self._call("cancel", word, mask, what=f"cancel {mask.bit_count()} quotes")

    def cancel_trade(self, parties: Sequence[Address], word: int, mask: int) -> Call:
        """Give notice that these bits of the parties' word count as used 60 seconds from now."""
        ordered = sorted(parties, key=lambda party: int(party, 16))
        return self._call("cancel_trade", ordered, word, mask, what=f"give notice on {mask.bit_count()} trades")

    # Views

    def used_swaps(self, maker: Address, word: int, at: BlockId = "latest") -> int:
        """The maker's used bits in a word."""
        return int(self._view("used_swaps", maker, word, at=at))

    def used_trades(self, parties: Sequence[Address], word: int, at: BlockId = "latest") -> int:
        """The parties' used bits in a word."""
        ordered = sorted(parties, key=lambda party: int(party, 16))
        return int(self._view("used_trades", ordered, word, at=at))

    def hash_swap(self, swap: Swap) -> Hash32:
        """The digest of a swap, as the contract sees it."""
        return Hash32(self._view("hash_swap", swap.to_abi()))

    def hash_trade(self, trade: Trade) -> Hash32:
        """The digest of a trade, as the contract sees it."""
        return Hash32(self._view("hash_trade", trade.to_abi()))

    def permit2(self) -> Address:
        """The Permit2 that the contract uses."""
        return _address(self._view("permit2"))

    def check(
        self,
        document: Quote | SignedTrade,
        sender: Address,
        native: int | None = None,
        at: BlockId = "latest",
    ) -> tuple[RawProblem, ...]:
        """Every reason why the document would not settle, sent by `sender` with `native` wei, as the chain sees it.

        Raises:
            InputError: this was made from an address, which does not tell where SettlementCheck is.
        """
        if self._check is None:
            raise InputError("SettlementCheck is unknown: make Settlement from a Deployment")
        self._assert_domain(document.domain)
        functions = artifact("SettlementCheck").functions
        if isinstance(document, Quote):
            function = functions["check_swap"]
            approvals = [a.to_abi() for a in sorted(document.approvals, key=lambda a: a.leg)]
            data = function.encode(
                document.swap.to_abi(), document.maker_signature, document.taker_signature, approvals, sender
            )
        else:
            function = functions["check"]
            attached = document.trade.native_amount if native is None else native
            data = function.encode(*_entry(document), sender, attached)
        answer = function.decode(self._chain.call(self._check, data, at=at))
        return tuple(RawProblem(*problem) for problem in answer[0])

    # Inside

    def _quote_call(self, name: str, quote: Quote, *arguments: object) -> Call:
        self._assert_domain(quote.domain)
        digest = quote.digest
        return self._call(
            name, quote.swap.to_abi(), *arguments, what=f"settle quote 0x{digest.hex()}", settles=(digest,)
        )

    def _call(self, name: str, *arguments: object, what: str, value: int = 0, settles: tuple[Hash32, ...] = ()) -> Call:
        return Call(self.address, self._functions[name].encode(*arguments), value, what, settles)

    def _view(self, name: str, *arguments: object, at: BlockId = "latest") -> Any:
        function = self._functions[name]
        return function.decode(self._chain.call(self.address, function.encode(*arguments), at=at))[0]

    def _gas_cap(self, entry: bytes) -> int:
        """What an entry uses when the contract calls itself, as it does in a batch."""
        data = self._functions["settle"].selector + entry
        try:
            gas = self._chain.simulate(Call(self.address, data), self.address)
        except Reverted:
            return _UNKNOWN_CAP  # it will be skipped, unless what it lacks comes in time
        return (gas - _TRANSACTION) * 4 // 3

    def _assert_domain(self, domain: Domain) -> None:
        if domain != self.domain:
            raise InvalidField(
                "domain",
                f"chain {domain.chain_id}, settlement {domain.settlement}",
                f"this is chain {self.domain.chain_id}, settlement {self.address}",
            )


def _entry(signed: SignedTrade) -> tuple[object, ...]:
    return signed.trade.to_abi(), signed.in_order(), [a.to_abi() for a in signed.approvals]


def _pair(role: str, signature: bytes) -> tuple[bytes, bytes]:
    if not signature:
        raise SignatureError(f"the {role} has not signed")
    return Signature.from_bytes(signature).to_abi()


def _is_ecdsa(signature: bytes) -> bool:
    try:
        Signature.from_bytes(signature)
    except SignatureError:
        return False
    return True


def _with_gas(call: Call, gas: int) -> Call:
    return Call(call.to, call.data, call.value, call.what, call.settles, gas)


def _address(text: object) -> Address:
    raw = bytes.fromhex(str(text)[2:])
    return checksummed(raw) if any(raw) else ZERO_ADDRESS
