"""How a series and a book's sums lie in the arrays that compiled loops read and write."""

from __future__ import annotations

from typing import Final

LANES: Final = 14
ROW: Final = 16
"""Columns of a series' row: 14 lanes, the mark, and a zero that makes whole vectors."""
MARK: Final = 14
LIMB_BITS: Final = 30
"""An intrinsic value, wad, is three limbs of so many bits; the last has the sign."""

# Flags of a series.
NETTED: Final = 1  # an option that has not expired: its codes are charged on the net at its strike
RUNNING_DOWN: Final = 2  # expires within a day
EXPIRED: Final = 4
ASSET_WHEN_LONG: Final = 8  # expired more than a day ago, with a payoff: only what is owed still counts
ASSET_WHEN_SHORT: Final = 16
UNPRICED: Final = 32  # no fixing, or an array that could not be computed anew

# Columns of the result.
LOSS: Final = 0  # lane units: the worst scenario, and what expiries lose when their volatilities move apart
CODES: Final = 1  # charges on net lots, in 7,560ths of the scan
OFFSETS: Final = 2  # lane units between the middle nodes, of forwards that offset one another
FAR: Final = 3  # the same three without what expires within a day; zero when nothing does
MARKS: Final = 6  # 2**-24 of the reference
LIMBS: Final = 7  # of the intrinsic values: 1, 2**30, 2**60
SHORT_LOTS: Final = 10
CANDIDATE: Final = 11  # lane units: the worst scenario on the way to a candidate price
STATUS: Final = 12  # 1 where a position is unpriced
COLUMNS: Final = 13
