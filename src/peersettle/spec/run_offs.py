"""What `modules/run_offs.vy` does: who waits for an account in run-off.

An account below zero that nobody takes will pay less than it owes. Until it does, the gains of those on the other side
of its series count outside their market only as far as others stand behind them: by the part of all lots that is not in
run-off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from peersettle.spec.accounts import Accounts
from peersettle.spec.expiries import Expiries
from peersettle.spec.requirements import Array, payoff
from peersettle.spec.risk import Risk
from peersettle.spec.risk_arrays import MARK_ZERO, Kind
from peersettle.spec.rollback import Kept
from peersettle.spec.snapshots import expiry_of
from peersettle.types import WAD

Side: TypeAlias = tuple[int, int, bool]
"""Market, series, and whether the long side."""


@dataclass(eq=False)
class RunOffs(Kept):
    """The lots of all accounts in run-off."""

    accounts: Accounts
    expiries: Expiries
    risk: Risk
    payers: dict[Side, int] = field(default_factory=dict)
    """Lots in run-off."""
    waiting: dict[int, int] = field(default_factory=dict)
    """By market, all of those."""
    counted: dict[int, list[tuple[Side, int]]] = field(default_factory=dict)
    """By account, the lots that it counts with."""

    def count(self, account: int) -> None:
        """All that an account holds short may have to be paid for, and all forwards."""
        for market in self.accounts.head(account).markets:
            for series, held in self.accounts.book(account, market).positions:
                if held < 0 or series & 3 == Kind.FORWARD:
                    side, lots = (market, series, held > 0), abs(held)
                    self.payers[side] = self.payers.get(side, 0) + lots
                    self._wait(market, lots)
                    self.counted[account] = [*self.counted.get(account, []), (side, lots)]

    def discount(self, account: int) -> None:
        """Take back what was counted, whatever of it has been sold or has expired since."""
        for side, lots in reversed(self.counted.pop(account, [])):
            self.payers[side] -= lots
            self._wait(side[0], -lots)

    def doubtful(self, market: int, positions: Sequence[tuple[int, int]], now: int) -> int:
        """How much of what the positions of a book are worth, wad rounded down, is owed by accounts in run-off."""
        snapshot, owed = self.risk.markets[market], 0
        for series, held in positions:
            lots = self.payers.get((market, series, held < 0), 0)
            if lots == 0 or expiry_of(series >> 22) <= now:
                continue
            mark = Array.of(self.risk.array(market, series)).mark - MARK_ZERO
            each = (mark * snapshot.reference >> 24) + payoff(snapshot, series, snapshot.reference)
            if each * held > 0:
                total = max(self.expiries.open_interest.get((market, series), 0), 1)
                owed += each * held * snapshot.terms.lot // WAD * min(lots, total) // total
        return owed

    def _wait(self, market: int, lots: int) -> None:
        self.waiting[market] = self.waiting.get(market, 0) + lots
        self.risk.doubt(market, self.waiting[market] != 0)
