"""What `modules/reliefs.vy` does: the best that may be true.

Nobody is sold for a price that cannot be used, or that waits for its confirmation: an auction begins only where even
the best scenario that may be the true one leaves too little.
"""

from __future__ import annotations

from typing import Final

from peersettle.spec.oracle_surfaces import quotient
from peersettle.spec.requirements import LANES, Array, Book, lanes_of, payoff
from peersettle.spec.risk import Risk
from peersettle.spec.risk_arrays import LANE_ZERO
from peersettle.spec.snapshots import expiry_of
from peersettle.types import WAD

MOST: Final = 2**127
"""When nobody can say."""


def relief(risk: Risk, market: int, book: Book, now: int) -> int:
    """What a book would gain at best, wad, rounded up: in any scenario when something has no usable price, on the way
    to a price that waits for its confirmation when there is one, and otherwise nothing. MOST when that lies beyond
    the scenarios."""
    snapshot, candidate = risk.markets[market], risk.candidate(market)
    usable = risk.spot(market, now) != 0 and is_priced(risk, market, book, now)
    if usable and candidate == 0:
        return 0
    reference, bits, lot, nodes = snapshot.reference, snapshot.lane_bits, snapshot.terms.lot, lanes_of(snapshot.ones)
    place = (candidate << bits) // reference + LANE_ZERO - (1 << bits)
    if usable and not nodes[0] <= place <= nodes[6]:
        return MOST
    units = book.collateral // lot
    gains = [units * (node - LANE_ZERO) for node in nodes]
    rounded = units  # a lane may hide one of its units in each lot
    for series, lots in book.positions:
        if expiry_of(series >> 22) > now:
            moved = [lane - LANE_ZERO for lane in Array.of(risk.array(market, series)).lanes]
        elif risk.fixing(market, series >> 22):
            continue
        else:
            # Nobody says yet at what price: at that of the scenario.
            still = payoff(snapshot, series, reference)
            prices = [reference + ((node - LANE_ZERO) * reference >> bits) for node in nodes]
            moved = [(payoff(snapshot, series, price) - still << bits) for price in prices]
            gains = [gain + quotient(lots * each, reference) for gain, each in zip(gains, moved, strict=True)]
            moved = [0] * LANES
        rounded += abs(lots)
        gains = [gain + lots * each for gain, each in zip(gains, moved, strict=True)]
    best = max(0, *(gains[lane] for lane in range(LANES) if not usable or is_on_the_way(place, nodes, lane)))
    return min(((best + rounded) * reference >> bits) * lot // WAD + 1, MOST)


def is_priced(risk: Risk, market: int, book: Book, now: int) -> bool:
    """Whether all has a price: what has expired is fixed, and the rest is computed in this epoch."""
    epoch = risk.markets[market].epoch
    return all(
        risk.array(market, series) >> 236 == epoch
        if expiry_of(series >> 22) > now
        else risk.fixing(market, series >> 22) != 0
        for series, _ in book.positions
    )


def is_on_the_way(place: int, nodes: tuple[int, ...], lane: int) -> bool:
    """Whether a scenario lies between the reference and a price, or is the first beyond it."""
    node = nodes[lane]
    if node > LANE_ZERO:
        return place > nodes[lane - 1]  # its neighbour towards the middle
    if node < LANE_ZERO:
        return place < nodes[lane + 1]
    return True
