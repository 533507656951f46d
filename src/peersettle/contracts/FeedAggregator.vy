# pragma version 0.4.3
# pragma optimize gas
# pragma evm-version cancun
"""
@title FeedAggregator
@license MIT
@notice One feed of the Oracle for contracts that read AggregatorV3. Shows the confirmed value only, with 18 decimals; `updatedAt` is
        its slot, and a round's id the number of that slot. Whoever reads it judges the age, as with any such feed.
@dev How do you stop this? Nobody can. It holds nothing and keeps nothing. Anyone may deploy one for any feed.
"""

from .interfaces import IAggregatorV3
from .interfaces import IOracle
from .modules import feed_terms

implements: IAggregatorV3

ORACLE: immutable(IOracle)
FEED: immutable(bytes32)

decimals: public(constant(uint8)) = 18
version: public(constant(uint256)) = 1


@deploy
def __init__(oracle: address, feed: bytes32):
    assert feed_terms._slot(feed) != 0, "slot"
    ORACLE = IOracle(oracle)
    FEED = feed


@external
@view
def oracle() -> address:
    return ORACLE.address


@external
@view
def feed() -> bytes32:
    return FEED


@external
@view
def description() -> String[64]:
    """
    @notice The feed's name, as `ETH/USD`.
    """
    length: uint256 = 20
    for _: uint256 in range(20):
        if (convert(FEED, uint256) >> (8 * (32 - length))) & 255 != 0:
            break
        length -= 1
    return convert(slice(concat(FEED, b""), 0, length), String[20])


@external
@view
def latestRoundData() -> (uint80, int256, uint256, uint256, uint80):
    return self._latest()


@external
@view
def getRoundData(round_id: uint80) -> (uint80, int256, uint256, uint256, uint80):
    """
    @notice The latest round only: the Oracle keeps sums of older ones, not the rounds.
    """
    latest: (uint80, int256, uint256, uint256, uint80) = self._latest()
    assert latest[0] == round_id, "unobserved"
    return latest


@internal
@view
def _latest() -> (uint80, int256, uint256, uint256, uint80):
    reading: IOracle.Reading = staticcall ORACLE.read(FEED)
    assert reading.observed_at != 0, "unobserved"
    round_id: uint80 = convert(reading.observed_at // feed_terms._slot(FEED), uint80)
    return round_id, convert(reading.value, int256), reading.observed_at, reading.observed_at, round_id
