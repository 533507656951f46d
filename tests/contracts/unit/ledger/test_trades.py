"""One signed Trade holds positions against tokens, one another and cash in the ledger: all or nothing."""

import pytest
from tests.contracts.margin.stage import CALL, CASH, FORWARD, PUT, WAD, account_of, day_of
from tests.contracts.unit.scene import broker, maker, relayer, taker


@pytest.fixture
def eth(desk):
    """Maker and taker have 20,000 each behind them."""
    desk.cash(maker, 20_000)
    desk.cash(taker, 20_000)
    return desk.stage.markets[0]


@pytest.fixture
def month(desk):
    return day_of(desk.stage.now) + 30


def held(desk, of, market=0):
    return desk.stage.positions(account_of(of.address), desk.stage.markets[market])


def test_an_option_against_a_premium_from_a_wallet(desk, eth, month):
    call = eth.id(month, 3_000, CALL)
    desk.stage.quote(eth, 3_000, call)
    outcome = desk.settle(desk.position(maker, taker, call, 500), desk.premium(taker, maker, 1_400))
    assert outcome.settled
    assert (held(desk, maker), held(desk, taker)) == ({call: -500}, {call: 500})
    assert (desk.wallet(maker), desk.wallet(taker)) == (1_400, -1_400)
    assert desk.stage.ledger.open_interest(eth.number, call) == 500
    equities = [desk.stage.health(account_of(one.address))[0] / WAD for one in (maker, taker)]
    assert sum(equities) == pytest.approx(40_000, abs=0.01)
    assert equities[0] == pytest.approx(20_000 - 5 * 278, rel=0.01)


def test_a_spread(desk, eth, month):
    """Two legs of one trade; its requirement is far below that of the short leg alone."""
    low, high = (eth.id(month, strike, CALL) for strike in (3_000, 3_300))
    desk.stage.quote(eth, 3_000, low, high)
    legs = [desk.position(maker, taker, low, 1_000), desk.position(taker, maker, high, 1_000)]
    with desk.stage.undone():
        assert desk.settle(legs[0]).settled
        naked = desk.stage.assess(account_of(maker.address), eth).requirement
    assert desk.settle(*legs, desk.premium(taker, maker, 1_200)).settled
    assert held(desk, maker) == {low: -1_000, high: 1_000}
    assert desk.stage.assess(account_of(maker.address), eth).requirement < naked / 2


def test_a_roll(desk, eth, month):
    """The near leg is closed and the far one opened in one trade."""
    near, far = (eth.id(day, 3_000, CALL) for day in (month, month + 30))
    desk.stage.quote(eth, 3_000, near, far)
    assert desk.settle(desk.position(maker, taker, near, 500)).settled
    roll = [desk.position(taker, maker, near, 500), desk.position(maker, taker, far, 500)]
    assert desk.settle(*roll, desk.premium(taker, maker, 500), mask=2).settled
    assert (held(desk, maker), held(desk, taker)) == ({far: -500}, {far: 500})
    assert desk.stage.ledger.open_interest(eth.number, near) == 0


def test_a_forward_against_spot(desk, eth, month):
    """The taker buys ten ETH from a wallet, pays from a wallet, and sells them forward."""
    forward = eth.id(month, 3_006, FORWARD)
    desk.stage.quote(eth, 3_000, forward)
    spot = desk.scene.leg(maker, taker, desk.scene.ether, 10 * WAD)
    outcome = desk.settle(desk.position(taker, maker, forward, 1_000), spot, desk.premium(taker, maker, 30_000))
    assert outcome.settled
    assert (held(desk, maker), held(desk, taker)) == ({forward: 1_000}, {forward: -1_000})
    assert desk.wallet(taker) == -30_000
    assert desk.scene.ether.balanceOf(taker.address) == (10**6 + 10) * WAD
    assert abs(desk.stage.assess(account_of(taker.address), eth).worth) < WAD


def test_cash_in_the_ledger_pays_too(desk, eth, month):
    put = eth.id(month, 3_000, PUT)
    desk.stage.quote(eth, 3_000, put)
    premium = desk.position(taker, maker, CASH, 1_400 * 10**6 + 1)
    assert desk.settle(desk.position(maker, taker, put, 500), premium).settled
    assert desk.stage.head(account_of(maker.address))[0] == 21_400 * WAD + 10**12
    assert desk.stage.head(account_of(taker.address))[0] == 18_600 * WAD - 10**12


def test_cash_that_is_not_there_does_not(desk, eth, month):
    put = eth.id(month, 3_000, PUT)
    desk.stage.quote(eth, 3_000, put)
    premium = desk.position(taker, maker, CASH, 20_000 * 10**6 + 1)
    assert desk.settle(desk.position(maker, taker, put, 500), premium).reason == "cash"


@pytest.mark.usefixtures("eth")
def test_collateral_moves_inside_the_ledger(desk):
    btc = desk.stage.markets[1]
    desk.stage.fund(maker.address, btc=2)
    moved = desk.position(maker, taker, btc.collateral, 15 * 10**8)
    assert desk.settle(moved, desk.position(taker, maker, CASH, 4_500 * 10**6)).settled
    accounts = account_of(maker.address), account_of(taker.address)
    assert [desk.stage.collateral(one, btc) for one in accounts] == [WAD // 2, 3 * WAD // 2]
    assert [desk.stage.head(one)[0] for one in accounts] == [24_500 * WAD, 15_500 * WAD]
    assert desk.settle(desk.position(maker, taker, btc.collateral, 5 * 10**8 + 1), mask=2).reason == "collateral"


def test_who_only_deals_in_cash_and_collateral_needs_no_price(desk):
    """Nothing was ever heard of these markets."""
    btc = desk.stage.markets[1]
    desk.stage.fund(maker.address, btc=2)
    desk.cash(taker, 60_000)
    legs = desk.position(maker, taker, btc.collateral, 10**9), desk.position(taker, maker, CASH, 60_000 * 10**6)
    assert desk.settle(*legs).settled


def test_sub_accounts_trade_with_one_another(desk, eth, month):
    call = eth.id(month, 3_000, CALL)
    desk.stage.quote(eth, 3_000, call)
    desk.cash(maker, 10_000, sub_account=3)
    leg = desk.position(maker, maker, call, 100, receiver_sub_account=3)
    assert desk.settle(leg, parties=(maker,)).settled
    assert held(desk, maker) == {call: -100}
    assert desk.stage.positions(account_of(maker.address, 3), eth) == {call: 100}


def test_three_parties_in_a_ring(desk, eth, month):
    """Each takes from one and gives to the next: who is flat at the end was never judged in between."""
    call = eth.id(month, 3_000, CALL)
    desk.stage.quote(eth, 3_000, call)
    legs = [desk.position(maker, broker, call, 500), desk.position(broker, taker, call, 500)]
    assert desk.settle(*legs, parties=(maker, taker, broker)).settled
    assert (held(desk, maker), held(desk, broker), held(desk, taker)) == ({call: -500}, {}, {call: 500})
    assert desk.stage.ledger.open_interest(eth.number, call) == 500


def test_a_position_changes_hands(desk, eth, month):
    call = eth.id(month, 3_000, CALL)
    desk.stage.quote(eth, 3_000, call)
    desk.cash(relayer, 20_000)
    assert desk.settle(desk.position(maker, taker, call, 500)).settled
    assert desk.settle(desk.position(maker, relayer, call, 500), parties=(maker, relayer)).settled
    assert (held(desk, maker), held(desk, relayer)) == ({call: -1_000}, {call: 500})
    assert desk.settle(desk.position(taker, maker, call, 500), mask=2).settled
    assert (held(desk, maker), held(desk, taker)) == ({call: -500}, {})


@pytest.mark.parametrize("failing", ["a wallet", "a margin"])
def test_all_or_nothing(desk, eth, month, failing):
    call = eth.id(month, 3_000, CALL)
    desk.stage.quote(eth, 3_000, call)
    lots, premium = (500, 10**7) if failing == "a wallet" else (10**5, 100)
    outcome = desk.settle(desk.position(maker, taker, call, lots), desk.premium(taker, maker, premium))
    assert outcome.reason == ("ERC20: transfer amount exceeds balance" if failing == "a wallet" else "margin")
    assert (held(desk, maker), held(desk, taker)) == ({}, {})
    assert (desk.wallet(maker), desk.wallet(taker)) == (0, 0)


def test_margin_is_judged_on_what_the_whole_trade_leaves(desk, eth, month):
    """Sixteen legs that pass by a position nobody could carry, and end at one that they can."""
    call = eth.id(month, 3_000, CALL)
    desk.stage.quote(eth, 3_000, call)
    there = [desk.position(maker, taker, call, 10**6)] * 7
    back = [desk.position(taker, maker, call, 10**6)] * 7
    assert desk.settle(*there, *back, desk.position(maker, taker, call, 100)).settled
    assert (held(desk, maker), held(desk, taker)) == ({call: -100}, {call: 100})
    assert desk.stage.ledger.open_interest(eth.number, call) == 100


def test_options_of_two_markets_in_one_trade(desk, eth, month):
    btc = desk.stage.markets[1]
    first, second = eth.id(month, 3_000, CALL), btc.id(month, 6_000, PUT)
    desk.stage.quote(eth, 3_000, first)
    desk.stage.quote(btc, 60_000, second)
    assert desk.settle(desk.position(maker, taker, first, 500), desk.position(taker, maker, second, 100)).settled
    assert (held(desk, maker), held(desk, maker, 1)) == ({first: -500}, {second & (2**36 - 1): 100})
    assert desk.stage.head(account_of(maker.address))[2] == 0b11
