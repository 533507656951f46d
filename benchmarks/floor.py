"""The arithmetic floor of a maker-signed swap: what no settlement contract can avoid paying.

Counted, for a given swap transaction:

- 21,000 for the transaction, and its calldata at 4 gas per zero and 16 per other byte (EIP-2028). The minimum of
  EIP-7623 does not bind: a swap executes for more than it.
- The two `transferFrom` calls, each with the gas that its frame used by the trace, plus the access of the token's
  account: 2,600 when it is cold, 100 when the transaction has been there before (EIP-2929).
- `ecrecover`: 3,000, and 100 for calling a precompile.
- One write to a nonce word that is in use and cold: 2,100 to load it, 2,900 to store it.
- The logs of the settlement contract itself: 375, 375 per topic and 8 per byte of data each.

Not counted: decoding, hashing, checks, memory and everything else that a contract may do better or worse.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from web3 import Web3
from web3.types import RPCEndpoint, TxReceipt

TRANSACTION = 21_000
ZERO_BYTE = 4
OTHER_BYTE = 16
COLD_ACCOUNT = 2_600
WARM_ACCOUNT = 100
ECRECOVER = 3_000 + WARM_ACCOUNT
COLD_LOAD = 2_100
STORE = 2_900
LOG = 375
LOG_TOPIC = 375
LOG_BYTE = 8

TRANSFER_FROM = "0x23b872dd"


@dataclass(frozen=True)
class Floor:
    """The parts of the floor, in gas."""

    transaction: int
    calldata: int
    transfers: tuple[int, ...]
    """Gas used inside each `transferFrom`, in the order of the calls."""
    token_access: int
    ecrecover: int
    nonce: int
    log: int

    @property
    def total(self) -> int:
        """The sum of the parts."""
        transfers = sum(self.transfers) + self.token_access
        return self.transaction + self.calldata + transfers + self.ecrecover + self.nonce + self.log


def measure_floor(w3: Web3, transaction_hash: str) -> Floor:
    """The floor of a maker-signed swap, from its own calldata, token calls and logs.

    Raises:
        ValueError: the transaction failed, or is not a swap of two tokens.
    """
    receipt = w3.eth.get_transaction_receipt(Web3.to_bytes(hexstr=transaction_hash))  # type: ignore[arg-type]
    if receipt["status"] != 1:
        raise ValueError(f"{transaction_hash} failed: the floor needs a swap that settled")
    transfers = transfer_from_calls(w3, transaction_hash)
    if len(transfers) != 2:
        raise ValueError(f"{transaction_hash} makes {len(transfers)} transferFrom calls; the floor is that of two")
    tokens = {call["to"].lower() for call in transfers}
    return Floor(
        transaction=TRANSACTION,
        calldata=calldata_gas(w3.eth.get_transaction(receipt["transactionHash"])["input"]),
        transfers=tuple(int(call["gasUsed"], 16) for call in transfers),
        token_access=len(tokens) * COLD_ACCOUNT + (len(transfers) - len(tokens)) * WARM_ACCOUNT,
        ecrecover=ECRECOVER,
        nonce=COLD_LOAD + STORE,
        log=log_gas(receipt),
    )


def transfer_from_calls(w3: Web3, transaction_hash: str) -> list[dict[str, Any]]:
    """The frames of all `transferFrom` calls in a transaction, at any depth, in order."""
    trace = w3.manager.request_blocking(
        RPCEndpoint("debug_traceTransaction"), [transaction_hash, {"tracer": "callTracer"}]
    )
    return [frame for frame in frames(trace) if frame["type"] == "CALL" and frame["input"].startswith(TRANSFER_FROM)]


def frames(frame: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A call frame and all below it, depth first."""
    yield frame
    for inner in frame.get("calls", ()):
        yield from frames(inner)


def calldata_gas(data: bytes) -> int:
    """What a transaction's input costs by EIP-2028."""
    zeros = data.count(0)
    return zeros * ZERO_BYTE + (len(data) - zeros) * OTHER_BYTE


def log_gas(receipt: TxReceipt) -> int:
    """What the logs of the called contract itself cost."""
    own = [log for log in receipt["logs"] if log["address"] == receipt["to"]]
    return sum(LOG + LOG_TOPIC * len(log["topics"]) + LOG_BYTE * len(log["data"]) for log in own)
