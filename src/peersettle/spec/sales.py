"""What an auction remembers of its account, and the price that follows from it. Everything is in wad."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from peersettle.spec.gates import Health
from peersettle.types import WAD

DURATION: Final = 600
"""Seconds until the last price."""
LIFE: Final = 1_800
"""Seconds after which an auction must begin anew, at the first price."""
LAST_RATE: Final = WAD
"""The last price while the account is solvent."""
LAST_COVER: Final = WAD // 10
"""And when it is not: so much beyond what it lacks."""
FEE: Final = WAD // 50
"""To the backstop."""
KEPT: Final = 2
"""A solvent account keeps at least a half of the equity that it sells."""
MOST_RATIO: Final = 2**128 - 1


@dataclass(frozen=True)
class Sale:
    """The auction of one account."""

    started_at: int = 0
    """Zero when there is none."""
    insolvent_at: int = 0
    """Since when its equity is known not to be above zero; zero when it is."""
    lowest: int = 0
    """The least equity over maintenance seen in it."""
    run_off: bool = False

    @property
    def word(self) -> int:
        """`lowest 128 | free 47 | run-off 1 | insolvent_at 40 | started_at 40` bits, from the top."""
        return self.started_at | self.insolvent_at << 40 | self.run_off << 80 | self.lowest << 128

    def is_live(self, now: int) -> bool:
        """Whether it goes on."""
        return self.started_at != 0 and (self.run_off or now <= self.started_at + LIFE)

    def seen(self, standing: Standing, now: int) -> Sale:
        """With what it remembers of its account: the worst ratio while that is solvent, since when it is not."""
        if standing.equity > 0:
            ratio = standing.equity * WAD // max(standing.maintenance, 1)
            if self.run_off and now > self.started_at + LIFE:
                # A run-off does not lapse: when it has something to lose again, it begins anew.
                return replace(self, started_at=now, insolvent_at=0, lowest=min(MOST_RATIO, ratio))
            return replace(self, insolvent_at=0, lowest=min(self.lowest, ratio))
        return replace(self, insolvent_at=self.insolvent_at or now)

    def rates(self, standing: Standing, now: int) -> Rates:
        """What is paid now: while the account is solvent never more, fee included, than half of the lowest ratio."""
        if standing.equity <= 0:
            return Rates(LAST_COVER * min(now - self.insolvent_at, DURATION) // DURATION, 0)
        bound = self.lowest // KEPT
        fee = min(FEE, bound)
        return Rates(min(LAST_RATE * min(now - self.started_at, DURATION) // DURATION, bound - fee), fee)


@dataclass(frozen=True)
class Standing:
    """Of an account, now."""

    equity: int
    """What has no price counts at its last mark."""
    maintenance: int
    initial: int
    unpriced: int
    """That of the equity."""

    @classmethod
    def of(cls, health: Health) -> Standing:
        """As the Ledger says."""
        return cls(health.equity + health.unpriced, health.maintenance, health.initial, health.unpriced)


@dataclass(frozen=True)
class Rates:
    """For a unit of maintenance."""

    paid: int
    """To the bidder."""
    fee: int
    """To the backstop."""


FREE: Final = Rates(0, 0)


@dataclass(frozen=True)
class Quote:
    """What a bid would get."""

    equity: int
    maintenance: int
    initial: int
    most: int = 0
    """The largest fraction; all of it where the sale of a part would not do."""
    paid: int = 0
    fee: int = 0
