# pragma version 0.4.3
# pragma optimize gas
# pragma evm-version cancun
"""
@title AggregatorSource
@license MIT
@notice An existing AggregatorV3 feed as one reporter among the others: it stands by the aggregator's answer, in wad, and by nothing else.
@dev How do you stop this? Nobody can, but a set of reporters can be replaced. It holds nothing. It speaks of the present only: for
     the slot that runs, while the answer is at most `max_staleness` old and comes from a complete round.
"""

from .interfaces import IAggregatorV3
from .modules import feed_terms

MAX_DECIMALS: constant(uint256) = 36
WAD_DECIMALS: constant(uint256) = 18

AGGREGATOR: immutable(IAggregatorV3)
FEED: immutable(bytes32)
MAX_STALENESS: immutable(uint256)
DECIMALS: immutable(uint256)


@deploy
def __init__(aggregator: address, feed: bytes32, max_staleness: uint256):
    AGGREGATOR = IAggregatorV3(aggregator)
    FEED = feed
    MAX_STALENESS = max_staleness
    DECIMALS = convert(staticcall AGGREGATOR.decimals(), uint256)
    assert DECIMALS <= MAX_DECIMALS, "range"


@external
@view
def aggregator() -> address:
    return AGGREGATOR.address


@external
@view
def feed() -> bytes32:
    return FEED


@external
@view
def max_staleness() -> uint256:
    return MAX_STALENESS


@external
@view
def price() -> uint256:
    """
    @notice What it would stand by now, in wad, rounded down; zero when the answer is old, incomplete or not positive.
    """
    return self._price()


@external
@view
def attests(feed: bytes32, price: uint256, observed_at: uint256) -> bool:
    """
    @notice Whether this is the aggregator's answer, for the slot that runs.
    """
    if feed != FEED or price == 0 or observed_at > block.timestamp:
        return False
    return block.timestamp - observed_at < feed_terms._slot(feed) and price == self._price()


@internal
@view
def _price() -> uint256:
    round_id: uint80 = 0
    answer: int256 = 0
    started_at: uint256 = 0
    updated_at: uint256 = 0
    answered_in: uint80 = 0
    round_id, answer, started_at, updated_at, answered_in = staticcall AGGREGATOR.latestRoundData()
    if answer <= 0 or answered_in < round_id or updated_at == 0 or updated_at > block.timestamp:
        return 0
    if block.timestamp - updated_at > MAX_STALENESS:
        return 0
    if DECIMALS <= WAD_DECIMALS:
        return convert(answer, uint256) * 10 ** (WAD_DECIMALS - DECIMALS)
    return convert(answer, uint256) // 10 ** (DECIMALS - WAD_DECIMALS)
