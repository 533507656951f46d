"""Expiries in a replay: somebody fixes them and settles all who hold them, whether there are keepers or not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from peersettle.risk.instruments import DAY, expiry
from peersettle.sim.actors import Actor
from peersettle.sim.fast import EVERY_MARKET
from peersettle.sim.records import Book as Records
from peersettle.sim.refreshing import refresh, stale
from peersettle.sim.venue import Venue

AT_ONCE: Final = 16
"""Accounts settled in one transaction."""
RETRY: Final = 3_600
"""Seconds until what could not be settled is tried again; twice as many each time, and once when receivers need not
wait for the rest of the payers any more."""
PATIENCE: Final = DAY


@dataclass
class _Round:
    """One attempt at all who are due on a day, over as many blocks as it takes."""

    due: list[int]
    queue: list[int]
    """Who is still to be tried; twice, since receivers can be paid when all payers have paid."""
    is_second: bool = False


@dataclass
class Settler:
    """Who settles, and what is left to settle."""

    venue: Venue
    records: Records
    actor: Actor
    pending: dict[int, dict[int, int]] = field(default_factory=dict)
    """By day, the accounts that are still to be settled, and when to try again."""
    _tries: dict[int, int] = field(default_factory=dict)
    """By day, how often it was tried again."""
    _settled: int = 0
    """The last day whose expiry is fixed, or that nobody held."""
    _rounds: dict[int, _Round] = field(default_factory=dict)

    def act(self) -> None:
        """Fix what has expired, then settle all who hold it: payers come first, receivers when they can be paid."""
        venue, now = self.venue, self.venue.now
        today = (now - expiry(0)) // DAY
        for day in range(min(self._settled, today) + 1 if self._settled else today, today + 1):
            held = [one for one in venue.mirror.series().get(0, []) if one >> 22 == day]
            if held:
                venue.send(self.actor, "ledger", "fix", 0, day)
                if day not in venue.ledger.risk.fixings.get(0, {}):
                    break  # the feed has no average yet, or the block is full
                self.pending[day] = dict.fromkeys(venue.mirror.holders(0, held), now)
                self.records.fixed(day)
            self._settled = day
        for day, waiting in self.pending.items():
            if day not in self._rounds and (due := [account for account, at in waiting.items() if at <= now]):
                self._rounds[day] = _Round(due, list(due))
            if day in self._rounds and self._settle(day, self._rounds[day]):
                self._rest(day, self._rounds.pop(day).due)

    def _settle(self, day: int, attempt: _Round) -> bool:
        """Go on with an attempt; whether it is complete."""
        venue, snapshot = self.venue, self.venue.snapshot()
        live = [one for one in venue.mirror.series().get(0, []) if expiry(one >> 22) > venue.now]
        if snapshot.is_usable and (needed := stale(snapshot, live)) and refresh(venue, self.actor, needed).waits:
            return False
        while True:
            attempt.queue = [account for account in attempt.queue if self._holds(account, day)]
            while attempt.queue:
                if venue.send(self.actor, "ledger", "expire", attempt.queue[:AT_ONCE], EVERY_MARKET).waits:
                    return False
                del attempt.queue[:AT_ONCE]
            if attempt.is_second:
                return True
            attempt.queue, attempt.is_second = list(attempt.due), True

    def _rest(self, day: int, due: list[int]) -> None:
        """Who is left waits for the next attempt."""
        now, waiting = self.venue.now, self.pending[day]
        self._tries[day] = self._tries.get(day, -1) + 1
        late = self.venue.ledger.risk.fixed_at(0, day) + PATIENCE
        again = now + (RETRY << self._tries[day])
        again = late if now < late < again else again
        for account in due:
            if self._holds(account, day):
                waiting[account] = again
            else:
                waiting.pop(account, None)

    def _holds(self, account: int, day: int) -> bool:
        books = self.venue.mirror.get(account).books.values()
        return any(series >> 22 == day for book in books for series, _ in book.positions)
