"""One account: its health as the Ledger adds it up, previews, liquidation prices, the ladder and Greeks."""

import math
import subprocess
import sys
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.risk.scene import EXAMPLES, PARAMETERS, SPOT, changed, grid, staged

from peersettle.errors import InvalidField
from peersettle.pricing import black76
from peersettle.risk._book import UNIT
from peersettle.risk.instruments import CASH_ID, DAY, MOST_LOTS, Kind, expiry
from peersettle.risk.margin import (
    UNUSABLE,
    Book,
    Exposure,
    LiquidationPrices,
    MarginAccount,
    assess,
    exposure,
    greeks,
    health,
    ladder,
    liquidation_prices,
    positions,
    preview,
)
from peersettle.spec import requirements as spec
from peersettle.types import WAD

MARKET = 3
STRIKES = (2_400, 2_700, 3_000, 3_300, 3_600)
FREE = replace(PARAMETERS, position_charge=0)
UNIT_LOTS = 100  # of 0.01
scene_of = cache(lambda: staged())


def account_of(scene, held, collateral=0.0, cash=0.0):
    """`held` is units by (day, strike, kind); days count from the next expiry."""
    lots = {
        scene.series(scene.today + day, strike, kind): round(units * UNIT_LOTS)
        for (day, strike, kind), units in held.items()
    }
    return MarginAccount(round(cash * WAD), {MARKET: Book.of(lots, round(collateral * WAD))})


def as_spec(book):
    return spec.Book(book.collateral, book.requirement, book.addition, book.positions)


def held_books():
    units = st.integers(1, 2_000).flatmap(lambda n: st.sampled_from([n / 100, -n / 100]))
    terms = st.tuples(st.sampled_from([1, 8, 29, 92]), st.sampled_from(STRIKES), st.sampled_from(Kind))
    return st.dictionaries(terms, units, max_size=10)


def short_call(units=10, strike=3_300, day=29):
    return {(day, strike, Kind.CALL): -units}


# Health


@given(held_books(), st.integers(0, 50), st.integers(-(10**5), 10**6))
def test_health_adds_up_as_the_ledger_does(held, collateral, cash):
    scene = scene_of()
    account = account_of(scene, held, collateral, cash)
    found = health(account, {MARKET: scene.snapshot})
    right = scene.risk.assess(MARKET, as_spec(account.books[MARKET]), scene.now)
    assert found.equity == account.cash + right.worth
    assert (found.requirement, found.maintenance, found.initial) == (
        right.requirement,
        right.maintenance,
        right.initial,
    )
    assert found.is_above_initial == (found.equity >= right.initial)
    assert found.is_above_maintenance == (found.equity >= right.maintenance)
    assert found.computed == ()


def test_a_market_without_a_price_adds_its_losses_only():
    scene = staged()
    rich = account_of(scene, {(8, 2_400, Kind.CALL): 10}, 5)
    poor = account_of(scene, {(8, 2_400, Kind.CALL): -10})
    scene.now += 3_600
    snapshots = {MARKET: scene.snapshot}
    assert health(rich, snapshots).status == UNUSABLE
    assert health(rich, snapshots).equity == 0 < health(rich, snapshots).markets[MARKET].worth
    assert health(poor, snapshots).equity == health(poor, snapshots).markets[MARKET].worth < 0


def test_two_markets_add_up_and_one_without_a_snapshot_is_refused():
    scene = scene_of()
    one = account_of(scene, short_call(), 3)
    both = MarginAccount(0, {MARKET: one.books[MARKET], 5: one.books[MARKET]})
    alone, twice = (health(each, {MARKET: scene.snapshot, 5: scene.snapshot}) for each in (one, both))
    assert (twice.equity, twice.maintenance, twice.initial) == (
        2 * alone.equity,
        2 * alone.maintenance,
        2 * alone.initial,
    )
    with pytest.raises(InvalidField, match="snapshot"):
        health(both, {MARKET: scene.snapshot})


def test_a_candidate_price_asks_for_more():
    scene = staged()
    scene.price(SPOT, candidate=SPOT * 1.1)
    account = account_of(scene, short_call())
    found = health(account, {MARKET: scene.snapshot})
    assert found.candidate_loss > 0
    enough = MarginAccount(found.initial - found.equity + found.candidate_loss, account.books)
    assert health(enough, {MARKET: scene.snapshot}).is_above_initial
    assert not health(replace(enough, cash=enough.cash - 1), {MARKET: scene.snapshot}).is_above_initial


# Moves


def test_moves_change_cash_collateral_and_lots():
    scene = scene_of()
    series = scene.series(scene.today + 8, 3_000)
    move = MARKET << 36 | series
    account = account_of(scene, {(8, 3_000, Kind.CALL): 1}, 2, 100)
    after = account.moved({CASH_ID: -7_500_000, MARKET << 36: 500_000_000, move: -300})
    assert after.cash == round(92.5 * WAD)
    assert after.books[MARKET] == Book.of({series: -200}, round(2.5 * WAD))
    assert after.moved({move: 200}).books[MARKET].positions == ()
    with pytest.raises(InvalidField, match="collateral"):
        account.moved({MARKET << 36: -3 * 10**9})
    with pytest.raises(InvalidField, match="lots"):
        account.moved({move: MOST_LOTS})
    with pytest.raises(InvalidField, match="at most 8"):
        account.moved({market << 36: 1 for market in range(10, 18)})


def test_an_account_reads_from_the_ledgers_words():
    account = account_of(scene_of(), short_call(), 3, 100)
    words = {market: book.pack() for market, book in account.books.items()}
    assert MarginAccount.unpack(account.cash, words) == account


# Previews


@settings(max_examples=EXAMPLES // 8)
@given(held_books(), held_books(), st.integers(0, 10**7))
def test_a_preview_is_what_the_ledger_will_find(held, traded, open_risk):
    scene = scene_of()
    scene.risk.markets[MARKET].open_risk = open_risk * 10**4
    before = account_of(scene, held, 10, 10**5)
    book = before.books[MARKET]
    first = scene.risk.assess(MARKET, as_spec(book), scene.now).requirement
    before = MarginAccount(before.cash, {MARKET: replace(book, requirement=first // UNIT, addition=12_345)})
    moves = {MARKET << 36 | series: lots for series, lots in account_of(scene, traded).books[MARKET].positions}
    found = preview(before, {MARKET: scene.snapshot}, {CASH_ID: -(10**6), **moves})
    committed = before.moved(moves).books[MARKET]
    assessment, counted = replace_risk(scene).commit(MARKET, as_spec(committed), scene.now)
    if moves:
        assert found.initial == assessment.initial
        assert as_spec(found.account.books[MARKET]) == counted
    assert found.maintenance == assessment.maintenance
    assert found.equity == before.cash - WAD + assessment.worth
    assert found.before == health(before, {MARKET: scene.snapshot})
    assert found.meets_initial_margin == (found.equity >= found.initial)


def replace_risk(scene):
    """A copy whose commits stay its own."""
    return replace(scene.risk, markets=dict(scene.risk.markets))


def test_a_trade_without_cover_or_price_does_not_pass():
    scene = staged()
    account, move = account_of(scene, {}, cash=10**5), MARKET << 36 | scene.series(scene.today + 29, 3_300)
    assert preview(account, {MARKET: scene.snapshot}, {move: -1_000}).meets_initial_margin
    assert not preview(account, {MARKET: scene.snapshot}, {move: -20_000}).meets_initial_margin
    assert not preview(account, {MARKET: scene.snapshot}, {move: 1, CASH_ID: -(10**11) - 1}).meets_initial_margin
    scene.now += 3_600
    assert not preview(account, {MARKET: scene.snapshot}, {move: -1}).meets_initial_margin


def test_a_series_that_nobody_holds_yet_is_previewed_and_named():
    scene = scene_of()
    account, strike = account_of(scene, short_call(), 20), 3_150
    move = MARKET << 36 | scene.series(scene.today + 29, strike)
    found = preview(account, {MARKET: scene.snapshot}, {move: -500})
    assert found.after.computed == (move,)
    assert found.before.computed == ()
    known = replace_risk(scene)
    known.refresh(MARKET, [move & 2**36 - 1], scene.now)
    right = known.assess(MARKET, as_spec(account.moved({move: -500}).books[MARKET]), scene.now)
    unit_of_a_lane = 500 * SPOT * WAD // 2**14 // 100
    assert abs(found.maintenance - right.requirement) <= 2 * unit_of_a_lane
    assert abs(found.equity - right.worth) <= unit_of_a_lane


def test_what_has_expired_cannot_be_traded():
    scene = scene_of()
    with pytest.raises(InvalidField, match="expired"):
        preview(MarginAccount(), {MARKET: scene.snapshot}, {MARKET << 36 | scene.series(scene.today - 1, 3_000): 1})


# Books of the textbook


def requirement_of(held, collateral=0.0):
    scene = scene_free()
    return assess(scene.snapshot, account_of(scene, held, collateral).books[MARKET]).requirement / WAD


scene_free = cache(lambda: staged(parameters=FREE))
CALL, PUT, FORWARD = Kind.CALL, Kind.PUT, Kind.FORWARD


def test_a_covered_call_needs_no_more_than_the_coin_alone():
    assert requirement_of({(29, 3_300, CALL): -1}, 1) <= requirement_of({}, 1)
    assert requirement_of({}, 1) == pytest.approx(SPOT * (1 - math.exp(-0.22)), rel=1e-3)


def test_a_protective_put_bounds_the_loss():
    assert requirement_of({(29, 3_000, PUT): 1}, 1) < 0.5 * requirement_of({}, 1)


def test_a_box_costs_only_what_its_legs_round():
    box = {(29, 2_700, CALL): 1, (29, 2_700, PUT): -1, (29, 3_300, CALL): -1, (29, 3_300, PUT): 1}
    assert requirement_of(box) <= 4 * SPOT / 2**14
    assert requirement_of({(29, 2_700, CALL): 1, (29, 2_700, PUT): -1}) > 500


def test_a_conversion_costs_next_to_the_basis():
    conversion = {(29, 3_000, CALL): -1, (29, 3_000, PUT): 1}
    assert requirement_of(conversion, 1) < 0.01 * SPOT


def test_a_vertical_cannot_lose_more_than_its_width():
    assert requirement_of({(29, 3_000, CALL): -1, (29, 3_300, CALL): 1}) <= 300 + 0.02 * SPOT


# The ladder


def test_the_ladder_of_a_future_is_spans():
    """CME's scan of a long future is 0, ±1/3, ±2/3 and ±1 of the price range, whatever volatility does; ours is of the
    logarithm, and staggered where volatility is down."""
    scene = scene_free()
    rungs = ladder(scene.snapshot, account_of(scene, {(29, 3_000, FORWARD): 1}).books[MARKET])
    assert [rung.move for rung in rungs if rung.is_volatility_up] == [-1, -2 / 3, -1 / 3, 0, 1 / 3, 2 / 3, 1]
    assert [round(6 * rung.move) for rung in rungs if not rung.is_volatility_up] == [-5, -3, -1, 0, 1, 3, 5]
    for rung in rungs:
        right = SPOT * 1.002 * (math.exp(0.22 * rung.move) - 1)
        assert rung.change / WAD == pytest.approx(right, abs=SPOT / 2**14)
        assert rung.price / WAD == pytest.approx(SPOT * math.exp(0.22 * rung.move), rel=1e-4)


@given(st.sampled_from(STRIKES), st.sampled_from(Kind), st.integers(-50, 50).filter(bool), st.integers(0, 50))
def test_the_worst_rung_is_where_the_requirement_starts(strike, kind, units, collateral):
    scene = scene_free()
    book = account_of(scene, {(29, strike, kind): units}, collateral).books[MARKET]
    worst = min(rung.change for rung in ladder(scene.snapshot, book))
    charged = assess(scene.snapshot, book).requirement + min(worst, 0)
    assert 0 <= charged <= abs(units) * SPOT * WAD * 0.22
    if kind is Kind.FORWARD and (units > 0 or collateral == 0):
        assert charged == 0


# Liquidation


def rolled_at(scene, price, account):
    """Spare margin as the contract has it in an epoch that begins at this price, all else as it is."""
    reading = scene.oracle.reading
    risk = replace_risk(scene)
    try:
        scene.price(price / WAD)
        held = [series for series, _ in account.books[MARKET].positions]
        risk.refresh(MARKET, sorted(held), scene.now)
        found = risk.assess(MARKET, as_spec(account.books[MARKET]), scene.now)
    finally:
        scene.oracle.reading = reading
    return account.cash + found.worth - found.maintenance


@pytest.mark.parametrize(
    ("held", "collateral", "cash"),
    [
        (short_call(), 0, 20_000),
        ({(29, 2_700, Kind.PUT): -10}, 0, 20_000),
        ({(29, 3_000, Kind.FORWARD): 10}, 0, 15_000),
        ({(29, 3_000, Kind.FORWARD): -10}, 0, 15_000),
        ({(29, 2_700, Kind.PUT): -5, (29, 3_300, Kind.CALL): -5}, 2, 10_000),
        ({(8, 2_700, Kind.PUT): -5, (92, 3_300, Kind.CALL): 5}, 3, 0),
    ],
)
def test_at_a_liquidation_price_the_contract_has_nothing_spare(held, collateral, cash):
    scene = scene_of()
    account = account_of(scene, held, collateral, cash)
    found = liquidation_prices(account, {MARKET: scene.snapshot}, MARKET)
    prices = [price for price in (found.down, found.up) if price is not None]
    assert prices
    for price in prices:
        outwards = 1 if price > SPOT * WAD else -1
        assert rolled_at(scene, round(price * (1 + 0.002 * outwards)), account) < 0
        assert rolled_at(scene, round(price * (1 - 0.002 * outwards)), account) > 0


def test_which_sides_have_a_liquidation_price():
    scene = scene_of()

    def sides(held, collateral=0.0, cash=0.0):
        found = liquidation_prices(account_of(scene, held, collateral, cash), {MARKET: scene.snapshot}, MARKET)
        return found.down is not None and found.down < SPOT * WAD, found.up is not None and found.up > SPOT * WAD

    assert sides(short_call(), 0, 20_000) == (False, True)
    assert sides({(29, 2_700, PUT): -10}, 0, 20_000) == (True, False)
    assert sides({(29, 2_700, PUT): -10, (29, 3_300, CALL): -10}, 0, 20_000) == (True, True)
    assert sides({(29, 3_300, CALL): 10}, 0, 20_000) == (False, False)
    assert sides({(29, 3_300, CALL): -10}, 11, 0) == (False, False)


def test_an_account_that_is_already_below_is_liquidated_here():
    scene = scene_of()
    account = account_of(scene, short_call(), 0, 100)
    here = scene.snapshot.reference
    assert liquidation_prices(account, {MARKET: scene.snapshot}, MARKET) == LiquidationPrices(here, here)
    with pytest.raises(InvalidField, match="nothing in it"):
        liquidation_prices(account, {MARKET: scene.snapshot}, 4)


def test_a_preview_shows_how_a_trade_moves_the_liquidation_price():
    scene = scene_of()
    account = account_of(scene, short_call(), 0, 20_000)
    hedge = {MARKET << 36 | scene.series(scene.today + 29, 3_600): 500}
    found = preview(account, {MARKET: scene.snapshot}, hedge)
    assert found.liquidation_before[MARKET] == liquidation_prices(account, {MARKET: scene.snapshot}, MARKET)
    before, after = found.liquidation_before[MARKET].up, found.liquidation[MARKET].up
    assert before is not None
    assert after is not None
    assert after > before


# Greeks


def test_greeks_are_the_slopes_of_the_price():
    scene = scene_of()
    left = (expiry(scene.today + 29) - scene.now) / (365 * DAY)
    for strike in STRIKES:
        for kind in (CALL, PUT):
            (found,) = positions(scene.snapshot, account_of(scene, {(29, strike, kind): -2}).books[MARKET])

            def worth(spot=SPOT, points=0.0, days=0.0, strike=strike, kind=kind, found=found):
                volatility = found.volatility + points / 100
                years = left - days / 365
                return -2 * float(black76.price(spot * 1.002, strike, years, volatility, kind is CALL))

            exposed, step = found.exposure, 0.01
            slope = (worth(SPOT + step) - worth(SPOT - step)) / (2 * step)
            bend = (worth(SPOT + 1) - 2 * worth() + worth(SPOT - 1)) / 1
            assert exposed.delta == pytest.approx(slope, abs=1e-6)
            assert exposed.gamma == pytest.approx(bend, rel=1e-3)
            assert exposed.vega == pytest.approx((worth(points=0.01) - worth(points=-0.01)) / 0.02, rel=1e-4)
            assert exposed.theta == pytest.approx((worth(days=0.01) - worth(days=-0.01)) / 0.02, rel=1e-4)
            assert exposed.delta_value == pytest.approx(exposed.delta * SPOT)
            assert exposed.gamma_value == pytest.approx(exposed.gamma * SPOT * SPOT / 100)
            assert found.value / WAD == pytest.approx(worth(), abs=0.001)
            assert found.mark / WAD == pytest.approx(worth() / -2, abs=0.001)
    assert found.volatility == pytest.approx(0.8, abs=0.1)


def test_greeks_in_the_averaging_window_shrink_with_what_is_known():
    scene = staged(days=(0, 29))
    scene.now = expiry(scene.today) - 600
    scene.price(SPOT)
    scene.surface([scene.today, scene.today + 29])
    scene.refresh(grid(scene, (0, 29), (3_000,)))
    (forward,) = positions(scene.snapshot, account_of(scene, {(0, 3_000, FORWARD): 1}).books[MARKET])
    assert forward.exposure.delta == pytest.approx(600 / 1_800, rel=0.01)
    call, put = (
        positions(scene.snapshot, account_of(scene, {(0, 3_000, kind): 1}).books[MARKET])[0] for kind in (CALL, PUT)
    )
    assert call.exposure.delta - put.exposure.delta == pytest.approx(forward.exposure.delta)
    assert call.volatility == pytest.approx(0.8, rel=0.1)
    # Two thirds of the average are known; what is left of its variance goes with the cube of the time.
    future, volatility = SPOT * (0.99 * 2 / 3 + 1.002 / 3), call.volatility or 0.0

    def worth(left):
        return float(black76.price(future, 3_000, left**3 / (3 * 1_800**2) / (365 * DAY), volatility, True))

    assert call.mark / WAD == pytest.approx(worth(600), abs=0.001)
    assert call.exposure.theta == pytest.approx((worth(599) - worth(601)) / 2 * DAY, rel=1e-3)


def test_greeks_add_up_over_a_book():
    scene = scene_of()
    account = account_of(scene, {(29, 3_000, CALL): 3, (29, 3_000, PUT): -3, (8, 3_000, FORWARD): -1}, 2)
    total = greeks(account, {MARKET: scene.snapshot})[MARKET]
    assert total == exposure(scene.snapshot, account.books[MARKET])
    # A call less a put is a forward, which has neither gamma, vega nor theta.
    assert total.delta == pytest.approx(3 * 1.002 - 1.002 + 2)
    assert total.delta_value == pytest.approx(total.delta * SPOT)
    for name in ("gamma", "vega", "theta"):
        assert getattr(total, name) == pytest.approx(0, abs=1e-9)
    parts = [position.exposure for position in positions(scene.snapshot, account.books[MARKET])]
    assert sum(parts, Exposure(2.0, 2.0 * SPOT)).delta == pytest.approx(total.delta)


def test_what_has_expired_has_its_payoff_and_no_greeks():
    scene = staged(days=(0, 29))
    scene.now = expiry(scene.today) + 60
    scene.price(SPOT * 1.1)
    scene.risk.fix(MARKET, scene.today, scene.now)
    scene.surface([scene.today + 29])
    scene.refresh(grid(scene, (29,), (3_000,)))
    (found,) = positions(scene.snapshot, account_of(scene, {(0, 3_000, CALL): -2}).books[MARKET])
    assert found.value / WAD == pytest.approx(-2 * 0.1 * SPOT)
    assert (found.volatility, found.exposure) == (None, Exposure())


def test_greeks_need_a_surface():
    scene = scene_of()
    bare = replace(scene.snapshot, slices={})
    with pytest.raises(InvalidField, match="no surface"):
        exposure(bare, account_of(scene, short_call()).books[MARKET])
    assert preview(account_of(scene, short_call()), {MARKET: bare}, {CASH_ID: 1}).liquidation == {}


def test_the_cap_on_gains_reaches_initial_and_maintenance():
    scene = staged(parameters=changed(gain_cap=1_000))
    found = health(account_of(scene, {(29, 2_400, CALL): 100}), {MARKET: scene.snapshot})
    gains = found.markets[MARKET].worth
    assert found.maintenance >= gains - 1_000 * WAD
    assert found.equity - found.maintenance <= 1_000 * WAD


@pytest.mark.parametrize("module", ["instruments", "books", "margin"])
def test_importing_loads_no_compiler(module):
    code = f"import sys, peersettle.risk.{module}; print([m for m in ('numba', 'llvmlite') if m in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "[]"
