"""Margin accounts as their users see them: what they hold and need, and what must go in front of a call of theirs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from peersettle.bindings.auction import Auction
from peersettle.bindings.backstop import Backstop
from peersettle.bindings.ledger import Ledger
from peersettle.bindings.multicall import Question, ask, together
from peersettle.bindings.oracle import Oracle, bundle
from peersettle.bindings.parameters import Parameters
from peersettle.bindings.risk import MAX_REFRESHED, Risk
from peersettle.bindings.statements import Listing, Statement
from peersettle.chain.calls import Call
from peersettle.errors import InvalidField
from peersettle.reports import Feed
from peersettle.risk.instruments import CASH_ID, SERIES_BITS, Fixing, Market, expiry
from peersettle.risk.margin import MarginAccount, Reading, Snapshot
from peersettle.types import Account, Address

if TYPE_CHECKING:
    from peersettle.chain.client import Chain
    from peersettle.chain.deployments import Deployment

LEAD: Final = 30
"""What would be due so many seconds from now counts as due: a transaction takes its time."""
WINDOW: Final = 1_800
"""Seconds before an expiry whose average is its fixing; an epoch lasts `WINDOW_EPOCH_AGE` seconds in it."""
WINDOW_EPOCH_AGE: Final = 60
_DELEGATION: Final = bytes.fromhex("ef0100")
_SERIES: Final = (1 << SERIES_BITS) - 1


@dataclass(frozen=True, slots=True)
class Plan:
    """The transactions that a call takes, in order; the last one makes it. Usually it is the only one."""

    calls: tuple[Call, ...]
    updates: int = 0
    refreshed: int = 0

    def explain(self) -> str:
        """What goes before the call, in words; empty when nothing does."""
        said = []
        if self.updates:
            said.append(f"{self.updates} oracle update{'s' if self.updates > 1 else ''}")
        if self.refreshed:
            said.append(f"{self.refreshed} series refreshed")
        if not said:
            return ""
        alone = "in a transaction of their own, since only the owner can send what follows"
        where = "in the same transaction" if len(self.calls) == 1 else alone
        return f"{' and '.join(said)} first, {where}"


class MarginDesk:
    """The margin accounts of one deployment: reads them, and puts in front of a call what it needs.

    Nothing here sends. What is due is found out by views alone.
    """

    def __init__(self, chain: Chain, deployment: Deployment) -> None:
        self._chain = chain
        self._deployment = deployment
        self._bundle = deployment.bundle
        self.ledger: Final = Ledger(chain, deployment)
        self.risk: Final = Risk(chain, deployment)
        self.parameters: Final = Parameters(chain, deployment)
        self.oracle: Final = Oracle(chain, deployment)

    @cached_property
    def auction(self) -> Auction:
        """Where accounts below maintenance are sold.

        Raises:
            NotDeployed: the deployment is from before there was one.
        """
        return Auction(self._chain, self._deployment)

    @cached_property
    def backstop(self) -> Backstop:
        """The pool behind all accounts."""
        return Backstop(self._chain, self._deployment)

    # Markets

    @cached_property
    def listings(self) -> tuple[Listing, ...]:
        """All markets; a second one of the same symbol has its number behind it, as `ETH.3`."""
        found: list[Listing] = []
        for number in range(self.parameters.market_count()):
            terms = self.parameters.terms(number)
            name = Feed.from_id(terms.spot_feed).name.partition("/")[0].upper()
            symbol = re.sub(r"[^A-Z0-9._]", "_", name)
            if any(item.market.symbol == symbol for item in found):
                symbol = f"{symbol[:17]}.{number}"
            found.append(Listing(Market(number, symbol, terms.lot, terms.tick), terms))
        return tuple(found)

    @property
    def markets(self) -> tuple[Market, ...]:
        """Of the listings: what names of instruments are read with."""
        return tuple(item.market for item in self.listings)

    def listing(self, symbol: str) -> Listing:
        """The market of a symbol.

        Raises:
            InvalidField: there is none.
        """
        for item in self.listings:
            if item.market.symbol == symbol.upper():
                return item
        known = ", ".join(item.market.symbol for item in self.listings) or "none"
        raise InvalidField("market", symbol, f"listed are {known}")

    def snapshots(
        self, wanted: Mapping[int, Iterable[int]], preparations: Sequence[Call] = ()
    ) -> dict[int, Snapshot | None]:
        """The snapshots of markets with the words of these series, as they would be after some calls.

        One question to the node. None for a market that was never refreshed.
        """
        series = {number: sorted(set(items), reverse=True) for number, items in wanted.items()}
        questions: list[Question] = []
        for number, items in series.items():
            terms = self.listings[number].terms
            questions.append(self.risk.question("snapshot", number))
            questions.append(self.oracle.question("read", bytes(terms.spot_feed)))
            for day in _days(items):
                questions.append(self.risk.question("slice", number, day))
                questions.append(self.risk.question("fixing", number, day))
                questions.append(self.risk.question("fixed_at", number, day))
                questions.append(self.oracle.question("surface_slice", bytes(terms.surface_feed), expiry(day)))
            questions += [self.risk.question("array", number, item) for item in items]
        answers = iter(ask(self._chain, questions, preparations, "pending") if questions else [])
        now = self._chain.now()
        found: dict[int, Snapshot | None] = {}
        for number, items in series.items():
            state, terms_word, ones = _given(next(answers))
            value, observed_at, _, candidate, _ = _given(next(answers))[0]
            slices, quoted = {}, {}
            fixings: dict[int, Fixing] = {}
            for day in _days(items):
                (slices[day],), (price,), (fixed_at,) = (_given(next(answers)) for _ in range(3))
                if price:
                    fixings[day] = Fixing(price, fixed_at)
                quoted[day] = _given(next(answers))[0][-1]
            arrays = {item: _given(next(answers))[0] for item in items}
            if state == 0:
                found[number] = None
                continue
            market, reading = self.listings[number].market, Reading(value, observed_at, candidate)
            found[number] = Snapshot(
                market, state, terms_word, ones, now, reading, slices, arrays, fixings, quoted_at=quoted
            )
        return found

    # What is due

    def due(
        self, accounts: Iterable[Account], trading: Iterable[int] = (), updates: Sequence[Call] = ()
    ) -> dict[int, tuple[int, ...]]:
        """The series that must be refreshed before these accounts can be judged, by market; maybe none of a market.

        `trading` are the ids of a trade's moves, `market << 36 | series`; the Oracle's `updates` are made before. A
        series without a usable surface is left out: no refresh would help it.
        """
        wanted: dict[int, set[int]] = {}
        for move in trading:
            if move != CASH_ID:
                wanted.setdefault(move >> SERIES_BITS, set()).update({move & _SERIES} - {0})
        for account in accounts:
            for number in self.ledger.head(account).markets:
                positions = self.ledger.book(account, number).positions
                wanted.setdefault(number, set()).update(series for series, _ in positions)
        return self._due(wanted, updates)

    def needs_price(self, markets: Iterable[int]) -> tuple[Feed, ...]:
        """The spot feeds of these markets whose price is too old, or waits for its confirmation."""
        now, found = self._chain.now(), []
        for number in markets:
            feed = self.listings[number].spot_feed
            reading = self.oracle.read(feed)
            if reading.candidate or reading.age(now + LEAD) > self.parameters.risk_parameters(number).spot_age:
                found.append(feed)
        return tuple(found)

    def refreshes(self, due: Mapping[int, Sequence[int]]) -> tuple[Call, ...]:
        """The calls that compute what is due."""
        return tuple(
            self.risk.refresh(number, series[first : first + MAX_REFRESHED])
            for number, series in due.items()
            for first in range(0, max(len(series), 1), MAX_REFRESHED)
        )

    def plan(
        self,
        call: Call,
        sender: Address,
        accounts: Iterable[Account],
        *,
        anybodys: bool,
        trading: Iterable[int] = (),
        updates: Sequence[Call] = (),
        fixings: Sequence[Call] = (),
    ) -> Plan:
        """The call behind the updates, refreshes and fixings that it needs, in one transaction where that can be.

        It can be for a call that is anybody's, as `settle` with all signatures; and, when only oracle updates are
        needed, for a sender whose account has the Bundle as its code (EIP-7702). A call that is bound to its sender
        otherwise, or pays who sends it, as `expire` does, follows after a first transaction with what it needs.
        """
        due = self.due(accounts, trading, updates)
        refreshes = (*self.refreshes(due), *fixings)
        ahead = (*updates, *refreshes)
        counts = len(updates), sum(len(series) for series in due.values())
        if not ahead:
            return Plan((call,))
        if anybodys and not call.value:
            return Plan((together(ahead, call),), *counts)
        if not refreshes and self._is_delegated(sender):
            return Plan((bundle(sender, updates, call),), *counts)
        return Plan((together(ahead[:-1], ahead[-1]), call), *counts)

    # Statements

    def statement(self, account: Account, trading: Iterable[int] = (), updates: Sequence[Call] = ()) -> Statement:
        """What an account holds, with the snapshots to judge it by, and those of what it might trade; nothing is sent.

        `trading` are ids of moves, `market << 36 | series`. `updates` are made first, in thought, too.
        """
        head = self.ledger.head(account)
        books = {number: self.ledger.book(account, number) for number in head.markets}
        wanted = {number: {series for series, _ in book.positions} for number, book in books.items()}
        for move in trading:
            if move != CASH_ID:
                wanted.setdefault(move >> SERIES_BITS, set()).update({move & _SERIES} - {0})
        due = self._due(wanted, updates)
        found = self.snapshots(wanted, (*updates, *self.refreshes(due)))
        snapshots = {number: snapshot for number, snapshot in found.items() if snapshot is not None}
        counts = {number: len(series) for number, series in due.items()}
        return Statement(account, self._chain.now(), MarginAccount(head.cash, books), snapshots, counts)

    # Inside

    def _due(self, wanted: Mapping[int, Iterable[int]], updates: Sequence[Call]) -> dict[int, tuple[int, ...]]:
        now, due = self._chain.now(), {}
        alive = {number: {item for item in items if expiry(item >> 22) > now} for number, items in wanted.items()}
        for number, snapshot in self.snapshots(alive, updates).items():
            stale = alive[number] if snapshot is None else _stale(snapshot, alive[number])
            if stale is not None:
                due[number] = tuple(sorted(stale, reverse=True))
        return due

    def _is_delegated(self, account: Address) -> bool:
        if self._bundle is None:
            return False
        return self._chain.code(account) == _DELEGATION + bytes.fromhex(self._bundle[2:])


def _stale(snapshot: Snapshot, series: set[int]) -> set[int] | None:
    """Which of these must be refreshed, all alive; None when not even a new epoch is due."""
    quoted = {item for item in series if snapshot.is_quoted(item >> 22)}
    ahead = replace(snapshot, time=snapshot.time + LEAD)
    if snapshot.is_usable:
        closing = any(expiry(item >> 22) < ahead.time + WINDOW for item in series)
        if replace(ahead, reading=replace(snapshot.reading, observed_at=ahead.time)).is_due or (
            closing and ahead.time - snapshot.started >= WINDOW_EPOCH_AGE
        ):
            return quoted
    missing = {item for item in quoted if snapshot.arrays[item] >> 236 != snapshot.epoch}
    taken = snapshot.state >> 140 & (1 << 32) - 1  # the time of the surface that this epoch has
    for day in {item >> 22 for item in missing}:
        is_new = snapshot.slices[day] >> 222 & (1 << 20) - 1 != snapshot.epoch
        if snapshot.is_usable and is_new and taken and snapshot.quoted_at[day] != taken:
            return quoted  # a newer surface is met, which begins an epoch
    return missing or None


def _given(answer: tuple[Any, ...] | None) -> tuple[Any, ...]:
    assert answer is not None, "a view that never reverts has"
    return answer


def _days(series: Iterable[int]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(item >> 22 for item in series))
