"""What a keeper decides: never at a loss, never beyond its limits, and never without saying why."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from peersettle.bindings.auction import AuctionQuote, AuctionState
from peersettle.keeper.appraisal import Limits, Obstacle, Offer
from peersettle.keeper.policy import best_rate, plan
from peersettle.keeper.view import PURCHASES, Candidate, Kind, Policy, Reserved, Settleable, Unfixed, View, from_wad
from peersettle.risk.margin import MarginAccount
from peersettle.types import WAD

NOW = 1_800_000_000
GWEI = 10**9
OURS, POOL = 77, 99
NOTHING = AuctionState(0, 0, 0, False)
POLICY = Policy(Limits(10**6 * WAD, WAD // 10), min_edge=20 * WAD, hedge_rate=WAD // 100, upkeep=2 * WAD)


def an_account(number=1):
    return number << 96


def quoted(equity=900, maintenance=1_000, most=WAD // 4, paid=WAD // 10, initial=1_300):
    return AuctionQuote(equity * WAD, maintenance * WAD, initial * WAD, most, paid, WAD // 50)


def offered(relieved=250, paid=0.1, moved=200, sub=0, obstacles=(), is_whole=False):
    price = round((moved - relieved * paid) * WAD)
    return Offer(sub, WAD if is_whole else WAD // 4, is_whole, moved * WAD, relieved * WAD, price, 0, 4, obstacles)


def seen(candidates=(), gas_price=GWEI, **changes):
    fields = {"now": NOW, "gas_price": gas_price, "native_price": 3_000 * WAD, "owner": OURS, "pool": POOL}
    return View(**{**fields, "candidates": candidates, **changes})


def live(age=60, insolvent=0, run_off=False):
    return AuctionState(NOW - age, NOW - insolvent if insolvent else 0, 9 * WAD // 10, run_off)


def only(decisions, kind):
    (found,) = [item for item in decisions if item.kind is kind]
    return found


# One by one


def test_a_purchase_that_pays_is_made_with_a_limit_that_keeps_the_edge():
    candidate = Candidate(an_account(), quoted(), live(), offers=(offered(relieved=1_000, paid=0.1, moved=900),))
    bid = only(plan(seen([candidate]), POLICY), Kind.BID)
    assert bid.acts
    assert bid.edge == (100 - 10) * WAD  # a tenth of what is relieved, less a hundredth for the hedge
    assert bid.limit == 800 * WAD + bid.edge - bid.cost - POLICY.min_edge
    assert bid.least <= bid.fraction


def test_an_edge_that_is_too_small_waits_for_the_price_to_fall():
    candidate = Candidate(an_account(), quoted(), live(), offers=(offered(relieved=250, paid=0.05),))
    bid = only(plan(seen([candidate]), POLICY), Kind.BID)
    assert not bid.acts
    assert "below 20" in bid.reason


def test_gas_that_eats_the_edge_is_named():
    candidate = Candidate(an_account(), quoted(), live(), offers=(offered(relieved=1_000, moved=900),))
    bid = only(plan(seen([candidate], gas_price=200 * GWEI), POLICY), Kind.BID)
    assert not bid.acts
    assert "gas is too dear" in bid.reason


def test_what_must_be_refreshed_first_counts_into_the_cost():
    offer = offered(relieved=1_000, moved=900)
    fresh = only(plan(seen([Candidate(an_account(), quoted(), live(), offers=(offer,))]), POLICY), Kind.BID)
    stale = Candidate(an_account(), quoted(), live(), offers=(offer,), stale={0: (1, 2)}, own_stale={0: (2, 3), 1: ()})
    found = only(plan(seen([stale]), POLICY), Kind.BID)
    assert found.stale == {0: (3, 2, 1), 1: ()}
    assert found.gas == fresh.gas + 2 * POLICY.gas.refresh + 3 * POLICY.gas.series


def test_an_auction_is_begun_where_it_promises_a_purchase():
    candidate = Candidate(an_account(), quoted(paid=0), NOTHING, offers=(offered(relieved=1_000, paid=0, moved=900),))
    decisions = plan(seen([candidate], gas_price=20 * GWEI), POLICY)
    assert only(decisions, Kind.START).acts
    assert "promises" in only(decisions, Kind.START).reason
    assert not only(decisions, Kind.BID).acts


def test_an_auction_that_promises_nothing_is_begun_as_upkeep_only():
    candidate = Candidate(an_account(), quoted(paid=0), NOTHING, offers=(offered(obstacles=(Obstacle.INVENTORY,)),))
    assert "upkeep" in only(plan(seen([candidate]), POLICY), Kind.START).reason
    dear = only(plan(seen([candidate], gas_price=100 * GWEI), POLICY), Kind.START)
    assert not dear.acts
    assert "more than the 2 of upkeep" in dear.reason


def test_insolvency_is_noted_once():
    quote = quoted(equity=-50, most=WAD, paid=0)
    assert only(plan(seen([Candidate(an_account(), quote, live())]), POLICY), Kind.NOTE).acts
    noted = plan(seen([Candidate(an_account(), quote, live(insolvent=30))]), POLICY)
    assert [item.kind for item in noted] == [Kind.BID]


def test_at_the_last_price_the_backstop_takes_what_fits_and_the_rest_goes_into_run_off():
    candidate = Candidate(an_account(), quoted(equity=-50, most=WAD), live(age=700, insolvent=650))
    assert only(plan(seen([candidate], room=10_000 * WAD), POLICY), Kind.RESCUE).acts
    assert only(plan(seen([candidate], room=1_000 * WAD), POLICY), Kind.RUN_OFF).acts
    early = Candidate(an_account(), quoted(equity=-50, most=WAD), live(age=700, insolvent=500))
    assert [item.kind for item in plan(seen([early], room=10_000 * WAD), POLICY)] == [Kind.BID]
    already = Candidate(an_account(), quoted(equity=-50, most=WAD), live(age=9_000, insolvent=9_000, run_off=True))
    assert [item.kind for item in plan(seen([already], room=0), POLICY)] == [Kind.BID]


def test_at_the_last_price_nothing_is_sent_that_the_contract_would_refuse():
    """As while a price waits for its confirmation."""
    account = Candidate(an_account(), quoted(equity=-50, most=WAD), live(age=700, insolvent=650))

    def acting(refused, room):
        view = seen([replace(account, refused=frozenset(refused))], room=room * WAD)
        decisions = plan(view, POLICY)
        assert all(item.acts or item.reason for item in decisions)
        return [item.kind for item in decisions if item.acts], decisions

    assert acting((), 10_000)[0] == [Kind.RESCUE]
    assert acting((Kind.RUN_OFF,), 10_000)[0] == [Kind.RESCUE]
    assert acting((Kind.RESCUE,), 10_000)[0] == [Kind.RUN_OFF]
    assert acting((Kind.RUN_OFF,), 0)[0] == []
    none, decisions = acting((Kind.RESCUE, Kind.RUN_OFF), 10_000)
    assert none == []
    assert "refuses what could be done: rescue and run_off" in only(decisions, Kind.RESCUE).reason


def test_what_the_backstop_keeps_is_freed_as_upkeep_when_its_time_is_up():
    kept = Reserved(1, 700, 50 * WAD, NOW - 1)
    freed = only(plan(seen(reserved=[kept]), POLICY), Kind.LAPSE)
    assert freed.acts
    assert (freed.market, freed.day) == (1, 700)
    assert freed.to_json()["day"] == 700
    assert plan(seen(reserved=[replace(kept, until=NOW)]), POLICY) == []
    assert not only(plan(seen(reserved=[kept], gas_price=100 * GWEI), POLICY), Kind.LAPSE).acts


def test_an_auction_ends_when_the_account_has_enough_or_its_time_is_up():
    enough = Candidate(an_account(), quoted(equity=1_500, most=0), live())
    assert "enough again" in only(plan(seen([enough]), POLICY), Kind.END).reason
    lapsed = Candidate(an_account(), quoted(most=0), live(age=5_000))
    assert "time is up" in only(plan(seen([lapsed]), POLICY), Kind.END).reason
    assert plan(seen([Candidate(an_account(), quoted(equity=1_500, most=0), NOTHING)]), POLICY) == []


def test_an_account_that_may_not_be_sold_yet_is_explained():
    waits = Candidate(an_account(), quoted(equity=900, most=0), NOTHING)
    said = only(plan(seen([waits]), POLICY), Kind.START)
    assert not said.acts
    assert "waits for its confirmation" in said.reason


def test_our_own_accounts_are_never_bought():
    ours = Candidate(OURS << 96 | 3, quoted(), live(), offers=(offered(relieved=10_000),))
    (said,) = plan(seen([ours]), POLICY)
    assert not said.acts
    assert "our own" in said.reason


def test_above_the_highest_gas_price_nothing_is_sent():
    candidate = Candidate(an_account(), quoted(), live(), offers=(offered(relieved=1_000, moved=900),))
    policy = replace(POLICY, max_gas_price=GWEI)
    view = seen([candidate], gas_price=2 * GWEI, unfixed=[Unfixed(0, 5, 2)], settleable=[Settleable((1,), 9, 99 * WAD)])
    decisions = plan(view, policy)
    assert len(decisions) == 3
    assert not any(item.acts for item in decisions)
    assert all("keeper.max_gas_price" in item.reason for item in decisions)


def test_settling_is_done_for_its_fees_and_a_fixing_as_upkeep():
    view = seen(unfixed=[Unfixed(1, 700, 3)], settleable=[Settleable((an_account(),), 4, 2 * WAD)], collectable=[2])
    decisions = plan(view, POLICY)
    assert [item.kind for item in decisions if item.acts] == [Kind.COLLECT, Kind.FIX, Kind.SETTLE]
    dear = plan(replace(view, gas_price=100 * GWEI), POLICY)
    assert not any(item.acts for item in dear)


def test_the_last_price_of_a_solvent_account_leaves_it_half_of_its_equity():
    quote = quoted(equity=400, maintenance=1_000)
    assert best_rate(quote, 0) == WAD // 5 - WAD // 50
    assert best_rate(quote, WAD // 10) == WAD // 20 - WAD // 50
    assert best_rate(quoted(equity=0), 0) == WAD // 10


def test_money_is_shown_with_its_sign():
    assert [from_wad(amount) for amount in (0, 1, -1, WAD, -3 * WAD // 2)] == ["0", "0", "0", "1", "-1.5"]


# In general

money = st.integers(-2_000, 5_000)
offers = st.builds(
    offered,
    relieved=st.integers(0, 5_000),
    paid=st.floats(0, 1),
    moved=money,
    sub=st.integers(0, 2),
    obstacles=st.sampled_from([(), (Obstacle.MARGIN,), (Obstacle.INVENTORY, Obstacle.CASH)]),
    is_whole=st.booleans(),
)
states = st.one_of(
    st.just(NOTHING),
    st.builds(live, age=st.integers(0, 3_000), insolvent=st.integers(0, 3_000), run_off=st.booleans()),
)
candidates = st.builds(
    Candidate,
    account=st.builds(an_account, st.sampled_from([1, 2, 3, OURS, POOL])),
    quote=st.builds(
        quoted,
        equity=money,
        maintenance=st.integers(0, 4_000),
        most=st.sampled_from([0, WAD // 5, WAD]),
        paid=st.integers(0, WAD),
        initial=st.integers(0, 6_000),
    ),
    state=states,
    offers=st.lists(offers, max_size=3).map(tuple),
    margin=money.map(lambda amount: MarginAccount(amount * WAD)),
    stale=st.just({}) | st.just({0: (5, 6, 7)}),
    refused=st.frozensets(st.sampled_from([Kind.RESCUE, Kind.RUN_OFF])),
)
views = st.builds(
    seen,
    candidates=st.lists(candidates, max_size=4),
    gas_price=st.integers(1, 2_000 * GWEI),
    unfixed=st.lists(st.builds(Unfixed, st.just(0), st.integers(0, 9), st.integers(1, 9)), max_size=2),
    settleable=st.lists(
        st.builds(Settleable, st.just((an_account(4),)), st.integers(1, 30), st.integers(0, 30 * WAD)), max_size=2
    ),
    room=st.integers(0, 10_000 * WAD),
    collectable=st.lists(st.integers(1, 8), max_size=2),
    reserved=st.lists(
        st.builds(Reserved, st.just(0), st.integers(0, 9), st.just(WAD), st.integers(NOW - 2, NOW + 2)), max_size=2
    ),
)
policies = st.builds(
    Policy,
    limits=st.just(POLICY.limits),
    min_edge=st.integers(0, 200 * WAD),
    hedge_rate=st.integers(0, WAD // 4),
    upkeep=st.integers(0, 20 * WAD),
    max_gas_price=st.none() | st.integers(1, 500 * GWEI),
)


@given(views, policies)
def test_no_purchase_is_made_that_leaves_less_than_the_least_edge(view, policy):
    for item in plan(view, policy):
        if item.acts and item.kind in PURCHASES:
            assert item.edge - item.cost >= policy.min_edge
            assert item.cost == view.cost(item.gas)


@given(views, policies)
def test_a_purchase_is_of_an_offer_without_obstacles(view, policy):
    for item in plan(view, policy):
        if item.acts and item.kind in PURCHASES:
            whose = [each for each in view.candidates if (each.account,) == item.accounts]
            free = [offer for each in whose for offer in each.offers if not offer.obstacles]
            assert (item.sub_account, item.fraction) in [(offer.sub_account, offer.fraction) for offer in free]


@given(views, policies)
def test_the_limit_never_lets_more_be_paid_than_keeps_the_least_edge(view, policy):
    for item in plan(view, policy):
        if item.acts and item.kind in PURCHASES:
            whose = [each for each in view.candidates if (each.account,) == item.accounts]
            worth = max(offer.moved for each in whose for offer in each.offers if not offer.obstacles)
            assert item.limit <= worth - policy.min_edge - item.cost


@given(views, policies)
def test_our_own_accounts_and_full_limits_are_left_alone(view, policy):
    decisions = plan(view, policy)
    filled = [item.sub_account for item in decisions if item.acts and item.kind in PURCHASES]
    assert len(filled) == len(set(filled))
    assert not any(item.acts for item in decisions if any(who >> 96 == OURS for who in item.accounts))
    if policy.max_gas_price is not None and view.gas_price > policy.max_gas_price:
        assert not any(item.acts for item in decisions)


@given(views, policies)
def test_every_account_on_sale_is_decided_on_with_a_reason(view, policy):
    decisions = plan(view, policy)
    assert all(item.reason for item in decisions)
    decided = {item.accounts for item in decisions}
    assert all((each.account,) in decided for each in view.candidates if each.quote.most)


@given(views, policies)
def test_what_is_unpaid_costs_no_more_than_upkeep_unless_it_promises(view, policy):
    for item in plan(view, policy):
        if item.acts and item.kind not in PURCHASES and "promises" not in item.reason:
            assert item.cost - item.edge <= policy.upkeep


@given(views, policies, st.integers(0, 100 * GWEI))
def test_dearer_gas_never_makes_it_do_more(view, policy, more):
    def acting(price):
        return {
            item.key for item in plan(replace(view, gas_price=price), policy) if item.acts and item.kind in PURCHASES
        }

    cheap, dear = acting(view.gas_price), acting(view.gas_price + more)
    assert len(dear) <= len(cheap)


@given(views, policies)
def test_what_would_be_refused_is_not_done(view, policy):
    for each in view.candidates:
        done = {item.kind for item in plan(replace(view, candidates=[each]), policy) if item.acts}
        assert not done & each.refused


@given(views, policies)
def test_decisions_can_be_told(view, policy):
    for item in plan(view, policy):
        assert item.to_json()["reason"] == item.reason


@given(st.integers(1, 2_000 * GWEI), st.integers(0, 20 * WAD))
def test_upkeep_ends_where_its_limit_is(gas_price, upkeep):
    view = seen(gas_price=gas_price, unfixed=[Unfixed(0, 5, 2)])
    (fix,) = plan(view, replace(POLICY, upkeep=upkeep))
    assert fix.acts == (view.cost(POLICY.gas.fix) <= upkeep)
