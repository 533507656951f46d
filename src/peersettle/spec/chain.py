"""What the specification needs of a chain: code, time, the native asset, checked arithmetic, rollback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, TypeVar

from peersettle.errors import Reverted, SignatureError
from peersettle.spec.contract import Contract
from peersettle.spec.events import Event
from peersettle.trades import Domain, Signature, recover
from peersettle.types import UINT256_MAX, Address, Hash32

Message = TypeVar("Message")


@dataclass(frozen=True)
class Notice:
    """One party's word that bits of a trade word count as used from `effective_at` on."""

    mask: int
    effective_at: int


@dataclass
class State:
    """All that a call of Settlement can read or change. Amounts in smallest units, `now` in Unix seconds.

    A word that was never written is absent, and counts as zero.
    """

    domain: Domain
    """Settlement's own address, and the chain id on the day it was deployed."""
    chain_id: int
    permit2: Address
    now: int
    contracts: dict[Address, Contract] = field(default_factory=dict)
    native: dict[Address, int] = field(default_factory=dict)

    # Settlement's storage
    used_swaps: dict[tuple[Address, int], int] = field(default_factory=dict)
    """(maker, word) → bits"""
    used_trades: dict[tuple[Hash32, int], int] = field(default_factory=dict)
    """(scope, word) → bits; bit 255 says that a notice was given"""
    notices: dict[tuple[Hash32, int, Address], Notice] = field(default_factory=dict)
    locked: bool = False

    log: list[Event] = field(default_factory=list)
    """Every event of Settlement, oldest first."""

    def __post_init__(self) -> None:
        self.contracts.setdefault(self.settlement, Contract())

    @property
    def settlement(self) -> Address:
        """Settlement's address."""
        return self.domain.settlement


def at(state: State, account: Address) -> Contract:
    """The contract at an address.

    Raises:
        Reverted: it has no code; the compiler's own check gives no reason.
    """
    if account not in state.contracts:
        raise Reverted("no code", account=account)
    return state.contracts[account]


def require(condition: bool, refusal: type[Reverted], /, **values: Any) -> None:
    """Go on only if the condition holds; the refusal carries the values."""
    if not condition:
        raise refusal(**values)


def uint256(value: int) -> int:
    """The value, as checked arithmetic lets it through.

    Raises:
        Reverted: it does not fit; arithmetic gives no reason.
    """
    if not 0 <= value <= UINT256_MAX:
        raise Reverted("does not fit uint256", value=value)
    return value


def int256(value: int) -> int:
    """As `uint256`, for signed words."""
    if not -(2**255) <= value < 2**255:
        raise Reverted("does not fit int256", value=value)
    return value


@contextmanager
def whole_or_not_at_all(state: State) -> Iterator[None]:
    """Undo what a call that fails has changed. Contracts are other objects then: look them up again."""
    before = deepcopy(vars(state))
    try:
        yield
    except Reverted:
        vars(state).update(before)
        raise


def pay_native(state: State, giver: Address, receiver: Address, amount: int) -> None:
    """Move the native asset, without asking the receiver.

    Raises:
        Reverted: the giver has less; the machine gives no reason.
    """
    if state.native.get(giver, 0) < amount:
        raise Reverted("not enough native asset", account=giver, has=state.native.get(giver, 0), needs=amount)
    state.native[giver] = state.native.get(giver, 0) - amount
    state.native[receiver] = state.native.get(receiver, 0) + amount


def ecrecover(digest: Hash32, v: int, r: int, s: int) -> Address | None:
    """The precompile: who signed, high s or low; None where it answers nothing."""
    if v not in (27, 28):
        return None
    try:
        return recover(digest, Signature(r, s, v - 27))
    except SignatureError:
        return None


def as_received(kind: type[Message], /, **fields: object) -> Message:
    """A message with any fields at all: the chain is sent what `peersettle.trades` would refuse to build."""
    message = object.__new__(kind)
    for name, value in fields.items():
        object.__setattr__(message, name, value)
    return message
