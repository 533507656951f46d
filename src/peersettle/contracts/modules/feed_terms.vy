# pragma version 0.4.3
"""
@title The rules of a feed, read off its id
@license MIT
@dev An id is `name 160 | slot 16 | max_age 32 | jump_rate 24 | jump_cap 24` bits from the top; see IOracle.
"""

PPM: constant(uint256) = 10**6
TIMES_MASK: constant(uint256) = (2**48 - 1) * 2**48     # slot and max_age


@internal
@pure
def _slot(feed: bytes32) -> uint256:
    return (convert(feed, uint256) >> 80) & (2**16 - 1)


@internal
@pure
def _max_age(feed: bytes32) -> uint256:
    """
    @notice Seconds after which a round is too old to be taken, and a candidate to be confirmed.
    """
    return (convert(feed, uint256) >> 48) & (2**32 - 1)


@internal
@view
def _assert_timely(feed: bytes32, observed_at: uint256):
    """
    @notice On a slot, not in the future and not too old.
    """
    terms: uint256 = convert(feed, uint256)
    assert observed_at <= block.timestamp, "future"
    assert observed_at % ((terms >> 80) & (2**16 - 1)) == 0, "slot"
    assert unsafe_sub(block.timestamp, observed_at) <= (terms >> 48) & (2**32 - 1), "stale"


@internal
@pure
def _beyond(feed: bytes32, price: uint256, reference: uint256, elapsed: uint256) -> bool:
    """
    @notice Whether the move is beyond min(cap, rate * sqrt(elapsed)) of the reference. Exact: squares are compared.
    @dev Values have 87 bits, time 32, rate and cap 24: the largest product stays below 2**254.
    """
    terms: uint256 = convert(feed, uint256)
    move: uint256 = unsafe_mul(unsafe_sub(max(price, reference), min(price, reference)), PPM)
    if move > unsafe_mul(reference, terms & (2**24 - 1)):
        return True
    scaled: uint256 = unsafe_mul(reference, (terms >> 24) & (2**24 - 1))
    return unsafe_mul(move, move) > unsafe_mul(unsafe_mul(scaled, scaled), elapsed)
