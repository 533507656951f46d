"""What keepers could buy, for their policy. A keeper appraises each purchase to the wei; in a replay of thousands of
auctions that would take longer than everything else, so it is reckoned in proportion from the Auction's quote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from peersettle.bindings.auction import DURATION, AuctionQuote, AuctionState
from peersettle.errors import Reverted
from peersettle.keeper.appraisal import SMALLEST, Obstacle, Offer, price_of
from peersettle.keeper.view import Candidate
from peersettle.sim.actors import Actor
from peersettle.sim.venue import Venue
from peersettle.spec.auction import SLACK
from peersettle.types import WAD

_PART: Final = 0
"""The sub-account that parts are bought into; the others take whole accounts over."""


@dataclass
class Wallet:
    """A keeper's accounts, of which each keeps `cushion` times initial margin after a purchase."""

    venue: Venue
    actor: Actor
    cushion: float
    _spare: int | None = None
    """Equity of the first beyond its cushion, wad, as far as it was asked at these prices."""
    _state: tuple[int, int] = (0, 0)
    unsplit: set[int] = field(default_factory=set)
    """Accounts of which rounding lets no part be sold."""

    def look(self, state: tuple[int, int]) -> None:
        """These are epoch and candidate now."""
        if state != self._state:
            self._state, self._spare = state, None

    def forget(self) -> None:
        """Something has changed."""
        self._spare = None

    def offers(self, candidate: Candidate) -> tuple[Offer, ...]:
        """A part, and where the Auction lets it, the whole account."""
        if candidate.quote.most == 0:
            return ()
        part = self._part(candidate)
        is_whole = candidate.quote.most >= WAD or is_unwanted(self.venue, candidate)
        return (self._whole(candidate), part) if is_whole else (part,)

    def _part(self, candidate: Candidate) -> Offer:
        """All that is on sale, or as much as the first account can take on."""
        quote, spare = candidate.quote, self._free()
        added = max(round(self.cushion * quote.initial), 1)
        fraction = min(quote.most, WAD - 1, max(spare, 0) * WAD // added)
        obstacles = [Obstacle.ROUNDING] if candidate.account in self.unsplit else []
        if fraction * SMALLEST < quote.most:
            obstacles.append(Obstacle.MARGIN)
        return self._offer(candidate, _PART, fraction, False, obstacles)

    def _whole(self, candidate: Candidate) -> Offer:
        """Into the first account that has nothing but enough cash."""
        quote, accounts = candidate.quote, self.venue.ledger.accounts
        debt = max(-candidate.margin.cash, 0)
        needs = max(round(self.cushion * quote.initial) - quote.maintenance * quote.paid // WAD, quote.price() + debt)
        for sub, account in enumerate(self.actor.accounts):
            head = accounts.head(account)
            if not head.markets and head.cash >= max(needs, debt):
                return self._offer(candidate, sub, WAD, True, [])
        return self._offer(candidate, _PART, WAD, True, [Obstacle.CASH])

    def _offer(
        self, candidate: Candidate, sub: int, fraction: int, is_whole: bool, obstacles: Sequence[Obstacle]
    ) -> Offer:
        quote = candidate.quote
        moved, relieved = quote.equity * fraction // WAD, quote.maintenance * fraction // WAD
        price = price_of(quote, moved, relieved, fraction, self.venue.backstop.capital())
        added = quote.initial * fraction // WAD
        return Offer(
            sub, fraction, is_whole, moved, relieved, price, added, candidate.positions, obstacles=tuple(obstacles)
        )

    def _free(self) -> int:
        if self._spare is None:
            try:
                own = self.venue.ledger.health(self.actor.account, self.venue.now)
                self._spare = own.equity - round(self.cushion * own.initial)
            except Reverted:  # it cannot be told
                self._spare = 0
        return self._spare


def candidate(venue: Venue, account: int) -> Candidate:
    """An account, as a keeper sees it.

    Raises:
        Reverted: there is no price, or nothing to compute it from.
    """
    quote, sale = venue.auction.quote(account, venue.now), venue.auction.sale(account)
    return Candidate(
        account,
        AuctionQuote(quote.equity, quote.maintenance, quote.initial, quote.most, quote.paid, quote.fee),
        AuctionState(sale.started_at, sale.insolvent_at, sale.lowest, sale.run_off),
        venue.mirror.get(account),
    )


def is_unwanted(venue: Venue, candidate: Candidate) -> bool:
    """Whether bidders have had all the time there is, and the account is still below maintenance."""
    quote, state = candidate.quote, candidate.state
    is_short = quote.equity < quote.maintenance or venue.auction.is_pool(candidate.account)
    return is_short and state.is_live(venue.now) and venue.now >= max(state.started_at, state.insolvent_at) + DURATION


def room(venue: Venue, candidate: Candidate) -> int:
    """What the backstop may put behind this account: nothing where the Auction would refuse to hand it over."""
    if venue.auction.is_pool(candidate.account) or not is_unwanted(venue, candidate):
        return 0
    quote, standing = candidate.quote, venue.auction.standing(candidate.account, venue.now)
    price = 0
    if quote.equity > 0:
        price = quote.equity - quote.maintenance * (quote.paid + quote.fee) // WAD
    wanted = quote.initial + quote.initial // SLACK - (quote.equity - standing.unpriced)
    needed = max(wanted, -candidate.margin.cash, 0) + price
    return venue.backstop.room() if venue.backstop.admits(needed) else 0


def may_run_off(venue: Venue, candidate: Candidate) -> bool:
    """Whether it is below zero at the best price that may be the true one."""
    return candidate.quote.equity + venue.auction.relief(candidate.account, venue.now) < 0
