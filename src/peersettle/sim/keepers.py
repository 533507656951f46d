"""What keepers do in a replay: look at who came near maintenance, and do what `peersettle.keeper.policy` decides."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from peersettle.bindings.auction import ANY_PRICE
from peersettle.errors import Reverted
from peersettle.keeper.appraisal import Limits
from peersettle.keeper.estimates import anticipated, must_roll
from peersettle.keeper.policy import plan
from peersettle.keeper.view import Candidate, Decision, Kind, Policy, View
from peersettle.reports import SurfaceSlice
from peersettle.risk.books import SeriesTable
from peersettle.risk.instruments import DAY, expiry
from peersettle.sim.actors import Actor
from peersettle.sim.offers import Wallet, candidate, may_run_off, room
from peersettle.sim.records import Book as Records
from peersettle.sim.refreshing import refresh, stale
from peersettle.sim.scenario import Keepers
from peersettle.sim.settling import Settler
from peersettle.sim.venue import Outcome, Venue
from peersettle.types import WAD

NEAR: Final = 0.01
"""Who is above maintenance by less than this part of it is looked at closely."""
GWEI: Final = 10**9
_NO_LIMIT: Final = 2**255


@dataclass(frozen=True)
class GasPrice:
    """What gas costs at one moment: gwei for a unit of it, settlement currency for one native asset."""

    gwei: float
    native: float

    def of(self, gas: int, tip: float = 0.0) -> float:
        """In settlement currency, with so many gwei more."""
        return gas * (self.gwei + tip) / GWEI * self.native


def policy_of(keepers: Keepers) -> Policy:
    """The scenario's keepers, as settings of a real one. What they want of a purchase is a hedge's cost to them."""
    limits = Limits(_NO_LIMIT, max(round((keepers.cushion - 1) * WAD), 0))
    return Policy(limits, min_edge=0, hedge_rate=round(keepers.edge * WAD), upkeep=round(keepers.upkeep * WAD))


@dataclass
class Keeper:
    """One that bids, and pays `tip` gwei for gas beyond the going price."""

    actor: Actor
    wallet: Wallet
    tip: float = 0.0
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
    settler: Settler
    policy: Policy
    enabled: bool
    watched: set[int] = field(default_factory=set)
    """Accounts near or below maintenance when all were last looked at, or in auction."""
    seen: tuple[int, int, int] = (0, 0, 0)
    """Epoch, reference and time of the last look at all accounts."""
    sound: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Accounts with which nothing was to be done, and the epoch and candidate in which that holds."""

    waiting: set[int] = field(default_factory=set)
    """Accounts with which something may be to do, when the block was full."""

    def act(self, gas: GasPrice, *, above: float | None = None, again: bool = False) -> None:
        """What is done in one block, the highest gas price first.

        Args:
            gas: its price now, without tips.
            above: only by who tips more; else by all, and by the settler.
            again: only what had to wait.
        """
        up = [one for one in self.keepers if one.is_up(self.venue.now)] if self.enabled else []
        if above is not None:
            up = [one for one in up if one.tip > above]
        if up:
            turn = (self.venue.now // 60) % len(up)
            self._liquidate(sorted([*up[turn:], *up[:turn]], key=lambda one: -one.tip), gas, again)
            if above is None and not self.venue.space.waits:
                self.waiting.clear()
        if above is None:
            self.settler.act()

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
        near = set(venue.mirror.scan({0: table}).below(NEAR)) - {venue.backstop.account}
        self.watched = near | {one for one in self.watched if venue.auction.sale(one).started_at}

    # Liquidating

    def _liquidate(self, up: Sequence[Keeper], gas: GasPrice, again: bool) -> None:
        venue = self.venue
        if not venue.snapshot().is_usable and not self.watched:
            return
        if again:
            watched = set(self.waiting)
        else:
            self._look()
            watched = self.watched | {venue.backstop.account | slot for slot in venue.backstop.behind}
        self.waiting = set(watched)
        if not watched or self._refresh(up[0], watched, gas):
            return
        snapshot = venue.snapshot()
        state = snapshot.epoch, snapshot.reading.candidate
        left = self._candidates(watched, state)
        self.waiting.clear()
        for one in left:
            if one.quote.most and one.state.is_live(venue.now):
                self.records.offered(one.account, one.quote)
        for keeper in up:
            keeper.wallet.look(state)
            left = self._work(keeper, left, gas)
        self.waiting &= {one.account for one in left}
        if not venue.space.waits:
            for one in left:
                self._let_be(one, state)

    def _candidates(self, watched: Iterable[int], state: tuple[int, int]) -> list[Candidate]:
        """Those with which something may be to do: who promises most comes first, the backstop's own last."""
        venue, found = self.venue, []
        for account in watched:
            if self.sound.get(account) == state and not venue.auction.sale(account).started_at:
                continue
            try:
                found.append(candidate(venue, account))
            except Reverted:
                continue  # no price, or nothing to compute it from
        found.sort(
            key=lambda one: (
                venue.auction.is_pool(one.account),
                -one.quote.paid * one.quote.maintenance * one.quote.most,
                one.account,
            )
        )
        return found

    def _let_be(self, one: Candidate, state: tuple[int, int]) -> None:
        """Nobody has anything to do with it at these prices."""
        if self.venue.auction.sale(one.account).started_at:
            return
        if one.quote.equity >= one.quote.maintenance * (1 + NEAR):
            self.watched.discard(one.account)
        self.sound[one.account] = state

    def _work(self, keeper: Keeper, candidates: Sequence[Candidate], gas: GasPrice) -> list[Candidate]:
        """Do what the policy says of each, until the block is full; those of which nothing came."""
        left, pool = [], self.venue.backstop
        is_full = False
        for one in candidates:
            done = None if is_full else self._deal_with(keeper, one, gas)
            if done is None or not done.ok:
                left.append(one)
            is_full = is_full or (done is not None and done.waits)
            if is_full:
                self.waiting.add(one.account)
        for slot in list(pool.behind):
            if not is_full and not self.venue.ledger.accounts.head(pool.account | slot).markets:
                is_full = any(self._do(keeper, item, None, gas).waits for item in self._plan(keeper, gas, None, slot))
        return left

    def _deal_with(self, keeper: Keeper, one: Candidate, gas: GasPrice) -> Outcome | None:
        """What came of the policy's decisions; None where it decided to wait."""
        last = None
        for decision in self._plan(keeper, gas, one):
            last = self._do(keeper, decision, one, gas)
        return last

    def _plan(
        self, keeper: Keeper, gas: GasPrice, one: Candidate | None, slot: int | None = None
    ) -> Iterable[Decision]:
        """What is done now: one account at a time, since nothing moves between the look and the call."""
        venue = self.venue
        view = View(
            now=venue.now,
            gas_price=round((gas.gwei + keeper.tip) * GWEI),
            native_price=round(gas.native * WAD),
            candidates=() if one is None else (replace(one, offers=keeper.wallet.offers(one)),),
            owner=keeper.actor.account >> 96,
            room=0 if one is None else room(venue, one),
            pool=venue.backstop.account >> 96,
            collectable=() if slot is None else (slot,),
        )
        return [item for item in plan(view, self.policy) if item.acts]

    def _do(self, keeper: Keeper, decision: Decision, one: Candidate | None, gas: GasPrice) -> Outcome:
        if one is None:
            return self._send(keeper, "backstop", "collect", gas, decision.slot)
        if decision.kind in (Kind.BID, Kind.TAKE_OVER):
            return self._buy(keeper, decision, one, gas)
        account = one.account
        if decision.kind is Kind.RUN_OFF and not may_run_off(self.venue, one):
            return Outcome(False)
        verb = "start" if decision.kind is Kind.NOTE else str(decision.kind)
        if decision.kind is Kind.START:
            self.records.before_start(account, one.quote)
        done = self._send(keeper, "auction", verb, gas, account)
        if done.ok:
            self._note(decision.kind, one)
        return done

    def _note(self, kind: Kind, one: Candidate) -> None:
        """What became of an account, without a purchase."""
        match kind:
            case Kind.START:
                self.records.started(one.account, one.quote)
                self.records.offered(one.account, replace(one.quote, paid=0, fee=0))
            case Kind.END:
                is_enough = one.quote.equity >= one.quote.maintenance
                self.records.ended(one.account, "healthy again" if is_enough else "lapsed")
            case Kind.RESCUE:
                self.records.handed_over(one.account, "backstop", one.quote, 1.0)
                self.records.ended(one.account, "taken by the backstop")
            case Kind.RUN_OFF:
                self.records.ended(one.account, "run-off")
            case _:
                pass

    def _buy(self, keeper: Keeper, decision: Decision, one: Candidate, gas: GasPrice) -> Outcome:
        account, sub = one.account, decision.sub_account
        is_new = not one.state.is_live(self.venue.now)
        if is_new:
            self.records.before_start(account, one.quote)
        if decision.kind is Kind.TAKE_OVER:
            done = self._send(keeper, "auction", "take_over", gas, account, sub, ANY_PRICE)
        else:
            amounts = (decision.fraction, -(-one.quote.most // 10), ANY_PRICE)
            done = self._send(keeper, "auction", "bid", gas, account, sub, *amounts)
        if done.reason == "whole":
            keeper.wallet.unsplit.add(account)
        if not done.ok:
            return done
        if is_new:
            self.records.started(account, one.quote)
        keeper.wallet.forget()
        keeper.wallet.unsplit.discard(account)
        self.sound.pop(account, None)
        self.records.handed_over(account, keeper.actor.name, one.quote, (done.value or decision.fraction) / WAD)
        if not self.venue.auction.sale(account).started_at:
            self.records.ended(account, "sold")
        return done

    def _refresh(self, payer: Keeper, accounts: Iterable[int], gas: GasPrice) -> bool:
        """Have computed what these accounts need to be judged, and the keepers' own; whether that has to wait."""
        venue = self.venue
        snapshot = venue.snapshot()
        if not snapshot.is_usable:
            return False
        wanted = set(accounts) | {account for keeper in self.keepers for account in keeper.actor.accounts}
        held = {
            series
            for account in wanted
            for book in venue.mirror.get(account).books.values()
            for series, _ in book.positions
        }
        needed = stale(snapshot, held)
        if not needed:
            return False
        done = refresh(venue, payer.actor, needed)
        self.records.spent(payer.actor.name, "refresh", done.gas, gas.of(1, payer.tip))
        return done.waits

    def _send(self, keeper: Keeper, contract: str, verb: str, gas: GasPrice, *arguments: object) -> Outcome:
        outcome = self.venue.send(keeper.actor, contract, verb, *arguments)
        self.records.spent(keeper.actor.name, verb, outcome.gas, gas.of(1, keeper.tip), outcome.ok, outcome.reason)
        return outcome


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
