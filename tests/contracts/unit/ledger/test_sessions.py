"""Another key acts for an account: for a while, for what it was allowed, and never beyond its owner's reach."""

import pytest
from tests.contracts.margin.stage import CALL, WAD, Refused, account_of, day_of
from tests.contracts.unit.scene import broker, maker, taker

from peersettle.types import keccak

TRADE, WITHDRAW = 1, 2
HOUR = 3_600


def grant(desk, scopes, seconds=HOUR, sub_account=0, key=broker, owner=maker):
    """The owner allows the broker's key; answers with the sub-account by which the key names it."""
    arguments = (key.address, sub_account, scopes, desk.stage.now + seconds)
    return desk.stage.call(desk.stage.ledger, "grant", *arguments, sender=owner.address)


@pytest.fixture
def call(desk):
    """A call to trade, and what both sides need for it."""
    item = desk.stage.markets[0].id(day_of(desk.stage.now) + 30, 3_000, CALL)
    desk.stage.quote(desk.stage.markets[0], 3_000, item)
    desk.cash(maker, 10_000)
    desk.cash(taker, 10_000)
    return item


def trade(desk, item, slot, mask=1, lots=10):
    """The broker signs for the maker's account, the taker for its own."""
    leg = desk.position(broker, taker, item, lots, giver_sub_account=slot)
    return desk.settle(leg, mask=mask, parties=(broker, taker))


def withdraw(desk, receiver=maker, sender=broker, amount=1, account=None):
    ledger, held = desk.stage.ledger, account_of(maker.address) if account is None else account
    arguments = (held, desk.stage.cash.address, amount, receiver.address)
    return desk.stage.call(ledger, "withdraw", *arguments, sender=sender.address)


def test_a_key_names_its_grant_by_a_slot_of_the_account(desk):
    account = account_of(maker.address, 5)
    slot = int.from_bytes(keccak(account.to_bytes(32, "big")), "big") & (2**95 - 1) | 2**95
    assert grant(desk, TRADE, sub_account=5) == slot


def test_a_key_trades_for_an_account(desk, call):
    slot = grant(desk, TRADE)
    assert trade(desk, call, slot).settled
    eth = desk.stage.markets[0]
    assert desk.stage.positions(account_of(maker.address), eth) == {call: -10}
    assert desk.stage.positions(account_of(broker.address), eth) == {}


def test_two_keys_bring_two_accounts_together(desk, call):
    mine, yours = grant(desk, TRADE), grant(desk, TRADE, owner=taker)
    leg = desk.position(broker, broker, call, 10, giver_sub_account=mine, receiver_sub_account=yours)
    assert desk.settle(leg, parties=(broker,)).settled
    assert desk.stage.positions(account_of(taker.address), desk.stage.markets[0]) == {call: 10}


def test_it_cannot_trade_an_account_against_itself(desk, call):
    slot = grant(desk, TRADE)
    leg = desk.position(broker, maker, call, 10, giver_sub_account=slot)
    assert desk.settle(leg, parties=(broker, maker)).reason == "account"


def test_nor_beyond_its_margin(desk, call):
    slot = grant(desk, TRADE)
    assert trade(desk, call, slot, lots=10_000).reason == "margin"


@pytest.mark.parametrize("scopes", [0, WITHDRAW])
def test_not_without_the_scope(desk, call, scopes):
    slot = grant(desk, scopes)
    assert trade(desk, call, slot).reason == "session"


def test_not_when_it_has_expired(desk, call):
    slot = grant(desk, TRADE)
    desk.stage.wait(HOUR - 1)
    desk.stage.quote(desk.stage.markets[0], 3_000, call)
    with desk.stage.undone():
        assert trade(desk, call, slot).settled
    desk.stage.wait(1)
    assert trade(desk, call, slot).reason == "session expired"
    grant(desk, TRADE)
    assert trade(desk, call, slot).settled


def test_not_when_it_was_taken_back(desk, call):
    slot = grant(desk, TRADE)
    assert trade(desk, call, slot).settled
    grant(desk, 0)
    assert trade(desk, call, slot, mask=2).reason == "session"


def test_not_for_another_sub_account(desk, call):
    grant(desk, TRADE)
    other = int.from_bytes(keccak(account_of(maker.address, 1).to_bytes(32, "big")), "big") & (2**95 - 1) | 2**95
    assert trade(desk, call, other).reason == "session"


def test_not_by_another_key(desk, call):
    slot = grant(desk, TRADE)
    leg = desk.position(maker, taker, call, 10, giver_sub_account=slot)
    assert desk.settle(leg).reason == "session"


def test_it_withdraws_to_the_owner_only(desk):
    account = desk.cash(maker, 10)
    grant(desk, WITHDRAW)
    assert withdraw(desk) is None
    assert withdraw(desk, receiver=broker) == Refused("owner")
    assert withdraw(desk, amount=10**7) == Refused("cash")
    assert withdraw(desk, sender=taker) == Refused("session")
    assert desk.stage.head(account)[0] == 10 * WAD - 10**12
    desk.stage.wait(HOUR)
    assert withdraw(desk) == Refused("session expired")


@pytest.mark.parametrize("scopes", [0, TRADE])
def test_and_only_with_that_scope(desk, scopes):
    desk.cash(maker, 10)
    grant(desk, scopes)
    assert withdraw(desk) == Refused("session")


def test_a_key_cannot_lengthen_its_own_life(desk):
    grant(desk, TRADE)
    account = account_of(maker.address)
    arguments = (broker.address, account & (2**96 - 1), TRADE | WITHDRAW, 2**64 - 1)
    desk.stage.call(desk.stage.ledger, "grant", *arguments, sender=broker.address)
    assert withdraw(desk) == Refused("session")


@pytest.mark.parametrize(
    ("sub_account", "scopes", "expires", "reason"),
    [(2**95, TRADE, HOUR, "account"), (0, 4, HOUR, "scope"), (0, TRADE, 2**64, "scope"), (2**255, 0, 0, "account")],
)
def test_what_cannot_be_granted(desk, sub_account, scopes, expires, reason):
    arguments = (broker.address, sub_account, scopes, expires)
    assert desk.stage.call(desk.stage.ledger, "grant", *arguments, sender=maker.address) == Refused(reason)
