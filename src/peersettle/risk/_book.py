"""One account's collateral and positions in one market."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from peersettle.errors import InvalidField
from peersettle.risk._snapshot import Snapshot
from peersettle.risk.instruments import MOST_LOTS
from peersettle.types import WAD, uint

MOST_POSITIONS: Final = 32
UNIT: Final = 10**14
"""Requirement and addition in a header count 1e-4 of settlement currency; in wad."""

_STORED: Final = (1 << 56) - 1
_LOTS_BITS: Final = 28
_POSITION_BITS: Final = 64


@dataclass(frozen=True, slots=True)
class Book:
    """One account's collateral and positions in one market.

    Args:
        collateral: wad of the underlying.
        positions: (series, lots) in descending order of series; at most 32, none of no lots.
        requirement: as last counted into the market's open risk, 1e-4 of settlement currency.
        addition: what initial margin adds for it, 1e-4.

    Raises:
        InvalidField: a value out of range, or positions in another order.
    """

    collateral: int = 0
    positions: tuple[tuple[int, int], ...] = ()
    requirement: int = 0
    addition: int = 0

    def __post_init__(self) -> None:
        uint(self.collateral, "collateral", 94)
        uint(self.requirement, "requirement", 56)
        uint(self.addition, "addition", 56)
        if len(self.positions) > MOST_POSITIONS:
            raise InvalidField("positions", len(self.positions), f"a book holds at most {MOST_POSITIONS}")
        before = 1 << 36
        for series, lots in self.positions:
            if not 0 < series < before:
                raise InvalidField("series", series, "positions come in descending order of series, each once")
            if lots == 0 or abs(lots) > MOST_LOTS:
                raise InvalidField("lots", lots, f"a position has 1 to {MOST_LOTS} lots, long or short")
            before = series

    @classmethod
    def of(cls, positions: Mapping[int, int], collateral: int = 0, *, requirement: int = 0, addition: int = 0) -> Book:
        """From lots by series, in any order; those of no lots are left out.

        Raises:
            InvalidField: as the class.
        """
        held = sorted(((series, lots) for series, lots in positions.items() if lots), reverse=True)
        return cls(collateral, tuple(held), requirement, addition)

    @classmethod
    def unpack(cls, header: int, words: Sequence[int]) -> Book:
        """From the Ledger's words.

        Raises:
            InvalidField: as the class, or the header counts another number of positions.
        """
        positions = []
        for word in words:
            while word:
                lots = word & (1 << _LOTS_BITS) - 1
                series = word >> _LOTS_BITS & (1 << 36) - 1
                positions.append((series, lots - (lots >> _LOTS_BITS - 1 << _LOTS_BITS)))
                word >>= _POSITION_BITS
        if len(positions) != header & 255:
            raise InvalidField(
                "header", hex(header), f"counts {header & 255} positions, but there are {len(positions)}"
            )
        return cls(header >> 160, tuple(positions), header >> 64 & _STORED, header >> 8 & _STORED)

    def pack(self) -> tuple[int, list[int]]:
        """Header and words as the Ledger keeps them."""
        header = self.collateral << 160 | self.requirement << 64 | self.addition << 8 | len(self.positions)
        fields = [series << _LOTS_BITS | lots % (1 << _LOTS_BITS) for series, lots in self.positions]
        words = [
            sum(position << _POSITION_BITS * place for place, position in enumerate(fields[first : first + 4]))
            for first in range(0, len(fields), 4)
        ]
        return header, words

    def moved(self, series: int, lots: int) -> Book:
        """With so many lots of a series more, or less.

        Raises:
            InvalidField: as the class.
        """
        held = dict(self.positions)
        held[series] = held.get(series, 0) + lots
        return Book.of(held, self.collateral, requirement=self.requirement, addition=self.addition)

    def counted(self, requirement: int, snapshot: Snapshot) -> Book:
        """After a trade that leaves it with this requirement (wad): who raises it pays by the market's open risk."""
        after = min(-(-requirement // UNIT), _STORED) if self.positions else 0
        before, addition = self.requirement, self.addition
        parameters, open_risk = snapshot.parameters, snapshot.open_risk
        open_risk = min(open_risk + after - min(before, open_risk), _STORED)
        if after > before:
            full = parameters.risk_scale * (WAD // UNIT)
            share = parameters.risk_rate * min(open_risk, full)
            addition = min(addition + (after - before) * share // (full << 16), _STORED)
        elif before:
            addition = addition * after // before
        return replace(self, requirement=after, addition=addition)
