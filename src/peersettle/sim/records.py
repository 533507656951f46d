"""What a replay writes down: prices, chosen accounts, auctions, the backstop, gas, and what must hold at each of them.

Money is in whole settlement currency here, but for what invariants are checked with, which is in wad.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from peersettle.bindings.auction import AuctionQuote
from peersettle.errors import PeerSettleError
from peersettle.risk.margin import health
from peersettle.sim.venue import Venue
from peersettle.sim.verdicts import Verdicts
from peersettle.types import WAD

MOST_OFFERS: Final = 400
"""Prices kept of one auction."""
ALWAYS_CHECKED: Final = 1_000
ONE_OF: Final = 10
"""After so many auctions a second implementation looks at one of ten."""


@dataclass
class Auction:
    """One auction, from its beginning to its end."""

    account: str
    started_at: int
    equity: float
    maintenance: float
    ended_at: int | None = None
    ending: str = "open"
    offers: list[tuple[int, float, float, float]] = field(default_factory=list)
    """Time, what a bidder gets of the equity that it buys (the discount), equity, maintenance."""
    sales: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Book:
    """The records of one run. `names` are those of accounts, `shift` what the replay's time is ahead of the file's."""

    venue: Venue
    verdicts: Verdicts
    names: Mapping[int, str]
    shift: int
    auctions: list[Auction] = field(default_factory=list)
    gas: dict[str, dict[str, float]] = field(default_factory=dict)
    refusals: Counter[str] = field(default_factory=Counter)
    fixings: list[tuple[int, int]] = field(default_factory=list)
    looks: int = 0
    _starts: int = 0
    _live: dict[int, Auction] = field(default_factory=dict)

    @property
    def now(self) -> int:
        """As the file counts time."""
        return self.venue.now - self.shift

    def name(self, account: int) -> str:
        """Of an account."""
        pool = self.venue.backstop.account
        if account >> 96 == pool >> 96:
            return f"backstop/{account - pool}" if account != pool else "backstop"
        return self.names.get(account, f"{account >> 96:#042x}/{account % 2**96}")

    def looked(self) -> None:
        """All accounts were looked at."""
        self.looks += 1

    # Gas

    def spent(self, who: str, verb: str, gas: int, cost: float, ok: bool = True, reason: str | None = None) -> None:
        """A transaction was sent."""
        if not gas:
            return
        entry = self.gas.setdefault(who, {"transactions": 0, "gas": 0, "cost": 0.0, "refused": 0})
        entry["transactions"] += 1
        entry["gas"] += gas
        entry["cost"] += gas * cost
        if not ok:
            entry["refused"] += 1
            self.refusals[f"{verb}: {reason}"] += 1

    # Auctions

    def before_start(self, account: int, quote: AuctionQuote) -> None:
        """An auction is about to begin: is it below maintenance, says the second implementation, too?"""
        self._starts += 1
        if self.venue.auction.is_pool(account) or (self._starts > ALWAYS_CHECKED and self._starts % ONE_OF):
            return
        try:
            found = health(self.venue.mirror.get(account), {0: self.venue.snapshot()})
        except PeerSettleError as error:
            self.verdicts.unhealthy.broken(f"{self.name(account)}: {error}")
            return
        equity = found.equity + sum(max(item.worth, 0) if item.status & 1 else 0 for item in found.markets.values())
        agrees = equity == quote.equity and found.maintenance == quote.maintenance
        ratio = equity / max(found.maintenance, 1)
        self.verdicts.unhealthy.check(
            equity < found.maintenance and agrees, ratio, f"{self.name(account)} at {self.now}"
        )

    def started(self, account: int, quote: AuctionQuote) -> None:
        """An auction has begun."""
        auction = Auction(self.name(account), self.now, quote.equity / WAD, quote.maintenance / WAD)
        before = self._live.get(account)
        if before is not None and before.ended_at is None:
            before.ended_at, before.ending = self.now, "lapsed"
        self._live[account] = auction
        self.auctions.append(auction)

    def offered(self, account: int, quote: AuctionQuote) -> None:
        """What a bid would get now."""
        auction = self._live.get(account)
        if auction is not None and len(auction.offers) < MOST_OFFERS:
            paid = quote.paid / WAD * quote.maintenance
            discount = paid / quote.equity if quote.equity > 0 else 0.0
            auction.offers.append((self.now, discount, quote.equity / WAD, quote.maintenance / WAD))

    def handed_over(self, account: int, to: str, before: AuctionQuote, fraction: float) -> None:
        """A part of an account has been sold, or all of it taken, at the quote from before."""
        after = self.venue.auction.standing(account, self.venue.now)
        relieved, lost = before.maintenance - after.maintenance, before.equity - after.equity
        where = f"{self.name(account)} at {self.now}"
        if before.equity > 0 and not self.venue.auction.is_pool(account):
            share = lost * before.maintenance / max(before.equity * relieved, 1)
            is_kept = 2 * lost * before.maintenance <= before.equity * relieved + 2 * before.maintenance * 10
            is_better = after.equity * before.maintenance >= before.equity * after.maintenance
            self.verdicts.floor.check(is_kept and is_better and after.equity > 0, share, where)
        elif before.equity <= 0:
            self.verdicts.cover.check(after.equity >= before.equity, (before.equity - after.equity) / WAD, where)
        auction = self._live.get(account)
        if auction is not None:
            auction.sales.append(
                {
                    "time": self.now,
                    "to": to,
                    "fraction": fraction,
                    "rate": before.paid / WAD,
                    "fee": before.fee / WAD,
                    "equity_before": before.equity / WAD,
                    "equity_after": after.equity / WAD,
                    "maintenance_before": before.maintenance / WAD,
                    "maintenance_after": after.maintenance / WAD,
                    "lost": lost / WAD,
                }
            )

    def ended(self, account: int, how: str) -> None:
        """An auction is over, or has become a run-off."""
        auction = self._live.get(account)
        if auction is not None and auction.ended_at is None:
            auction.ended_at, auction.ending = self.now, how

    # Expiries

    def fixed(self, day: int) -> None:
        """An expiry has its price."""
        self.fixings.append((self.now, day))
        self.verdicts.fixed(day)
