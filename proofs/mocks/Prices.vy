# pragma version 0.4.3
"""
@title A Risk whose prices are as its (arbitrary) storage says
@license MIT
@dev The scenarios of the underlying are fixed, and so is the reference price, a power of two: the prover need not divide.
"""

REFERENCE: constant(uint256) = 2**70
ZERO: constant(uint256) = 8_192

spots: HashMap[uint256, uint256]
candidates: HashMap[uint256, uint256]
arrays: HashMap[uint256, uint256]
fixings: HashMap[uint256, uint256]


@external
@view
def spot(market: uint256) -> uint256:
    return self.spots[market]


@external
@view
def candidate(market: uint256) -> uint256:
    return self.candidates[market]


@external
@view
def array(market: uint256, series: uint256) -> uint256:
    return self.arrays[series]


@external
@view
def fixing(market: uint256, day: uint256) -> uint256:
    return self.fixings[day]


@external
@view
def snapshot(market: uint256) -> (uint256, uint256, uint256):
    """
    @notice A lot is a whole unit; lanes count 2**-14 of the reference price.
    """
    ones: uint256 = 18 << 196
    moves: int256[14] = [-3000, -2000, -1000, 0, 1000, 2000, 3000, -2500, -1500, -500, 0, 500, 1500, 2500]
    for lane: uint256 in range(14):
        ones |= convert(convert(ZERO, int256) + moves[lane], uint256) << (14 * lane)
    return REFERENCE << 20, 0, ones


@external
def place(market: uint256, spot: uint256, candidate: uint256):
    self.spots[market] = spot
    self.candidates[market] = candidate


@external
def place_array(series: uint256, array: uint256):
    self.arrays[series] = array


@external
def doubt(market: uint256, on: bool):
    pass
