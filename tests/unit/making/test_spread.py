"""The built-in strategy: which side of the mid it quotes on, how inventory moves it, and what it declines."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.making.world import (
    CASH,
    COLLATERAL,
    DAY_0,
    DOLLARS,
    ETHER,
    NATIVE,
    NOW,
    OTHER,
    ROOM,
    TAKER,
    USD,
    WETH,
    book,
    buys,
    inquiry,
    option,
    position,
    request,
    sells,
)

from peersettle.errors import InvalidField
from peersettle.making import (
    Book,
    Inventory,
    No,
    Policy,
    Price,
    Quotation,
    Range,
    Risks,
    Spot,
    SpreadStrategy,
    TokenView,
    Valuation,
    value,
)
from peersettle.rfq.messages import WHOLE, Item, Side
from peersettle.risk.instruments import Kind
from peersettle.types import WAD

PLENTY = {asset: Range(10**90, 10**90, 10**90) for asset in (DOLLARS, ETHER, CASH, COLLATERAL, NATIVE)}
CALL = position(option())
OURS = ("delta", "vega", "exposure", "inventory", "margin")
"""Reasons whose values a taker must not learn."""


def holding(delta: int = 0, vega: int = 0, **changes: Any) -> Book:
    """A book with plenty of tokens and cash, at this delta (units of ether, wad) and vega."""
    risks = {0: Risks(Range(delta, delta, delta), Range(vega, vega, vega))}
    return replace(book(), inventory=Inventory(PLENTY, risks), **changes)


def answer(asked, policy=ROOM, at=None):
    return SpreadStrategy(policy).quote(inquiry(asked), at or holding())


def prices(asked, policy=ROOM, at=None):
    found = answer(asked, policy, at)
    assert isinstance(found, Quotation), found
    return found.prices


def price(asked, policy=ROOM, at=None):
    return prices(asked, policy, at)[0].price


def code(asked, policy=ROOM, at=None):
    found = answer(asked, policy, at)
    assert isinstance(found, No), found
    assert found.text
    assert bool(found.detail) is (found.code in OURS)
    assert found.code not in OURS or not any(letter.isdigit() for letter in found.text)
    return found.code


def mid(asked, at=None, part=WHOLE):
    found = value(asked, at or holding())
    assert isinstance(found, Valuation)
    return found.mid(part)


SKEWED = st.builds(holding, st.integers(-400 * WAD, 400 * WAD), st.integers(-25_000 * WAD, 25_000 * WAD))
THINGS = st.one_of(
    st.tuples(st.just(ETHER), st.integers(1, 100 * WAD)),
    st.tuples(st.just(COLLATERAL), st.integers(1, 100 * 10**9)),
    st.tuples(
        st.builds(
            lambda *terms: position(option(*terms)),
            st.integers(250, 400),
            st.sampled_from(Kind),
            st.integers(DAY_0 + 1, DAY_0 + 35),
        ),
        st.integers(1, 10_000),
    ),
)


@given(THINGS, SKEWED, st.sampled_from([DOLLARS, CASH]))
def test_no_side_is_quoted_through_the_mid(thing, at, currency):
    """However much inventory pulls: here by far more than the spread."""
    loose = replace(
        ROOM, max_delta=10**7, max_vega=10**6, inventory_skew_basis_points=1_000, inventory_skew_vol_points=100
    )
    asset, amount = thing
    ask, bid = price(buys(asset, amount, currency), loose, at), -price(sells(asset, amount, currency), loose, at)
    middle = mid(buys(asset, amount, currency), at)
    assert bid <= middle <= ask


@given(st.integers(0, 30), st.integers(0, 30), st.integers(1, 10**30), st.integers(1, 10**26), SKEWED)
def test_rounding_never_crosses_the_mid_in_any_decimals(decimals, currency, amount, spot, at):
    tokens = {WETH: TokenView("WETH", decimals, 0), USD: TokenView("USD", currency, None, True)}
    policy = Policy(max_delta=10**90, max_exposure=10**90, spread_basis_points=0)
    at = replace(at, tokens=tokens, spots={0: Spot(spot, NOW)})
    ask, bid = (-sign * price(side(ETHER, amount), policy, at) for side, sign in ((buys, -1), (sells, 1)))
    exact = Fraction(amount * spot * 10**currency, 10**decimals * WAD)
    assert bid <= exact <= ask


@given(THINGS, st.sampled_from([buys, sells]))
def test_the_half_spread_is_the_policys(thing, side):
    asset, amount = thing
    policy = replace(ROOM, size_skew_percent=0, inventory_skew_basis_points=0, inventory_skew_vol_points=0)
    at = holding()
    found = value(side(asset, amount), at)
    assert isinstance(found, Valuation)
    ((_, worth),) = found.items
    if worth.instrument is not None and worth.instrument.kind is not Kind.FORWARD:
        right = max(Fraction(worth.vega), abs(worth.value) * Fraction(2, 100))
    else:
        right = worth.notional * Fraction(125, 100_000)
    margin = price(side(asset, amount), policy, at) - found.mid()
    assert float(margin) == pytest.approx(float(right / found.currency.value), rel=1e-9, abs=2)


@given(THINGS, st.integers(1, 200), st.integers(1, 15_000))
def test_skew_pushes_inventory_back(thing, delta, vega):
    """Long: what makes us longer is quoted worse than when flat, what makes us shorter better, or as it was at best."""
    asset, amount = thing
    flat = holding()
    found = value(buys(asset, amount), flat)
    assert isinstance(found, Valuation)
    ((change, more_vega),) = found.risks(Price(0)).values()
    sides = (buys, sells) if change < 0 else (sells, buys)  # first what takes delta from us
    less, more = (side(asset, amount) for side in sides)
    long, short = holding(delta * WAD), holding(-delta * WAD)
    assert price(less, at=long) <= price(less, at=flat) <= price(less, at=short)
    assert price(more, at=long) >= price(more, at=flat) >= price(more, at=short)
    for side, sign in ((buys, 1), (sells, -1)):
        vegas = [price(side(asset, amount), at=holding(0, held * WAD)) for held in (vega, 0, -vega)]
        assert vegas == sorted(vegas, reverse=sign * more_vega > 0) or not more_vega or vegas[0] == vegas[1] == vegas[2]


def test_skew_is_linear_and_stops_at_the_limit():
    asked = sells(ETHER, WAD)
    at = [price(asked, at=holding(delta)) for delta in (0, 100 * WAD, 200 * WAD)]
    assert at[2] - at[1] == pytest.approx(at[1] - at[0], abs=2)
    assert at[1] - at[0] == pytest.approx(3000 * 10**6 * 0.0005 * 0.3, rel=1e-6)
    full = replace(ROOM, max_delta=300_000)
    assert price(buys(ETHER, WAD), full, holding(100 * WAD)) == price(buys(ETHER, WAD), full, holding(500 * WAD))


def test_a_price_in_ether_moves_with_what_we_hold_of_it():
    asked = buys(DOLLARS, 3000 * 10**6, ETHER)  # we get ether
    short, flat, long = (price(asked, at=holding(delta)) for delta in (-100 * WAD, 0, 100 * WAD))
    assert short < flat < long
    assert long - flat == pytest.approx(WAD * 0.0005 * 0.3, rel=1e-6)


def test_inventory_counts_from_its_target():
    aimed = replace(ROOM, targets={"eth": 100})
    for side in (buys, sells):
        assert price(side(ETHER, WAD), aimed, holding(100 * WAD)) == price(side(ETHER, WAD), at=holding())


@given(THINGS, st.sampled_from([buys, sells]), SKEWED)
def test_a_part_costs_no_more_for_each_unit_and_never_less_than_its_worth(thing, side, at):
    asset, amount = thing
    asked = side(asset, amount * 4, partial=True)
    policy = replace(ROOM, max_delta=10**9, max_vega=10**9, max_notional=10**8, max_exposure=10**9)
    found = prices(asked, policy, at)
    assert [item.part for item in found] == [10_000, 5_000, 2_500]
    for larger, smaller in pairwise(found):
        assert (smaller.price - 1) * larger.part <= larger.price * smaller.part
    assert all(item.price >= mid(asked, at, item.part) for item in found)


def test_parts_are_offered_only_where_wanted_and_whole():
    assert len(prices(buys(ETHER, WAD))) == 1
    assert [item.part for item in prices(buys(CALL, 6, partial=True))] == [10_000, 5_000]
    assert [item.part for item in prices(buys(CALL, 7, partial=True))] == [10_000]


def test_a_part_is_offered_where_the_whole_is_beyond_a_limit():
    asked = buys(ETHER, 40 * WAD, partial=True)
    assert [item.part for item in prices(asked, replace(ROOM, max_notional=60_000))] == [5_000, 2_500]
    assert code(buys(ETHER, 40 * WAD), replace(ROOM, max_notional=60_000)) == "too_large"


def test_a_larger_request_is_quoted_wider():
    one, many = price(buys(ETHER, WAD)), price(buys(ETHER, 100 * WAD))
    assert many > 100 * one
    assert many - 300_000 * 10**6 == pytest.approx(300_000 * 10**6 * 0.00125 * 1.15, rel=1e-6)


def test_stale_or_missing_prices_are_declined():
    for asked in (buys(ETHER, WAD), sells(ETHER, WAD), buys(CALL), sells(CALL), buys(DOLLARS, 10**6, ETHER)):
        assert code(asked, at=holding(spots={0: Spot(3000 * WAD, NOW - 30.5)})) == "stale"
        assert code(asked, at=holding(spots={0: Spot(3000 * WAD, NOW, False)})) == "stale"
        assert answer(asked, at=holding(spots={})).code == "no_price"
        unvalued = book(inventory=Inventory(PLENTY, {}, {0: "no price"}))
        assert code(asked, at=unvalued) == "stale"
    for asked in (buys(CALL), sells(CALL)):
        assert code(asked, replace(ROOM, max_surface_age=59)) == "stale"
        assert answer(asked, at=holding(surfaces={})).code == "no_surface"


def test_what_the_policy_does_not_trade():
    assert code(buys(ETHER, WAD), replace(ROOM, takers={OTHER})) == "taker"
    assert isinstance(answer(buys(ETHER, WAD), replace(ROOM, takers={TAKER})), Quotation)
    assert code(buys(ETHER, WAD), replace(ROOM, markets={"btc"})) == "market"
    assert code(buys(ETHER, WAD), replace(ROOM, tokens={"USD"})) == "token"
    assert isinstance(answer(buys(ETHER, WAD), replace(ROOM, tokens={"usd", "weth"}, markets={"eth"})), Quotation)
    assert code(buys(position(option(day=DAY_0 + 1)), 1), replace(ROOM, min_tenor=82_801)) == "tenor"
    assert code(buys(position(option(600))), replace(ROOM, min_premium="0.5")) == "premium"
    assert isinstance(answer(sells(position(option(600))), replace(ROOM, min_premium="0.5")), Quotation)
    assert code(buys(NATIVE, WAD)) == "native"
    assert isinstance(answer(buys(NATIVE, WAD, submitter=Side.MAKER)), Quotation)
    assert isinstance(answer(sells(NATIVE, WAD)), Quotation)


def test_limits_say_no():
    one = buys(ETHER, WAD)
    assert code(one, Policy()) == "too_large"
    assert code(one, replace(ROOM, min_notional=3001)) == "too_small"
    assert code(one, replace(ROOM, max_exposure=2999)) == "exposure"
    assert code(one, replace(ROOM, max_total_exposure=2999)) == "exposure"
    assert code(one, replace(ROOM, max_delta=2999)) == "delta"
    assert code(buys(CALL), replace(ROOM, max_vega=0)) == "vega"
    assert code(one, at=book()) == "inventory"
    assert code(sells(ETHER, WAD), at=book()) == "inventory"
    assert code(buys(CALL, 1000), at=holding(margin_room=7499 * WAD)) == "margin"
    assert isinstance(answer(buys(CALL, 1000), at=holding(margin_room=7500 * WAD)), Quotation)
    assert code(sells(CALL, 1000, CASH), at=holding(margin_room=7500 * WAD)) == "margin"


def test_beyond_a_limit_only_the_way_back_is_open():
    beyond = holding(500 * WAD)
    assert code(sells(ETHER, WAD), at=beyond) == "delta"
    assert isinstance(answer(buys(ETHER, WAD), at=beyond), Quotation)
    assert code(buys(ETHER, 900 * WAD), replace(ROOM, max_notional=10**8, max_exposure=10**8), beyond) == "delta"


def test_a_spread_trade_is_charged_on_both_legs():
    long, short = Item(position(option(300)), 100, True), Item(position(option(320)), 100, False)
    both = request(long, short)
    alone = price(request(long)) + price(request(short))
    assert price(both) >= mid(both)
    assert price(both) == pytest.approx(alone, rel=1e-3)


def test_a_last_look_refuses_what_has_moved_either_way():
    strategy, asked = SpreadStrategy(ROOM), inquiry(buys(ETHER, WAD))
    (quoted,) = prices(buys(ETHER, WAD))
    assert strategy.last_look(asked, quoted, holding()) is None
    for spot, refused in ((3002.9, False), (2997.1, False), (3003.1, True), (2996.9, True)):
        found = strategy.last_look(asked, quoted, holding(spots={0: Spot(round(spot * 10) * WAD // 10, NOW)}))
        assert (found is not None and found.code == "moved") is refused, spot
    stale = strategy.last_look(asked, quoted, holding(spots={0: Spot(3000 * WAD, NOW - 60)}))
    assert stale is not None
    assert stale.code == "stale"


def test_the_same_question_has_the_same_answer():
    asked = buys(CALL, 400, partial=True)
    assert answer(asked) == answer(asked)
    assert (answer(asked).life, answer(asked).settle_within) == (15, 120)


@pytest.mark.parametrize(
    "wrong",
    [
        {"spread_basis_points": -1},
        {"max_delta": "much"},
        {"max_delta": True},
        {"max_vega": "NaN"},
        {"quote_life": 0},
        {"parts": (0,)},
        {"parts": (10_001,)},
        {"parts": tuple(range(1, 10))},
        {"markets": "ETH"},
        {"takers": {"0x12"}},
        {"targets": {"ETH": "x"}},
        {"min_notional": 2, "max_notional": 1},
    ],
)
def test_a_policy_that_cannot_be_meant_is_refused(wrong):
    with pytest.raises(InvalidField):
        Policy(**wrong)
