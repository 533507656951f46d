"""A feed's id is its term sheet, and its rules are the contract's."""

from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.unit.reports.strategies import feeds, values

from peersettle.errors import InvalidField
from peersettle.reports import Feed
from peersettle.spec.oracle_feeds import Terms, is_beyond


@given(feeds())
def test_a_feed_is_read_off_its_id(feed):
    assert Feed.from_id(feed.id) == feed
    assert Feed.from_id("0x" + feed.id.hex()) == feed


@given(feeds(), feeds())
def test_other_rules_are_another_feed(one, other):
    assert (one.id == other.id) == (one == other)


def test_an_id_is_laid_out_from_the_top():
    feed = Feed("ETH/USD", slot=0x0102, max_age=0x03040506, jump_rate=0x070809, jump_cap=0x0A0B0C)
    assert feed.id == b"ETH/USD".ljust(20, b"\0") + bytes(range(1, 13))


@given(feeds())
def test_the_specification_reads_the_same_rules(feed):
    assert Terms.of(feed.id) == Terms(feed.slot, feed.max_age, feed.jump_rate, feed.jump_cap)


@given(feeds(), values, values, st.integers(1, 2**32 - 1))
@example(Feed("X", jump_rate=2_000, jump_cap=100_000), 1_010_000, 1_000_000, 25)
@example(Feed("X", jump_rate=2_000, jump_cap=100_000), 1_010_001, 1_000_000, 25)
def test_the_bound_is_the_lesser_of_cap_and_root_of_time(feed, value, reference, elapsed):
    beyond = is_beyond(Terms.of(feed.id), value, reference, elapsed)
    moved = Fraction(abs(value - reference), reference) * 10**6
    assert beyond == (moved > feed.jump_cap or moved**2 > feed.jump_rate**2 * elapsed)


@given(feeds(), st.integers(0, 2**32 - 1))
def test_a_moment_belongs_to_the_slot_that_has_begun(feed, time):
    slot = feed.slot_of(time)
    assert slot % feed.slot == 0
    assert slot <= time < slot + feed.slot


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": "x" * 21},
        {"name": "ETH USD"},
        {"name": "ÉTH"},
        {"name": "ETH\n"},
        {"name": "ETH\0"},
        {"slot": 0},
        {"slot": 2**16},
        {"slot": 1.5},
        {"slot": True},
        {"max_age": 14},
        {"max_age": 2**32},
        {"jump_rate": 0},
        {"jump_rate": 2**24},
        {"jump_cap": 0},
        {"jump_cap": -1},
        {"jump_cap": "5"},
    ],
)
def test_rules_out_of_range_are_refused(fields):
    with pytest.raises(InvalidField):
        Feed(**{"name": "ETH/USD", **fields})


@pytest.mark.parametrize(
    "data", [b"", b"\0" * 32, b"\xff" * 32, Feed("A").id[:-1], b"A\0B".ljust(20, b"\0") + Feed("A").id[20:], "ETH/USD"]
)
def test_what_is_no_feeds_id_is_refused(data):
    with pytest.raises(InvalidField):
        Feed.from_id(data)
