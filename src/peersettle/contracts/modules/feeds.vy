# pragma version 0.4.3
"""
@title Confirmed values, candidates and fixings
@license MIT
@dev One word holds all that a feed is: `sum 99 | 0 | coverage 12 | 0 | weight 12 | candidate flag 1 | spread 11 | observed_at 32 | value 87`
     bits from the top. Sum (of value times half-seconds), weight and coverage (half-seconds) run on for ever along the path of confirmed
     values, modulo their widths; the bits between take a carry, and are cleared before the next addition. The three are
     checkpointed where the path crosses a multiple of 300 seconds, exactly, so that any window between two checkpoints
     can be averaged later. Windows of 30 minutes stay within the widths. Arithmetic is unchecked where the widths bound it.
"""

from ..interfaces import IOracle
from . import feed_terms

VALUE_MASK: constant(uint256) = 2**87 - 1
TIME_MASK: constant(uint256) = 2**32 - 1
SUM_MASK: constant(uint256) = 2**99 - 1
HALVES_MASK: constant(uint256) = 2**12 - 1
CANDIDATE_FLAG: constant(uint256) = 2**130
OBSERVATION_MASK: constant(uint256) = (2**11 - 1) * 2**119 + 2**87 - 1
RUNNING_MASK: constant(uint256) = (2**99 - 1) * 2**157 + (2**12 - 1) * 2**144 + (2**12 - 1) * 2**131
MAX_SPREAD: constant(uint256) = 2**11 - 1

GRID: constant(uint256) = 300           # checkpoints, seconds
RING: constant(uint256) = 2048          # of them: seven days
MAX_WINDOW: constant(uint256) = 1800
MAX_WEIGHT: constant(uint256) = 60      # half-seconds that an observation weighs on either side
MAX_COVERAGE: constant(uint256) = 300   # half-seconds that it covers on either side

states: HashMap[bytes32, uint256]
candidates: HashMap[bytes32, uint256]               # observed_at << 87 | value, while the flag is set
checkpoints: HashMap[bytes32, uint256[RING]]        # the running sums in their places | multiple of GRID, 32 bits


@internal
def _take(feed: bytes32, observation: uint256, observed_at: uint256) -> uint256:
    """
    @notice Apply one round, `value | spread << 119` with no other bit, that is timely. Returns what is to be told: the word
            `spread 11 | observed_at 32 | value 87` of the value that is confirmed now, or zero when this one became a candidate.
    @dev Written out, not called: this is what an update costs. See feed_terms for what is checked and why it cannot overflow.
    """
    terms: uint256 = convert(feed, uint256)
    price: uint256 = observation & VALUE_MASK
    assert price != 0, "range"
    state: uint256 = self.states[feed]
    last: uint256 = (state >> 87) & TIME_MASK
    assert observed_at > last, "old"
    gap: uint256 = unsafe_sub(observed_at, last)
    reference: uint256 = state & VALUE_MASK
    # Below zero it wraps, and its square is right again.
    move: uint256 = unsafe_mul(unsafe_sub(price, reference), feed_terms.PPM)
    move = unsafe_mul(move, move)
    cap: uint256 = unsafe_mul(reference, terms & (2**24 - 1))
    rate: uint256 = unsafe_mul(reference, (terms >> 24) & (2**24 - 1))
    fresh: uint256 = observation | (observed_at << 87)
    if move > unsafe_mul(cap, cap) or move > unsafe_mul(unsafe_mul(rate, rate), gap) or state & CANDIDATE_FLAG != 0:
        fresh = self._confirm(feed, state, fresh, observed_at)
        if fresh == 0 or state == 0:
            return fresh
        price = fresh & VALUE_MASK
    if unsafe_div(observed_at, GRID) != unsafe_div(last, GRID):
        self._checkpoint(feed, state, price, last, observed_at)
    weight: uint256 = min(gap, MAX_WEIGHT)
    self.states[feed] = unsafe_add(
        state & RUNNING_MASK,
        unsafe_add(
            unsafe_mul(unsafe_add(reference, price), weight) << 157,
            unsafe_add(min(gap, MAX_COVERAGE) << 145, weight << 132),
        ),
    ) | fresh
    return fresh


@internal
def _confirm(feed: bytes32, state: uint256, fresh: uint256, observed_at: uint256) -> uint256:
    """
    @notice What a round confirms where it is the first, or jumps, or there is a candidate; zero when it opens a candidate.
    """
    if state == 0:
        self.states[feed] = fresh
        return fresh
    price: uint256 = fresh & VALUE_MASK
    reference: uint256 = state & VALUE_MASK
    candidate: uint256 = 0
    if state & CANDIDATE_FLAG != 0:
        candidate = self.candidates[feed]
        assert observed_at > candidate >> 87, "old"
    if not feed_terms._beyond(feed, price, reference, observed_at - ((state >> 87) & TIME_MASK)):
        return fresh
    jumped: uint256 = candidate & VALUE_MASK
    in_time: bool = candidate != 0 and observed_at - (candidate >> 87) <= feed_terms._max_age(feed)
    if in_time and (jumped > reference) == (price > reference):
        # The nearer of the two: both rounds agree that the price went at least so far.
        nearer: uint256 = min(jumped, price) if price > reference else max(jumped, price)
        return (fresh & ~VALUE_MASK) | nearer
    self.candidates[feed] = (observed_at << 87) | price
    self.states[feed] = state | CANDIDATE_FLAG
    log IOracle.CandidateOpened(feed=feed, value=price, observed_at=observed_at)
    return 0


@internal
@pure
def _running(total: uint256, weight: uint256, coverage: uint256) -> uint256:
    return unsafe_add(total << 157, unsafe_add(coverage << 144, weight << 131))


@internal
def _checkpoint(feed: bytes32, state: uint256, price: uint256, last: uint256, observed_at: uint256):
    """
    @notice Write the running sums as they were at each multiple of GRID since the last observation; of a long silence, at the first
            three and the last three, since a window that reaches farther into it is not observed enough.
    """
    gap: uint256 = unsafe_sub(observed_at, last)
    weight: uint256 = min(gap, MAX_WEIGHT)
    coverage: uint256 = min(gap, MAX_COVERAGE)
    index: uint256 = unsafe_add(unsafe_div(last, GRID), 1)
    final: uint256 = unsafe_div(observed_at, GRID)
    for step: uint256 in range(6):
        before: uint256 = unsafe_mul(2, unsafe_sub(unsafe_mul(index, GRID), last))
        after: uint256 = unsafe_mul(2, unsafe_sub(observed_at, unsafe_mul(index, GRID)))
        older: uint256 = min(before, weight)    # half-seconds up to here that the older observation weighs
        newer: uint256 = unsafe_sub(max(weight, after), after)
        covered: uint256 = unsafe_add(min(before, coverage), unsafe_sub(max(coverage, after), after))
        total: uint256 = unsafe_add(unsafe_mul(state & VALUE_MASK, older), unsafe_mul(price, newer))
        sums: uint256 = unsafe_add(state & RUNNING_MASK, self._running(total, unsafe_add(older, newer), covered))
        self.checkpoints[feed][index % RING] = (sums & RUNNING_MASK) | index
        if index == final:
            break
        index = unsafe_add(index, 1)
        if step == 2:
            index = max(index, unsafe_sub(final, 2))


@internal
@view
def _sums_at(feed: bytes32, time: uint256) -> uint256:
    sums: uint256 = self.checkpoints[feed][(time // GRID) % RING]
    assert sums & TIME_MASK == time // GRID, "unobserved"
    return sums


@internal
@pure
def _between(start: uint256, end: uint256) -> (uint256, uint256, uint256):
    """
    @notice Sum, weight and coverage between two words that carry running sums.
    """
    return (
        unsafe_sub(end >> 157, start >> 157) & SUM_MASK,
        unsafe_sub(end >> 131, start >> 131) & HALVES_MASK,
        unsafe_sub(end >> 144, start >> 144) & HALVES_MASK,
    )


@external
@view
def twap(feed: bytes32, start: uint256, end: uint256) -> uint256:
    assert start % GRID == 0 and end % GRID == 0 and start < end and end - start <= MAX_WINDOW, "window"
    total: uint256 = 0
    weight: uint256 = 0
    coverage: uint256 = 0
    total, weight, coverage = self._between(self._sums_at(feed, start), self._sums_at(feed, end))
    assert weight != 0 and 3 * coverage >= 4 * (end - start), "unobserved"
    return total // weight


@external
@view
def observed_since(feed: bytes32, start: uint256) -> (uint256, uint256, uint256):
    state: uint256 = self.states[feed]
    assert start % GRID == 0 and (state >> 87) & TIME_MASK <= start + MAX_WINDOW, "window"
    return self._between(self._sums_at(feed, start), state)


@external
@view
def read(feed: bytes32) -> IOracle.Reading:
    state: uint256 = self.states[feed]
    reading: IOracle.Reading = IOracle.Reading(
        value=state & VALUE_MASK,
        observed_at=(state >> 87) & TIME_MASK,
        spread=(state >> 119) & MAX_SPREAD,
        candidate=0,
        candidate_at=0,
    )
    if state & CANDIDATE_FLAG != 0:
        candidate: uint256 = self.candidates[feed]
        if block.timestamp <= (candidate >> 87) + feed_terms._max_age(feed):
            reading.candidate = candidate & VALUE_MASK
            reading.candidate_at = candidate >> 87
    return reading
