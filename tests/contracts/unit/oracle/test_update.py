"""`update`: who may bring a round, and what becomes of it."""

import pytest
from tests.contracts.differential.oracle_world import AttesterMode, outsider
from tests.contracts.unit.oracle.scene import DOWN, ETH, FARTHER_UP, PRICE, UP, WAD, WITHIN

from peersettle.reports import Feed, OracleDomain
from peersettle.spec.oracle_events import CandidateOpened, Updated
from peersettle.spec.oracle_feeds import Confirmed
from peersettle.trades.signature import ORDER


def reading(oracle):
    return oracle.view("read", ETH).output[0]


def take(oracle, value, after=15):
    oracle.warp(after)
    return oracle.do("update", *oracle.round(ETH, oracle.now, value))


def refused(oracle, *arguments):
    outcome = oracle.do("update", *arguments)
    assert not outcome.done
    return outcome.reason


# What becomes of it


def test_the_median_of_three_is_confirmed_with_its_time_and_spread(oracle):
    outcome = oracle.do("update", *oracle.round(ETH, oracle.now, [PRICE + WAD, PRICE, PRICE - WAD]))
    assert outcome.events == (Updated(ETH, Confirmed(PRICE, 10, oracle.now)),)
    assert reading(oracle) == (PRICE, oracle.now, 10, 0, 0)


@pytest.mark.parametrize(
    ("values", "median", "spread"),
    [
        ([1, 2, 3], 2, 2047),
        ([100, 200, 300, 400], 300, 2047),
        ([1000, 1001, 1002, 1003], 1002, 9),
        ([1000, 1000, 1000, 1000, 9999], 1000, 0),
        ([0, 5, 5], 5, 2047),
        ([0, 5, 5, 5, 5], 5, 0),
        ([2**87 - 1] * 5, 2**87 - 1, 0),
    ],
)
def test_an_even_round_has_the_upper_median_and_the_spread_is_of_the_middle_half(oracle, values, median, spread):
    assert oracle.do("update", *oracle.round(ETH, oracle.now, values, oracle.members[: len(values)])).done
    assert reading(oracle)[:3] == (median, oracle.now, spread)


def test_the_first_value_needs_no_confirmation(oracle):
    assert oracle.do("update", *oracle.round(ETH, oracle.now, 1)).done
    assert reading(oracle)[0] == 1


def test_a_jump_becomes_a_candidate_and_moves_nothing(oracle):
    take(oracle, PRICE)
    before = oracle.now
    assert take(oracle, UP).events == (CandidateOpened(ETH, UP, oracle.now),)
    assert reading(oracle) == (PRICE, before, 0, UP, oracle.now)


@pytest.mark.parametrize("last", [1, -1])
def test_the_bound_is_exact(oracle, last):
    """After 25 s a rate of 2,000 ppm allows one percent; after an hour the cap allows ten."""
    feed = Feed("BOUND", slot=5, max_age=120, jump_rate=2_000, jump_cap=100_000).id
    for gap, percent in ((25, 1), (3600, 10)):
        oracle.warp(gap)
        start = oracle.view("read", feed).output[0][0] or PRICE
        oracle.do("update", *oracle.round(feed, oracle.now, start))
        oracle.warp(gap)
        edge = start + last * start * percent // 100
        assert isinstance(oracle.do("update", *oracle.round(feed, oracle.now, edge)).events[0], Updated)
        oracle.warp(gap)
        beyond = edge + last * (edge * percent // 100 + 1)
        assert isinstance(oracle.do("update", *oracle.round(feed, oracle.now, beyond)).events[0], CandidateOpened)


@pytest.mark.parametrize("last", [1, -1])
@pytest.mark.parametrize(("gap", "percent"), [(20, 1), (3595, 10)])
def test_it_is_as_exact_while_there_is_a_candidate(oracle, gap, percent, last):
    for name, over, kind in (("AT", 0, Updated), ("BEYOND", last, CandidateOpened)):
        feed = Feed(name, slot=5, max_age=120, jump_rate=2_000, jump_cap=100_000).id
        oracle.do("update", *oracle.round(feed, oracle.now, PRICE))
        oracle.warp(gap)
        oracle.do("update", *oracle.round(feed, oracle.now, PRICE - last * PRICE // 2))
        oracle.warp(5)
        edge = PRICE + last * PRICE * percent // 100 + over
        assert isinstance(oracle.do("update", *oracle.round(feed, oracle.now, edge)).events[0], kind)


@pytest.mark.parametrize(("first", "second", "confirmed"), [(UP, FARTHER_UP, UP), (FARTHER_UP, UP, UP), (UP, UP, UP)])
def test_a_second_round_on_the_same_side_confirms_the_nearer(oracle, first, second, confirmed):
    take(oracle, PRICE)
    take(oracle, first)
    assert take(oracle, second).events == (Updated(ETH, Confirmed(confirmed, 0, oracle.now)),)
    assert reading(oracle) == (confirmed, oracle.now, 0, 0, 0)


def test_downwards_the_nearer_is_the_higher(oracle):
    take(oracle, PRICE)
    take(oracle, DOWN - WAD)
    take(oracle, DOWN)
    assert reading(oracle)[0] == DOWN


def test_a_candidate_dies_when_the_next_round_is_within_the_bound(oracle):
    take(oracle, PRICE)
    take(oracle, UP)
    take(oracle, WITHIN)
    assert reading(oracle) == (WITHIN, oracle.now, 0, 0, 0)


def test_a_jump_to_the_other_side_is_a_candidate_anew(oracle):
    take(oracle, PRICE)
    take(oracle, UP)
    take(oracle, DOWN)
    assert reading(oracle)[0] == PRICE
    assert reading(oracle)[3:] == (DOWN, oracle.now)


@pytest.mark.parametrize(("slots", "confirmed"), [(1, UP), (2, UP), (8, UP), (9, PRICE)])
def test_a_candidate_waits_for_max_age(oracle, slots, confirmed):
    take(oracle, PRICE)
    take(oracle, UP)
    take(oracle, UP, after=15 * slots)
    assert reading(oracle)[0] == confirmed


# Time


@pytest.mark.parametrize(
    ("shift", "reason"),
    [(15, "future"), (16, "future"), (-1, "slot"), (-14, "slot"), (-120, None), (-135, "stale"), (-121, "slot")],
)
def test_a_round_is_of_a_slot_that_runs_or_ran(oracle, shift, reason):
    assert oracle.do("update", *oracle.round(ETH, oracle.now + shift, PRICE)).reason == reason


def test_time_never_goes_back(oracle):
    take(oracle, PRICE)
    for earlier in (0, 15, 30):
        assert refused(oracle, *oracle.round(ETH, oracle.now - earlier, PRICE)) == "old"


def test_nor_behind_a_candidate(oracle):
    take(oracle, PRICE)
    oracle.warp(30)
    oracle.do("update", *oracle.round(ETH, oracle.now, UP))
    for earlier in (0, 15):
        assert refused(oracle, *oracle.round(ETH, oracle.now - earlier, UP)) == "old"


def test_a_feed_without_a_slot_takes_nothing(oracle):
    assert refused(oracle, *oracle.round(bytes(32), oracle.now, PRICE)) is None
    assert refused(oracle, *oracle.round(bytes(32), oracle.now + 1, PRICE)) == "future"


def test_time_zero_is_old(oracle):
    feed = Feed("EVER", slot=1, max_age=2**32 - 1).id
    assert refused(oracle, *oracle.round(feed, 0, PRICE)) == "old"


# Values


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([0, 0, 0], "range"),
        ([0, 0, 5], "range"),
        ([5, 5, 2**87], "range"),
        ([2**87 - 1, 2**87 - 1, 2**128 - 1], "range"),
        ([1, 1, 2**87 - 1], None),
    ],
)
def test_values_are_positive_and_below_two_to_the_87(oracle, values, reason):
    assert oracle.do("update", *oracle.round(ETH, oracle.now, values)).reason == reason


def test_reports_ascend(oracle):
    feed, time, reports, others = oracle.round(ETH, oracle.now, [5, 6, 7])
    assert refused(oracle, feed, time, reports[::-1], others) == "ascending"
    assert refused(oracle, feed, time, [reports[0], reports[2], reports[1]], others) == "ascending"


# Who


@pytest.mark.parametrize("count", [0, 1, 2])
def test_fewer_than_k_are_no_quorum(oracle, count):
    feed, time, reports, _ = oracle.round(ETH, oracle.now, PRICE)
    others = oracle.others(oracle.members[:count])
    assert refused(oracle, feed, time, reports[:count], others) == "quorum"


def test_all_may_report(oracle):
    assert oracle.do("update", *oracle.round(ETH, oracle.now, PRICE, oracle.members)).done


def test_order_of_members_is_free(oracle):
    feed, time, reports, others = oracle.round(ETH, oracle.now, PRICE)
    assert oracle.do("update", feed, time, reports[::-1], others[::-1]).done


def wrong(oracle, index=0, **how):
    """A round in which one report is signed otherwise than it says."""
    keys = [one for one in oracle.members if one != oracle.attester]
    feed, time, reports, others = oracle.round(ETH, oracle.now, PRICE, keys[:3])
    domain = how.pop("domain", None)
    reports[index] = oracle.report(
        keys[index], how.pop("feed", ETH), how.pop("value", PRICE), how.pop("observed_at", time), domain, **how
    )
    head = reports[index][0]
    reports[index] = (head >> 128 << 128 | PRICE, *reports[index][1:])
    return feed, time, reports, others


def test_a_report_counts_for_what_was_signed_only(oracle):
    home = oracle.state.domain
    assert oracle.do("update", *oracle.round(Feed("CHECK").id, oracle.now, PRICE)).done
    cases = {
        "key": wrong(oracle, signer=outsider),
        "value": wrong(oracle, value=PRICE + 1),
        "slot": wrong(oracle, observed_at=oracle.now - 15),
        "feed": wrong(oracle, feed=Feed("BTC/USD").id),
        "rules": wrong(oracle, feed=Feed("ETH/USD", jump_cap=100_001).id),
        "chain": wrong(oracle, domain=OracleDomain(home.chain_id + 1, home.oracle)),
        "contract": wrong(oracle, domain=OracleDomain(home.chain_id, outsider.address)),
    }
    assert {name: refused(oracle, *case) for name, case in cases.items()} == dict.fromkeys(cases, "reporters")


def test_a_member_reports_in_its_own_place(oracle):
    feed, time, reports, others = oracle.round(ETH, oracle.now, PRICE)
    swapped = [(reports[1][0], *reports[0][1:]), (reports[0][0], *reports[1][1:]), reports[2]]
    assert refused(oracle, feed, time, swapped, others) == "reporters"


@pytest.mark.parametrize(("place", "reason"), [(5, "reporters"), (12, "reporters"), (13, None), (2**128 - 1, None)])
def test_there_are_thirteen_places(oracle, place, reason):
    feed, time, reports, others = oracle.round(ETH, oracle.now, PRICE)
    moved = [(reports[0][0] % 2**128 | place << 128, *reports[0][1:]), *reports[1:]]
    assert refused(oracle, feed, time, moved, others) == reason
    shifted = [others[0] % 2**160 | min(place, 2**96 - 1) << 160, *others[1:]]
    assert refused(oracle, feed, time, reports, shifted) == reason


def test_others_are_the_rest_of_the_set(oracle):
    feed, time, reports, others = oracle.round(ETH, oracle.now, PRICE)
    for given in (
        [],
        others[:1],
        [*others, others[0]],
        [others[0], others[0]],
        [others[0] ^ 1, others[1]],
        [others[0] % 2**160 | 4 << 160, others[1] % 2**160 | 3 << 160],
        [*others, 12 << 160],
    ):
        assert refused(oracle, feed, time, reports, given) == "reporters"


@pytest.mark.parametrize("r", [ORDER, 2**256 - 1, 5])
def test_a_signature_that_nobody_made_fills_no_place(oracle, r):
    keys = [one for one in oracle.members if one != oracle.attester]
    feed, time, reports, others = oracle.round(ETH, oracle.now, PRICE, keys[:3])
    assert refused(oracle, feed, time, [(reports[0][0], r, 0), *reports[1:]], others) == "reporters"


def test_too_long_a_list_does_not_decode(oracle):
    feed, time, reports, others = oracle.round(ETH, oracle.now, PRICE)
    for arguments in ((feed, time, reports * 5, others), (feed, time, reports, others * 7)):
        assert not oracle._on_chain("update", arguments, outsider.address, []).done


def test_after_a_fork_nothing_is_taken(oracle):
    arguments = oracle.round(ETH, oracle.now, PRICE)
    oracle.fork(oracle.state.chain_id + 1)
    assert refused(oracle, *arguments) == "chain"


# Contracts among the members


def test_a_contract_stands_by_its_value(oracle):
    oracle.set_attester(AttesterMode.HONEST, PRICE)
    keys = [one for one in oracle.members if one != oracle.attester]
    who = [oracle.attester, *keys[:2]]
    assert refused(oracle, *oracle.round(ETH, oracle.now, PRICE + 1, who)) == "attest"
    assert oracle.do("update", *oracle.round(ETH, oracle.now, PRICE, who)).done


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        (AttesterMode.REVERT, "offline"),
        (AttesterMode.BARE_REVERT, None),
        (AttesterMode.NOTHING, None),
        (AttesterMode.TWO, None),
    ],
)
def test_a_contract_that_fails_or_answers_no_truth_value_stops_the_round(oracle, mode, reason):
    oracle.set_attester(mode)
    assert refused(oracle, *oracle.round(ETH, oracle.now, PRICE, oracle.members)) == reason
    keys = [one for one in oracle.members if one != oracle.attester]
    assert oracle.do("update", *oracle.round(ETH, oracle.now, PRICE, keys[:3])).done, "the others need it not"


@pytest.mark.parametrize("member", [0, 1, int(outsider.address, 16), 2**160, 2**256 - 1])
def test_only_a_contract_can_answer_for_itself(oracle, member):
    feed, time, reports, others = oracle.round(ETH, oracle.now, PRICE)
    assert refused(oracle, feed, time, [(reports[0][0], 0, member), *reports[1:]], others) is None


def test_a_contract_of_no_set_answers_for_nobody(oracle):
    feed, time, reports, others = oracle.round(ETH, oracle.now, PRICE, oracle.members)
    home = int(oracle.attester, 16)
    again = [(report[0], 0, home) for report in reports]
    assert refused(oracle, feed, time, again, others) == "reporters"
