"""What a purchase brings and costs, and what is in its way."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.risk.scene import EXAMPLES, grid, staged

from peersettle.bindings.auction import AuctionQuote, AuctionState
from peersettle.keeper.appraisal import Buyer, Limits, Obstacle, moves, price_of
from peersettle.keeper.policy import plan
from peersettle.keeper.view import Candidate, Policy, View
from peersettle.risk.books import Book
from peersettle.risk.instruments import Kind, expiry
from peersettle.risk.margin import MarginAccount, health
from peersettle.types import WAD

MARKET = 3
SCENE = staged()
NOW = SCENE.now
SNAPSHOTS = {MARKET: SCENE.snapshot}
CALL = SCENE.series(SCENE.today + 29, 3_000)
FORWARD = SCENE.series(SCENE.today + 29, 3_300, Kind.FORWARD)
SERIES = grid(SCENE, (1, 8, 29, 92), (2_400, 2_700, 3_000, 3_300, 3_600))
LIMITS = Limits(10**9 * WAD, 0)


def quote_of(account, most=WAD // 2, paid=WAD // 20):
    found = health(account, SNAPSHOTS)
    return AuctionQuote(found.equity, found.maintenance, found.initial, most, paid, WAD // 50)


def short(lots=1_000, spare=0.95):
    """Short calls with so much of its maintenance as equity."""
    naked = MarginAccount(0, {MARKET: Book.of({CALL: -lots})})
    found = health(naked, SNAPSHOTS)
    return MarginAccount(round(spare * found.maintenance) - found.equity, naked.books)


def buyer(own=None, limits=LIMITS, capital=10**9 * WAD):
    return Buyer(own or {0: MarginAccount(10**6 * WAD)}, SNAPSHOTS, limits, capital, NOW)


@settings(max_examples=min(EXAMPLES, 60))
@given(st.integers(0, 2**32), st.integers(1, WAD))
def test_a_fraction_is_rounded_towards_nothing_and_nothing_is_made_of_it(seed, fraction):
    draw = random.Random(seed)
    positions = {item: draw.choice([-1, 1]) * draw.randint(1, 99) for item in draw.sample(SERIES, 12)}
    account = MarginAccount(
        draw.randint(-(10**21), 10**22), {MARKET: Book.of(positions, draw.randint(0, 9) * WAD // 7)}
    )
    bought, cash = moves(account, fraction, NOW)
    left = account.moved({item: -amount for item, amount in bought.items()})
    got = MarginAccount(0).moved(bought)
    assert abs(cash) <= abs(account.cash) * fraction // WAD
    for series, lots in positions.items():
        here = dict(got.books[MARKET].positions).get(series, 0) if MARKET in got.books else 0
        there = dict(left.books[MARKET].positions).get(series, 0)
        assert here + there == lots
        assert abs(here) <= abs(lots) * fraction // WAD
        assert here * lots >= 0


def test_what_has_expired_stays():
    today = SCENE.series(SCENE.today + 1, 3_000)
    account = MarginAccount(0, {MARKET: Book.of({today: 10, CALL: 10})})
    assert set(moves(account, WAD, NOW)[0]) == {MARKET << 36 | today, MARKET << 36 | CALL}
    assert set(moves(account, WAD, expiry(SCENE.today + 1))[0]) == {MARKET << 36 | CALL}


def test_a_solvent_account_is_sold_for_its_worth_less_a_part_of_what_it_is_relieved_of():
    account = short()
    quote = quote_of(account)
    (offer,) = buyer().offers(account, quote)
    assert offer.obstacles == ()
    assert offer.relieved == pytest.approx(quote.maintenance / 2, rel=1e-3)
    assert offer.edge == offer.relieved // 20
    assert offer.moved == pytest.approx(quote.equity / 2, rel=1e-3)
    assert offer.added == pytest.approx(quote.initial / 2, rel=1e-3)


def test_below_zero_the_backstop_pays_at_most_what_it_has_and_what_the_part_lacks():
    quote = AuctionQuote(-100 * WAD, 1_000 * WAD, 1_300 * WAD, WAD, WAD // 20, 0)
    assert price_of(quote, -50 * WAD, 500 * WAD, WAD // 2, 10**6 * WAD) == -75 * WAD
    assert price_of(quote, -50 * WAD, 500 * WAD, WAD // 2, 60 * WAD) == -60 * WAD
    assert (
        price_of(quote, -90 * WAD, 500 * WAD, WAD // 2, 10**6 * WAD) == -100 * WAD
    )  # half of 100 and a tenth of 1,000
    assert price_of(quote, -100 * WAD, 1_000 * WAD, WAD, 10**6 * WAD) == -150 * WAD


def test_what_fits_is_bought_where_all_does_not():
    account = short()
    quote = quote_of(account)
    limits = Limits(quote.initial // 5, 0)
    (offer,) = buyer(limits=limits).offers(account, quote)
    assert offer.obstacles == ()
    assert quote.most // 10 <= offer.fraction < quote.most
    assert limits.inventory * 9 // 10 < offer.added <= limits.inventory


@pytest.mark.parametrize(
    ("own", "limits", "obstacle"),
    [
        (MarginAccount(10**6 * WAD), Limits(WAD, 0), Obstacle.INVENTORY),
        (MarginAccount(10 * WAD), LIMITS, Obstacle.MARGIN),
        (MarginAccount(-(10**6) * WAD), LIMITS, Obstacle.CASH),
        (MarginAccount(10**6 * WAD, {MARKET: Book.of(dict.fromkeys(SERIES[:32], 1))}), LIMITS, Obstacle.ROOM),
    ],
)
def test_what_is_in_the_way_is_named(own, limits, obstacle):
    account = short() if obstacle is not Obstacle.ROOM else MarginAccount(0, {MARKET: Book.of({SERIES[40]: -1_000})})
    (offer,) = buyer({0: own}, limits).offers(account, quote_of(account))
    assert obstacle in offer.obstacles


def test_while_a_price_waits_for_its_confirmation_what_would_fall_short_at_it_is_not_bought():
    """The contract would refuse it: `margin`."""
    account = short()
    quote = quote_of(account)
    needed = buyer().offers(account, quote)[0]
    just_enough = {0: MarginAccount((needed.price + needed.added - needed.moved) * 101 // 100)}
    assert buyer(just_enough).offers(account, quote)[0].obstacles == ()
    within, beyond = staged(), staged()
    within.price(3_000, candidate=3_200)
    beyond.price(3_000, candidate=9_000)
    for scene, own in ((within, just_enough), (beyond, {0: MarginAccount(10**6 * WAD)})):
        waiting = Buyer(own, {MARKET: scene.snapshot}, LIMITS, 10**9 * WAD, NOW)
        assert waiting.offers(account, quote)[0].obstacles == (Obstacle.CONFIRMATION,) or scene is within
        assert Obstacle.CONFIRMATION in waiting._part(account, waiting._health(account), quote, 0, quote.most).obstacles
    rich = Buyer({0: MarginAccount(10**6 * WAD)}, {MARKET: within.snapshot}, LIMITS, 10**9 * WAD, NOW)
    assert rich.offers(account, quote)[0].obstacles == ()


def test_the_buffer_is_kept():
    account = short()
    quote = quote_of(account)
    needed = buyer().offers(account, quote)[0]
    cash = needed.price + needed.added - needed.moved + needed.added // 20  # a twentieth more than initial margin
    own = {0: MarginAccount(cash)}
    assert buyer(own).offers(account, quote)[0].fraction == quote.most
    assert buyer(own, Limits(LIMITS.inventory, WAD // 10)).offers(account, quote)[0].fraction < quote.most


def test_too_few_lots_for_a_part_is_named():
    account = short(lots=1)
    (offer,) = buyer().offers(account, quote_of(account))
    assert offer.obstacles == (Obstacle.ROUNDING,)


def test_the_whole_goes_into_an_account_without_books():
    account = short()
    own = {0: MarginAccount(10**6 * WAD, {MARKET: Book.of({FORWARD: 1})}), 5: MarginAccount(10**6 * WAD)}
    whole, *parts = buyer(own).offers(account, quote_of(account, most=WAD))
    assert whole.is_whole
    assert (whole.sub_account, whole.fraction, whole.obstacles) == (5, WAD, ())
    assert whole.relieved == quote_of(account).maintenance
    assert [part.sub_account for part in parts] == [0, 5]
    assert not any(item.is_whole for item in buyer(own).offers(account, quote_of(account)))


def test_a_position_that_offsets_ours_is_room_for_more():
    account = short()
    against = {0: MarginAccount(10**6 * WAD, {MARKET: Book.of({CALL: 500})})}
    (offer,) = buyer(against).offers(account, quote_of(account))
    assert offer.added < 0


def test_what_we_hold_in_all_accounts_counts_against_the_limit():
    account = short()
    quote = quote_of(account)
    held = MarginAccount(10**6 * WAD, {MARKET: Book.of({FORWARD: 5_000})})
    room = health(held, SNAPSHOTS).initial + quote.initial
    own = {0: MarginAccount(10**6 * WAD), 1: held}
    free, full = (buyer(own, Limits(limit, 0)).offers(account, quote)[0] for limit in (room, room - quote.initial))
    assert free.obstacles == ()
    assert full.obstacles == (Obstacle.INVENTORY,)


def test_a_purchase_counts_when_the_next_one_is_judged():
    """Of two accounts on sale, our limit takes one and a part of the other."""
    account = short()
    quote = quote_of(account)
    limits = Limits(quote.initial * 3 // 4, 0)
    state = AuctionState(NOW - 60, 0, WAD, False)
    candidates = [Candidate(number << 96, quote, state, account) for number in (1, 2)]
    policy = Policy(limits, min_edge=0, hedge_rate=0, upkeep=0)
    view = View(NOW, 1, WAD, candidates, owner=9, buyer=buyer(limits=limits))
    first, second = plan(view, policy)
    assert first.acts
    assert second.acts
    assert first.fraction == quote.most
    assert second.fraction < quote.most
    alone = buyer(limits=limits).offers(account, quote)[0]
    (then,) = buyer(limits=limits).having(alone).offers(account, quote)
    assert then.fraction == second.fraction
    assert alone.added + then.added <= limits.inventory
