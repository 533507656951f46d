"""What to offer for inclusion, and how much more when a transaction is stuck. All in wei per gas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from peersettle.chain.calls import Block
    from peersettle.chain.client import Chain

GWEI = 10**9


@dataclass(frozen=True, slots=True)
class FeePolicy:
    """How a sender pays and how patient it is.

    A transaction offers `base_fee_factor` times the base fee and the node's suggested tip, or `default_tip`.
    Stuck for `stuck_after` seconds, it is signed again for at least `bump_percent` more (nodes want 10, some
    12.5), at most `max_bumps` times and never above `max_fee` wei per gas. `gas_margin_percent` is added to
    an estimate of gas.
    """

    stuck_after: float = 45.0
    max_bumps: int = 5
    bump_percent: float = 12.5
    max_fee: int | None = None
    base_fee_factor: float = 2.0
    default_tip: int = GWEI
    gas_margin_percent: int = 20
    poll_interval: float = 1.0


@dataclass(frozen=True, slots=True)
class Fees:
    """A fee cap and a tip of EIP-1559, or a gas price, as `cap`, where the chain has no base fee."""

    cap: int
    tip: int | None

    def to_transaction(self) -> dict[str, int]:
        """As the fields of a transaction."""
        if self.tip is None:
            return {"gasPrice": self.cap}
        return {"type": 2, "maxFeePerGas": self.cap, "maxPriorityFeePerGas": self.tip}

    @classmethod
    def from_transaction(cls, fields: dict[str, Any]) -> Fees:
        """The fees of a transaction that was signed."""
        if "maxFeePerGas" in fields:
            return cls(int(fields["maxFeePerGas"]), int(fields["maxPriorityFeePerGas"]))
        return cls(int(fields["gasPrice"]), None)


def current_fees(chain: Chain, policy: FeePolicy, head: Block | None = None) -> Fees:
    """What a new transaction should offer now, below the policy's limit where it has one.

    `head` is the latest block.
    """
    base_fee = (head or chain.block("latest")).base_fee
    if base_fee is None:
        return _limited(Fees(chain.gas_price(), None), policy)
    suggested = chain.suggested_tip()
    tip = policy.default_tip if suggested is None else suggested
    return _limited(Fees(int(base_fee * policy.base_fee_factor) + tip, tip), policy)


def bumped_fees(old: Fees, now: Fees, policy: FeePolicy) -> Fees | None:
    """Fees that a node accepts in place of `old`, not below what is usual `now`; None above the limit."""
    cap = max(_more(old.cap, policy), now.cap)
    if policy.max_fee is not None and cap > policy.max_fee:
        cap = policy.max_fee
        if cap < _more(old.cap, policy):
            return None
    if old.tip is None:
        return Fees(cap, None)
    return Fees(cap, min(cap, max(_more(old.tip, policy), now.tip or 0)))


def _more(amount: int, policy: FeePolicy) -> int:
    return max(amount + 1, -(-amount * int(1000 + 10 * policy.bump_percent) // 1000))


def _limited(fees: Fees, policy: FeePolicy) -> Fees:
    if policy.max_fee is None or fees.cap <= policy.max_fee:
        return fees
    return Fees(policy.max_fee, None if fees.tip is None else min(fees.tip, policy.max_fee))
