"""What `modules/parts.vy` does: a fraction of an account.

The same fraction of each balance, rounded towards zero, so that nobody changes sides. What has expired stays: its pot
knows who has what.
"""

from __future__ import annotations

from peersettle.spec.accounts import COLLATERAL_UNIT
from peersettle.spec.contract import PositionMove
from peersettle.spec.requirements import Book
from peersettle.spec.snapshots import expiry_of
from peersettle.types import WAD


def of_book(victim: int, bidder: int, market: int, book: Book, fraction: int, now: int) -> list[PositionMove]:
    """Of what an account has in one market, as moves of the Ledger; the fraction is wad."""
    moves = []
    collateral = book.collateral // COLLATERAL_UNIT * fraction // WAD
    if collateral:
        moves.append(PositionMove(victim, bidder, market << 36, collateral))
    for series, held in book.positions:
        lots = abs(held) * fraction // WAD
        if lots and expiry_of(series >> 22) > now:
            giver, receiver = (victim, bidder) if held > 0 else (bidder, victim)
            moves.append(PositionMove(giver, receiver, market << 36 | series, lots))
    return moves
