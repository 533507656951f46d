"""Rates, garbage and bans."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peersettle.config import NetworkSettings
from peersettle.errors import InvalidField
from peersettle.network import Limits, Rules
from peersettle.network.limits import MAX_TRACKED, Bucket

rates = st.floats(0.1, 1_000)
bursts = st.integers(1, 1_000)
steps = st.lists(st.floats(0, 100), min_size=1, max_size=200)


@given(rates, bursts, steps)
def test_no_span_of_time_lets_in_more_than_the_burst_and_the_rate(rate, burst, pauses):
    bucket, now, taken = Bucket(rate, burst, 0.0), 0.0, []
    for pause in pauses:
        now += pause / 10
        if bucket.take(now):
            taken.append(now)
    for first, begin in enumerate(taken):
        for last, end in enumerate(taken[first:], first):
            assert last - first + 1 <= burst + rate * (end - begin) + 1e-6


@given(rates, bursts)
def test_who_stays_within_the_rate_is_always_let_in(rate, burst):
    bucket = Bucket(rate, burst, 0.0)
    assert all(bucket.take(n * (1 / rate + 1e-9)) for n in range(300))


@given(rates, bursts, st.floats(0, 1_000))
def test_a_clock_that_goes_back_gives_nothing(rate, burst, back):
    bucket = Bucket(rate, burst, 1_000.0)
    while bucket.take(1_000.0):
        pass
    assert not bucket.take(1_000.0 - back)


def test_peers_and_ways_have_limits_of_their_own():
    limits = Limits(Rules(direct_burst=2, gossip_burst=1, direct_rate=0.001, gossip_rate=0.001))
    assert [limits.admits("a", 0.0) for _ in range(3)] == [True, True, False]
    assert [limits.admits("a", 0.0, gossip=True) for _ in range(2)] == [True, False]
    assert limits.admits("b", 0.0)


@given(st.integers(1, 10), st.floats(1, 1_000))
def test_garbage_in_a_row_bans_at_the_limit_and_not_before(limit, seconds):
    limits = Limits(Rules(garbage_limit=limit, ban_seconds=seconds))
    assert [limits.garbage("a", 100.0 + n / 1_000) for n in range(limit)] == [False] * (limit - 1) + [True]
    at = 100.0 + (limit - 1) / 1_000
    assert limits.banned_until("a", at) == at + seconds
    assert limits.banned_until("b", at) is None
    assert limits.banned_until("a", at + seconds) is None


def test_garbage_now_and_then_is_forgiven():
    limits = Limits(Rules(garbage_limit=3, garbage_half_life=60))
    assert not any(limits.garbage("a", 120.0 * n) for n in range(1_000))


def test_a_ban_can_be_lifted_and_a_shorter_one_does_not_end_it_sooner():
    limits = Limits()
    limits.ban("a", 100.0)
    limits.ban("a", 50.0)
    assert limits.banned_until("a", 60.0) == 100.0
    limits.unban("a")
    assert limits.banned_until("a", 60.0) is None
    limits.unban("nobody")


@given(st.dictionaries(st.text(max_size=5), st.floats(0, 1_000), max_size=20), st.floats(0, 1_000))
def test_bans_outlive_a_restart(bans, now):
    before, after = Limits(), Limits()
    before.load(bans)
    after.load(before.dump(now))
    assert after.dump(now) == {peer: until for peer, until in bans.items() if until > now}
    assert all(after.banned_until(peer, now) == before.banned_until(peer, now) for peer in bans)


def test_identities_that_cost_nothing_do_not_fill_the_memory():
    limits = Limits()
    for number in range(MAX_TRACKED + 100):
        limits.admits(f"p{number}", 0.0)
        limits.ban(f"p{number}", 1_000.0 + number)
    assert len(limits._records) == len(limits._bans) == MAX_TRACKED
    assert limits.banned_until(f"p{MAX_TRACKED + 99}", 0.0), "the bans that end first made room"


@pytest.mark.parametrize(
    "wrong", [{"direct_rate": 0}, {"ban_seconds": -1}, {"garbage_limit": 0.5}, {"gossip_burst": 0}]
)
def test_rules_that_let_nothing_in_are_refused(wrong):
    with pytest.raises(InvalidField, match=next(iter(wrong))):
        Rules(**wrong)


def test_rules_come_from_the_settings():
    assert Rules.of(NetworkSettings()) == Rules()
    assert Rules.of(NetworkSettings(gossip_rate=3, ban_seconds=7)) == Rules(gossip_rate=3, ban_seconds=7)
