"""The face of ERC-4626: coming, and leaving after a notice of two days within two days.

The first depositor has a million shares for a million. Shares have 18 decimals, the currency 6; one share and one unit
that nobody has are counted in.
"""

import pytest
from tests.contracts.margin.sale import POOL, UNIT
from tests.contracts.margin.stage import DAY, WAD, Refused, account_of
from tests.contracts.margin.walk import owner_of


@pytest.fixture
def saver(sale):
    """Somebody with 100,000 in the Ledger."""
    return owner_of(sale.newcomer(100_000))


def give(sale, amount):
    """The pool earns so many units."""
    sale.stage.fund(sale.stage.pool.address, amount)


def notice(sale, owner, amount):
    assert sale.pooled("request", amount, sender=owner) is None
    sale.stage.wait(2 * DAY)


def test_it_says_what_it_is(sale):
    pool = sale.stage.pool
    assert (pool.name(), pool.symbol(), pool.decimals()) == ("PeerSettle Backstop", "BACKSTOP", 18)
    assert pool.asset() == sale.stage.cash.address
    assert pool.totalSupply() == pool.balanceOf(sale.depositor) == POOL * WAD
    assert pool.totalAssets() == POOL * UNIT
    assert pool.maxDeposit(sale.depositor) == pool.maxMint(sale.depositor) == 2**120 - 1
    assert pool.valuations() == (POOL * WAD, POOL * WAD)


def test_a_deposit_comes_from_the_callers_account(sale, saver):
    pool = sale.cash(sale.pool)
    assert sale.pooled("deposit", 30_000 * UNIT, saver, sender=saver) == 30_000 * WAD
    assert sale.cash(account_of(saver)) == 70_000
    assert sale.cash(sale.pool) - pool == 30_000
    assert sale.pooled("balanceOf", saver) == 30_000 * WAD


def test_shares_may_be_for_somebody_else(sale, saver):
    other = "0x" + "5e" * 20
    sale.pooled("deposit", 10 * UNIT, other, sender=saver)
    assert sale.pooled("balanceOf", other) == 10 * WAD
    assert sale.pooled("balanceOf", saver) == 0


def test_mint_asks_for_what_so_many_shares_cost(sale, saver):
    give(sale, 500_000)
    assert sale.pooled("mint", 10_000 * WAD, saver, sender=saver) == pytest.approx(15_000 * UNIT, abs=10_000)
    assert sale.pooled("balanceOf", saver) == 10_000 * WAD


@pytest.mark.parametrize("verb", ["deposit", "mint"])
def test_nothing_is_no_deposit(sale, saver, verb):
    assert sale.pooled(verb, 0, saver, sender=saver) == Refused("amount")


def test_nobody_deposits_what_it_does_not_have(sale, saver):
    assert sale.pooled("deposit", 100_001 * UNIT, saver, sender=saver) == Refused("cash")
    assert sale.pooled("deposit", 2**120, saver, sender=saver) == Refused("amount")


def test_nobody_deposits_its_margin(sale):
    """100,000 behind forwards that ask for 96,169."""
    account = sale.short()
    owner = owner_of(account)
    assert sale.pooled("deposit", 4_000 * UNIT, owner, sender=owner) == Refused("margin")
    assert sale.pooled("deposit", 3_000 * UNIT, owner, sender=owner) == 3_000 * WAD


def test_shares_are_never_for_nobody(sale, saver):
    for receiver in ("0x" + "0" * 40, sale.stage.pool.address):
        assert sale.pooled("deposit", UNIT, receiver, sender=saver) == Refused("receiver")
        assert sale.pooled("transfer", receiver, 1) == Refused("receiver")


def test_leaving_takes_two_days_of_notice(sale):
    """And then must be done within two days."""
    me = sale.depositor
    assert sale.pooled("redeem", WAD, me, me) == Refused("notice")
    assert sale.pooled("request", 100 * WAD) is None
    assert sale.pooled("requests", me) == (100 * WAD, sale.stage.now + 2 * DAY)
    sale.stage.wait(2 * DAY - 1)
    assert sale.pooled("redeem", WAD, me, me) == Refused("notice")
    assert sale.pooled("maxRedeem", me) == sale.pooled("maxWithdraw", me) == 0
    sale.stage.wait(1)
    assert sale.pooled("maxRedeem", me) == 100 * WAD
    assert sale.pooled("redeem", 60 * WAD, me, me) == 60 * UNIT
    assert sale.pooled("redeem", 41 * WAD, me, me) == Refused("notice")
    sale.stage.wait(2 * DAY)
    assert sale.pooled("redeem", 40 * WAD, me, me) == 40 * UNIT
    assert sale.cash(account_of(me)) == 100


def test_after_the_window_a_new_notice_is_needed(sale):
    me = sale.depositor
    notice(sale, me, 100 * WAD)
    sale.stage.wait(2 * DAY + 1)
    assert sale.pooled("redeem", WAD, me, me) == Refused("notice")
    assert sale.pooled("request", 0) is None
    sale.stage.wait(2 * DAY)
    assert sale.pooled("redeem", 100 * WAD, me, me) == 100 * UNIT


def test_who_asks_for_more_waits_for_all_of_it(sale):
    me = sale.depositor
    notice(sale, me, 100 * WAD)
    assert sale.pooled("request", WAD) is None
    assert sale.pooled("redeem", WAD, me, me) == Refused("notice")
    assert sale.pooled("requests", me)[0] == 101 * WAD


def test_who_stays_has_its_shares_again(sale):
    sale.pooled("request", 100 * WAD)
    assert sale.pooled("balanceOf", sale.depositor) == (POOL - 100) * WAD
    assert sale.pooled("stay") is None
    assert sale.pooled("balanceOf", sale.depositor) == POOL * WAD
    sale.stage.wait(2 * DAY)
    assert sale.pooled("redeem", WAD, sale.depositor, sale.depositor) == Refused("notice")


def test_nobody_asks_for_more_than_it_has(sale, saver):
    assert sale.pooled("request", 1, sender=saver) == Refused("shares")
    assert sale.pooled("request", POOL * WAD + 1) == Refused("shares")


def test_who_waits_goes_on_bearing_losses_and_gains(sale):
    """Priced when it leaves: what came in during the notice is shared."""
    notice(sale, sale.depositor, 500_000 * WAD)
    give(sale, 100_000)
    paid = sale.pooled("redeem", 500_000 * WAD, sale.depositor, sale.depositor)
    assert paid == pytest.approx(550_000 * UNIT, rel=1e-6)


def test_cash_goes_to_whom_the_owner_says(sale, saver):
    notice(sale, sale.depositor, 100 * WAD)
    assert sale.pooled("redeem", 10 * WAD, saver, sale.depositor) == 10 * UNIT
    assert sale.cash(account_of(saver)) == 100_010


def test_others_redeem_by_allowance_only(sale, saver):
    me = sale.depositor
    notice(sale, me, 100 * WAD)
    assert sale.pooled("redeem", WAD, saver, me, sender=saver) == Refused("allowance")
    assert sale.pooled("approve", saver, 10 * WAD) is True
    assert sale.pooled("redeem", 10 * WAD, saver, me, sender=saver) == 10 * UNIT
    assert sale.pooled("withdraw", UNIT, saver, me, sender=saver) == Refused("allowance")
    assert sale.pooled("allowance", me, saver) == 0


def test_withdraw_burns_what_so_much_costs(sale):
    notice(sale, sale.depositor, 1_000 * WAD)
    give(sale, 1_000_000)
    burned = sale.pooled("withdraw", 500 * UNIT, sale.depositor, sale.depositor)
    assert burned == pytest.approx(250 * WAD, rel=1e-6)
    assert sale.pooled("withdraw", 0, sale.depositor, sale.depositor) == Refused("amount")
    assert sale.pooled("redeem", 0, sale.depositor, sale.depositor) == Refused("amount")
    assert sale.pooled("withdraw", 2**120, sale.depositor, sale.depositor) == Refused("amount")


def test_only_what_is_idle_leaves(sale):
    """28,000 are lent, of which half is counted: all shares together are worth more than there is to pay out."""
    sale.debtor()
    notice(sale, sale.depositor, POOL * WAD)
    free = sale.pooled("capital") // 10**12
    assert sale.pooled("maxWithdraw", sale.depositor) == free
    assert sale.pooled("withdraw", free + 1, sale.depositor, sale.depositor) == Refused("idle")


def test_rounding_is_against_the_caller(sale, saver):
    """At a price of 1.333333 a share: who comes pays up and gets down, who leaves, too."""
    give(sale, 333_333)
    low, high = sale.pooled("valuations")
    supply = sale.pooled("totalSupply")
    assert low == high
    for assets in (1, 3, 7, 999_999, 12_345_678):
        exact = assets * 10**12 * (supply + WAD)
        minted, burned = sale.pooled("previewDeposit", assets), sale.pooled("previewWithdraw", assets)
        assert minted * (high + WAD) <= exact < (minted + 1) * (high + WAD)
        assert (burned - 1) * (low + WAD) < exact <= burned * (low + WAD)
    for amount in (1, 10**11, 10**12 + 1, WAD // 3, 7 * WAD + 5):
        cost, got = sale.pooled("previewMint", amount), sale.pooled("previewRedeem", amount)
        assert (cost - 1) * 10**12 * (supply + WAD) < amount * (high + WAD) <= cost * 10**12 * (supply + WAD)
        assert got * 10**12 * (supply + WAD) <= amount * (low + WAD) < (got + 1) * 10**12 * (supply + WAD)
    assert sale.pooled("deposit", 12_345_678, saver, sender=saver) == sale.pooled("balanceOf", saver)


def test_previews_say_what_happens(sale, saver):
    give(sale, 333_333)
    with sale.stage.undone():
        assert sale.pooled("previewDeposit", 777) == sale.pooled("deposit", 777, saver, sender=saver)
    with sale.stage.undone():
        assert sale.pooled("previewMint", 777) == sale.pooled("mint", 777, saver, sender=saver)
    me = sale.depositor
    notice(sale, me, 100 * WAD)
    with sale.stage.undone():
        assert sale.pooled("previewRedeem", WAD + 1) == sale.pooled("redeem", WAD + 1, me, me)
    with sale.stage.undone():
        assert sale.pooled("previewWithdraw", 777) == sale.pooled("withdraw", 777, me, me)
    assert sale.pooled("convertToShares", 777) == sale.pooled("previewDeposit", 777)
    assert sale.pooled("convertToAssets", WAD) == sale.pooled("previewRedeem", WAD)


def test_coming_and_leaving_at_once_gains_nothing(sale, saver):
    for gift in (0, 333_333, 7):
        give(sale, gift)
        with sale.stage.undone():
            minted = sale.pooled("deposit", 99_999_999_999, saver, sender=saver)
            notice(sale, saver, minted)
            assert sale.pooled("redeem", minted, saver, saver, sender=saver) <= 99_999_999_999


def test_shares_move_like_any_token(sale, saver):
    me = sale.depositor
    assert sale.pooled("transfer", saver, WAD) is True
    assert sale.pooled("balanceOf", saver) == WAD
    assert sale.pooled("transferFrom", me, saver, WAD, sender=saver) == Refused("allowance")
    assert sale.pooled("approve", saver, 2**256 - 1) is True
    assert sale.pooled("transferFrom", me, saver, WAD, sender=saver) is True
    assert sale.pooled("allowance", me, saver) == 2**256 - 1
    assert sale.pooled("transfer", me, 3 * WAD, sender=saver) == Refused("shares")
    assert sale.pooled("totalSupply") == POOL * WAD


def test_what_was_asked_for_cannot_be_sold_twice(sale, saver):
    sale.pooled("request", POOL * WAD)
    assert sale.pooled("transfer", saver, 1) == Refused("shares")
