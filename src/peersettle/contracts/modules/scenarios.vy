# pragma version 0.4.3
"""
@title Where a price lies among the scenarios
@license MIT
@dev The lanes of one unit of the underlying, `ones`, are the scenarios' own prices: 14 bits each, LANE_ZERO is the reference.
"""

LANE: constant(uint256) = 16_383
LANE_ZERO: constant(uint256) = 8_192


@internal
@pure
def _place(price: uint256, reference: uint256, bits: uint256) -> uint256:
    """
    @notice A price as a lane has it; beyond 2**255 when it is too low for one.
    """
    return unsafe_add(unsafe_div(price << bits, reference), unsafe_sub(LANE_ZERO, 1 << bits))


@internal
@pure
def _within(place: uint256, ones: uint256) -> bool:
    """
    @notice Whether a price, as a lane has it, lies within the scenarios.
    """
    return place >> 255 == 0 and place >= ones & LANE and place <= (ones >> 84) & LANE


@internal
@pure
def _is_on_the_way(place: uint256, ones: uint256, lane: uint256) -> bool:
    """
    @notice Whether a scenario lies between the reference and a price, or is the first beyond it.
    """
    node: uint256 = (ones >> (14 * lane)) & LANE
    if node > LANE_ZERO:
        return place > (ones >> (14 * unsafe_sub(lane, 1))) & LANE     # its neighbour towards the middle
    if node < LANE_ZERO:
        return place < (ones >> (14 * unsafe_add(lane, 1))) & LANE
    return True
