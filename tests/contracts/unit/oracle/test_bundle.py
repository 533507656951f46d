"""Bundle: fresh prices in front of a call, in one transaction."""

import boa
import pytest
from tests.contracts.differential.world import contract
from tests.contracts.mocks import load
from tests.contracts.unit.calls import call
from tests.contracts.unit.oracle.scene import ETH, PRICE

SENDER = "0x" + "5e" * 20


@pytest.fixture
def bundle(oracle):
    return contract("Bundle").deploy(oracle.oracle.address)


def calldata(oracle, value, time=None):
    return oracle.oracle.update.prepare_calldata(*oracle.round(ETH, time or oracle.now, value))


def reads(oracle):
    return oracle.oracle.read.prepare_calldata(ETH)


def test_the_call_sees_the_price_that_came_with_it(oracle, bundle):
    outcome = call(bundle, "execute", [calldata(oracle, PRICE)], oracle.oracle.address, reads(oracle))
    assert outcome.settled
    answer = outcome.output[64:]
    assert int.from_bytes(answer[:32], "big") == PRICE
    assert int.from_bytes(answer[32:64], "big") == oracle.now


def test_a_refused_update_does_not_stop_the_call_and_is_told(oracle, bundle):
    """Somebody was faster: the second of two alike."""
    update = calldata(oracle, PRICE)
    outcome = call(bundle, "execute", [update, update], oracle.oracle.address, reads(oracle))
    assert outcome.settled
    (refused,) = [event for event in outcome.events if type(event).__name__ == "UpdateRefused"]
    assert refused.index == 1
    assert b"old" in refused.reason


def test_when_the_call_fails_all_of_it_does(oracle, bundle):
    again = calldata(oracle, PRICE)
    outcome = call(bundle, "execute", [again], oracle.oracle.address, again)
    assert outcome.reason == "old"
    assert oracle.oracle.read(ETH)[0] == 0


def test_a_target_without_code_is_refused(oracle, bundle):
    outcome = call(bundle, "execute", [calldata(oracle, PRICE)], SENDER, b"")
    assert outcome.reason == "target"


def test_it_is_nobody_to_the_target_but_itself(bundle):
    """The target sees the bundle, never who called it: a token moves nothing of the sender's."""
    token = load("Token", "USD Coin", "USDC", 6)
    token.mint(SENDER, 100)
    move = token.transfer.prepare_calldata(bundle.address, 100)
    assert not call(bundle, "execute", [], token.address, move, sender=SENDER).settled
    assert token.balanceOf(SENDER) == 100


def test_as_the_code_of_an_account_it_obeys_that_account_only(bundle):
    """As EIP-7702 lets an account run it: the code is the bundle's, the address is the account's."""
    owner = "0x" + "77" * 20
    boa.env.set_code(owner, boa.env.get_code(bundle.address))
    account = contract("Bundle").at(owner)
    token = load("Token", "USD Coin", "USDC", 6)
    token.mint(owner, 100)
    move = token.transfer.prepare_calldata(SENDER, 60)
    assert call(account, "execute", [], token.address, move, sender=SENDER).reason == "sender"
    assert call(account, "execute", [], token.address, move, sender=bundle.address).reason == "sender"
    assert call(account, "execute", [], token.address, move, sender=owner).settled
    assert token.balanceOf(SENDER) == 60


def test_value_goes_on_to_the_target(bundle):
    boa.env.set_balance(SENDER, 5)
    target = load("Wallet", SENDER)
    outcome = call(bundle, "execute", [], target.address, b"", sender=SENDER, value=5)
    assert outcome.settled
    assert boa.env.get_balance(target.address) == 5
    assert boa.env.get_balance(bundle.address) == 0
