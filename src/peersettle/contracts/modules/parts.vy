# pragma version 0.4.3
"""
@title A fraction of an account
@license MIT
@notice The same fraction of each balance, rounded towards zero, so that nobody changes sides. What has expired stays: its pot knows who has what.
"""

from ..interfaces import ILedger
from ..interfaces import IPositionLedger
from . import calendar
from . import instruments

ONE: constant(uint256) = 10**18
M64: constant(uint256) = 2**64 - 1
COLLATERAL_UNIT: constant(uint256) = 10**9


@internal
@view
def _of_book(
    ledger: ILedger, victim: uint256, bidder: uint256, market: uint256, fraction: uint256
) -> DynArray[IPositionLedger.PositionMove, 34]:
    """
    @notice Of what an account has in one market, as moves of the Ledger.
    """
    moves: DynArray[IPositionLedger.PositionMove, 34] = []
    header: uint256 = 0
    words: DynArray[uint256, 8] = []
    header, words = staticcall ledger.book(victim, market)
    collateral: uint256 = (header >> 160) // COLLATERAL_UNIT * fraction // ONE
    if collateral != 0:
        moves.append(
            IPositionLedger.PositionMove(giver=victim, receiver=bidder, series=market << 36, lots=collateral)
        )
    for word: uint256 in words:
        rest: uint256 = word
        for _: uint256 in range(4):
            if rest == 0:
                break
            series: uint256 = (rest & M64) >> 28
            held: int256 = instruments._lots(rest)
            rest = rest >> 64
            lots: uint256 = convert(abs(held), uint256) * fraction // ONE
            if lots != 0 and calendar._expiry(series >> 22) > block.timestamp:
                move: IPositionLedger.PositionMove = IPositionLedger.PositionMove(
                    giver=victim, receiver=bidder, series=(market << 36) | series, lots=lots
                )
                if held < 0:
                    move.giver = bidder
                    move.receiver = victim
                moves.append(move)
    return moves
