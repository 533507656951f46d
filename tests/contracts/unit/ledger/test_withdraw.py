"""What secures nothing goes back to its owner, whenever margin allows."""

import pytest
from tests.contracts.margin.stage import CALL, WAD, Refused, account_of, day_of
from tests.contracts.mocks import load
from tests.contracts.unit.scene import broker, maker, taker

UNIT = 10**6


def withdraw(desk, account, token, amount, receiver=maker.address, sender=maker.address):
    ledger = desk.stage.ledger
    return desk.stage.call(ledger, "withdraw", account, token.address, amount, receiver, sender=sender)


def test_cash_goes_where_its_owner_says(desk):
    account = desk.cash(maker, 10)
    assert withdraw(desk, account, desk.stage.cash, 4 * UNIT) is None
    assert withdraw(desk, account, desk.stage.cash, 6 * UNIT, receiver=broker.address) is None
    assert (desk.wallet(maker), desk.wallet(broker)) == (4, 6)
    assert desk.stage.head(account)[0] == 0


def test_collateral_goes_and_with_the_last_of_it_the_market(desk):
    account, eth = desk.ether(maker, 3), desk.stage.markets[0]
    assert withdraw(desk, account, eth.token, WAD) is None
    assert (desk.stage.collateral(account, eth), desk.stage.head(account)[2]) == (2 * WAD, 1)
    assert withdraw(desk, account, eth.token, 2 * WAD) is None
    assert desk.stage.head(account)[2] == 0


def test_nobody_takes_more_than_there_is(desk):
    account = desk.cash(maker, 10)
    desk.ether(maker, 1)
    desk.cash(taker, 10)
    desk.ether(taker, 1)
    assert withdraw(desk, account, desk.stage.cash, 10 * UNIT + 1) == Refused("cash")
    assert withdraw(desk, account, desk.scene.ether, WAD + 1) == Refused("collateral")
    assert withdraw(desk, account, desk.stage.markets[1].token, 1) == Refused("collateral")


def test_what_is_no_collateral_cannot_be_had(desk):
    account, token = desk.cash(maker, 10), load("Token", "Other", "OTH", 18)
    token.mint(desk.stage.ledger.address, WAD)
    assert withdraw(desk, account, token, 1) == Refused("collateral")


@pytest.mark.parametrize("amount", [2**120, 2**255, 2**256 - 1])
def test_amounts_that_could_overflow_are_refused(desk, amount):
    account = desk.cash(maker, 10)
    assert withdraw(desk, account, desk.stage.cash, amount) == Refused("amount")


def test_only_the_owner_withdraws(desk):
    account = desk.cash(maker, 10)
    for receiver, reason in ((taker.address, "owner"), (maker.address, "session")):
        assert withdraw(desk, account, desk.stage.cash, 1, receiver, taker.address) == Refused(reason)
    assert withdraw(desk, account, desk.stage.cash, 1, sender=desk.stage.steward) == Refused("session")


def test_down_to_the_initial_margin_and_not_below(desk):
    stage, eth = desk.stage, desk.stage.markets[0]
    account, _ = desk.cash(maker, 10_000), desk.cash(taker, 10_000)
    call = eth.id(day_of(stage.now) + 30, 3_000, CALL)
    stage.quote(eth, 3_000, call)
    assert desk.settle(desk.position(maker, taker, call, 100)).settled
    equity, _, initial = stage.health(account)
    free = (equity - initial) // 10**12
    assert withdraw(desk, account, stage.cash, free + 1) == Refused("margin")
    assert withdraw(desk, account, stage.cash, free) is None
    assert stage.health(account)[0] - initial < 10**12
    assert withdraw(desk, account, stage.cash, 1) == Refused("margin")


def test_a_covered_call_holds_the_collateral_not_the_cash(desk):
    stage, eth = desk.stage, desk.stage.markets[0]
    account = desk.ether(maker, 1)
    desk.cash(maker, 500)
    desk.cash(taker, 10_000)
    call = eth.id(day_of(stage.now) + 30, 3_000, CALL)
    stage.quote(eth, 3_000, call)
    assert desk.settle(desk.position(maker, taker, call, 100)).settled
    assert withdraw(desk, account, eth.token, WAD * 95 // 100) == Refused("margin")
    assert withdraw(desk, account, stage.cash, 500 * UNIT) is None


def test_it_reaches_tokens_that_answer_nothing(desk):
    """And one that fails without a word takes nothing from the account."""
    token = load("SilentToken", "Tether", "USDT", 18)
    market = desk.stage.list_market("USDT", 10**16, 10**18, token=token)
    desk.scene.fund(token, maker.address, WAD)
    assert desk.deposit(maker, token, WAD).settled
    account = account_of(maker.address)
    assert withdraw(desk, account, token, WAD) is None
    assert (token.balanceOf(maker.address), desk.stage.collateral(account, market)) == (WAD, 0)


def test_it_pays_back_only_what_is_left_of_a_token_that_takes_fees(desk):
    token = load("FeeToken", "Pax Gold", "PAXG", 18)
    desk.stage.list_market("PAXG", 10**16, 10**18, token=token)
    token.set_fee(100)
    desk.scene.fund(token, maker.address, 100 * WAD)
    desk.scene.fund(token, taker.address, 100 * WAD)
    assert desk.deposit(maker, token, 100 * WAD).settled
    assert desk.deposit(taker, token, 100 * WAD).settled
    account = account_of(maker.address)
    assert withdraw(desk, account, token, 99 * WAD + 1) == Refused("collateral")
    assert withdraw(desk, account, token, 99 * WAD) is None
    assert token.balanceOf(desk.stage.ledger.address) == 99 * WAD
