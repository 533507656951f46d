"""k of n: which sets and rounds there are, and what a round says."""

import statistics

import coincurve
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.reports.strategies import addresses, values

from peersettle.errors import InputError, InvalidField
from peersettle.reports import (
    Attestation,
    Batch,
    CoSigned,
    Feed,
    Observation,
    OracleDomain,
    Report,
    ReporterSet,
    Round,
    SignedReport,
    batch_digest,
    report_digest,
    signatures_to_abi,
    spread_of,
)
from peersettle.trades.signature import Signature, recover, sign_digest
from peersettle.types import ZERO_ADDRESS, address, checksummed, keccak

HOME = OracleDomain(1, address("0x" + "11" * 20))
FEED = Feed("ETH/USD")
KEYS = {}
for number in range(13):
    key = coincurve.PrivateKey(keccak(b"reporter %d" % number))
    KEYS[checksummed(keccak(key.public_key.format(compressed=False)[1:])[-20:])] = key
FIVE = ReporterSet.of(3, list(KEYS)[:5])


def signed(who, value, time=15, feed=FEED, domain=HOME):
    report = Report(feed, value, time)
    return SignedReport(domain, report, who, sign_digest(KEYS[who], report_digest(domain, report)).to_bytes())


# Sets


@given(st.integers(3, 9), st.data())
def test_honest_members_alone_reach_the_threshold(threshold, data):
    least = threshold + (threshold - 1) // 2
    who = data.draw(st.lists(addresses, min_size=least, max_size=13, unique=True))
    reporters = ReporterSet.of(threshold, who)
    assert len(reporters.members) - reporters.tolerated >= reporters.threshold
    assert 2 * reporters.tolerated < threshold
    assert sorted(map(str.lower, reporters.members)) == [member.lower() for member in reporters.members]
    with pytest.raises(InvalidField):
        ReporterSet.of(threshold, who[: least - 1])


@pytest.mark.parametrize(
    ("threshold", "places"),
    [
        (2, range(5)),
        (0, range(5)),
        (3, range(3)),
        (3, [0, 1, 2, 2]),
        (3, [1, 0, 2, 3]),
        (9, range(12)),
        (10, range(13)),
    ],
)
def test_other_sets_are_refused(threshold, places):
    members = ReporterSet.of(9, KEYS).members
    with pytest.raises(InvalidField):
        ReporterSet(threshold, tuple(members[place] for place in places))


def test_the_zero_address_is_no_member():
    with pytest.raises(InvalidField):
        ReporterSet.of(3, [ZERO_ADDRESS, *list(KEYS)[:4]])


@given(st.sets(st.sampled_from(FIVE.members)))
def test_the_others_stand_in_their_places(reported):
    others = FIVE.others(reported)
    assert {other >> 160 for other in others} == {
        place for place, who in enumerate(FIVE.members) if who not in reported
    }
    for other in others:
        assert int(FIVE.members[other >> 160], 16) == other % 2**160


def test_a_commitment_tells_sets_apart():
    sets = [
        FIVE,
        ReporterSet(3, FIVE.members[:4]),
        ReporterSet(3, FIVE.members[1:]),
        ReporterSet.of(4, FIVE.members),
        ReporterSet.of(5, KEYS),
    ]
    assert len({one.commitment for one in sets}) == len(sets)
    assert [(one.commitment & 255, one.commitment >> 8 & 255) for one in sets] == [
        (one.threshold, len(one.members)) for one in sets
    ]


def test_a_stranger_has_no_place():
    with pytest.raises(InvalidField):
        FIVE.index(list(KEYS)[7])


# Rounds


@given(st.lists(values, min_size=3, max_size=5))
def test_a_round_says_its_upper_median_and_goes_to_the_contract_ascending(given_values):
    round_ = Round.of(FIVE, map(signed, FIVE.members, given_values))
    assert round_.median == statistics.median_high(given_values)
    assert round_.report.value == round_.median
    feed, time, reports, others = round_.to_abi()
    assert (feed, time) == (FEED.id, 15)
    assert [head % 2**128 for head, _, _ in reports] == sorted(given_values)
    assert len(reports) + len(others) == 5
    for head, r, vs in reports:
        digest = report_digest(HOME, Report(FEED, head % 2**128, 15))
        assert recover(digest, Signature(r, vs % 2**255, vs >> 255)) == FIVE.members[head >> 128]


@given(st.lists(values, min_size=5, max_size=5), st.integers(0, 6))
def test_the_reports_nearest_to_the_median_are_kept(given_values, count):
    round_ = Round.of(FIVE, map(signed, FIVE.members, given_values), count)
    assert len(round_.reports) == max(3, min(count, 5))
    middle = statistics.median_high(given_values)
    kept = [item.report.value for item in round_.reports]
    left = list(given_values)
    for value in kept:
        left.remove(value)
    assert max(abs(value - middle) for value in kept) <= min((abs(v - middle) for v in left), default=2**90)


@given(st.lists(values, min_size=1, max_size=13).map(sorted))
def test_a_spread_is_that_of_the_middle_half(ascending):
    spread = spread_of(ascending)
    quarter = len(ascending) // 4
    inner = ascending[quarter : len(ascending) - quarter]
    assert spread == min(2047, (inner[-1] - inner[0]) * 10_000 // statistics.median_high(ascending))


@given(st.integers(3, 13), st.data())
def test_liars_that_the_set_tolerates_cannot_widen_a_spread_alone(count, data):
    """Fewer than a quarter of the reports move the median but the spread not at all beyond the honest values."""
    liars = count // 4
    honest = data.draw(st.lists(st.integers(10**9, 10**9 + 10**6), min_size=count - liars, max_size=count - liars))
    lies = data.draw(st.lists(values, min_size=liars, max_size=liars))
    assert spread_of(sorted(honest + lies)) <= 10_000 * 10**6 // 10**9


def test_contracts_are_named_without_a_signature():
    who = FIVE.members
    report = Report(FEED, 7, 15)
    round_ = Round.of(FIVE, [signed(who[0], 5), signed(who[1], 6), Attestation(HOME, report, who[2])])
    assert round_.to_abi()[2][2] == (7 | 2 << 128, 0, int(who[2], 16))


@pytest.mark.parametrize(
    "reports",
    [
        [],
        [(0, 5), (1, 5)],
        [(0, 5), (0, 5), (1, 5)],
        [(0, 5), (0, 6), (1, 5), (2, 5)],
        [(0, 5), (1, 5), (7, 5)],
        [(0, 5), (1, 5), (2, 5, 30)],
        [(0, 5), (1, 5), (2, 5, 15, Feed("BTC/USD"))],
        [(0, 5), (1, 5), (2, 5, 15, Feed("ETH/USD", jump_cap=5))],
        [(0, 5), (1, 5), (2, 5, 15, FEED, OracleDomain(2, HOME.oracle))],
    ],
    ids=range(9),
)
def test_what_makes_no_round_is_refused(reports):
    who = [*FIVE.members, *[one for one in KEYS if one not in FIVE.members]]
    with pytest.raises(InputError):
        Round.of(FIVE, [signed(who[place], *rest) for place, *rest in reports])


def test_a_round_out_of_order_is_refused():
    with pytest.raises(InputError):
        Round(FIVE, tuple(signed(who, 9 - place) for place, who in enumerate(FIVE.members)))


# Batches


def cosigned(who):
    batch = Batch((Observation(FEED, 5),), 15)
    digest = batch_digest(HOME, batch)
    return CoSigned(HOME, batch, {one: sign_digest(KEYS[one], digest).to_bytes() for one in who})


@given(st.permutations(FIVE.members), st.integers(3, 5), st.one_of(st.none(), st.integers(0, 6)))
def test_k_signatures_go_to_the_contract_with_the_silent(who, there, count):
    message = cosigned(who[:there])
    message.verify()
    signatures, others = signatures_to_abi(FIVE, message, count)
    assert len(signatures) == min(there, max(3, count or 3))
    assert {head >> 128 for head, _, _ in signatures} | {other >> 160 for other in others} == set(range(5))
    assert len(signatures) + len(others) == 5


def test_too_few_signatures_or_a_strangers_are_refused():
    with pytest.raises(InputError):
        signatures_to_abi(FIVE, cosigned(FIVE.members[:2]))
    with pytest.raises(InputError):
        signatures_to_abi(FIVE, cosigned([*FIVE.members, next(one for one in KEYS if one not in FIVE.members)]))
