"""Position legs: moves inside a margin ledger, in one call after all tokens have moved."""

from dataclasses import replace

import boa
import pytest
from tests.contracts.mocks import load
from tests.contracts.unit.scene import (
    CODELESS,
    NOTHING,
    broker,
    delegate,
    maker,
    relayer,
    taker,
    with_fields,
)

from peersettle.trades import Leg

SERIES, OTHER_SERIES = 11, 12
LOTS = 2**64 - 1
SUB = 2**96 - 1


@pytest.fixture
def ledger(scene):
    return load("StubLedger", scene.settlement.address, 100)


def position(ledger, giver=maker, receiver=taker, lots=5, series=SERIES, **sub_accounts):
    return Leg.position(giver.address, receiver.address, ledger.address, series, lots, **sub_accounts)


def account(of, sub_account=0):
    return int(of.address, 16) << 96 | sub_account


def test_the_giver_becomes_shorter_and_the_receiver_longer(scene, ledger):
    trade = scene.trade(position(ledger), scene.leg(taker, maker, scene.ether, 2))
    assert scene.settle(trade).settled
    assert (ledger.positions(account(maker), SERIES), ledger.positions(account(taker), SERIES)) == (-5, 5)
    assert scene.moved(scene.ether, maker) == 2
    assert (ledger.calls(), ledger.last_trade_hash()) == (1, scene.digest(trade))


def test_all_positions_go_in_one_call_in_their_order(scene, ledger):
    """Only together are they within the limit of 100 short lots."""
    legs = [position(ledger, lots=150), position(ledger, taker, maker, lots=60)]
    assert scene.settle(scene.trade(legs[0])).reason == "margin"
    assert scene.settle(scene.trade(*legs)).settled
    assert (ledger.calls(), ledger.positions(account(maker), SERIES)) == (1, -90)


def test_the_ledger_is_called_after_all_token_legs(scene, ledger):
    """Whatever the order of the legs: what it sees is what the accounts then hold."""
    ledger.arm(scene.dollar.address, scene.dollar.balanceOf.prepare_calldata(taker.address))
    trade = scene.trade(position(ledger), scene.leg())
    before = scene.dollar.balanceOf(taker.address)
    assert scene.settle(trade).settled
    assert int.from_bytes(ledger.last_answer(), "big") == before + 300


def test_sixteen_position_legs_fit(scene, ledger):
    legs = [position(ledger, lots=1, series=n) for n in range(16)]
    assert scene.settle(scene.trade(*legs)).settled
    assert [ledger.positions(account(taker), n) for n in range(16)] == [1] * 16


@pytest.mark.parametrize(
    ("givers", "receivers", "lots"), [(0, 0, 1), (1, 2, 100), (SUB, 0, 7), (0, SUB, 7), (SUB, SUB, 100)]
)
def test_sub_accounts_are_packed_with_the_lots(scene, ledger, givers, receivers, lots):
    leg = position(ledger, lots=lots, giver_sub_account=givers, receiver_sub_account=receivers)
    assert scene.settle(scene.trade(leg)).settled
    assert ledger.positions(account(maker, givers), SERIES) == -lots
    assert ledger.positions(account(taker, receivers), SERIES) == lots


def test_the_largest_number_of_lots_arrives(scene, ledger):
    ledger.set_limit(2**255 - 1)
    assert scene.settle(scene.trade(position(ledger, lots=LOTS))).settled
    assert ledger.positions(account(taker), SERIES) == LOTS


def test_an_owner_may_move_between_its_own_sub_accounts(scene, ledger):
    leg = position(ledger, maker, maker, giver_sub_account=1, receiver_sub_account=2)
    assert scene.settle(scene.trade(leg, parties=(maker,))).settled
    assert (ledger.positions(account(maker, 1), SERIES), ledger.positions(account(maker, 2), SERIES)) == (
        -5,
        5,
    )


@pytest.mark.parametrize("amount", [0, 1 << 64, 1 << 160, 2**256 - 2**64])
def test_a_position_of_no_lots_is_refused(scene, ledger, amount):
    leg = (*position(ledger).to_abi()[:5], amount)
    assert scene.settle(with_fields(scene.trade(), legs=[leg])).reason == "leg"


def test_one_ledger_only(scene, ledger):
    other = load("StubLedger", scene.settlement.address, 100)
    legs = [position(one, series=n).to_abi() for n, one in enumerate((ledger, ledger, other))]
    assert scene.settle(with_fields(scene.trade(), legs=legs)).reason == "ledger"
    assert ledger.calls() == other.calls() == 0


@pytest.mark.parametrize("reverting", [True, False])
def test_a_ledger_that_refuses_sinks_all(scene, ledger, reverting):
    """By its own will, or because an account fails its margin."""
    ledger.set_reverting(reverting)
    trade = scene.trade(scene.leg(), position(ledger, lots=101), scene.leg(taker, maker, scene.ether, 2))
    assert scene.settle(trade).reason == ("ledger" if reverting else "margin")
    assert scene.swap_moves() == NOTHING
    assert (scene.used(trade), ledger.calls()) == (0, 0)


def test_a_failing_token_leg_after_a_position_leaves_the_ledger_alone(scene, ledger):
    trade = scene.trade(position(ledger), scene.leg(amount=10**9))
    assert scene.settle(trade).reason == "ERC20: transfer amount exceeds balance"
    assert (ledger.calls(), ledger.positions(account(taker), SERIES)) == (0, 0)


def test_a_ledger_cannot_come_back_in(scene, ledger):
    other = scene.trade(nonce_mask=2)
    ledger.arm(scene.settlement.address, scene.settle_calldata(other))
    assert scene.settle(scene.trade(position(ledger))).settled
    assert (ledger.fired(), ledger.last_success()) == (1, False)
    assert scene.used(other) == 1
    assert scene.swap_moves() == NOTHING


def test_who_lacks_a_position_leg_signature_is_not_moved(scene, ledger):
    trade = scene.trade(position(ledger))
    for signers in ((maker,), (taker,)):
        assert scene.settle(trade, signed=scene.signed(trade, signers)).reason == "signature"
    outsider = with_fields(scene.trade(), legs=[position(ledger, broker).to_abi()])
    assert scene.settle(outsider).reason == "party"


@pytest.mark.parametrize("target", [CODELESS, "a token", "Settlement"])
def test_a_ledger_that_is_none_is_refused(scene, target):
    at = {"a token": scene.dollar.address, "Settlement": scene.settlement.address}.get(target, target)
    leg = Leg.position(maker.address, taker.address, at, SERIES, 5)
    assert scene.settle(scene.trade(leg)).reason == ""


def test_only_settlement_may_call_the_ledger(ledger):
    with boa.reverts("settlement"):
        ledger.settle_positions(bytes(32), [], sender=relayer.address)


def test_positions_settle_in_a_batch_too(scene, ledger):
    good, bad = scene.trade(position(ledger)), scene.trade(position(ledger, lots=101), nonce_mask=2)
    done = scene.batch(scene.entry(bad), scene.entry(good))
    assert int.from_bytes(done.output, "big") == 0b10
    assert ledger.positions(account(taker), SERIES) == 5


def test_an_option_against_its_premium(scene, ledger):
    """A delegated account writes, paid in the same trade; the broker brings the two together for a fee."""
    delegate(maker.address, load("NFT"))
    trade = scene.trade(
        position(ledger, lots=10),
        scene.leg(taker, maker, scene.dollar, 1000),
        scene.leg(taker, broker, scene.dollar, 5),
        parties=(maker, taker, broker),
        submitter=broker.address,
    )
    assert scene.settle(trade, sender=broker.address).settled
    assert [scene.moved(scene.dollar, one) for one in (maker, taker, broker)] == [1000, -1005, 5]
    assert scene.settle(replace(trade, nonce_mask=2)).reason == "submitter"
