"""AggregatorV3 in both directions: an aggregator as a reporter, and a feed for who reads aggregators."""

from dataclasses import replace

import boa
import pytest
from tests.contracts.differential.oracle_world import KEYS, deployed
from tests.contracts.differential.world import contract
from tests.contracts.mocks import load
from tests.contracts.unit.oracle.scene import DAY, ETH, FEED, PRICE, UP, WAD

from peersettle.reports import Feed, OracleDomain, ReporterSet
from peersettle.types import address

BTC = Feed("BTC/USD").id


# An aggregator as a reporter


@pytest.fixture
def aggregator(oracle):
    made = load("Aggregator", 8)
    made.set_answer(2_000 * 10**8, oracle.now, 7, 7)
    return made


@pytest.fixture
def source(aggregator):
    return contract("AggregatorSource").deploy(aggregator.address, ETH, 3600)


def test_it_stands_by_the_answer_in_wad_and_nothing_else(oracle, source):
    assert source.price() == PRICE
    assert source.attests(ETH, PRICE, oracle.now)
    for feed, price, time in (
        (BTC, PRICE, oracle.now),
        (Feed("ETH/USD", slot=15, max_age=121, jump_rate=2_000).id, PRICE, oracle.now),
        (ETH, PRICE + 1, oracle.now),
        (ETH, PRICE - 1, oracle.now),
        (ETH, 0, oracle.now),
        (ETH, PRICE, oracle.now + 1),
    ):
        assert not source.attests(feed, price, time)


@pytest.mark.parametrize(("later", "stands"), [(0, True), (14, True), (15, False)])
def test_it_speaks_for_the_slot_that_runs(oracle, source, later, stands):
    slot = oracle.now
    oracle.warp(later)
    assert source.attests(ETH, PRICE, slot) is stands


@pytest.mark.parametrize(("age", "price"), [(0, PRICE), (3600, PRICE), (3601, 0)])
def test_an_old_answer_is_none(oracle, source, age, price):
    oracle.warp(age)
    assert source.price() == price
    assert source.attests(ETH, PRICE, oracle.now // 15 * 15) is (price != 0)


@pytest.mark.parametrize(
    ("answer", "shift", "round_id", "answered_in"),
    [(0, 0, 7, 7), (-1, 0, 7, 7), (-(2**255), 0, 7, 7), (5, 1, 7, 7), (5, -1_800_000_000, 7, 7), (5, 0, 7, 6)],
)
def test_an_answer_that_is_not_sound_is_none(oracle, aggregator, source, answer, shift, round_id, answered_in):
    aggregator.set_answer(answer, oracle.now + shift, round_id, answered_in)
    assert source.price() == 0
    assert not source.attests(ETH, 0, oracle.now)
    assert not source.attests(ETH, 5 * 10**10, oracle.now)


@pytest.mark.parametrize(
    ("decimals", "answer", "price"), [(0, 3, 3 * WAD), (18, 3, 3), (20, 399, 3), (36, 10**18, 1), (36, 10**18 - 1, 0)]
)
def test_any_number_of_decimals_to_36(oracle, decimals, answer, price):
    aggregator = load("Aggregator", decimals)
    aggregator.set_answer(answer, oracle.now, 1, 1)
    assert contract("AggregatorSource").deploy(aggregator.address, ETH, 60).price() == price


@pytest.mark.usefixtures("oracle")
def test_more_decimals_are_refused():
    with boa.reverts("range"):
        contract("AggregatorSource").deploy(load("Aggregator", 37).address, ETH, 60)


def test_an_answer_too_large_stops_its_own_report_only(oracle, aggregator, source):
    aggregator.set_answer(2**255 - 1, oracle.now, 7, 7)
    with boa.reverts():
        source.attests(ETH, PRICE, oracle.now)


def test_it_is_one_reporter_among_others(oracle, source):
    """The round takes its report without a signature, as long as it stands by it."""
    home = address(source.address)
    reporters = ReporterSet.of(3, [*(one.address for one in KEYS[:3]), home])
    oracle.oracle = deployed(reporters.threshold, reporters.members)
    domain = OracleDomain(oracle.state.domain.chain_id, address(oracle.oracle.address))
    oracle.state = replace(oracle.state, domain=domain, reporters=reporters)
    signers = [one for one in reporters.members if one != home][:2]
    reports = [oracle.report(one, ETH, PRICE, oracle.now) for one in signers]
    reports.append((PRICE | reporters.index(home) << 128, 0, int(home, 16)))
    round_ = (ETH, oracle.now, reports, reporters.others([*signers, home]))
    oracle.oracle.update(*round_)
    assert oracle.oracle.read(ETH)[0] == PRICE
    oracle.warp(15)
    with boa.reverts("attest"):
        oracle.oracle.update(*round_)


# A feed for who reads aggregators


@pytest.fixture
def feed(oracle):
    return contract("FeedAggregator").deploy(oracle.oracle.address, ETH)


def test_it_shows_the_confirmed_value_with_18_decimals(oracle, feed):
    oracle.do("update", *oracle.round(ETH, oracle.now, PRICE))
    number = oracle.now // FEED.slot
    assert feed.latestRoundData() == (number, PRICE, oracle.now, oracle.now, number)
    assert feed.getRoundData(number) == feed.latestRoundData()
    assert (feed.decimals(), feed.version(), feed.description()) == (18, 1, "ETH/USD")


def test_it_shows_no_candidate(oracle, feed):
    oracle.do("update", *oracle.round(ETH, oracle.now, PRICE))
    before = feed.latestRoundData()
    oracle.warp(15)
    oracle.do("update", *oracle.round(ETH, oracle.now, UP))
    assert feed.latestRoundData() == before


def test_it_shows_an_old_value_with_its_age(oracle, feed):
    oracle.do("update", *oracle.round(ETH, oracle.now, PRICE))
    time = oracle.now
    oracle.warp(30 * DAY)
    assert feed.latestRoundData()[3] == time


def test_before_the_first_round_it_refuses(oracle, feed):
    with boa.reverts("unobserved"):
        feed.latestRoundData()
    with boa.reverts("unobserved"):
        feed.getRoundData(oracle.now // 15)


@pytest.mark.parametrize("shift", [-1, 1])
def test_it_knows_the_latest_round_only(oracle, feed, shift):
    oracle.do("update", *oracle.round(ETH, oracle.now, PRICE))
    with boa.reverts("unobserved"):
        feed.getRoundData(oracle.now // 15 + shift)


def test_the_largest_value_is_positive(oracle, feed):
    oracle.do("update", *oracle.round(ETH, oracle.now, 2**87 - 1))
    assert feed.latestRoundData()[1] == 2**87 - 1


@pytest.mark.parametrize("name", ["A", "EXACTLY20CHARACTERS!", "ETH/USD"])
def test_its_description_is_the_feeds_name(oracle, name):
    assert contract("FeedAggregator").deploy(oracle.oracle.address, Feed(name).id).description() == name


def test_a_feed_without_a_slot_has_no_rounds_to_show(oracle):
    with boa.reverts("slot"):
        contract("FeedAggregator").deploy(oracle.oracle.address, bytes(32))
