"""What keepers do in a replay: judge who came near maintenance, start auctions, bid when it pays, settle expiries."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from peersettle.errors import Reverted
from peersettle.keeper.estimates import anticipated, must_roll
from peersettle.reports import SurfaceSlice
from peersettle.risk.books import SeriesTable
from peersettle.risk.instruments import DAY, expiry
from peersettle.risk.margin import Snapshot
from peersettle.sim.actors import Actor
from peersettle.sim.fast import EVERY_MARKET, GAS
from peersettle.sim.population import refresh
from peersettle.sim.records import Book as Records
from peersettle.sim.records import Standing
from peersettle.sim.venue import Outcome, Venue
from peersettle.spec.sales import DURATION, Quote, Sale
from peersettle.types import WAD

NEAR: Final = 0.01
"""Who is above maintenance by less than this part of it is looked at closely."""
EXPIRING: Final = 16
"""Accounts settled in one transaction."""
RETRY: Final = 3_600
"""Seconds until what could not be settled is tried again; twice as many each time, and once when receivers need not
wait for the rest of the payers any more."""
LEAST_PART: Final = 0.02
"""An auction is started when its gas is less than this part of the account."""
PATIENCE: Final = DAY
ANY_PRICE: Final = 2**255 - 1


@dataclass
class Keeper:
    """One that bids."""

    actor: Actor
    down: tuple[tuple[int, int], ...] = ()

    def is_up(self, now: int) -> bool:
        """Whether it is in order."""
        return not any(first <= now < last for first, last in self.down)


@dataclass
class Crew:
    """All keepers, and what they know between two blocks."""

    venue: Venue
    records: Records
    keepers: list[Keeper]
    settler: Actor
    """Settles expiries, whether there are keepers or not."""
    edge: float
    cushion: float
    enabled: bool
    watched: set[int] = field(default_factory=set)
    """Accounts near or below maintenance when all were last looked at, or in auction."""
    pending: dict[int, dict[int, int]] = field(default_factory=dict)
    """By day, the accounts that are still to be settled, and when to try again."""
    tries: dict[int, int] = field(default_factory=dict)
    """By day, how often it was tried again."""
    settled: int = 0
    """The last day whose expiry is fixed, or that nobody held."""
    seen: tuple[int, int, int] = (0, 0, 0)
    """Epoch, reference and time of the last look at all accounts."""
    sound: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Accounts that were found healthy, and the epoch and candidate in which that holds."""
    whole: set[int] = field(default_factory=set)
    """Accounts of which rounding lets no part be sold."""
    spare: dict[int, int] = field(default_factory=dict)
    """What keepers can still take on in this block, as far as it was asked."""

    def act(self, gas_cost: float) -> None:
        """One block's work. `gas_cost` is what a unit of gas costs, in settlement currency."""
        up = [keeper for keeper in self.keepers if keeper.is_up(self.venue.now)] if self.enabled else []
        self.spare.clear()
        self._settle_expiries()
        if up:
            turn = (self.venue.now // 60) % len(up)
            self._liquidate([*up[turn:], *up[:turn]], gas_cost)

    # Looking

    def table(self) -> SeriesTable | None:
        """All series at the epoch in which the next judgement falls; None while there is no usable price."""
        snapshot = self.venue.snapshot()
        if not snapshot.is_usable:
            return None
        ahead = anticipated(snapshot, surface_of(self.venue))
        return SeriesTable.of(ahead, self.venue.mirror.series().get(0, []))

    def _look(self) -> None:
        """Look at all accounts when something has changed that moves them."""
        venue, snapshot = self.venue, self.venue.snapshot()
        epoch, reference, at = self.seen
        price, parameters = snapshot.reading.value, snapshot.parameters
        is_new = must_roll(snapshot)
        if is_new:
            gap = abs(price - reference)
            is_near = epoch == snapshot.epoch + 1 and gap <= reference * parameters.band >> 16
            if is_near and venue.now - at < parameters.epoch_age:
                return
        elif snapshot.epoch == epoch and reference == snapshot.reference:
            return
        table = self.table()
        if table is None:
            return
        if is_new:
            self.seen = (snapshot.epoch + 1, price, venue.now)
        else:
            self.seen = (snapshot.epoch, snapshot.reference, venue.now)
        self.records.looked()
        pool = venue.backstop.account
        self.watched |= {account for account in venue.mirror.scan({0: table}).below(NEAR) if account != pool}

    # Liquidating

    def _liquidate(self, up: list[Keeper], gas_cost: float) -> None:
        venue = self.venue
        if not venue.snapshot().is_usable and not self.watched:
            return
        self._look()
        inventory = {venue.backstop.account | slot for slot in venue.backstop.behind}
        watched = self.watched | inventory
        if not watched:
            return
        self._refresh(up[0].actor, watched, gas_cost)
        snapshot = venue.snapshot()
        state = snapshot.epoch, snapshot.reading.candidate
        for account in sorted(watched, key=lambda one: (one in inventory, one)):
            sale = venue.auction.sale(account)
            if self.sound.get(account) == state and not sale.started_at:
                continue
            try:
                quote = venue.auction.quote(account, venue.now)
            except Reverted:
                continue  # no price, or nothing to compute it from
            if quote.most == 0:
                self._is_sound(up[0], account, sale, quote, state, gas_cost)
            else:
                if not self._is_worth_it(account, quote, gas_cost):
                    self.sound[account] = state
                    continue
                self._sell(up, account, sale, quote, gas_cost)
        for slot in list(venue.backstop.behind):
            if not venue.ledger.accounts.head(venue.backstop.account | slot).markets:
                self._send(up[0].actor, "backstop", "collect", gas_cost, slot)

    def _is_sound(
        self, keeper: Keeper, account: int, sale: Sale, quote: Quote, state: tuple[int, int], gas_cost: float
    ) -> None:
        if sale.started_at and self._send(keeper.actor, "auction", "end", gas_cost, account).ok:
            self.records.ended(account, "healthy again")
        if quote.equity >= quote.maintenance * (1 + NEAR) and not self.venue.auction.sale(account).started_at:
            self.watched.discard(account)
        self.sound[account] = state

    def _sell(self, up: list[Keeper], account: int, sale: Sale, quote: Quote, gas_cost: float) -> None:
        """Start, bid, or hand over."""
        venue, now = self.venue, self.venue.now
        live = sale.is_live(now)
        if not live:
            self.records.before_start(account, quote)
            started = self._send(up[0].actor, "auction", "start", gas_cost, account)
            if not started.ok:
                return
            self.records.started(account, quote)
            self.records.offered(account, replace(quote, paid=0, fee=0))
            return  # nothing is paid yet
        if (sale.insolvent_at != 0) != (quote.equity <= 0):
            self._send(up[0].actor, "auction", "start", gas_cost, account)
            sale = venue.auction.sale(account)
        self.records.offered(account, quote)
        for keeper in up:
            if self._bids(keeper, account, sale, quote, gas_cost):
                return
        if now < max(sale.started_at, sale.insolvent_at) + DURATION:
            return
        if not venue.auction.is_pool(account):
            before = self.records.standing(account)
            if self._send(up[0].actor, "auction", "rescue", gas_cost, account).ok:
                self.records.handed_over(account, "backstop", before, quote, 1.0)
                self.records.ended(account, "taken by the backstop")
                return
        is_lost = quote.equity <= 0 and not sale.run_off
        if is_lost and self._send(up[0].actor, "auction", "run_off", gas_cost, account).ok:
            self.records.ended(account, "run-off")

    def _is_worth_it(self, account: int, quote: Quote, gas_cost: float) -> bool:
        """Whether anybody starts an auction: not of dust."""
        venue = self.venue
        if venue.auction.is_pool(account) or venue.auction.sale(account).is_live(venue.now):
            return True
        return (abs(quote.equity) + quote.maintenance) / WAD * LEAST_PART >= GAS["start"] * gas_cost

    def _bids(self, keeper: Keeper, account: int, sale: Sale, quote: Quote, gas_cost: float) -> bool:
        """Whether a keeper has bought: a part into its first account, or all of it into a spare one."""
        is_last = self.venue.now >= sale.started_at + DURATION
        if account not in self.whole and self._bids_for_part(keeper, account, quote, gas_cost):
            return True
        return (quote.most >= WAD or is_last) and self._takes_over(keeper, account, quote, gas_cost)

    def _bids_for_part(self, keeper: Keeper, account: int, quote: Quote, gas_cost: float) -> bool:
        spare = self._spare(keeper)
        added = max(round(self.cushion * quote.initial), 1)
        fraction = min(quote.most, WAD - 1, max(spare, 0) * WAD // added)
        least = -(-quote.most // 10)
        if fraction < least or not self._pays(quote, fraction, GAS["bid"] * gas_cost):
            return False
        before = Standing(quote.equity, quote.maintenance)
        done = self._send(keeper.actor, "auction", "bid", gas_cost, account, 0, fraction, least, ANY_PRICE)
        if not done.ok:
            if done.reason == "whole":
                self.whole.add(account)
            return False
        self.spare.pop(keeper.actor.account, None)
        self._sold(keeper, account, before, quote, (done.value or fraction) / WAD)
        return True

    def _spare(self, keeper: Keeper) -> int:
        """Equity of a keeper's first account beyond its cushion, wad; nothing where it cannot be told."""
        me = keeper.actor.account
        if me not in self.spare:
            try:
                own = self.venue.ledger.health(me, self.venue.now)
                self.spare[me] = own.equity - round(self.cushion * own.initial)
            except Reverted:
                self.spare[me] = 0
        return self.spare[me]

    def _takes_over(self, keeper: Keeper, account: int, quote: Quote, gas_cost: float) -> bool:
        venue = self.venue
        if not self._pays(quote, WAD, GAS["take_over"] * gas_cost):
            return False
        accounts = venue.ledger.accounts
        debt = max(-accounts.cash(account), 0)
        needs = round(self.cushion * quote.initial) - quote.maintenance * quote.paid // WAD
        price = quote.equity - quote.maintenance * quote.paid // WAD
        for sub, me in enumerate(keeper.actor.accounts):
            head = accounts.head(me)
            if not head.markets and head.cash >= max(needs, price + debt, debt):
                before = Standing(quote.equity, quote.maintenance)
                if self._send(keeper.actor, "auction", "take_over", gas_cost, account, sub, ANY_PRICE).ok:
                    self._sold(keeper, account, before, quote, 1.0)
                    return True
                return False
        return False

    def _pays(self, quote: Quote, fraction: int, gas: float) -> bool:
        """Whether a purchase earns what keepers want beyond its gas."""
        relieved = quote.maintenance / WAD * fraction / WAD
        return quote.paid / WAD * relieved >= self.edge * relieved + gas

    def _sold(self, keeper: Keeper, account: int, before: Standing, quote: Quote, fraction: float) -> None:
        self.records.handed_over(account, keeper.actor.name, before, quote, fraction)
        if not self.venue.auction.sale(account).started_at:
            self.records.ended(account, "sold")
        self.sound.pop(account, None)
        self.whole.discard(account)

    def _refresh(self, payer: Actor, accounts: Iterable[int], gas_cost: float) -> None:
        """What these accounts need to be judged, and the keepers' own."""
        venue = self.venue
        snapshot = venue.snapshot()
        if not snapshot.is_usable:
            return
        wanted = set(accounts) | {account for keeper in self.keepers for account in keeper.actor.accounts}
        held = {
            series
            for account in wanted
            for book in venue.mirror.get(account).books.values()
            for series, _ in book.positions
        }
        needed = _stale(snapshot, held)
        if needed:
            self.records.spent(payer.name, "refresh", refresh(venue, payer, needed), gas_cost)

    def _send(self, who: Actor, contract: str, verb: str, gas_cost: float, *arguments: object) -> Outcome:
        outcome = self.venue.send(who, contract, verb, *arguments)
        self.records.spent(who.name, verb, outcome.gas, gas_cost, outcome.ok, outcome.reason)
        return outcome

    # Expiries

    def _settle_expiries(self) -> None:
        """Fix what has expired, then settle all who hold it: payers come first, receivers when they can be paid."""
        venue, now = self.venue, self.venue.now
        today = (now - expiry(0)) // DAY
        for day in range(min(self.settled, today) + 1 if self.settled else today, today + 1):
            held = [one for one in venue.mirror.series().get(0, []) if one >> 22 == day]
            if held:
                venue.send(self.settler, "ledger", "fix", 0, day)
                if day not in venue.ledger.risk.fixings.get(0, {}):
                    break  # the feed has no average yet
                self.pending[day] = dict.fromkeys(venue.mirror.holders(0, held), now)
                self.records.fixed(day)
            self.settled = day
        for day, waiting in self.pending.items():
            due = [account for account, at in waiting.items() if at <= now]
            if due:
                self._settle(day, due)

    def _settle(self, day: int, due: list[int]) -> None:
        venue, now = self.venue, self.venue.now
        snapshot = venue.snapshot()
        live = {one for one in venue.mirror.series().get(0, []) if expiry(one >> 22) > now}
        if snapshot.is_usable and (needed := _stale(snapshot, live)):
            refresh(venue, self.settler, needed)
        for _ in range(2):  # receivers can be paid when all payers have paid
            left = [account for account in due if self._holds(account, day)]
            for place in range(0, len(left), EXPIRING):
                venue.send(self.settler, "ledger", "expire", left[place : place + EXPIRING], EVERY_MARKET)
        waiting = self.pending[day]
        self.tries[day] = self.tries.get(day, -1) + 1
        late = venue.ledger.risk.fixed_at(0, day) + PATIENCE
        again = now + (RETRY << self.tries[day])
        again = late if now < late < again else again
        for account in due:
            if self._holds(account, day):
                waiting[account] = again
            else:
                waiting.pop(account, None)

    def _holds(self, account: int, day: int) -> bool:
        books = self.venue.mirror.get(account).books.values()
        return any(series >> 22 == day for book in books for series, _ in book.positions)


def surface_of(venue: Venue) -> dict[int, tuple[SurfaceSlice, int]]:
    """The Oracle's confirmed smiles by day, each with its time."""
    confirmed = venue.ledger.risk.oracle.smiles.confirmed  # type: ignore[attr-defined]
    return {
        (when - expiry(0)) // DAY: (
            SurfaceSlice(when, one.a, one.b, one.rho, one.m, one.sigma, one.forward_ratio),
            confirmed.observed_at,
        )
        for when, one in confirmed.slices.items()
    }


def _stale(snapshot: Snapshot, series: set[int]) -> list[int]:
    """Which of these must be computed anew: all, when a new epoch is due or a newer surface would begin one."""
    live = {one for one in series if expiry(one >> 22) > snapshot.time and snapshot.is_quoted(one >> 22)}
    if must_roll(snapshot):
        return sorted(live, reverse=True)
    return sorted((one for one in live if snapshot.arrays.get(one, 0) >> 236 != snapshot.epoch), reverse=True)
