"""The embedded chain, served: other processes see in it what they would see in a node."""

import json
import socket
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from peersettle.bindings import Settlement, Token
from peersettle.chain import (
    Chain,
    Deployment,
    RpcWalletView,
    SettlementTracker,
    TransactionSender,
    connect,
    deploy,
    embedded,
    fund,
)
from peersettle.chain.serving import MAX_BYTES, ChainServer
from peersettle.chain.tracker import AT_ONCE
from peersettle.errors import ConfigError, InsufficientFunds, NonceUsed, Reverted, RpcError, RpcUnavailable
from peersettle.signing import KeySigner, sign_as
from peersettle.store import Store
from peersettle.trades import Quote, Swap, check_swap

ETHER = 10**18


@dataclass
class Ground:
    """The chain with the contracts on it, where it is, and as a client sees it."""

    inside: Chain
    server: ChainServer
    outside: Chain
    deployment: Deployment
    maker: KeySigner
    taker: KeySigner
    directory: Path

    def token(self, symbol):
        return Token(self.outside, self.deployment.tokens[symbol])

    def quote(self, nonce):
        swap = Swap(
            maker=self.maker.address,
            taker=self.taker.address,
            maker_token=self.token("USD").address,
            maker_amount=100,
            taker_token=self.token("WETH").address,
            taker_amount=50,
            nonce=nonce,
            deadline=self.outside.now() + 3_600,
        )
        return sign_as(self.maker, Quote(self.deployment.domain, swap))


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    inside, maker, taker = embedded(), KeySigner.random(), KeySigner.random()
    for signer in (maker, taker):
        fund(inside, signer.address, 100 * ETHER)
    directory = tmp_path_factory.mktemp("deployments")
    with ChainServer(inside) as server, connect(server.url) as outside:
        # Deployed through it: large transactions, gas estimates and receipts of contracts.
        tokens = [("Ether", "WETH", 18), ("Dollar", "USD", 6)]
        deployment = deploy(outside, TransactionSender(outside, maker), directory=directory, demo_tokens=tokens)
        for signer, symbol in ((maker, "USD"), (taker, "WETH")):
            sender, token = TransactionSender(outside, signer), Token(outside, deployment.tokens[symbol])
            sender.send(token.mint(signer.address, 10_000))
            sender.send(token.approve(deployment.settlement, 10_000))
        yield Ground(inside, server, outside, deployment, maker, taker, directory)


def post(server, body, **headers):
    """What it says to these bytes, past our own client."""
    request = urllib.request.Request(server.url, data=body, headers=headers)
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
        return json.loads(answer.read())


def ask(server, method, *params):
    return post(server, json.dumps({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}).encode())


def test_it_is_a_node_to_its_clients(ground):
    assert not ground.outside.is_embedded
    assert ground.outside.chain_id == ground.inside.chain_id


@pytest.mark.parametrize("at", ["latest", "earliest", 1])
def test_blocks_are_the_same_from_both_sides(ground, at):
    assert ground.outside.block(at) == ground.inside.block(at)


def test_a_block_is_found_by_its_hash(ground):
    head = ground.outside.block()
    assert ground.outside.block(head.hash) == head


def test_the_pending_block_has_the_present_time(ground):
    assert abs(ground.outside.now() - ground.inside.now()) <= 1


def test_a_block_that_there_is_not_is_missing(ground):
    with pytest.raises(RpcError, match="has no block 1000000"):
        ground.outside.block(1_000_000)


def test_a_swap_settles_and_is_final_at_the_depth_that_was_set(ground, tmp_path):
    with Store.open(tmp_path / "store.db") as store:
        tracker = SettlementTracker(ground.outside, store, ground.deployment.settlement, finality=AT_ONCE)
        sender = TransactionSender(ground.outside, ground.taker, store)
        quote = ground.quote(1)
        assert check_swap(quote, RpcWalletView(ground.outside, ground.deployment), ground.taker.address) == ()
        before = ground.token("WETH").balance(ground.maker.address)
        settlement = Settlement(ground.outside, ground.deployment)
        sent = sender.send(settlement.for_quote(quote, ground.taker.address), wait=False)
        record = tracker.wait(quote.digest, "finalized", timeout=10, interval=0.01)
        assert record.tx_hash == sent.tx_hash
        assert ground.token("WETH").balance(ground.maker.address) == before + 50
        assert ground.outside.receipt(sent.tx_hash) == ground.inside.receipt(sent.tx_hash)
        assert ground.outside.knows(sent.tx_hash)
        # Somebody who has no outbox finds it by its event.
        found = ground.outside.logs(settlement.address, [None, "0x" + quote.digest.hex()], 0)
        assert [tx_hash for _, tx_hash in found] == [sent.tx_hash]
        assert found == ground.inside.logs(settlement.address, [None, "0x" + quote.digest.hex()], 0)
        with pytest.raises(NonceUsed):
            sender.send(settlement.for_quote(quote, ground.taker.address))


def test_a_settlement_by_somebody_else_is_found(ground, tmp_path):
    settlement, quote = Settlement(ground.outside, ground.deployment), ground.quote(2)
    both = sign_as(ground.taker, quote)
    with Store.open(tmp_path / "store.db") as store:
        tracker = SettlementTracker(
            ground.outside, store, ground.deployment.settlement, finality=AT_ONCE, dropped_after=0
        )
        tracker.track(quote.digest, "0x" + "11" * 32)  # which no node has
        receipt = TransactionSender(ground.outside, ground.maker).send(settlement.for_quote(both, ground.maker.address))
        tracker.poll()
        assert tracker.status(quote.digest).tx_hash == receipt.tx_hash


def test_a_refusal_comes_with_its_data(ground):
    call = Settlement(ground.outside, ground.deployment).for_quote(
        replace(ground.quote(3), maker_signature=bytes(65)), ground.taker.address
    )
    with pytest.raises(Reverted) as outside:
        ground.outside.simulate(call, ground.taker.address)
    with pytest.raises(Reverted) as inside:
        ground.inside.simulate(call, ground.taker.address)
    assert str(outside.value) == str(inside.value)
    fields = {"from": ground.taker.address, "to": call.to, "data": "0x" + call.data.hex()}
    for method in ("eth_call", "eth_estimateGas"):
        error = ask(ground.server, method, fields, "latest")["error"]
        assert error["code"] == 3
        assert error["message"].startswith("execution reverted")
        assert error["data"].startswith("0x08c379a0")  # Error(string)


def test_pending_nonces_are_the_chains_count(ground):
    count = ground.inside.nonce(ground.maker.address)
    assert ground.outside.nonce(ground.maker.address, "pending") == ground.outside.nonce(ground.maker.address) == count
    assert count > 0
    assert ground.outside.nonce(ground.maker.address, 0) == 0


def test_who_cannot_pay_is_told_so(ground):
    poor = KeySigner.random()
    with pytest.raises(InsufficientFunds):
        TransactionSender(ground.outside, poor).send(ground.token("USD").approve(ground.maker.address, 1))


def test_the_same_transaction_twice_counts_once(ground, tmp_path):
    with Store.open(tmp_path / "store.db") as store:
        sender = TransactionSender(ground.outside, ground.taker, store)
        receipt = sender.send(ground.token("USD").approve(ground.maker.address, 5))
        (entry,) = store.outbox(ground.outside.chain_id, ground.taker.address)
        with pytest.raises(RpcError, match="nonce"):
            ground.outside.send_raw(entry.raw)
        assert sender.resume() == []
        assert ground.outside.receipt(receipt.tx_hash) == receipt


def test_several_processes_may_ask_at_once(ground):
    failures: list[BaseException] = []

    def work():
        try:
            with connect(ground.server.url) as chain:
                for _ in range(10):
                    assert Token(chain, ground.deployment.tokens["USD"]).decimals() == 6
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


@pytest.mark.parametrize(
    "method",
    [
        "eth_sendTransaction",
        "eth_accounts",
        "eth_sign",
        "personal_newAccount",
        "evm_revert",
        "evm_mine",
        "testing_timeTravel",
        "anvil_setBalance",
        "no_such",
        "",
    ],
)
def test_what_only_its_own_process_may_do_is_unknown_to_others(ground, method):
    head = ground.inside.block_number()
    assert ask(ground.server, method)["error"]["code"] == -32601
    assert ground.inside.block_number() == head


def test_an_unknown_method_is_an_error_of_the_node(ground):
    with pytest.raises(RpcError, match="does not exist"):
        ground.outside.request("eth_sendTransaction")


def test_nonsense_is_answered_with_an_error(ground):
    assert post(ground.server, b"{")["error"]["code"] == -32700
    assert post(ground.server, b"7")["error"]["code"] == -32600
    assert post(ground.server, b'{"method": "eth_chainId", "params": 7, "id": 1}')["error"]["code"] == -32602
    assert ask(ground.server, "eth_getBalance")["error"]["code"] == -32000
    assert ask(ground.server, "eth_getBlockByNumber", "yesterday", False)["error"]["code"] == -32000
    assert ask(ground.server, "eth_sendRawTransaction", "0x00")["error"]["code"] == -32000
    assert ask(ground.server, "eth_chainId") == {"jsonrpc": "2.0", "id": 7, "result": hex(ground.inside.chain_id)}


def test_several_questions_can_come_in_one(ground):
    asked: list[dict] = [{"jsonrpc": "2.0", "id": n, "method": "eth_chainId", "params": []} for n in (1, 2)]
    assert [one["id"] for one in post(ground.server, json.dumps(asked).encode())] == [1, 2]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "attacker.example"}, 403),
        ({"Host": "attacker.example:80"}, 403),
        ({"Origin": "http://attacker.example"}, 403),
        ({"Content-Length": str(MAX_BYTES + 1)}, 413),
        ({"Content-Length": "-1"}, 411),
        ({"Content-Length": ""}, 411),
    ],
)
def test_other_names_web_pages_and_floods_are_refused(ground, headers, status):
    with pytest.raises(urllib.error.HTTPError) as refused:
        post(ground.server, b"{}", **headers)
    with refused.value as answer:
        assert answer.code == status


def test_it_listens_on_the_loopback_address_only(ground):
    assert ground.server.url.startswith("http://127.0.0.1:")
    assert ground.server._http.socket.getsockname()[0] == "127.0.0.1"


def test_after_its_end_nothing_listens_and_nobody_is_answered():
    with ChainServer(embedded()) as server:
        port = int(server.url.rpartition(":")[2])
        client = connect(server.url, attempts=1)
        with pytest.raises(ConfigError, match="cannot listen"):
            ChainServer(embedded(), port).start()
    server.stop()
    with pytest.raises(RpcUnavailable):
        client.block_number()
    client.close()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
    with pytest.raises(ConfigError):
        server.url  # noqa: B018


def test_a_node_is_not_served_again(ground):
    with pytest.raises(ConfigError, match="is a node"):
        ChainServer(ground.outside)
