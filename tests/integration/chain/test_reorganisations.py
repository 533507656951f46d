"""A settlement is only as settled as the block it is in."""

from collections.abc import Callable
from typing import Any

import pytest

from peersettle.chain import Chain, Finality, SettlementTracker, TransactionSender, fund
from peersettle.errors import NonceUsed, Reverted, TransactionLost, TransactionStuck
from peersettle.signing import KeySigner
from peersettle.store import SettlementStatus as Status
from peersettle.types import ZERO_ADDRESS

DEPTHS = Finality(tags=False, safe_depth=2, finalized_depth=5)


def mine(chain: Chain, blocks: int = 1) -> None:
    for _ in range(blocks):
        chain.request("evm_mine")


def reorganise(chain: Chain, depth: int) -> None:
    chain.request("anvil_reorg", depth, [])


def settle(scene: Any) -> tuple[Any, str]:
    quote = scene.quote()
    receipt = scene.taker.send(scene.settlement.for_quote(quote, scene.taker.address))
    return quote, receipt.tx_hash


def test_a_settlement_becomes_safe_and_final_by_depth(own_anvil: Chain, scene_on: Callable[..., Any]) -> None:
    scene = scene_on(own_anvil)
    settle(scene)
    tracker = scene.tracker(finality=DEPTHS)
    seen = []
    for _ in range(7):
        seen += [change.after for change in tracker.poll()]
        mine(own_anvil)
    assert seen == [Status.INCLUDED, Status.SAFE, Status.FINALIZED]
    assert scene.store.open_settlements(own_anvil.chain_id) == []


def test_the_chain_s_own_tags_decide_where_it_has_them(own_anvil: Chain, scene_on: Callable[..., Any]) -> None:
    scene = scene_on(own_anvil)
    quote, _ = settle(scene)
    tracker = scene.tracker()
    assert tracker.wait(quote.digest).status is Status.INCLUDED
    own_anvil.request("anvil_mine", hex(40))
    assert [change.after for change in tracker.poll()] == [Status.SAFE]
    own_anvil.request("anvil_mine", hex(40))
    assert tracker.wait(quote.digest, "finalized").closed


def test_a_reorganisation_turns_included_back_to_pending_and_is_followed_to_the_new_block(
    own_anvil: Chain, scene_on: Callable[..., Any]
) -> None:
    scene = scene_on(own_anvil)
    quote, tx_hash = settle(scene)
    tracker = scene.tracker(finality=DEPTHS)
    [included] = tracker.poll()
    mine(own_anvil, 2)
    [safe] = tracker.poll()
    own_anvil.request("evm_setAutomine", False)
    reorganise(own_anvil, 3)
    [back] = tracker.poll()
    assert (safe.after, back.after, back.reorged) == (Status.SAFE, Status.PENDING, True)
    record = tracker.status(quote.digest)
    assert (record.block_number, record.block_hash) == (None, None)
    mine(own_anvil, 2)
    [again] = tracker.poll()
    assert again.after is Status.INCLUDED
    assert again.tx_hash == tx_hash
    assert again.block_hash != included.block_hash
    receipt = own_anvil.receipt(tx_hash)
    assert receipt is not None
    assert (again.block_number, again.block_hash) == (receipt.block_number, receipt.block_hash)


def test_a_move_to_another_block_of_the_same_height_is_noticed(own_anvil: Chain, scene_on: Callable[..., Any]) -> None:
    scene = scene_on(own_anvil)
    _, tx_hash = settle(scene)
    tracker = scene.tracker(finality=DEPTHS)
    [first] = tracker.poll()
    entry = scene.store.outbox_entry(own_anvil.chain_id, tx_hash)
    own_anvil.request("anvil_reorg", 1, [["0x" + entry.raw.hex(), 0]])
    [moved] = tracker.poll()
    assert (moved.before, moved.after, moved.reorged) == (Status.INCLUDED, Status.INCLUDED, True)
    assert moved.block_number == first.block_number
    assert moved.block_hash != first.block_hash
    assert tracker.poll() == []


def test_a_receipt_of_an_abandoned_branch_is_not_believed(
    own_anvil: Chain, scene_on: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = scene_on(own_anvil)
    _, tx_hash = settle(scene)
    tracker = scene.tracker(finality=DEPTHS)
    tracker.poll()
    stale = own_anvil.receipt(tx_hash)
    own_anvil.request("evm_setAutomine", False)
    reorganise(own_anvil, 1)
    monkeypatch.setattr(own_anvil, "receipt", lambda _hash: stale)  # one of several nodes lags behind
    [back] = tracker.poll()
    assert (back.after, back.reorged) == (Status.PENDING, True)


def test_what_a_reorganisation_dropped_is_broadcast_again(own_anvil: Chain, scene_on: Callable[..., Any]) -> None:
    scene = scene_on(own_anvil)
    quote, tx_hash = settle(scene)
    tracker = scene.tracker(finality=DEPTHS)
    tracker.poll()
    own_anvil.request("evm_setAutomine", False)
    reorganise(own_anvil, 1)
    own_anvil.request("anvil_dropTransaction", tx_hash)
    assert not own_anvil.knows(tx_hash)
    assert [change.after for change in tracker.poll()] == [Status.PENDING]
    assert own_anvil.knows(tx_hash)
    mine(own_anvil)
    assert tracker.wait(quote.digest).tx_hash == tx_hash


def test_the_fee_bump_that_got_in_is_followed(own_anvil: Chain, scene_on: Callable[..., Any]) -> None:
    scene = scene_on(own_anvil, stuck_after=0.05, max_bumps=1)
    quote = scene.quote()
    own_anvil.request("evm_setAutomine", False)
    sent = scene.taker.send(scene.settlement.swap(quote), wait=False)
    with pytest.raises(TransactionStuck) as caught:
        scene.taker.wait(sent)
    tracker = SettlementTracker(own_anvil, scene.store, finality=DEPTHS)  # it must not need the events
    assert tracker.poll() == []
    mine(own_anvil)
    [change] = tracker.poll()
    assert change.after is Status.INCLUDED
    assert change.tx_hash != sent.tx_hash
    assert change.tx_hash in caught.value.values["hashes"]


def test_a_settlement_that_somebody_else_sent_counts(
    own_anvil: Chain, scene_on: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = scene_on(own_anvil)
    quote = scene.quote(both=True)
    own_anvil.request("evm_setAutomine", False)
    stranger = KeySigner.random()
    fund(own_anvil, stranger.address, 10**18)
    theirs = TransactionSender(own_anvil, stranger).send(scene.settlement.swap_relayed(quote), wait=False)
    with monkeypatch.context() as patch:
        patch.setattr(own_anvil, "simulate", lambda _call, _sender, gas: gas)
        ours = scene.taker.send(scene.settlement.swap(quote), wait=False, gas=200_000)
    mine(own_anvil)
    failed = own_anvil.receipt(ours.tx_hash)
    assert failed is not None
    assert not failed.succeeded
    record = scene.tracker(finality=DEPTHS).wait(quote.digest)
    assert (record.status, record.tx_hash) == (Status.INCLUDED, theirs.tx_hash)


def test_an_entry_that_its_batch_skipped_is_reported_as_reverted_with_its_reason(
    own_anvil: Chain, scene_on: Callable[..., Any]
) -> None:
    scene = scene_on(own_anvil)
    done, good = scene.trade(), scene.trade()
    scene.taker.send(scene.settlement.settle(done))
    bad = scene.trade(nonce_word=done.trade.nonce_word, deadline=done.trade.deadline + 1)
    scene.taker.send(scene.settlement.settle_batch([bad, good]))
    tracker = scene.tracker(finality=DEPTHS)
    assert tracker.wait(good.digest).status is Status.INCLUDED
    with pytest.raises(NonceUsed):
        tracker.wait(bad.digest)


def test_a_transaction_that_failed_on_chain_is_reported_with_its_reason(
    own_anvil: Chain, scene_on: Callable[..., Any]
) -> None:
    scene = scene_on(own_anvil)
    quote = scene.quote(deadline=own_anvil.now() + 30)
    own_anvil.request("evm_setAutomine", False)
    scene.taker.send(scene.settlement.swap(quote), wait=False)
    own_anvil.request("evm_increaseTime", 100)
    mine(own_anvil)
    tracker = scene.tracker(finality=DEPTHS)
    with pytest.raises(Reverted) as caught:
        tracker.wait(quote.digest)
    assert type(caught.value).reason == "expired"


def test_a_replaced_transaction_is_dropped(own_anvil: Chain, scene_on: Callable[..., Any]) -> None:
    scene = scene_on(own_anvil)
    quote = scene.quote()
    own_anvil.request("evm_setAutomine", False)
    sent = scene.taker.send(scene.settlement.swap(quote), wait=False)
    own_anvil.request("anvil_dropTransaction", sent.tx_hash)
    key = scene.signers[scene.taker.address]
    fees = {"maxFeePerGas": 10**10, "maxPriorityFeePerGas": 10**9, "type": 2}
    fields = {"chainId": own_anvil.chain_id, "nonce": sent.nonce, "gas": 21_000, "value": 0, "data": "0x"}
    own_anvil.send_raw(key.sign_transaction({**fields, **fees, "to": ZERO_ADDRESS}))
    mine(own_anvil)
    tracker = scene.tracker(finality=DEPTHS)
    with pytest.raises(TransactionLost, match="nonce"):
        tracker.wait(quote.digest)
    assert not tracker.status(quote.digest).closed
    mine(own_anvil, 6)
    tracker.poll()
    assert tracker.status(quote.digest).closed
