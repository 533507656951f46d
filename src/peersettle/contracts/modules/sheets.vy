# pragma version 0.4.3
"""
@title What a book has and what it owes
@license MIT
@notice Not netted: by assets and liabilities it is judged whether who pays after an expiry can pay all that it owes.
"""

from ..interfaces import IRisk
from . import calendar
from . import fixings
from . import instruments
from . import requirements
from . import snapshots

uses: fixings
uses: requirements
uses: snapshots

M64: constant(uint256) = 2**64 - 1
STRIKE_MASK: constant(uint256) = 2**20 - 1
WAD: constant(uint256) = 10**18


@internal
@view
def _sides(market: uint256, header: uint256, words: DynArray[uint256, 8]) -> (uint256, uint256):
    """
    @notice Assets and liabilities, each position by itself, wad; receivables in whole.
    """
    state: uint256 = snapshots.states[market]
    if state == 0:
        return 0, 0     # never refreshed: nobody has positions, and no collateral was counted yet
    reference: uint256 = (state >> 20) & snapshots.VALUE_MASK
    tick: uint256 = pow_mod256(10, (state >> snapshots.TICK) & 31)
    lot: uint256 = pow_mod256(10, (state >> snapshots.LOT) & 31)
    assets: uint256 = min(unsafe_div(header >> 160, lot), requirements.MOST_UNITS) * reference * lot // WAD
    liabilities: uint256 = 0
    marked: bool = assets != 0      # at the epoch's price, not at a fixing
    for word: uint256 in words:
        rest: uint256 = word
        for _: uint256 in range(4):
            if rest == 0:
                break
            position: uint256 = rest & M64
            rest = rest >> 64
            day: uint256 = position >> 50
            expiry: uint256 = calendar._expiry(day)
            price: uint256 = reference
            fixing: uint256 = fixings.records[(market << 14) | day]
            if expiry <= block.timestamp and fixing != 0:
                price = fixing & fixings.PRICE_MASK
            else:
                marked = True
            strike: uint256 = ((position >> 30) & STRIKE_MASK) * tick
            payoff: int256 = instruments._payoff((position >> 28) & 3, price, strike)
            if expiry > block.timestamp:
                mark: uint256 = (snapshots.arrays[(market << 36) | (position >> 28)] >> 196) & (2**28 - 1)
                payoff += (convert(mark, int256) - convert(requirements.MARK_ZERO, int256)) * convert(reference, int256) >> 24
            amount: int256 = payoff * instruments._lots(position)
            if amount > 0:
                assets += convert(amount, uint256) * lot // WAD
            else:
                liabilities += (convert(-amount, uint256) * lot + WAD - 1) // WAD
    if marked:
        # At marks of another time the solvent could pass for insolvent: what can be had fresh must be.
        assessment: IRisk.Assessment = requirements._assess(market, header, words)
    return assets, liabilities
