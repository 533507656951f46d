# pragma version 0.4.3
# pragma evm-version cancun
# pragma optimize gas
"""
@title Black76Harness
@license MIT
@notice Opens the arithmetic of `black76` to tests, and to benchmarks: the cost of a price is what `price` or `loop` takes beyond `base`.
"""

from peersettle.contracts.modules import black76


@external
@pure
def price(is_put: bool, forward: uint256, strike: uint256, volatility: uint256, time: uint256) -> uint256:
    """
    @notice From wad volatility and seconds, as a caller has them.
    """
    return black76._price(is_put, forward, strike, black76._deviation_over(volatility, time))


@external
@pure
def base(is_put: bool, forward: uint256, strike: uint256, volatility: uint256, time: uint256) -> uint256:
    """
    @notice The call alone.
    """
    return forward


@external
@pure
def loop(is_put: bool, forward: uint256, strike: uint256, volatility: uint256, time: uint256, count: uint256) -> uint256:
    """
    @notice The same price many times over, summed.
    """
    total: uint256 = 0
    for i: uint256 in range(count, bound=1000):
        total = unsafe_add(total, black76._price(is_put, forward, strike, black76._deviation_over(volatility, time)))
    return total


@external
@pure
def price_of_deviation(is_put: bool, forward: uint256, strike: uint256, deviation: uint256) -> uint256:
    return black76._price(is_put, forward, strike, deviation)


@external
@pure
def deviation_over(volatility: uint256, time: uint256) -> uint256:
    return black76._deviation_over(volatility, time)


@external
@pure
def ln(ratio: uint256) -> uint256:
    return black76._ln(ratio)


@external
@pure
def mills(z: uint256) -> uint256:
    return black76._mills(z)


@external
@pure
def exp_small(x: uint256) -> uint256:
    return black76._exp_small(x)
