"""A chain as the rest of the package sees it: one class over any RPC, whose errors are ours."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from peersettle.chain.calls import Block, Call, Log, Receipt
from peersettle.chain.reverts import decode_revert, is_revert
from peersettle.errors import (
    ConfigError,
    InsufficientFunds,
    PeerSettleError,
    RpcError,
    RpcUnavailable,
    WrongChain,
)
from peersettle.types import Address, Hash32, address

if TYPE_CHECKING:
    from web3 import Web3
    from web3.providers import BaseProvider

BlockId = int | str
"""A block number, a block hash, or one of "latest", "pending", "safe", "finalized", "earliest"."""

_FUNDS: Final = ("insufficient funds", "insufficient balance", "out of funds", "account balance")


WEBSOCKETS: Final = ("ws://", "wss://")
"""How the URL of one begins."""


class Chain:
    """One chain, reached over one RPC. Get it from `connect` or `embedded`; safe to use from many threads.

    `url` shows no key that the real URL may carry. `w3` is there for what this class lacks; its errors are
    web3's.
    """

    def __init__(
        self,
        provider: BaseProvider,
        url: str,
        *,
        is_embedded: bool = False,
        close: Callable[[], None] | None = None,
    ) -> None:
        from web3 import Web3

        self.url: Final = url
        self.is_embedded: Final = is_embedded
        self.w3: Web3 = Web3(provider)
        self._bare = Web3(provider, middleware=[])  # no checks that cost a request each
        self._eth = self._bare.eth
        self._close = close
        self._locks: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)
        with self._translated("eth_chainId"):
            self.chain_id: Final[int] = int(self._eth.chain_id)

    def __repr__(self) -> str:
        return f"Chain(chain_id={self.chain_id}, url={self.url!r})"

    def __enter__(self) -> Chain:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        if self._close is not None:
            self._close()

    def now(self) -> int:
        """The time of the block that a transaction sent now would be in, as the node sees it; Unix seconds."""
        return self.block("pending").timestamp

    def block(self, at: BlockId = "latest") -> Block:
        """The head of a block. Where a node has no pending block, the latest stands for it.

        Raises:
            RpcError: there is no such block.
        """
        with self._translated("eth_getBlock"):
            try:
                found: Any = self._eth.get_block(at)  # type: ignore[arg-type]
            except self._missing as error:
                if at != "pending":
                    raise RpcError(f"{self.url} has no block {at!r}", block=at) from error
                found = self._eth.get_block("latest")
            return Block(
                number=int(found["number"]),
                hash=_text(found["hash"]),
                parent_hash=_text(found["parentHash"]),
                timestamp=int(found["timestamp"]),
                base_fee=found.get("baseFeePerGas"),
                gas_limit=int(found["gasLimit"]),
            )

    def block_number(self) -> int:
        """The number of the latest block."""
        with self._translated("eth_blockNumber"):
            return int(self._eth.block_number)

    def nonce(self, account: Address, at: BlockId = "latest") -> int:
        """How many transactions an account has sent."""
        tag = "latest" if self.is_embedded else at
        with self._translated("eth_getTransactionCount"):
            return int(self._eth.get_transaction_count(account, tag))  # type: ignore[arg-type]

    def balance(self, account: Address, at: BlockId = "latest") -> int:
        """Native balance in wei."""
        with self._translated("eth_getBalance"):
            return int(self._eth.get_balance(account, at))  # type: ignore[arg-type]

    def code(self, account: Address, at: BlockId = "latest") -> bytes:
        """The code of an account; empty for a plain key."""
        with self._translated("eth_getCode"):
            return bytes(self._eth.get_code(account, at))  # type: ignore[arg-type]

    def call(
        self,
        to: Address,
        data: bytes,
        *,
        sender: Address | None = None,
        value: int = 0,
        at: BlockId = "latest",
    ) -> bytes:
        """What a call would return.

        Raises:
            Reverted: the contract refused; the subclass tells why.
        """
        fields: dict[str, Any] = {"to": to, "data": "0x" + data.hex()}
        if value:
            fields["value"] = value
        if sender is not None:
            fields["from"] = sender
        return self._call(fields, at)

    def create(self, code: bytes, *, at: BlockId = "latest") -> bytes:
        """What a constructor would leave as a contract's code; nothing is deployed.

        Raises:
            Reverted: it would fail.
        """
        sender = "0x" + "00" * 19 + "01"  # the zero address is no sender for some nodes
        return self._call({"from": sender, "data": "0x" + code.hex()}, at)

    def simulate(self, call: Call, sender: Address, gas: int | None = None) -> int:
        """Try a call as `sender` against the pending block; the gas it needs, or `gas` where that is given.

        Raises:
            Reverted: the contract would refuse.
            InsufficientFunds: the sender has less than the call's value.
        """
        fields = call.to_transaction(sender)
        if gas is not None:
            self._call({**fields, "gas": gas}, "pending")
            return gas
        with self._translated("eth_estimateGas"):
            if self.is_embedded:
                return int(self._eth.estimate_gas(fields))  # type: ignore[arg-type]
            return int(self._eth.estimate_gas(fields, "pending"))  # type: ignore[arg-type]

    def send_raw(self, raw: bytes) -> str:
        """Hand a signed transaction to the node; its hash."""
        with self._translated("eth_sendRawTransaction"):
            return _text(self._eth.send_raw_transaction(raw))

    def receipt(self, tx_hash: str) -> Receipt | None:
        """The receipt of an included transaction, None while it is not."""
        with self._translated("eth_getTransactionReceipt"):
            try:
                found: Any = self._eth.get_transaction_receipt(tx_hash)  # type: ignore[arg-type]
            except self._missing:
                return None
        if found is None or found.get("blockHash") is None:
            return None
        return Receipt(
            tx_hash=_text(found["transactionHash"]),
            block_number=int(found["blockNumber"]),
            block_hash=_text(found["blockHash"]),
            succeeded=bool(found["status"]),
            sender=address(found["from"]),
            gas_used=int(found["gasUsed"]),
            gas_price=int(found.get("effectiveGasPrice") or 0),
            logs=tuple(_log(log) for log in found["logs"]),
            contract=address(found["contractAddress"]) if found.get("contractAddress") else None,
        )

    def knows(self, tx_hash: str) -> bool:
        """Whether the node has a transaction, waiting or included."""
        with self._translated("eth_getTransactionByHash"):
            try:
                return bool(self._eth.get_transaction(tx_hash))  # type: ignore[arg-type]
            except self._missing:
                return False

    def logs(
        self, account: Address, topics: list[str | None], first: int, last: BlockId = "latest"
    ) -> list[tuple[Log, str]]:
        """Events of one contract from block `first` on, each with the hash of its transaction."""
        query: dict[str, Any] = {"address": account, "topics": topics, "fromBlock": first, "toBlock": last}
        with self._translated("eth_getLogs"):
            found = self._eth.get_logs(query)  # type: ignore[arg-type]
        return [(_log(log), _text(log["transactionHash"])) for log in found]

    def suggested_tip(self) -> int | None:
        """The node's priority fee for a timely inclusion, in wei per gas; None where it has no opinion."""
        try:
            with self._translated("eth_maxPriorityFeePerGas"):
                return int(self._eth.max_priority_fee)
        except RpcUnavailable:
            raise
        except RpcError:
            return None

    def gas_price(self) -> int:
        """The node's gas price, in wei."""
        with self._translated("eth_gasPrice"):
            return int(self._eth.gas_price)

    def request(self, method: str, *parameters: Any) -> Any:
        """One JSON-RPC request as it is, for what only some nodes have (`anvil_mine`)."""
        with self._translated(method):
            return self._bare.manager.request_blocking(method, list(parameters))  # type: ignore[arg-type]

    def lock(self, account: Address) -> threading.RLock:
        """The lock under which nonces of an account are given out; one for all that send over this chain."""
        return self._locks[account]

    def _call(self, fields: dict[str, Any], at: BlockId) -> bytes:
        with self._translated("eth_call"):
            return bytes(self._eth.call(fields, at))  # type: ignore[arg-type]

    @property
    def _missing(self) -> tuple[type[Exception], ...]:
        from web3.exceptions import BlockNotFound, TransactionIndexingInProgress, TransactionNotFound

        return BlockNotFound, TransactionNotFound, TransactionIndexingInProgress

    @contextmanager
    def _translated(self, method: str) -> Iterator[None]:
        try:
            yield
        except PeerSettleError:
            raise
        except Exception as error:
            if isinstance(error, self._missing) and method in _MAY_MISS:
                raise
            raise _translate(error, method, self.url) from None


_MAY_MISS: Final = ("eth_getBlock", "eth_getTransactionReceipt", "eth_getTransactionByHash")


def _translate(error: Exception, method: str, url: str) -> PeerSettleError:
    if is_revert(error):
        return decode_revert(error)
    response = getattr(error, "rpc_response", None)
    if isinstance(response, dict) and isinstance(response.get("error"), dict):
        message, code = str(response["error"].get("message")), response["error"].get("code")
    else:
        message, code = str(error) or type(error).__name__, None
    if isinstance(error, OSError):
        return RpcUnavailable(f"{url} does not answer {method}: {type(error).__name__}", url=url, method=method)
    if any(word in message.lower() for word in _FUNDS):
        return InsufficientFunds(f"the sender cannot pay for value and fees: {message}", method=method, detail=message)
    return RpcError(f"{url} refused {method}: {message}", url=url, method=method, code=code, detail=message)


def connect(url: str, *, expect_chain_id: int | None = None, timeout: float = 10.0, attempts: int = 5) -> Chain:
    """Connect to a node over http, https, ws, wss, or an IPC path.

    But for IPC, passing faults are tried again `attempts` times with growing, random pauses. `timeout` is for one
    attempt, in seconds.

    Raises:
        ConfigError: a URL of another kind.
        RpcUnavailable: nothing answers.
        WrongChain: it is not the chain `expect_chain_id`.
    """
    from peersettle.chain.transport import HttpTransport, IpcTransport, PatientTransport, shown_url

    transport: PatientTransport | IpcTransport
    if url.startswith(("http://", "https://")):
        shown, transport = shown_url(url), HttpTransport(url, timeout=timeout, attempts=attempts)
    elif url.startswith(WEBSOCKETS):
        from peersettle.chain.websocket import WebSocketTransport

        shown, transport = shown_url(url), WebSocketTransport(url, timeout=timeout, attempts=attempts)
    elif "://" not in url or url.startswith("ipc://"):
        shown = url.removeprefix("ipc://")
        transport = IpcTransport(shown, timeout=timeout)
    else:
        raise ConfigError(f"cannot connect to {shown_url(url)}: give an http, https, ws or wss URL, or an IPC path")
    try:
        return _checked_chain(Chain(transport, shown, close=transport.close), expect_chain_id)
    except BaseException:
        transport.close()
        raise


def _checked_chain(chain: Chain, expected: int | None) -> Chain:
    if expected is not None and chain.chain_id != expected:
        raise WrongChain(
            f"{chain.url} is chain {chain.chain_id}, not {expected}; check the URL or the chain id",
            expected=expected,
            found=chain.chain_id,
        )
    return chain


def fund(chain: Chain, account: Address, wei: int) -> None:
    """Give an account `wei` more, on a development chain.

    Raises:
        RpcError: the node is none.
    """
    if chain.is_embedded:
        from peersettle.chain.pyevm import grant

        grant(chain, account, wei)
        return
    chain.request("anvil_setBalance", account, hex(chain.balance(account) + wei))


def advance_time(chain: Chain, seconds: int) -> None:
    """Let time pass on a development chain, and one block with it.

    Raises:
        RpcError: the node is none.
    """
    if chain.is_embedded:
        from peersettle.chain.pyevm import advance

        advance(chain, seconds)
        return
    chain.request("evm_increaseTime", seconds)
    chain.request("evm_mine")


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return "0x" + bytes(value).hex()
    return str(value)


def _log(log: Any) -> Log:
    return Log(
        address=address(log["address"]),
        topics=tuple(Hash32(bytes(topic)) for topic in log["topics"]),
        data=bytes(log["data"]),
        block=int(log["blockNumber"]),
    )
