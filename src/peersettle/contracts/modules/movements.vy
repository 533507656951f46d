# pragma version 0.4.3
"""
@title What moves from one account to another
@license MIT
@notice Every move is zero-sum: cash, collateral, or lots of a series that has not expired.
"""

from ..interfaces import IPositionLedger
from . import accounts
from . import calendar
from . import expiries

uses: accounts
uses: expiries

CASH_UNIT: constant(int256) = 10**12           # a move's unit of cash, wad
COLLATERAL_UNIT: constant(int256) = 10**9      # a move's unit of collateral, wad
SERIES_MASK: constant(uint256) = 2**36 - 1
CASH_ITEM: constant(uint256) = 2**42            # of a move; below it are `market << 36 | series`


@internal
def _apply(account: uint256, item: uint256, amount: int256) -> int256:
    """
    @notice Add to one balance of an account. Returns by how much its long side of a series grew.
    """
    if item == CASH_ITEM:
        accounts._pay(account, amount * CASH_UNIT)
        return 0
    key: uint256 = accounts._enter(account, item >> 36)
    if item & SERIES_MASK == 0:
        accounts._add_collateral(key, amount * COLLATERAL_UNIT)
        return 0
    return accounts._add(key, item & SERIES_MASK, amount)


@internal
def _shift(move: IPositionLedger.PositionMove):
    """
    @notice Move cash, collateral or lots of a series from one account to another.
    """
    series: uint256 = move.series & SERIES_MASK
    if series != 0:
        assert series & 3 != 3 and (series >> 2) & (2**20 - 1) != 0, "series"
        assert block.timestamp < calendar._expiry(series >> 22), "matured"
        assert move.lots < accounts.LOT_SIGN, "lots"
    assert move.series <= CASH_ITEM, "market"
    amount: int256 = convert(move.lots, int256)
    grown: int256 = self._apply(move.giver, move.series, -amount) + self._apply(move.receiver, move.series, amount)
    if grown != 0:
        expiries._grow(move.series, grown)
