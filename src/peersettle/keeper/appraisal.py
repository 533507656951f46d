"""What buying a part of an account would bring and cost, as Auction and Ledger reckon it. Money is in wad."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Final

from peersettle.bindings.auction import AuctionQuote
from peersettle.errors import InvalidField
from peersettle.keeper.doubts import Doubts, under_doubt
from peersettle.risk.instruments import SERIES_BITS, expiry
from peersettle.risk.margin import COLLATERAL_UNIT, UNUSABLE, Health, MarginAccount, Snapshot, health
from peersettle.types import WAD

SMALLEST: Final = 10
"""A bid takes at least a tenth of what is on sale."""
LAST_COVER: Final = 10**17
"""Of the maintenance requirement: so much beyond what an insolvent account lacks the backstop pays at most."""
_STEPS: Final = 5


class Obstacle(StrEnum):
    """Why a purchase cannot be made."""

    INVENTORY = "inventory"  # it would take our accounts beyond the most that they may hold
    MARGIN = "margin"  # our account would be below initial margin, with the buffer
    CASH = "cash"  # our account cannot pay the price, or the debt
    ROOM = "room"  # too many positions or markets for one account
    CONFIRMATION = "confirmation"  # our account would have too little at a price that waits for its confirmation
    ROUNDING = "rounding"  # in whole lots, the part relieves the account of nothing


@dataclass(frozen=True, slots=True)
class Limits:
    """What we may hold: initial requirement in all (wad), and how much more than initial margin an account of ours
    keeps (wad: a tenth is 10**17)."""

    inventory: int
    buffer: int


@dataclass(frozen=True, slots=True)
class Offer:
    """One purchase that could be made into one of our sub-accounts."""

    sub_account: int
    fraction: int
    """Wad; all of it where `is_whole`."""
    is_whole: bool
    """By swapping heads."""
    moved: int
    """What we would get, at the marks; below zero for more debts than assets."""
    relieved: int
    """Of the account's maintenance requirement."""
    price: int
    """What we would pay; below zero, what the backstop pays us."""
    added: int
    """To our initial requirement."""
    positions: int
    """That change hands."""
    obstacles: tuple[Obstacle, ...] = ()
    after: MarginAccount = field(default_factory=MarginAccount, repr=False)
    """Our account afterwards."""

    @property
    def edge(self) -> int:
        """What we would get less what we pay, at the marks."""
        return self.moved - self.price


def moves(account: MarginAccount, fraction: int, now: int) -> tuple[dict[int, int], int]:
    """What a fraction (wad) of an account is, rounded towards zero: moves by id, and cash in wad."""
    found: dict[int, int] = {}
    for market, book in account.books.items():
        if collateral := book.collateral // COLLATERAL_UNIT * fraction // WAD:
            found[market << SERIES_BITS] = collateral
        for series, lots in book.positions:
            part = abs(lots) * fraction // WAD
            if part and expiry(series >> 22) > now:
                found[market << SERIES_BITS | series] = part if lots > 0 else -part
    cash = abs(account.cash) * fraction // WAD
    return found, cash if account.cash > 0 else -cash


def price_of(quote: AuctionQuote, moved: int, relieved: int, fraction: int, capital: int) -> int:
    """What the Auction asks for a part; below zero, what it has the backstop pay, which is no more than that has."""
    price = moved - relieved * quote.paid // WAD
    if price >= 0:
        return price
    lacking = -quote.equity + quote.maintenance * LAST_COVER // WAD
    most = lacking * fraction // WAD if fraction < WAD else -price
    return -min(-price, most, capital)


@dataclass(frozen=True)
class Buyer:
    """We, with our accounts by sub-account, at one moment.

    `capital` is what the backstop can pay, wad. The snapshots are current: no epoch is due, and no array is missing.
    """

    own: Mapping[int, MarginAccount]
    snapshots: Mapping[int, Snapshot]
    limits: Limits
    capital: int
    now: int
    doubts: Mapping[int, Doubts] = field(default_factory=dict)
    """Of the markets in which somebody in run-off owes."""

    @cached_property
    def standing(self) -> dict[int, Health]:
        """Of our accounts."""
        return {sub: self._health(margin) for sub, margin in self.own.items()}

    @cached_property
    def held(self) -> int:
        """Our initial requirement in all accounts together."""
        return sum(item.initial for item in self.standing.values())

    def offers(self, account: MarginAccount, quote: AuctionQuote) -> tuple[Offer, ...]:
        """The largest purchase that fits into each of our sub-accounts, or what is in its way.

        Where all is on sale, the whole account goes into the first of our sub-accounts that has no books.

        Raises:
            InvalidField: a market without a snapshot, or one that must be refreshed first.
        """
        before = self._health(account)
        found = []
        empty = next((sub for sub, margin in self.own.items() if not margin.books), None)
        if quote.most >= WAD and empty is not None:
            found.append(self._whole(account, before, quote, empty))
        found += [self._largest(account, before, quote, sub) for sub in self.own]
        return tuple(found)

    def having(self, offer: Offer) -> Buyer:
        """After a purchase, so that the next one is judged with it; the pool has paid for it where it pays."""
        own = {**self.own, offer.sub_account: offer.after}
        return replace(self, own=own, capital=self.capital - max(-offer.price, 0))

    def _health(self, account: MarginAccount) -> Health:
        return under_doubt(health(account, self.snapshots), account, self.snapshots, self.doubts)

    def _largest(self, account: MarginAccount, before: Health, quote: AuctionQuote, sub: int) -> Offer:
        """All that is on sale, or as much down to a tenth of it as fits."""
        best = self._part(account, before, quote, sub, min(quote.most, WAD - 1))
        if not best.obstacles:
            return best
        low = self._part(account, before, quote, sub, -(-quote.most // SMALLEST))
        if low.obstacles:
            return best
        high, best = best.fraction, low
        for _ in range(_STEPS):
            middle = self._part(account, before, quote, sub, (best.fraction + high) // 2)
            if middle.obstacles:
                high = middle.fraction
            else:
                best = middle
        return best

    def _part(self, account: MarginAccount, before: Health, quote: AuctionQuote, sub: int, fraction: int) -> Offer:
        bought, cash = moves(account, fraction, self.now)
        left = replace(account.moved({item: -amount for item, amount in bought.items()}), cash=account.cash - cash)
        after = self._health(left)
        moved, relieved = _worth(before) - _worth(after), before.maintenance - after.maintenance
        price = price_of(quote, moved, relieved, fraction, self.capital)
        obstacles = [] if relieved > 0 else [Obstacle.ROUNDING]
        offer = Offer(sub, fraction, False, moved, relieved, price, 0, len(bought))
        try:
            ours = self.own[sub].moved(bought)
        except InvalidField:
            return replace(offer, obstacles=(*obstacles, Obstacle.ROOM))
        return self._judged(replace(ours, cash=self.own[sub].cash + cash - price), offer, obstacles)

    def _whole(self, account: MarginAccount, before: Health, quote: AuctionQuote, sub: int) -> Offer:
        own = self.own[sub]
        moved, relieved = _worth(before), before.maintenance
        price = price_of(quote, moved, relieved, WAD, self.capital)
        count = sum(len(book.positions) for book in account.books.values())
        offer = Offer(sub, WAD, True, moved, relieved, price, 0, count)
        short = [Obstacle.CASH] if own.cash + min(account.cash, 0) < 0 else []
        return self._judged(replace(account, cash=account.cash + own.cash - price), offer, short)

    def _judged(self, ours: MarginAccount, offer: Offer, obstacles: list[Obstacle]) -> Offer:
        """With what our account would need afterwards, and what of that it would lack."""
        before, after = self.standing[offer.sub_account].initial, self._health(ours)
        found = list(obstacles)
        if ours.cash < 0:
            found.append(Obstacle.CASH)
        needed = (after.initial + after.candidate_loss) * (WAD + self.limits.buffer) // WAD
        if after.equity < after.initial * (WAD + self.limits.buffer) // WAD:
            found.append(Obstacle.MARGIN)
        elif after.equity < needed or not after.is_above_initial:
            found.append(Obstacle.CONFIRMATION)
        if after.initial > before and self.held - before + after.initial > self.limits.inventory:
            found.append(Obstacle.INVENTORY)
        return replace(offer, added=after.initial - before, obstacles=tuple(dict.fromkeys(found)), after=ours)


def _worth(found: Health) -> int:
    """Equity with what has no price now at its last mark, as the Auction counts it."""
    return found.equity + sum(max(item.worth, 0) for item in found.markets.values() if item.status & UNUSABLE)
