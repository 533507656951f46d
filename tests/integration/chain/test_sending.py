"""Transactions: nonces under concurrency, fee bumps, and what a crash leaves."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from peersettle.chain import Anvil, Call, Chain, FeePolicy, TransactionSender, connect, fund
from peersettle.errors import (
    InsufficientFunds,
    NonceUsed,
    RpcUnavailable,
    TransactionLost,
    TransactionStuck,
)
from peersettle.signing import KeySigner
from peersettle.store import OutboxStatus, Store
from peersettle.types import address

ETHER = 10**18
RECEIVER = address("0x" + "00" * 19 + "a1")
PAYMENT = Call(RECEIVER, b"", 1, "pay one wei")


class Crash(BaseException):
    """Ends a program where no handler expects it."""


def sender_on(chain: Chain, key: KeySigner, store: Store | None = None, **policy: Any) -> TransactionSender:
    fund(chain, key.address, ETHER)
    return TransactionSender(chain, key, store, policy=FeePolicy(**{"poll_interval": 0.05, **policy}))


def stop_mining(chain: Chain) -> None:
    chain.request("evm_setAutomine", False)


def test_twenty_threads_at_once_get_consecutive_nonces_and_lose_nothing(anvil: Chain, key: KeySigner) -> None:
    sender = sender_on(anvil, key)
    before = anvil.balance(RECEIVER)
    with ThreadPoolExecutor(20) as pool:
        sent = list(pool.map(lambda _: sender.send(PAYMENT, wait=False), range(20)))
    assert sorted(s.nonce for s in sent) == list(range(20))
    assert all(sender.wait(s).succeeded for s in sent)
    assert anvil.balance(RECEIVER) - before == 20


def test_twenty_threads_keep_the_order_while_nothing_is_mined(own_anvil: Chain, key: KeySigner) -> None:
    sender = sender_on(own_anvil, key)
    stop_mining(own_anvil)
    with ThreadPoolExecutor(20) as pool:
        sent = list(pool.map(lambda _: sender.send(PAYMENT, wait=False), range(20)))
    assert sorted(s.nonce for s in sent) == list(range(20))
    own_anvil.request("evm_mine")
    assert all(sender.wait(s).succeeded for s in sent)


def test_a_refused_send_leaves_no_gap(anvil: Chain, key: KeySigner) -> None:
    sender = sender_on(anvil, key)
    with pytest.raises(InsufficientFunds):
        sender.send(Call(RECEIVER, b"", 5 * ETHER, "pay too much"))
    with pytest.raises(InsufficientFunds):
        sender.send(Call(RECEIVER, b"", ETHER, "pay all, and nothing left for gas"), gas=21_000)
    assert sender.send(PAYMENT, wait=False).nonce == 0


def test_a_stuck_transaction_is_signed_again_for_more_and_included_once(own_anvil: Chain, key: KeySigner) -> None:
    sender = sender_on(own_anvil, key, stuck_after=0.1)
    stop_mining(own_anvil)

    def sleep(_seconds: float) -> None:
        if len(sender.store.outbox(own_anvil.chain_id, key.address)) == 3:
            own_anvil.request("evm_mine")

    sender._sleep = sleep
    receipt = sender.send(PAYMENT)
    entries = sender.store.outbox(own_anvil.chain_id, key.address)
    fees = [int(str(entry.transaction["maxFeePerGas"])) for entry in entries]
    tips = [int(str(entry.transaction["maxPriorityFeePerGas"])) for entry in entries]
    assert [entry.nonce for entry in entries] == [0, 0, 0]
    assert all(new * 8 >= old * 9 for values in (fees, tips) for old, new in pairwise(values))
    assert receipt.tx_hash == entries[-1].tx_hash
    assert [e.status for e in entries] == [
        OutboxStatus.REPLACED,
        OutboxStatus.REPLACED,
        OutboxStatus.INCLUDED,
    ]


def test_when_bumps_are_spent_every_hash_is_reported_and_waiting_can_go_on(own_anvil: Chain, key: KeySigner) -> None:
    sender = sender_on(own_anvil, key, stuck_after=0.05, max_bumps=2)
    stop_mining(own_anvil)
    sent = sender.send(PAYMENT, wait=False)
    with pytest.raises(TransactionStuck) as caught:
        sender.wait(sent)
    assert len(caught.value.values["hashes"]) == 3
    own_anvil.request("evm_mine")
    assert sender.wait(sent).succeeded


def test_fees_never_exceed_the_limit(own_anvil: Chain, key: KeySigner) -> None:
    limit = 3 * 10**9
    sender = sender_on(own_anvil, key, stuck_after=0.05, max_bumps=9, max_fee=limit)
    stop_mining(own_anvil)
    with pytest.raises(TransactionStuck):
        sender.send(PAYMENT)
    entries = sender.store.outbox(own_anvil.chain_id, key.address)
    assert max(int(str(entry.transaction["maxFeePerGas"])) for entry in entries) <= limit


def test_a_chain_without_base_fee_gets_a_gas_price(anvil_program: Path, key: KeySigner) -> None:
    with Anvil(hardfork="berlin", program=anvil_program) as process, connect(process.url) as chain:
        sender = sender_on(chain, key)
        assert sender.send(PAYMENT).succeeded
        assert "gasPrice" in sender.store.outbox(chain.chain_id, key.address)[0].transaction


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


def crash(chain: Chain, key: KeySigner, path: Path, monkeypatch: pytest.MonkeyPatch, *, sends: bool) -> None:
    """Send, and die just before or just after the node gets it."""
    send_raw = chain.send_raw

    def dying(raw: bytes) -> str:
        if sends:
            send_raw(raw)
        raise Crash

    with Store.open(path) as store, monkeypatch.context() as patch:
        sender = sender_on(chain, key, store)
        patch.setattr(chain, "send_raw", dying)
        with pytest.raises(Crash):
            sender.send(PAYMENT)


@pytest.mark.parametrize("sends", [False, True], ids=["before broadcast", "after broadcast"])
@pytest.mark.parametrize("is_mined", [False, True], ids=["waiting", "mined"])
def test_after_a_crash_the_transaction_happens_exactly_once(
    own_anvil: Chain,
    key: KeySigner,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    sends: bool,
    is_mined: bool,
) -> None:
    stop_mining(own_anvil)
    crash(own_anvil, key, path, monkeypatch, sends=sends)
    if is_mined:
        own_anvil.request("evm_mine")
    with Store.open(path) as store:
        sender = TransactionSender(own_anvil, key, store)
        left = sender.resume()
        assert len(left) == (0 if sends and is_mined else 1)
        own_anvil.request("evm_mine")
        assert all(sender.wait(sent).succeeded for sent in left)
        assert sender.resume() == []
        [entry] = store.outbox(own_anvil.chain_id, key.address)
        assert entry.status is OutboxStatus.INCLUDED
    assert own_anvil.nonce(key.address) == 1
    assert own_anvil.balance(RECEIVER) == 1


def test_what_would_fail_by_now_is_abandoned_and_its_nonce_used_again(
    anvil: Chain, scene_on: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = scene_on(anvil)
    quote = scene.quote(both=True)
    relayed = scene.settlement.for_quote(quote, scene.maker.address)

    def dying(_raw: bytes) -> str:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(anvil, "send_raw", dying)
        with pytest.raises(Crash):
            scene.maker.send(relayed)
    [row] = scene.store.outbox(anvil.chain_id, scene.maker.address, in_flight=True)
    scene.taker.send(scene.settlement.for_quote(quote, scene.taker.address))  # somebody else was first
    assert scene.maker.resume() == []
    entry = scene.store.outbox_entry(anvil.chain_id, row.tx_hash)
    assert entry is not None
    assert entry.status is OutboxStatus.ABANDONED
    assert scene.maker.send(scene.weth.mint(RECEIVER, 1), wait=False).nonce == row.nonce


def test_what_a_lost_connection_left_goes_out_before_the_next(
    anvil: Chain, key: KeySigner, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender = sender_on(anvil, key)

    def unreachable(_raw: bytes) -> str:
        raise RpcUnavailable("no answer")

    with monkeypatch.context() as patch:
        patch.setattr(anvil, "send_raw", unreachable)
        with pytest.raises(RpcUnavailable) as caught:
            sender.send(PAYMENT)
    first = caught.value.values["tx_hash"]
    assert sender.send(PAYMENT).succeeded
    assert anvil.nonce(key.address) == 2
    receipt = anvil.receipt(first)
    assert receipt is not None
    assert receipt.succeeded


def test_a_node_whose_pending_count_lags_gets_no_nonce_twice(
    own_anvil: Chain, key: KeySigner, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender = sender_on(own_anvil, key)
    stop_mining(own_anvil)
    nonce = own_anvil.nonce
    monkeypatch.setattr(own_anvil, "nonce", lambda account, _at="latest": nonce(account))
    assert [sender.send(PAYMENT, wait=False).nonce for _ in range(3)] == [0, 1, 2]


def test_two_programs_with_one_key_do_not_overwrite_each_other(own_anvil: Chain, key: KeySigner) -> None:
    ours, theirs = sender_on(own_anvil, key), TransactionSender(own_anvil, key)
    stop_mining(own_anvil)
    nonces = [ours.send(PAYMENT, wait=False).nonce, theirs.send(PAYMENT, wait=False).nonce]
    assert nonces == [0, 1]


def test_a_nonce_that_another_program_used_is_reported(
    own_anvil: Chain, key: KeySigner, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = sender_on(own_anvil, key, poll_interval=0.01), TransactionSender(own_anvil, key)
    with monkeypatch.context() as patch:
        patch.setattr(own_anvil, "send_raw", lambda _raw: "")  # a node that loses it
        sent = ours.send(PAYMENT, wait=False)
    theirs.send(Call(RECEIVER, b"", 2, "pay two wei"))
    with pytest.raises(TransactionLost, match="another"):
        ours._check_nonce(sent)
    assert ours.resume() == []


def test_a_refusal_on_chain_is_decoded(
    own_anvil: Chain, scene_on: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = scene_on(own_anvil)
    quote = scene.quote(both=True)
    stop_mining(own_anvil)
    gas = 200_000
    first = scene.taker.send(scene.settlement.swap(quote), wait=False, gas=gas)
    # Simulated on the latest block, as by a node without a pending one, it would still pass.
    with monkeypatch.context() as patch:
        patch.setattr(own_anvil, "simulate", lambda _call, _sender, gas: gas)
        second = scene.maker.send(scene.settlement.swap_relayed(quote), wait=False, gas=gas)
    own_anvil.request("evm_mine")
    assert scene.taker.wait(first).succeeded
    with pytest.raises(NonceUsed) as caught:
        scene.maker.wait(second)
    assert caught.value.values["tx_hash"] == second.tx_hash


def test_a_refusal_is_seen_before_anything_is_spent(anvil: Chain, scene_on: Callable[..., Any]) -> None:
    scene = scene_on(anvil)
    quote = scene.quote()
    call = scene.settlement.for_quote(quote, scene.taker.address)
    scene.taker.send(call)
    spent = anvil.balance(scene.taker.address)
    with pytest.raises(NonceUsed):
        scene.taker.send(call)
    assert anvil.balance(scene.taker.address) == spent
