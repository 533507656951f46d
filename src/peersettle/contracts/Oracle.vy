# pragma version 0.4.3
# pragma optimize gas
# pragma evm-version cancun
"""
@title Oracle
@license MIT
@notice Prices that k of n reporters have signed. Up to (k - 1) // 2 of the reports in a round may lie in any way, and the median still
        lies within what honest reporters saw. A jump waits for a second round before it counts.
@dev How do you stop this? Nobody can. It holds nothing and calls nobody but attesting reporters, statically. The steward may
     propose another set of reporters, which takes its place when the delay is over; it can touch no price.
"""

from .interfaces import IOracle

uses: report_data
initializes: reporters
initializes: feeds
initializes: surfaces

from .modules import feed_terms
from .modules import feeds
from .modules import report_data
from .modules import reporters
from .modules import surfaces

implements: IOracle

# reading
exports: (feeds.read, feeds.twap, feeds.observed_since, surfaces.surface_slice)
# reporters
exports: (
    reporters.reporter_set,
    reporters.steward,
    reporters.delay,
    reporters.proposal,
    reporters.propose_reporters,
    reporters.withdraw_proposal,
    reporters.activate_reporters,
)
# typed data
exports: report_data.eip712Domain


ITEM: constant(uint256) = 49         # bytes: feed 32, observation 17
MAX_ITEMS: constant(uint256) = 24


@deploy
def __init__(steward: address, delay: uint256, threshold: uint256, members: DynArray[address, 13]):
    reporters.__init__(steward, delay, threshold, members)


@external
def update(feed: bytes32, observed_at: uint256, reports: DynArray[uint256[3], 13], others: DynArray[uint256, 13]):
    feed_terms._assert_timely(feed, observed_at)
    words: uint256[13] = empty(uint256[13])
    for other: uint256 in others:
        words[other >> 160] = other & reporters.ADDRESS_MASK
    separator: bytes32 = report_data.DOMAIN_SEPARATOR
    last: uint256 = 0
    for report: uint256[3] in reports:
        price: uint256 = report[0] & (2**128 - 1)
        assert price >= last, "ascending"
        last = price
        if report[1] != 0:
            # Written out here, not called: this is what an update costs.
            words[report[0] >> 128] = convert(
                ecrecover(
                    keccak256(
                        concat(
                            b"\x19\x01",
                            separator,
                            keccak256(abi_encode(report_data.REPORT_TYPEHASH, feed, price, observed_at)),
                        )
                    ),
                    unsafe_add(report[2] >> 255, 27),
                    report[1],
                    report[2] & reporters.S_MASK,
                ),
                uint256,
            )
        else:
            words[report[0] >> 128] = reporters._attested(report[2], feed, price, observed_at)
    assert last <= feeds.VALUE_MASK, "range"
    count: uint256 = len(reports)
    reporters._assert_quorum(words, count, len(others))
    median: uint256 = reports[unsafe_div(count, 2)][0] & (2**128 - 1)
    low: uint256 = reports[unsafe_div(count, 4)][0] & (2**128 - 1)
    high: uint256 = reports[unsafe_sub(count, unsafe_add(unsafe_div(count, 4), 1))][0] & (2**128 - 1)
    spread: uint256 = min(unsafe_div(unsafe_mul(unsafe_sub(high, low), 10_000), median), feeds.MAX_SPREAD)
    observation: uint256 = feeds._take(feed, median | (spread << 119), observed_at)
    if observation != 0:
        log IOracle.Updated(feed=feed, observation=observation)


@external
def update_batch(
    observed_at: uint256, items: Bytes[MAX_ITEMS * ITEM], signatures: DynArray[uint256[3], 13], others: DynArray[uint256, 13]
):
    reporters._assert_signed(report_data._hash_batch(keccak256(items), observed_at), signatures, others)
    count: uint256 = unsafe_div(len(items), ITEM)
    assert count != 0 and unsafe_mul(count, ITEM) == len(items), "items"
    offset: uint256 = 0
    timely: uint256 = max_value(uint256)
    for _: uint256 in range(count, bound=MAX_ITEMS):
        observation: uint256 = extract32(items, unsafe_add(offset, 17), output_type=uint256) & feeds.OBSERVATION_MASK
        feed: bytes32 = extract32(items, offset)
        if convert(feed, uint256) & feed_terms.TIMES_MASK != timely:
            feed_terms._assert_timely(feed, observed_at)
            timely = convert(feed, uint256) & feed_terms.TIMES_MASK
        feeds._take(feed, observation, observed_at)
        offset = unsafe_add(offset, ITEM)
    log IOracle.BatchUpdated(observed_at=observed_at)


@external
def update_surface(
    feed: bytes32,
    observed_at: uint256,
    slices: DynArray[uint256, 16],
    signatures: DynArray[uint256[3], 13],
    others: DynArray[uint256, 13],
):
    reporters._assert_signed(report_data._hash_surface(feed, observed_at, slices), signatures, others)
    surfaces._take(feed, observed_at, slices)
