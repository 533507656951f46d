"""What things are worth: against Black-76 itself, QuantLib, the contract's integers, and each other."""

import math
from dataclasses import replace
from fractions import Fraction

import pytest
import QuantLib
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.making.world import (
    BTC,
    CASH,
    COLLATERAL,
    DAY_0,
    DOLLARS,
    ETHER,
    LEDGER,
    NATIVE,
    NOW,
    ODD,
    SURFACE,
    TOKENS,
    WETH,
    book,
    buys,
    option,
    position,
    request,
    sells,
)

from peersettle.making import Ages, Book, No, Price, Spot, TokenView, Valuation, divides, promise_of, to_price, value
from peersettle.making.pricing import changes_of, worths
from peersettle.pricing import black76
from peersettle.pricing.chain import YEAR
from peersettle.rfq.messages import WHOLE, Asset, Item
from peersettle.risk.instruments import Kind
from peersettle.spec import black76 as spec
from peersettle.trades import LegKind
from peersettle.types import WAD

STRIKES = st.integers(150, 600)
DAYS = st.integers(DAY_0 + 1, DAY_0 + 35)
ALWAYS = Ages()
LOTS = st.integers(1, 10**7)


def unit_of(instrument, at=None):
    """One unit of the underlying: worth, delta and vega as floats."""
    at = at or book()
    lots = WAD // instrument.market.lot
    priced = worths([(position(instrument), lots)], at)
    assert not isinstance(priced, No), priced
    (found,) = priced
    return float(found.value) / WAD, found.delta / WAD, found.vega / WAD


def forward_of(at: Book, expiry: int) -> float:
    found = at.forward(0, expiry)
    assert found is not None
    return found


def volatility_of(at: Book, expiry: int, strike: float) -> float:
    found = at.volatility(0, expiry, strike)
    assert found is not None
    return found


def valued(asked, at=None, ages=ALWAYS):
    found = value(asked, at or book(), ages)
    assert isinstance(found, Valuation), found
    return found


def refused(asked, at=None, ages=ALWAYS):
    found = value(asked, at or book(), ages)
    assert isinstance(found, No)
    return found.code


@given(STRIKES, DAYS, st.sampled_from([Kind.CALL, Kind.PUT]))
def test_an_option_is_worth_what_black76_says(ticks, day, kind):
    at, instrument = book(), option(ticks, kind, day)
    strike, years = instrument.strike / WAD, (instrument.expiry - NOW) / YEAR
    forward, sigma = forward_of(at, instrument.expiry), volatility_of(at, instrument.expiry, instrument.strike / WAD)
    right = black76.greeks(forward, strike, years, sigma, kind is Kind.CALL)
    worth, delta, vega = unit_of(instrument)
    assert worth == pytest.approx(float(right.price), rel=1e-12, abs=1e-17)
    assert delta == pytest.approx(float(right.delta) * forward / 3000, rel=1e-12, abs=2e-18)
    assert vega == pytest.approx(float(right.vega) / 100, rel=1e-12, abs=2e-18)


@given(STRIKES, DAYS)
def test_a_call_less_a_put_is_a_forward(ticks, day):
    call, put, forward = (unit_of(option(ticks, kind, day)) for kind in Kind)
    assert call[0] - put[0] == pytest.approx(forward[0], abs=1e-9)
    assert call[1] - put[1] == pytest.approx(forward[1], abs=1e-9)
    assert call[2] == pytest.approx(put[2], abs=1e-12)


@given(STRIKES, DAYS, st.booleans())
def test_the_contracts_integers_agree(ticks, day, is_put):
    at, instrument = book(), option(ticks, Kind.PUT if is_put else Kind.CALL, day)
    forward, sigma = forward_of(at, instrument.expiry), volatility_of(at, instrument.expiry, instrument.strike / WAD)
    deviation = spec.deviation_over(round(sigma * WAD), instrument.expiry - NOW)
    right = spec.price(is_put, round(forward * WAD), instrument.strike, deviation) / WAD
    assert unit_of(instrument)[0] == pytest.approx(right, abs=1e-6 * forward)


def test_a_table_of_options_is_quantlibs():
    at = book()
    for day in (DAY_0 + 1, DAY_0 + 7, DAY_0 + 20, DAY_0 + 35):
        for ticks in range(200, 420, 20):
            for kind, theirs in ((Kind.CALL, QuantLib.Option.Call), (Kind.PUT, QuantLib.Option.Put)):
                instrument = option(ticks, kind, day)
                forward = forward_of(at, instrument.expiry)
                sigma = volatility_of(at, instrument.expiry, 10.0 * ticks)
                years = (instrument.expiry - NOW) / YEAR
                payoff = QuantLib.PlainVanillaPayoff(theirs, 10.0 * ticks)
                right = QuantLib.BlackCalculator(payoff, forward, sigma * math.sqrt(years))
                worth, delta, vega = unit_of(instrument)
                assert worth == pytest.approx(right.value(), abs=1e-9), instrument
                assert delta == pytest.approx(right.delta(3000.0), abs=1e-12), instrument
                assert vega == pytest.approx(right.vega(years) / 100, abs=1e-11), instrument


def test_delta_and_vega_are_slopes():
    at, instrument = book(), option(310)
    strike, sigma = 3100.0, volatility_of(book(), option(310).expiry, 3100.0)

    def worth(spot, vol):
        forward = spot * forward_of(at, instrument.expiry) / 3000
        return float(black76.price(forward, strike, (instrument.expiry - NOW) / YEAR, vol, True))

    _, delta, vega = unit_of(instrument)
    assert delta == pytest.approx((worth(3000.1, sigma) - worth(2999.9, sigma)) / 0.2, rel=1e-5)
    assert vega == pytest.approx(worth(3000, sigma + 0.005) - worth(3000, sigma - 0.005), rel=1e-3)


def test_the_surface_is_met_at_its_expiries_and_between_them_carry_is_linear():
    at, near, far = book(), *SURFACE.slices
    assert forward_of(at, near.expiry) == pytest.approx(3000 * near.forward_ratio)
    assert volatility_of(at, near.expiry, 3003.0) == pytest.approx(float(SURFACE.implied_volatility(near.expiry, 0.0)))
    middle = (near.expiry + far.expiry) // 2
    assert forward_of(at, middle) == pytest.approx(3000 * math.sqrt(near.forward_ratio * far.forward_ratio))
    half = (SURFACE.observed_at + near.expiry) // 2
    assert forward_of(at, half) == pytest.approx(3000 * math.sqrt(near.forward_ratio), rel=1e-9)
    assert at.forward(0, far.expiry + 86_400) is None
    assert at.volatility(0, NOW, 3000.0) is None
    assert at.volatility(5, near.expiry, 3000.0) is None


@given(st.integers(0, 36), st.integers(0, 36), st.integers(1, 10**40), st.integers(1, 10**24))
def test_spot_is_exact_in_any_decimals(decimals, currency, amount, price):
    tokens = {WETH: TokenView("WETH", decimals, 0), DOLLARS.token: TokenView("USD", currency, None, True)}
    found = valued(buys(ETHER, amount), book(price, tokens=tokens))
    assert found.mid() == Fraction(amount * price * 10**currency, 10**decimals * WAD)
    assert valued(sells(ETHER, amount), book(price, tokens=tokens)).mid() == -found.mid()


def test_cash_and_collateral_are_worth_their_units():
    assert valued(buys(COLLATERAL, 2 * 10**9, CASH)).mid() == 6000 * 10**6
    assert valued(buys(CASH, 5 * 10**6)).mid() == 5 * 10**6
    assert valued(buys(NATIVE, WAD)).mid() == 3000 * 10**6


def test_a_price_in_a_markets_token_is_its_worth_over_the_tokens():
    found = valued(buys(DOLLARS, 3000 * 10**6, ETHER))
    assert found.mid() == WAD
    assert found.risks(Price(WAD)) == {0: (WAD, 0)}
    assert valued(buys(position(option(6, Kind.CALL, market=BTC)), 7, ETHER)).mid() > 0


@given(LOTS, st.booleans(), st.integers(1, WHOLE), st.integers(0, 10**20))
def test_rounding_is_against_the_taker(lots, to_taker, part, margin):
    found = valued(request(Item(position(option()), lots, to_taker)))
    price = to_price(found, part, margin)
    assert isinstance(price, Price)
    exact = found.mid(part) + Fraction(margin) / found.currency.value
    assert exact <= price.price < exact + 1


def test_lots_are_quantities():
    one, many = (valued(buys(position(option()), lots)).value for lots in (1, 700))
    assert many == 700 * one
    assert float(one) / WAD == pytest.approx(unit_of(option())[0] / 100)


def test_several_items_net():
    long, short = Item(position(option(300)), 100, True), Item(position(option(320)), 100, False)
    found = valued(request(long, short))
    parts = [valued(request(item)) for item in (long, short)]
    assert found.value == parts[0].value + parts[1].value
    assert found.notional == parts[0].notional + parts[1].notional
    assert found.risks(Price(1))[0] == pytest.approx(
        [sum(p.risks(Price(1))[0][i] for p in parts) for i in (0, 1)], abs=2
    )


def test_a_part_must_be_whole_amounts():
    asked = request(Item(ETHER, 10, True), Item(position(option()), 6, True))
    assert divides(asked, 5_000)
    assert not divides(asked, 2_500)


def test_what_has_no_price_is_refused():
    call, old = buys(position(option())), buys(position(option(day=DAY_0)))
    stale = book(spots={0: Spot(3000 * WAD, NOW - 31)})
    assert refused(buys(ETHER, 1), stale, Ages(spot=30)) == "stale"
    assert refused(call, stale, Ages(spot=30)) == "stale"
    assert refused(buys(DOLLARS, 1, ETHER), stale, Ages(spot=30)) == "stale"
    assert refused(buys(ETHER, 1), book(spots={0: Spot(3000 * WAD, NOW, False)})) == "stale"
    assert refused(buys(ETHER, 1), book(spots={})) == "no_price"
    assert refused(call, book(spots={})) == "no_price"
    assert refused(call, ages=Ages(surface=59)) == "stale"
    assert refused(call, book(surfaces={})) == "no_surface"
    assert refused(buys(position(option(day=DAY_0 + 36)))) == "no_surface"
    assert refused(old) == "expired"
    assert refused(call, book(now=option().expiry - 1_799)) == "averaging"


def test_what_is_not_known_is_refused():
    elsewhere = replace(position(option()), token=WETH)
    assert refused(buys(Asset(LegKind.ERC721, WETH, 5), 1)) == "unsupported"
    assert refused(buys(ETHER, 1, position(option()))) == "unsupported"
    assert refused(buys(Asset(LegKind.ERC20, LEDGER), 1)) == "unknown_asset"
    assert refused(buys(Asset(LegKind.ERC20, ODD), 1)) == "unknown_asset"
    assert refused(buys(elsewhere, 1)) == "unknown_asset"
    assert refused(buys(position(option()), 1), book(markets={})) == "unknown_asset"
    assert refused(buys(replace(position(option()), id=option().move_id | 3), 1)) == "unknown_asset"
    assert (
        refused(buys(ETHER, 1), book(tokens={k: v for k, v in TOKENS.items() if k != DOLLARS.token})) == "unknown_asset"
    )


@given(LOTS, st.booleans(), st.sampled_from([DOLLARS, ETHER]), st.permutations([10_000, 5_000, 2_500]))
def test_a_promise_covers_whichever_price_is_accepted(lots, to_taker, currency, parts):
    asked = request(Item(position(option()), 4 * lots, to_taker), currency=currency)
    found = valued(asked)
    prices = [price for part in parts if isinstance(price := to_price(found, part), Price)]
    promise = promise_of(asked, prices, found)
    for price in prices:
        for asset, change in changes_of(asked, price).items():
            assert abs(promise.changes[asset]) >= abs(change)
            assert promise.changes[asset] * change > 0
        for market, risks in found.risks(price).items():
            for most, less in zip(promise.risks[market], risks, strict=True):
                assert abs(most) >= abs(less)
        assert promise.notional >= found.notional_of(price.part)
