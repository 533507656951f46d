# pragma version 0.4.3
"""
@title What a position is
@license MIT
@dev A position is `day 14 | strike 20 | kind 2 | lots 28` bits, from the top; lots in two's complement.
"""

LOT_SIGN: constant(uint256) = 2**27


@internal
@pure
def _payoff(kind: uint256, price: uint256, strike: uint256) -> int256:
    """
    @notice What one unit pays its holder at a price, wad; of a forward perhaps less than nothing.
    """
    payoff: int256 = convert(price, int256) - convert(strike, int256)
    if kind == 1:
        payoff = -payoff
    if kind != 2:
        payoff = max(payoff, 0)
    return payoff


@internal
@pure
def _lots(position: uint256) -> int256:
    return convert(convert(unsafe_sub(position & (LOT_SIGN - 1), position & LOT_SIGN), bytes32), int256)
