"""A chain over a websocket: the right answer to each request, another try where a fault may pass, and no secrets."""

import asyncio
import json
import threading
from contextlib import contextmanager

import pytest
from websockets.sync.server import serve

from peersettle.chain import connect
from peersettle.chain.heads import Heads
from peersettle.errors import ConfigError, RpcError, RpcUnavailable, WrongChain


class Node:
    """Answers as the script says, one step to a request, and then properly."""

    def __init__(self, *script):
        self.script, self.asked, self.connections, self.status = list(script), [], 0, None

    def __call__(self, connection):
        self.connections += 1
        for message in connection:
            request = json.loads(message)
            self.asked.append(request["method"])
            step = self.script.pop(0) if self.script else None
            proper = {"jsonrpc": "2.0", "id": request["id"], "result": "0x7a69"}
            if step == "hang up":
                return
            if step == "another's first":
                connection.send(json.dumps({"jsonrpc": "2.0", "method": "eth_subscription", "params": {}}))
                connection.send(json.dumps({**proper, "id": 10**9, "result": "0x1"}))
            if step == "busy":
                proper = {"jsonrpc": "2.0", "id": request["id"], "error": {"code": -32005, "message": "rate limit"}}
            if step == "silent":
                continue
            connection.send("no json" if step == "garbage" else json.dumps(proper))

    def process(self, connection, _):
        return connection.respond(self.status, "") if self.status else None


@contextmanager
def listening(node):
    with serve(node, "127.0.0.1", 0, process_request=node.process) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}/secret-key"
        finally:
            server.shutdown()
            thread.join()


def test_requests_share_one_connection_and_get_their_own_answers():
    node = Node(None, "another's first")
    with listening(node) as url, connect(url, expect_chain_id=31_337) as chain:
        assert chain.block_number() == 31_337
        assert chain.gas_price() == 31_337
    assert node.connections == 1
    assert node.asked == ["eth_chainId", "eth_blockNumber", "eth_gasPrice"]


@pytest.mark.parametrize("fault", ["hang up", "busy", "garbage", "silent"])
def test_a_fault_that_passes_is_tried_again(fault):
    node = Node(None, fault, fault)
    with listening(node) as url, connect(url, timeout=0.3) as chain:
        assert chain.block_number() == 31_337
    assert node.asked == ["eth_chainId"] + ["eth_blockNumber"] * 3


def test_what_must_not_happen_twice_is_sent_once():
    node = Node(None, "hang up")
    with listening(node) as url, connect(url) as chain:
        with pytest.raises(RpcUnavailable, match="connection lost"):
            chain.request("evm_increaseTime", 60)
        assert node.asked == ["eth_chainId", "evm_increaseTime"]
        assert chain.block_number() == 31_337


@pytest.mark.parametrize(
    ("status", "kind", "said"), [(401, RpcError, "check the key"), (503, RpcUnavailable, "HTTP 503")]
)
def test_a_node_that_refuses_says_why_without_the_key(status, kind, said):
    node = Node()
    node.status = status
    with listening(node) as url, pytest.raises(kind, match=said) as caught:
        connect(url, attempts=1)
    assert "secret-key" not in str(caught.value) + str(caught.value.values)


def test_nobody_there_is_unavailable():
    with listening(Node()) as url:
        pass
    with pytest.raises(RpcUnavailable, match="connection refused"):
        connect(url, attempts=1)


def test_the_wrong_chain_and_other_schemes_are_refused():
    with listening(Node()) as url, pytest.raises(WrongChain):
        connect(url, expect_chain_id=1)
    with pytest.raises(ConfigError, match="ws or wss"):
        connect("ftp://127.0.0.1")


def test_of_each_block_it_is_told_and_else_time_decides():
    class Teller(Node):
        def __call__(self, connection):
            assert json.loads(connection.recv())["params"] == ["newHeads"]
            connection.send(json.dumps({"jsonrpc": "2.0", "id": 1, "result": "0x1"}))
            head = {"jsonrpc": "2.0", "method": "eth_subscription", "params": {"result": {"number": "0x1"}}}
            connection.send(json.dumps(head))
            connection.recv()  # until it hangs up

    async def waits(url, poll):
        async with Heads(poll, url) as heads:
            await asyncio.wait_for(heads.wait(), 20)

    with listening(Teller()) as url:
        asyncio.run(waits(url, 60))
    asyncio.run(waits("http://127.0.0.1:1", 0.01))
