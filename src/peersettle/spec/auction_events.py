"""What the Auction logs. An account is its owner's address << 96 | a sub-account; money is in wad."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from peersettle.types import Address


@dataclass(frozen=True)
class Started:
    """An auction has begun."""

    account: int
    starter: Address
    equity: int
    maintenance: int


@dataclass(frozen=True)
class Sold:
    """A fraction of an account has been sold."""

    account: int
    bidder: int
    fraction: int
    price: int
    """What the bidder paid the account; below zero, what the backstop paid the bidder."""
    fee: int
    """What the account paid the backstop."""
    equity: int
    """Of the account, afterwards."""
    maintenance: int


@dataclass(frozen=True)
class TakenOver:
    """A whole account has been sold."""

    account: int
    bidder: int
    price: int
    fee: int


@dataclass(frozen=True)
class RunOff:
    """An account that nobody wanted does not trade any more."""

    account: int
    equity: int


@dataclass(frozen=True)
class Ended:
    """An auction is over."""

    account: int


Event: TypeAlias = Started | Sold | TakenOver | RunOff | Ended
