"""One look of a keeper: what has changed, who is below maintenance, what to do about it; then doing it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import structlog

from peersettle.bindings.auction import AuctionState
from peersettle.errors import InvalidField
from peersettle.keeper.actor import Actor, Outcome
from peersettle.keeper.appraisal import Buyer
from peersettle.keeper.discovery import Discovery
from peersettle.keeper.journal import Journal
from peersettle.keeper.metrics import Metrics
from peersettle.keeper.mirror import Mirror, Scan
from peersettle.keeper.policy import plan
from peersettle.keeper.reader import Reader
from peersettle.keeper.view import Candidate, Decision, Policy, Reserved, Settleable, Unfixed, View, from_wad
from peersettle.risk.books import SeriesTable
from peersettle.risk.instruments import DAY, expiry
from peersettle.risk.margin import MarginAccount
from peersettle.types import WAD, Address

if TYPE_CHECKING:
    from peersettle.chain.calls import Block
    from peersettle.chain.fees import FeePolicy

_AT_ONCE: Final = 2_000
"""Accounts that are read before progress is kept."""
_SETTLED_AT_ONCE: Final = 128
_FIRST_PAUSE, _LONGEST_PAUSE = 30, 900
_log = structlog.get_logger("peersettle.keeper")


@dataclass(frozen=True, slots=True)
class Options:
    """How a keeper looks. `tolerance` is how far above maintenance an account is looked at closely, as a fraction, and
    `closely` how many at once; `sweep` accounts are read anew at each look; `native_price` as the settings have it."""

    sub_accounts: tuple[int, ...] = (0,)
    native_price: str = "ETH"
    sweep: int = 500
    tolerance: float = 0.01
    closely: int = 32


@dataclass(frozen=True, slots=True)
class Look:
    """What one look came to."""

    block: int
    time: int
    accounts: int
    below: int
    scan_seconds: float
    gas_price: int
    native_price: int
    reorganised: bool
    decisions: tuple[Decision, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    unvalued: Mapping[int, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "block": self.block,
            "time": self.time,
            "accounts": self.accounts,
            "below_maintenance": self.below,
            "scan_seconds": round(self.scan_seconds, 4),
            "gas_price": self.gas_price,
            "native_price": from_wad(self.native_price),
            "reorganised": self.reorganised,
            "unvalued_markets": {str(market): why for market, why in self.unvalued.items()},
            "decisions": [item.to_json() for item in self.decisions],
            "outcomes": [item.to_json() for item in self.outcomes],
        }


class Keeper:
    """Looks and acts. Without an `actor` it only says what it would do: `owner` then says for whom.

    Not for several threads at once.
    """

    def __init__(
        self,
        reader: Reader,
        discovery: Discovery,
        journal: Journal,
        policy: Policy,
        options: Options,
        fees: FeePolicy,
        metrics: Metrics,
        *,
        owner: Address,
        actor: Actor | None = None,
    ) -> None:
        self._reader, self._discovery, self._journal = reader, discovery, journal
        self._policy, self._options, self._fees, self._metrics = policy, options, fees, metrics
        self._actor = actor
        self._owner = int(owner, 16)
        listings = reader.desk.listings
        self.mirror: Final = Mirror({item.number: item.market.lot for item in listings})
        self._auctions: dict[int, AuctionState] = {}
        self._changed: set[int] = set(journal.accounts())
        self._swept = 0
        self._pauses: dict[int, tuple[int, int]] = {}

    def look(self) -> Look:
        """Follow the chain to its head, and do what is to be done.

        Raises:
            RpcUnavailable, RpcError: the node does not answer. Nothing is lost: the next look goes on.
        """
        may_act = self._actor is None or self._actor.recover()
        head = self._reader.chain.block("latest")
        reorganised = self._follow(head)
        own = self._own()
        now = self._reader.chain.now()
        view, scan, seconds, unvalued = self._view(own, now)
        decisions = tuple(plan(view, self._policy))
        outcomes: tuple[Outcome, ...] = ()
        if self._actor is not None and may_act:
            outcomes = self._do(decisions, view)
        below = len(scan.below(0.0))
        found = Look(
            head.number,
            now,
            len(self.mirror),
            below,
            seconds,
            view.gas_price,
            view.native_price,
            reorganised,
            decisions,
            outcomes,
            unvalued,
        )
        self._count(found, own, view)
        return found

    def has_news(self) -> bool:
        """Whether there is another block than at the last look.

        Raises:
            RpcUnavailable: the node does not answer.
        """
        head = self._reader.chain.block("latest")
        return self._discovery.cursor != (head.number, head.hash)

    # Following

    def _follow(self, head: Block) -> bool:
        """Read what has changed into the mirror."""
        changed, reorganised = self._discovery.look(head)
        self._changed |= changed
        if reorganised:
            self._metrics.reorganisations.inc()
            _log.warning("the chain has reorganised; reading again", block=head.number, accounts=len(changed))
        for account in changed:
            self._pauses.pop(account, None)
        if self._discovery.cursor is not None:
            self._journal.read_up_to(*self._discovery.cursor, changed)
        inventory = self._reader.inventory()
        wanted = sorted(self._changed | set(inventory) | set(self._auctions) | set(self._sweep()))
        for first in range(0, len(wanted), _AT_ONCE):
            some = wanted[first : first + _AT_ONCE]
            margins, auctions = self._reader.accounts(some, head.number)
            for account in some:
                self.mirror.put(account, margins[account])
                self._auctions.pop(account, None)
            self._auctions |= auctions
            self._changed -= set(some)
        self._inventory = inventory
        return reorganised

    def _sweep(self) -> Sequence[int]:
        """A few accounts in turn, for what no event tells, such as interest."""
        accounts = self.mirror.accounts
        if not accounts or not self._options.sweep:
            return ()
        first = self._swept % len(accounts)
        self._swept = first + self._options.sweep
        return accounts[first : first + self._options.sweep]

    def _own(self) -> dict[int, MarginAccount]:
        ids = {sub: self._owner << 96 | sub for sub in self._options.sub_accounts}
        margins, _ = self._reader.accounts(list(ids.values()), "pending")
        return {sub: margins[account] for sub, account in ids.items()}

    # Looking

    def _view(self, own: Mapping[int, MarginAccount], now: int) -> tuple[View, Scan, float, dict[int, str]]:
        reader = self._reader
        tables, unvalued = reader.tables(self.mirror.series())
        for market, why in unvalued.items():
            _log.warning("a market cannot be valued", market=market, why=why)
        run_offs = {account: self.mirror.get(account) for account, state in self._auctions.items() if state.run_off}
        doubts = reader.doubts(run_offs)
        began = time.perf_counter()
        scan = self.mirror.scan(tables, doubts=doubts)
        seconds = time.perf_counter() - began
        unfixed, settleable = self._expired(tables, now)
        snapshots = {market: table.snapshot for market, table in tables.items()}
        view = View(
            now=now,
            gas_price=reader.gas_price(self._fees),
            native_price=reader.native_price(self._options.native_price),
            candidates=self._candidates(scan, own, now),
            unfixed=unfixed,
            settleable=settleable,
            owner=self._owner,
            room=reader.backstop.room(),
            pool=int(reader.backstop.address, 16),
            collectable=[account & 15 for account in self._inventory if not self.mirror.get(account).books],
            buyer=Buyer(own, snapshots, self._policy.limits, reader.backstop.capital(), now, doubts),
            reserved=self._kept(now),
        )
        return view, scan, seconds, unvalued

    def _candidates(self, scan: Scan, own: Mapping[int, MarginAccount], now: int) -> list[Candidate]:
        pool = int(self._reader.backstop.address, 16) << 96
        named = [account for account in self._inventory if self.mirror.get(account).books]
        suspects = dict.fromkeys([*scan.below(self._options.tolerance), *named, *self._auctions])
        suspects.pop(pool, None)
        chosen = {account: self.mirror.get(account) for account in list(suspects)[: self._options.closely]}
        return self._reader.candidates(chosen, own, now)

    def _expired(self, tables: Mapping[int, SeriesTable], now: int) -> tuple[list[Unfixed], list[Settleable]]:
        open_: dict[tuple[int, int], int] = {}
        ready: set[int] = set()
        for market, series in self.mirror.series().items():
            for day in sorted({item >> 22 for item in series if expiry(item >> 22) <= now}):
                holders = self.mirror.holders(market, [item for item in series if item >> 22 == day])
                fixings = tables[market].snapshot.fixings if market in tables else {}
                if day in fixings:
                    ready.update(holders)
                else:
                    open_[market, day] = len(holders)
        waiting = [account for account in sorted(ready) if self._pauses.get(account, (0, 0))[0] <= now]
        some = waiting[:_SETTLED_AT_ONCE]
        settleable = self._reader.settleable(some)
        going = {account for item in settleable for account in item.accounts}
        for account in some:  # a receiver waits for those who pay
            if account not in going:
                pause = min(2 * self._pauses.get(account, (0, _FIRST_PAUSE // 2))[1], _LONGEST_PAUSE)
                self._pauses[account] = now + pause, pause
            else:
                self._pauses.pop(account, None)
        return self._reader.unfixed(open_) if open_ else [], settleable

    def _kept(self, now: int) -> Sequence[Reserved]:
        """What the backstop keeps for expiries; looked for only when it has changed."""
        amount = self._reader.backstop.reserved()
        if amount != self._reserved[0]:
            last_day = (now - expiry(0)) // DAY
            self._reserved = amount, self._reader.reserved(amount, last_day) if amount else []
        return self._reserved[1]

    # Doing

    def _do(self, decisions: Sequence[Decision], view: View) -> tuple[Outcome, ...]:
        assert self._actor is not None
        done = self._actor.act([decision for decision in decisions if decision.acts], view)
        for outcome in done:
            self._changed.update(outcome.decision.accounts)
            if outcome.outcome == "done":
                self._pauses.clear()
        return tuple(done)

    def _count(self, look: Look, own: Mapping[int, MarginAccount], view: View) -> None:
        metrics = self._metrics
        metrics.accounts.set(look.accounts)
        metrics.below.set(look.below)
        metrics.block.set(look.block)
        metrics.scan_seconds.set(look.scan_seconds)
        metrics.gas_price.set(look.gas_price / 10**9)
        metrics.unvalued.set(len(look.unvalued))
        metrics.cash.set(sum(margin.cash for margin in own.values()) / WAD)
        if view.buyer is not None:
            with suppress(InvalidField):  # one of our markets cannot be valued now
                metrics.inventory.set(view.buyer.held / WAD)
        for item in look.decisions:
            metrics.decisions.labels(str(item.kind), str(item.acts).lower()).inc()
            if not item.acts:
                _log.debug("not done", **item.to_json())

    _inventory: tuple[int, ...] = ()
    _reserved: tuple[int, Sequence[Reserved]] = (0, ())
