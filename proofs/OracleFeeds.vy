# pragma version 0.4.3
"""
@title Only a round that is newer, and in time, is taken
@license MIT
@dev From any storage.
"""

from lib import cheats


interface Feeds:
    def take(feed: bytes32, observation: uint256, observed_at: uint256) -> uint256: nonpayable
    def assert_timely(feed: bytes32, observed_at: uint256): nonpayable
    def state(feed: bytes32) -> uint256: view
    def candidate(feed: bytes32) -> uint256: view


struct Round:
    feed: bytes32
    value: uint256
    spread: uint256
    observed_at: uint256


VALUE_MASK: constant(uint256) = 2**87 - 1
TIME_MASK: constant(uint256) = 2**32 - 1
FLAG: constant(uint256) = 2**130
EXAMPLE: constant(bytes32) = 0x00000000000000000000000000000000000000000000000000000000000f4240     # any feed

FEEDS: immutable(address)


@deploy
def __init__():
    FEEDS = raw_create(cheats._code("Feeds.sol:Feeds"))
    cheats._from_any_state(FEEDS)


@external
def check_old_rounds_are_refused(any: Round, example: bool):
    round: Round = any
    if example:
        round = Round(feed=EXAMPLE, value=2**60, spread=0, observed_at=2**20 + 1)
    state: uint256 = staticcall Feeds(FEEDS).state(round.feed)
    if example:
        # Confirmed at the same time, or just before, when the candidate may be as late.
        cheats._assume((state & ~FLAG) | (1 << 87) == (round.observed_at << 87) | round.value)
    old: bool = round.observed_at <= self._time(state)
    if state & FLAG != 0:
        old = old or round.observed_at <= staticcall Feeds(FEEDS).candidate(round.feed) >> 87
    cheats._assume(old)
    self._assume_fields(round)
    cheats._prove(not self._takes(round))


@external
def check_rounds_are_timely(feed: bytes32, observed_at: uint256, now: uint64):
    cheats._at(convert(now, uint256))
    extcall Feeds(FEEDS).assert_timely(feed, observed_at)
    cheats._prove(observed_at <= convert(now, uint256))
    cheats._prove(unsafe_sub(convert(now, uint256), observed_at) <= (convert(feed, uint256) >> 48) & TIME_MASK)


@internal
def _assume_fields(round: Round):
    cheats._assume(round.value != 0)
    cheats._assume(round.value <= VALUE_MASK)
    cheats._assume(round.spread < 2**11)
    cheats._assume(round.observed_at <= TIME_MASK)


@internal
def _takes(round: Round) -> bool:
    return raw_call(FEEDS, abi_encode(round.feed, round.value | (round.spread << 119), round.observed_at, method_id=method_id("take(bytes32,uint256,uint256)")), revert_on_failure=False)


@internal
@pure
def _time(state: uint256) -> uint256:
    return (state >> 87) & TIME_MASK
