"""Deposits come through Settlement, which wallets approve; an account is credited with what arrived."""

import pytest
from tests.contracts.margin.stage import WAD, Refused, account_of
from tests.contracts.mocks import load
from tests.contracts.unit.ledger.desk import WALLET
from tests.contracts.unit.scene import approve, maker, taker

from peersettle.trades import Leg, LegKind
from peersettle.types import Hash32, keccak

UNIT = 10**6


def bound_to(desk, account, token, amount) -> Hash32:
    """What Permit2 and ERC-3009 bind the approval of a deposit to: its arguments."""
    words = (int(desk.stage.ledger.address, 16), account, int(token.address, 16), amount)
    return Hash32(keccak(b"".join(word.to_bytes(32, "big") for word in words)))


def leg_of(desk, token, amount) -> Leg:
    return Leg(maker.address, desk.stage.ledger.address, LegKind.ERC20, token.address, 0, amount)


@pytest.fixture
def account():
    return account_of(maker.address)


def test_cash_is_credited_in_wad(desk, account):
    assert desk.deposit(maker, desk.stage.cash, 1_234_567).settled
    assert desk.stage.head(account) == (1_234_567 * 10**12, 0, 0)
    assert desk.stage.cash.balanceOf(desk.stage.ledger.address) == 1_234_567


def test_collateral_is_credited_to_its_market(desk, account):
    assert desk.deposit(maker, desk.scene.ether, 5 * WAD + 1).settled
    assert desk.stage.collateral(account, desk.stage.markets[0]) == 5 * WAD + 1
    assert desk.stage.head(account) == (0, 1, 1)


def test_a_sub_account_is_an_account_of_its_own(desk, account):
    desk.cash(maker, 1)
    desk.cash(maker, 2, sub_account=7)
    assert desk.stage.head(account)[0] == WAD
    assert desk.stage.head(account | 7)[0] == 2 * WAD


def test_cash_for_somebody_else(desk, account):
    assert desk.deposit(taker, desk.stage.cash, UNIT, account=account).settled
    assert desk.stage.head(account)[0] == WAD
    assert desk.wallet(taker) == -1


def test_a_permit_stands_for_the_allowance(desk, account):
    cash = desk.stage.cash
    approve(cash, maker.address, desk.scene.settlement.address, 0)
    assert not desk.deposit(maker, cash, UNIT).settled
    assert desk.deposit(maker, cash, UNIT, desk.scene.permit(cash, maker, UNIT)).settled
    assert desk.stage.head(account)[0] == WAD


def test_so_does_permit2(desk, account):
    cash = desk.stage.cash
    approve(cash, maker.address, desk.scene.settlement.address, 0)
    approve(cash, maker.address, desk.scene.permit2.address)
    leg, bound = leg_of(desk, cash, UNIT), bound_to(desk, account, cash, UNIT)
    approval = desk.scene.permit2_approval(leg, maker, bound)
    assert not desk.deposit(maker, cash, UNIT, approval, account=account | 1).settled
    assert desk.deposit(maker, cash, UNIT, approval).settled
    assert desk.stage.head(account)[0] == WAD
    assert not desk.deposit(maker, cash, UNIT, approval).settled


def test_so_does_an_authorization(desk, account):
    """ERC-3009, for this account and amount only, and once."""
    cash = desk.stage.cash
    approve(cash, maker.address, desk.scene.settlement.address, 0)
    leg, bound = leg_of(desk, cash, UNIT), bound_to(desk, account, cash, UNIT)
    approval = desk.scene.authorization(cash, leg, maker, bound)
    assert not desk.deposit(maker, cash, UNIT, approval, account=account | 1).settled
    assert not desk.deposit(maker, cash, UNIT + 1, approval).settled
    assert not desk.deposit(taker, cash, UNIT, approval, account=account).settled
    assert desk.deposit(maker, cash, UNIT, approval).settled
    assert desk.stage.head(account)[0] == WAD
    assert not desk.deposit(maker, cash, UNIT, approval).settled


def test_what_arrives_is_credited_not_what_was_sent(desk, account):
    token = load("FeeToken", "Pax Gold", "PAXG", 18)
    gold = desk.stage.list_market("PAXG", 10**16, 10**18, token=token)
    token.set_fee(100)
    desk.scene.fund(token, maker.address, WALLET * WAD)
    assert desk.deposit(maker, token, WAD).settled
    assert desk.stage.collateral(account, gold) == WAD * 99 // 100 == token.balanceOf(desk.stage.ledger.address)


def test_a_token_that_lies_of_its_success_brings_nothing(desk):
    token = load("FalseToken", "Liar", "LIE", 18)
    desk.stage.list_market("LIE", 10**16, 10**18, token=token)
    assert not desk.deposit(maker, token, WAD).settled


def test_a_donation_is_nobodys(desk, account):
    """Tokens that come by another way are not taken for a deposit."""
    cash = desk.stage.cash
    cash.mint(desk.stage.ledger.address, 5 * UNIT)
    assert desk.deposit(maker, cash, UNIT).settled
    assert desk.stage.head(account)[0] == WAD


def test_nothing_may_be_deposited(desk, account):
    assert desk.deposit(maker, desk.stage.cash, 0).settled
    assert desk.stage.head(account) == (0, 0, 0)


def test_what_is_no_collateral_is_refused(desk):
    token = load("Token", "Other", "OTH", 18)
    desk.scene.fund(token, maker.address, WAD)
    assert desk.deposit(maker, token, WAD).reason == "collateral"
    assert token.balanceOf(maker.address) == WAD


def test_a_key_s_name_for_an_account_is_no_account(desk, account):
    assert desk.deposit(maker, desk.stage.cash, UNIT, account=account | 2**95).reason == "account"


@pytest.mark.parametrize("amount", [2**120, 2**255])
def test_amounts_that_could_overflow_are_refused(desk, amount):
    desk.stage.cash.mint(maker.address, amount)
    assert desk.deposit(maker, desk.stage.cash, amount).reason == "amount"
    desk.scene.ether.mint(maker.address, amount)
    assert desk.deposit(maker, desk.scene.ether, amount).reason == "amount"


def test_so_is_collateral_beyond_what_a_header_holds(desk, account):
    desk.scene.ether.mint(maker.address, 2**95)
    assert desk.deposit(maker, desk.scene.ether, 2**94).reason == "amount"
    assert desk.deposit(maker, desk.scene.ether, 2**94 - 1).settled
    assert desk.deposit(maker, desk.scene.ether, 1).reason == "amount"
    assert desk.stage.collateral(account, desk.stage.markets[0]) == 2**94 - 1


def test_cash_beyond_what_a_head_holds_is_refused(desk):
    desk.stage.cash.mint(maker.address, 2**121)
    assert desk.deposit(maker, desk.stage.cash, 2**120 - 1).reason == "amount"
    assert desk.deposit(maker, desk.stage.cash, 2**127 // 10**12).settled
    assert desk.deposit(maker, desk.stage.cash, 1).reason == "amount"


def test_only_settlement_credits(desk, account):
    stage = desk.stage
    arguments = (account, stage.cash.address, UNIT, maker.address)
    assert stage.call(stage.ledger, "credit", *arguments, sender=maker.address) == Refused("settlement")
