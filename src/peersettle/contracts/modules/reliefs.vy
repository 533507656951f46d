# pragma version 0.4.3
"""
@title The best that may be true
@license MIT
@notice Nobody is sold for a price that cannot be used, or that waits for its confirmation: an auction begins only where even the best scenario
        that may be the true one leaves too little.
"""

from ..interfaces import IRisk
from . import calendar
from . import instruments
from . import scenarios

M64: constant(uint256) = 2**64 - 1
EPOCH: constant(uint256) = 2**20 - 1
STRIKE_MASK: constant(uint256) = 2**20 - 1
WAD: constant(uint256) = 10**18
MOST: constant(uint256) = 2**127


@internal
@view
def _relief(risk: IRisk, market: uint256, header: uint256, words: DynArray[uint256, 8]) -> uint256:
    """
    @notice What a book would gain at best, wad: in any scenario when the price cannot be used, on the way to a price that waits for its
            confirmation when there is one, and otherwise nothing. MOST when nobody can say.
    """
    state: uint256 = 0
    terms: uint256 = 0
    ones: uint256 = 0
    state, terms, ones = staticcall risk.snapshot(market)
    candidate: uint256 = staticcall risk.candidate(market)
    usable: bool = staticcall risk.spot(market) != 0 and self._is_priced(risk, market, words, state & EPOCH)
    if usable and candidate == 0:
        return 0
    reference: uint256 = (state >> 20) & (2**88 - 1)
    bits: uint256 = 14 - ((terms >> 248) & 1)
    place: uint256 = 0
    if usable:
        place = scenarios._place(candidate, reference, bits)
        if not scenarios._within(place, ones):
            return MOST
    lot: uint256 = pow_mod256(10, ones >> 196)
    tick: uint256 = pow_mod256(10, terms >> 250)
    units: int256 = convert((header >> 160) // lot, int256)
    gains: int256[14] = empty(int256[14])
    for lane: uint256 in range(14):
        gains[lane] = units * self._moved(ones, lane)
    rounded: int256 = units     # a lane may hide one of its units in each lot
    for word: uint256 in words:
        rest: uint256 = word
        for _: uint256 in range(4):
            if rest == 0:
                break
            series: uint256 = (rest & M64) >> 28
            lots: int256 = instruments._lots(rest)
            rest = rest >> 64
            array: uint256 = staticcall risk.array(market, series)
            expired: bool = calendar._expiry(series >> 22) <= block.timestamp
            if expired and staticcall risk.fixing(market, series >> 22) != 0:
                continue
            rounded += abs(lots)
            strike: uint256 = ((series >> 2) & STRIKE_MASK) * tick
            for lane: uint256 in range(14):
                if expired:
                    # Nobody says yet at what price: at that of the scenario.
                    moved: int256 = self._moved(ones, lane) * convert(reference, int256) >> bits
                    price: uint256 = convert(convert(reference, int256) + moved, uint256)
                    gain: int256 = instruments._payoff(series & 3, price, strike)
                    gain -= instruments._payoff(series & 3, reference, strike)
                    gains[lane] += lots * (gain << bits) // convert(reference, int256)
                else:
                    gains[lane] += lots * self._moved(array, lane)
    best: int256 = 0
    for lane: uint256 in range(14):
        if not usable or scenarios._is_on_the_way(place, ones, lane):
            best = max(best, gains[lane])
    return min((convert(best + rounded, uint256) * reference >> bits) * lot // WAD + 1, MOST)


@internal
@view
def _is_priced(risk: IRisk, market: uint256, words: DynArray[uint256, 8], epoch: uint256) -> bool:
    """
    @notice Whether all has a price: what has expired is fixed, and of the rest the surface is not too old for this epoch.
    """
    for word: uint256 in words:
        rest: uint256 = word
        for _: uint256 in range(4):
            if rest == 0:
                break
            series: uint256 = (rest & M64) >> 28
            rest = rest >> 64
            if calendar._expiry(series >> 22) <= block.timestamp:
                if staticcall risk.fixing(market, series >> 22) == 0:
                    return False
            elif staticcall risk.array(market, series) >> 236 != epoch:
                return False
    return True


@internal
@pure
def _moved(array: uint256, lane: uint256) -> int256:
    return convert((array >> (14 * lane)) & scenarios.LANE, int256) - convert(scenarios.LANE_ZERO, int256)
