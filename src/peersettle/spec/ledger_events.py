"""What the Ledger logs. An account is its owner's address << 96 | a sub-account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from peersettle.types import Address, Hash32


@dataclass(frozen=True)
class Deposited:
    """So much of a token has come for an account."""

    account: int
    token: Address
    amount: int
    depositor: Address


@dataclass(frozen=True)
class Withdrawn:
    """So much of a token has left an account."""

    account: int
    token: Address
    amount: int
    receiver: Address


@dataclass(frozen=True)
class Moved:
    """A move of a trade, between the accounts that were meant."""

    trade_hash: Hash32
    giver: int
    receiver: int
    series: int
    lots: int


@dataclass(frozen=True)
class Granted:
    """A key may act for an account, or not any more."""

    account: int
    key: Address
    scopes: int
    expires: int


@dataclass(frozen=True)
class Settled:
    """So many lots of an account's position are done."""

    account: int
    market: int
    series: int
    lots: int
    price: int


Event: TypeAlias = Deposited | Withdrawn | Moved | Granted | Settled
