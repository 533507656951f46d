"""`settle_batch`: independent trades; one that fails is skipped and reported, the rest go on."""

import boa
import pytest
from eth_abi.abi import encode
from tests.contracts.mocks import load
from tests.contracts.unit.scene import HOLDING, SETTLED, broker, maker, reason_of, relayer, taker, with_fields

from peersettle.trades import LegKind
from peersettle.types import UINT256_MAX, ZERO_ADDRESS


def trades(scene, count):
    """Trades of one dollar each."""
    return [scene.trade(scene.leg(amount=1), nonce_mask=1 << n) for n in range(count)]


def skipped(done):
    """What was skipped, by entry, and why."""
    return {
        event.entry: reason_of(bytes(event.reason)) for event in done.events if type(event).__name__ == "EntrySkipped"
    }


def settled(done):
    return int.from_bytes(done.output, "big")


def test_independent_trades_settle_together(scene):
    batch = trades(scene, 3)
    done = scene.batch(*map(scene.entry, batch))
    assert (settled(done), skipped(done)) == (0b111, {})
    assert [type(event).__name__ for event in done.events] == ["TradeSettled"] * 3
    assert [event.trade_hash for event in done.events] == [scene.digest(trade) for trade in batch]
    assert scene.moved(scene.dollar, taker) == 3


def test_sixteen_entries_fit_and_no_more(scene):
    batch = [scene.entry(trade) for trade in trades(scene, 16)]
    assert settled(scene.batch(*batch, caps=200_000)) == 2**16 - 1
    assert scene.batch(*batch, b"").reason == ""


def test_an_empty_batch_does_nothing(scene):
    assert settled(scene.batch()) == 0


def test_a_failing_entry_is_skipped_and_named_with_its_reason(scene):
    good, _, _, last = trades(scene, 4)
    expired = scene.trade(scene.leg(amount=1), nonce_mask=2, deadline=scene.now - 1)
    poor = scene.trade(scene.leg(amount=HOLDING + 1), nonce_mask=4)
    unsigned = scene.trade(scene.leg(amount=1), nonce_mask=16)
    entries = [*map(scene.entry, (good, expired, poor, good, last)), scene.entry(unsigned, signed=[b"", b""])]
    done = scene.batch(*entries)
    assert settled(done) == 0b010001
    cut = "ERC20: transfer amount exceeds balance"[:32]
    assert skipped(done) == {1: "expired", 2: cut, 3: "nonce", 5: "signature"}
    assert scene.moved(scene.dollar, taker) == 2
    assert scene.used(good) == 0b1001


def test_a_reason_is_cut_at_100_bytes(scene):
    poor = scene.trade(scene.leg(amount=HOLDING + 1))
    (event,) = scene.batch(scene.entry(poor)).events
    assert len(event.reason) == 100


@pytest.mark.parametrize(
    "entry",
    [
        b"",
        b"\0",
        bytes(31),
        bytes(32),
        bytes(96),
        b"\xff" * 96,
        encode(["uint256"] * 3, [96, UINT256_MAX, 0]),
    ],
    ids=len,
)
def test_an_entry_that_is_no_trade_is_skipped(scene, entry):
    (good,) = trades(scene, 1)
    done = scene.batch(entry, scene.entry(good))
    assert settled(done) == 0b10
    assert list(skipped(done)) == [0]


def test_an_entry_of_more_than_4096_bytes_does_not_fit(scene):
    assert scene.batch(bytes(4096)).settled
    assert scene.batch(bytes(4097)).reason == ""


@pytest.mark.parametrize("caps", [[], [500_000], [500_000] * 3])
def test_one_gas_cap_for_each_entry(scene, caps):
    assert scene.batch(*map(scene.entry, trades(scene, 2)), caps=caps).reason == "length"


# Nobody's identity is lent


@pytest.mark.parametrize("sender", [maker, taker])
def test_the_sender_of_a_batch_must_have_signed_too(scene, sender):
    trade = scene.trade()
    signers = (maker, taker)
    without = scene.entry(trade, signed=scene.signed(trade, [one for one in signers if one is not sender]))
    assert skipped(scene.batch(without, sender=sender.address)) == {0: "signature"}
    assert settled(scene.batch(scene.entry(trade), sender=sender.address)) == 1
    assert scene.swap_moves() == SETTLED


def test_settlement_cannot_be_a_party_through_its_own_call(scene):
    """In a batch the caller of `settle` is Settlement itself."""
    scene.dollar.mint(scene.settlement.address, 500)
    leg = scene.leg(scene.settlement, relayer)
    trade = scene.trade(leg, parties=(scene.settlement, relayer))
    assert skipped(scene.batch(scene.entry(trade), sender=relayer.address)) == {0: "parties"}
    assert scene.dollar.balanceOf(scene.settlement) == 500


@pytest.mark.parametrize("submitter", [relayer, maker])
def test_a_trade_that_names_its_submitter_is_not_for_a_batch(scene, submitter):
    trade = scene.trade(submitter=submitter.address)
    assert skipped(scene.batch(scene.entry(trade), sender=submitter.address)) == {0: "submitter"}
    assert scene.settle(trade, sender=submitter.address).settled


def test_ether_does_not_move_in_a_batch(scene):
    leg = scene.leg(maker, taker, ZERO_ADDRESS, 70, LegKind.NATIVE)
    entry = scene.entry(scene.trade(leg))
    assert scene.batch(entry, sender=maker.address, value=70).reason == ""
    boa.env.set_balance(scene.settlement.address, 1000)
    assert skipped(scene.batch(entry, sender=maker.address)) == {0: "native"}
    assert boa.env.get_balance(scene.settlement.address) == 1000


# Nobody starves or floods the others


def test_a_batch_that_cannot_give_an_entry_its_cap_reverts(scene):
    """Else whoever sends it could make good trades look as if they had failed."""
    batch = [scene.entry(trade) for trade in trades(scene, 3)]
    assert scene.batch(*batch, caps=1_000_000, gas=1_500_000).settled
    assert scene.batch(*batch, caps=1_000_000, gas=1_000_000).reason == "gas"
    assert scene.batch(*batch, caps=[200_000, 200_000, 5_000_000], gas=4_000_000).reason == "gas"
    assert scene.moved(scene.dollar, taker) == 3


@pytest.mark.parametrize("cap", [UINT256_MAX, UINT256_MAX - 20_000])
def test_a_cap_of_more_than_there_is_reverts(scene, cap):
    assert not scene.batch(scene.entry(scene.trade()), caps=cap).settled


def test_every_gas_limit_settles_all_or_reverts(scene):
    """At no gas limit is a good trade skipped."""
    batch = [scene.entry(trade) for trade in trades(scene, 2)]
    for gas in range(150_000, 420_000, 6_007):
        with boa.env.anchor():
            done = scene.batch(*batch, caps=150_000, gas=gas)
            assert not done.settled or settled(done) == 0b11, gas
    assert done.settled


def test_an_entry_uses_its_cap_and_no_more(scene):
    token = load("GasBurnToken", "Burn", "BURN", 18)
    scene.fund(token, maker.address)
    burns = scene.trade(scene.leg(token=token))
    (good,) = trades(scene, 1)
    done = scene.batch(scene.entry(burns), scene.entry(good), caps=300_000, gas=1_000_000)
    assert (settled(done), skipped(done)) == (0b10, {0: ""})
    assert done.gas < 300_000 + 200_000


def test_a_cap_too_small_skips_its_own_entry_only(scene):
    first, second = (scene.entry(trade) for trade in trades(scene, 2))
    done = scene.batch(first, second, caps=[30_000, 200_000])
    assert (settled(done), skipped(done)) == (0b10, {0: ""})


@pytest.mark.parametrize("size", [1, 100, 10_000, 100_000])
def test_a_huge_reason_costs_the_others_nothing(scene, size):
    token = load("BombToken", "Bomb", "BOMB", 18)
    token.set_size(size)
    scene.fund(token, maker.address)
    bomb = scene.trade(scene.leg(token=token))
    (good,) = trades(scene, 1)
    done = scene.batch(scene.entry(bomb), scene.entry(good), caps=[1_000_000, 200_000])
    assert settled(done) == 0b10
    (event,) = (e for e in done.events if type(e).__name__ == "EntrySkipped")
    assert len(event.reason) == min(size, 100)


# Re-entry


def test_a_batch_sent_from_a_tokens_hook_settles_nothing(scene):
    token, hook = load("HookToken", "imBTC", "imBTC", 8), load("Reentrant")
    scene.fund(token, maker.address)
    token.set_hook(taker.address, hook.address)
    inner, outer = scene.trade(scene.leg(amount=1), nonce_mask=2), scene.trade(scene.leg(token=token))
    call = scene.settlement.settle_batch.prepare_calldata([scene.entry(inner)], [200_000])
    hook.arm(scene.settlement.address, call)
    done = scene.settle(outer)
    assert done.settled
    assert (hook.fired(), hook.last_success()) == (1, True)
    assert skipped(done) == {0: ""}
    assert scene.used(inner) == 1
    assert scene.settle(inner).settled


def test_an_entry_that_comes_back_in_harms_only_itself(scene):
    token, hook = load("HookToken", "imBTC", "imBTC", 8), load("Reentrant")
    scene.fund(token, maker.address)
    token.set_hook(maker.address, hook.address)
    (good,) = trades(scene, 1)
    hook.arm(scene.settlement.address, scene.settle_calldata(good))
    outer = scene.trade(scene.leg(token=token), nonce_mask=8)
    done = scene.batch(scene.entry(outer), scene.entry(good), caps=1_000_000)
    assert (settled(done), hook.fired(), hook.last_success()) == (0b11, 1, False)
    assert scene.moved(scene.dollar, taker) == 1


def test_trades_that_spend_each_others_proceeds_go_in_order(scene):
    scene.dollar.transfer(relayer.address, HOLDING, sender=broker.address)
    first = scene.trade(scene.leg(maker, broker), parties=(maker, broker))
    second = scene.trade(scene.leg(broker, taker), parties=(broker, taker))
    assert settled(scene.batch(scene.entry(first), scene.entry(second))) == 0b11


def test_entries_may_bring_approvals(scene):
    scene.forbid(scene.dollar, maker.address)
    trade = scene.trade(scene.leg())
    made = scene.authorization(scene.dollar, trade.legs[0], maker, scene.digest(trade))
    assert settled(scene.batch(scene.entry(trade, made))) == 1


def test_a_trade_that_breaks_a_rule_is_skipped_with_the_rule(scene):
    wrong = {
        "mask": with_fields(scene.trade(), nonce_mask=0),
        "early": scene.trade(valid_after=scene.now + 1),
        "party": with_fields(scene.trade(), legs=[scene.leg(broker).to_abi()]),
    }
    done = scene.batch(*map(scene.entry, wrong.values()))
    assert list(skipped(done).values()) == list(wrong)
