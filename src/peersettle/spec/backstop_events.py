"""What the backstop logs. Assets are in units of the settlement currency, shares and amounts in wad."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from peersettle.types import Address


@dataclass(frozen=True)
class Deposit:
    """Cash has come for shares."""

    sender: Address
    owner: Address
    assets: int
    shares: int


@dataclass(frozen=True)
class Withdraw:
    """Cash has left for shares."""

    sender: Address
    receiver: Address
    owner: Address
    assets: int
    shares: int


@dataclass(frozen=True)
class Requested:
    """Somebody will leave."""

    owner: Address
    shares: int
    ready_at: int


@dataclass(frozen=True)
class Covered:
    """A bidder was paid for what is worth less than nothing."""

    bidder: int
    amount: int


@dataclass(frozen=True)
class Admitted:
    """Cash was put behind an account that the pool takes over."""

    account: int
    amount: int


@dataclass(frozen=True)
class Collected:
    """An account that the pool had taken over is closed."""

    account: int
    amount: int


@dataclass(frozen=True)
class Transfer:
    """Shares have changed hands."""

    sender: Address
    receiver: Address
    amount: int


@dataclass(frozen=True)
class Approval:
    """Somebody may move so many of an owner's shares."""

    owner: Address
    spender: Address
    amount: int


Event: TypeAlias = Deposit | Withdraw | Requested | Covered | Admitted | Collected | Transfer | Approval
