"""Whatever happens to offers, in whatever order: what is held stays within the limits, and what is counted is right."""

from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.unit.making.world import (
    CASH,
    COLLATERAL,
    DAY_0,
    DOLLARS,
    ETHER,
    OTHER,
    TAKER,
    book,
    buys,
    inquiry,
    option,
    position,
    sells,
)

from peersettle.making import (
    Policy,
    Price,
    Quotation,
    Range,
    Spot,
    SpreadStrategy,
    Tally,
    Valuation,
    promise_of,
    value,
)
from peersettle.making.pricing import changes_of
from peersettle.rfq.messages import Asset, Request
from peersettle.risk.instruments import Kind
from peersettle.types import WAD

LIMITS = Policy(
    max_delta=90_000,
    max_vega=60,
    max_exposure=120_000,
    max_total_exposure=150_000,
    max_notional=100_000,
    targets={"ETH": 25},
)
"""It begins at its target; 30 ether either way are its limit."""
SERIES = st.builds(
    lambda *terms: position(option(*terms)),
    st.sampled_from([280, 300, 320]),
    st.sampled_from(Kind),
    st.sampled_from([DAY_0 + 7, DAY_0 + 14]),
)
THINGS = st.one_of(
    st.tuples(st.just(ETHER), st.integers(1, 40).map(lambda n: n * WAD)),
    st.tuples(st.just(COLLATERAL), st.integers(1, 40).map(lambda n: n * 10**9)),
    st.tuples(SERIES, st.integers(1, 500).map(lambda n: 4 * n)),
)


class Making(RuleBasedStateMachine):
    """A maker whose offers are accepted, expire, fail and settle as they like."""

    @initialize()
    def begin(self) -> None:
        self.tally, self.strategy = Tally(), SpreadStrategy(LIMITS)
        self.offers: dict[int, tuple[Request, tuple[Price, ...]]] = {}
        self.agreed: dict[int, dict[Asset, int]] = {}
        self.count = 0
        self.owned = {ETHER: 15 * WAD, DOLLARS: 60_000 * 10**6, CASH: 40_000 * 10**6, COLLATERAL: 10 * 10**9}
        for asset, amount in self.owned.items():
            self.tally.hold(asset, amount)
        self.tally.revalue(book())

    @property
    def book(self):
        return replace(book(), inventory=self.tally.inventory())

    @rule(
        thing=THINGS,
        side=st.sampled_from([buys, sells]),
        currency=st.sampled_from([DOLLARS, CASH]),
        taker=st.sampled_from([TAKER, OTHER]),
    )
    def ask(self, thing, side, currency, taker) -> None:
        asked = side(*thing, currency, partial=True, taker=taker)
        found = self.strategy.quote(inquiry(asked), self.book)
        if isinstance(found, Quotation):
            worth = value(asked, self.book)
            assert isinstance(worth, Valuation)
            self.count += 1
            self.offers[self.count] = asked, found.prices
            self.tally.offer(self.count, promise_of(asked, found.prices, worth))

    @precondition(lambda self: self.offers)
    @rule(data=st.data())
    def accept(self, data) -> None:
        key = data.draw(st.sampled_from(sorted(self.offers)))
        asked, prices = self.offers.pop(key)
        chosen: Price = data.draw(st.sampled_from(prices))
        worth = value(asked, self.book)
        assert isinstance(worth, Valuation)
        self.tally.agree(key, promise_of(asked, [chosen], worth))
        self.agreed[key] = changes_of(asked, chosen)

    @precondition(lambda self: self.offers or self.agreed)
    @rule(data=st.data())
    def fail(self, data) -> None:
        key = data.draw(st.sampled_from(sorted({*self.offers, *self.agreed})))
        self.offers.pop(key, None)
        self.agreed.pop(key, None)
        self.tally.drop(key)
        self.tally.drop(key)

    @precondition(lambda self: self.agreed)
    @rule(data=st.data())
    def settle(self, data) -> None:
        key = data.draw(st.sampled_from(sorted(self.agreed)))
        for asset, change in self.agreed.pop(key).items():
            self.owned[asset] = self.owned.get(asset, 0) + change
        self.tally.settle(key)

    @rule()
    def reprice(self) -> None:
        self.tally.revalue(book())

    @invariant()
    def limits_hold_whatever_is_accepted(self) -> None:
        if not hasattr(self, "tally"):
            return
        at = self.book
        risks = at.risk(0)
        assert risks is not None
        slack = 1_000  # wei: each risk is rounded away from zero by itself
        assert risks.delta.high <= 55 * WAD + slack
        assert risks.delta.low >= -5 * WAD - slack
        assert -60 * WAD - slack <= risks.vega.low <= risks.vega.high <= 60 * WAD + slack
        assert all(at.exposure(taker) <= 120_000 * WAD for taker in (TAKER, OTHER))
        assert at.total_exposure == at.exposure(TAKER) + at.exposure(OTHER) <= 150_000 * WAD
        assert all(at.holding(asset).low >= 0 for asset in (ETHER, DOLLARS, CASH, COLLATERAL))

    @invariant()
    def what_is_held_is_what_was_settled_and_agreed(self) -> None:
        if not hasattr(self, "tally"):
            return
        held = dict(self.owned)
        for changes in self.agreed.values():
            for asset, change in changes.items():
                held[asset] = held.get(asset, 0) + change
        at = self.book
        for asset in {*held, *at.inventory.holdings}:
            found = at.holding(asset)
            assert found.held == held.get(asset, 0)
            assert found.low <= min(found.held, self.owned.get(asset, 0))
            assert found.high >= max(found.held, self.owned.get(asset, 0))

    def teardown(self) -> None:
        """When all promises are gone, nothing of them is left."""
        if not hasattr(self, "tally"):
            return
        for key in list(self.tally.promised):
            self.tally.drop(key)
        fresh = Tally()
        for asset, amount in self.owned.items():
            fresh.hold(asset, amount)
        fresh.revalue(book())
        self.tally.revalue(book())
        assert self.tally.inventory() == fresh.inventory()


TestMaking = Making.TestCase
TestMaking.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_what_cannot_be_valued_makes_its_market_unknown_and_no_other():
    tally = Tally()
    assert tally.inventory().is_valued
    tally.hold(ETHER, WAD)
    assert replace(book(), inventory=tally.inventory()).risk(0) is None
    tally.revalue(book(spots={}))
    at = replace(book(), inventory=tally.inventory())
    assert at.risk(0) is None
    assert at.risk(1) is not None
    tally.revalue(book())
    assert replace(book(), inventory=tally.inventory()).risk(0) == (Range(WAD, WAD, WAD), Range(0, 0, 0))


def test_what_has_expired_has_no_risk():
    tally = Tally()
    tally.hold(position(option(day=DAY_0)), 100)
    tally.revalue(book())
    assert tally.inventory().risks == {}
    assert not tally.inventory().unvalued


def test_a_balance_read_from_the_chain_moves_the_risk_at_once():
    tally = Tally()
    tally.revalue(book())
    tally.hold(ETHER, 3 * WAD)
    tally.hold(ETHER, 2 * WAD)
    assert tally.inventory().risks[0].delta.held == 2 * WAD
    tally.hold(ETHER, 0)
    assert tally.inventory() == Tally().inventory()


def test_the_view_stays_the_same_object_until_something_happens():
    tally = Tally()
    before = tally.inventory()
    assert tally.inventory() is before
    tally.hold(ETHER, 1)
    assert tally.inventory() is not before
    assert not before.holdings


def test_a_promise_does_not_stand_in_its_own_way():
    tally, asked = Tally(), buys(ETHER, WAD)
    tally.hold(ETHER, WAD)
    tally.revalue(book())
    before, worth = tally.inventory(), value(asked, book())
    assert isinstance(worth, Valuation)
    tally.offer("a", promise_of(asked, [Price(3 * 10**9)], worth))
    during = tally.inventory()
    assert during != before
    assert tally.inventory_without("a") == before
    assert tally.inventory_without("b") == tally.inventory() == during


def test_what_is_being_averaged_still_has_a_risk():
    tally, near = Tally(), option()
    tally.hold(position(near), 100)
    at = book(now=near.expiry - 1_000, spots={0: Spot(4000 * WAD, near.expiry - 1_001)})
    tally.revalue(at)
    assert tally.inventory().risks[0].delta.held == pytest.approx(WAD, rel=1e-3)
