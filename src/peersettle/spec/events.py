"""What Settlement logs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from peersettle.types import Address, Hash32


@dataclass(frozen=True)
class SwapSettled:
    """A swap has moved both its tokens."""

    trade_hash: Hash32
    maker: Address
    taker: Address


@dataclass(frozen=True)
class TradeSettled:
    """A trade has moved all its legs. `scope` is the hash of its parties."""

    trade_hash: Hash32
    scope: Hash32


@dataclass(frozen=True)
class NetSettled:
    """These swaps are settled by what remained between them."""

    trade_hashes: tuple[Hash32, ...]


@dataclass(frozen=True)
class EntrySkipped:
    """An entry of a batch failed. `reason` is None where there was none; a long one is cut on chain."""

    entry: int
    reason: str | None


@dataclass(frozen=True)
class SwapsCancelled:
    """A maker has cancelled its own quotes."""

    maker: Address
    nonce_word: int
    nonce_mask: int


@dataclass(frozen=True)
class NoticeGiven:
    """A party has given notice: from `effective_at` on the bits count as used."""

    scope: Hash32
    party: Address
    nonce_word: int
    nonce_mask: int
    effective_at: int


Event: TypeAlias = SwapSettled | TradeSettled | NetSettled | EntrySkipped | SwapsCancelled | NoticeGiven
