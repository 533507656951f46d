"""A node that fails now and then, behind a proxy on the loopback address."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from peersettle.chain import Call, Chain, TransactionSender, connect, fund
from peersettle.chain.transport import HttpTransport
from peersettle.errors import ConfigError, RpcError, RpcUnavailable, WrongChain
from peersettle.signing import KeySigner
from peersettle.types import address

RECEIVER = address("0x" + "00" * 19 + "b2")
SECRET = "an-api-key"

Fault = Callable[["FlakyHandler"], None]


def status(code: int) -> Fault:
    return lambda handler: handler.answer(code, b"{}")


def hang_up(handler: "FlakyHandler") -> None:
    handler.close_connection = True


def hang_up_after_forwarding(handler: "FlakyHandler") -> None:
    handler.forward()
    handler.close_connection = True


def nonsense(handler: "FlakyHandler") -> None:
    handler.answer(200, b"<html>busy</html>")


def rate_limited(handler: "FlakyHandler") -> None:
    error = {"code": -32005, "message": "daily request count exceeded"}
    handler.answer(200, json.dumps({"jsonrpc": "2.0", "id": 1, "error": error}).encode())


FAULTS = [status(503), status(429), hang_up, nonsense, rate_limited]


class FlakyHandler(BaseHTTPRequestHandler):
    server: "FlakyServer"

    def do_POST(self) -> None:
        self.body = self.rfile.read(int(self.headers["Content-Length"]))
        method = json.loads(self.body)["method"]
        proxy = self.server.proxy
        with proxy.lock:
            proxy.seen.append(method)
            fault = proxy.faults.pop(0) if proxy.faults and method == proxy.method else None
        if fault is not None:
            fault(self)
        else:
            self.answer(200, self.forward())

    def forward(self) -> bytes:
        headers = {"Content-Type": "application/json"}
        with requests.Session() as session:
            session.trust_env = False
            return session.post(self.server.proxy.target, data=self.body, headers=headers, timeout=10).content

    def answer(self, code: int, content: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


class FlakyServer(ThreadingHTTPServer):
    proxy: "Proxy"


@dataclass
class Proxy:
    target: str
    url: str = ""
    method: str = "eth_blockNumber"
    faults: list[Fault] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fail(self, method: str, *faults: Fault) -> None:
        self.method, self.faults, self.seen = method, list(faults), []


@pytest.fixture
def proxy(anvil_url: str) -> Iterator[Proxy]:
    made = Proxy(anvil_url)
    with FlakyServer(("127.0.0.1", 0), FlakyHandler) as server:
        server.proxy = made
        made.url = f"http://127.0.0.1:{server.server_address[1]}/{SECRET}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        server.shutdown()
        thread.join()


@pytest.fixture
def flaky(proxy: Proxy) -> Iterator[Chain]:
    with connect(proxy.url) as chain:
        yield chain


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    pauses: list[float] = []
    initialise = HttpTransport.__init__

    def quick(self: HttpTransport, url: str, **options: object) -> None:
        initialise(self, url, **{**options, "sleep": pauses.append})

    monkeypatch.setattr(HttpTransport, "__init__", quick)
    return pauses


@pytest.mark.parametrize("fault", FAULTS)
def test_a_passing_fault_is_tried_again(no_pause: list[float], proxy: Proxy, flaky: Chain, fault: Fault) -> None:
    proxy.fail("eth_blockNumber", fault, fault, fault)
    assert flaky.block_number() >= 0
    assert proxy.seen == ["eth_blockNumber"] * 4
    assert len(no_pause) == 3
    assert no_pause[1] <= 0.4
    assert no_pause[2] > no_pause[0]


def test_a_fault_that_stays_is_reported_without_the_key_in_the_url(
    no_pause: list[float], proxy: Proxy, flaky: Chain
) -> None:
    proxy.fail("eth_blockNumber", *[status(502)] * 9)
    with pytest.raises(RpcUnavailable, match="502") as caught:
        flaky.block_number()
    assert len(proxy.seen) == 5
    assert len(no_pause) == 4
    assert SECRET not in str(caught.value) + repr(caught.value.to_json()) + repr(flaky) + flaky.url


def test_a_transaction_whose_answer_was_lost_is_sent_once(
    no_pause: list[float], proxy: Proxy, flaky: Chain, key: KeySigner
) -> None:
    fund(flaky, key.address, 10**18)
    sender = TransactionSender(flaky, key)
    proxy.fail("eth_sendRawTransaction", hang_up_after_forwarding, hang_up_after_forwarding)
    assert sender.send(Call(RECEIVER, b"", 1, "pay")).succeeded
    assert proxy.seen.count("eth_sendRawTransaction") == 3
    assert flaky.nonce(key.address) == 1
    assert no_pause


def test_what_must_not_happen_twice_is_not_tried_again(no_pause: list[float], proxy: Proxy, flaky: Chain) -> None:
    before = flaky.block_number()
    proxy.fail("evm_mine", hang_up_after_forwarding)
    with pytest.raises(RpcUnavailable):
        flaky.request("evm_mine")
    assert flaky.block_number() == before + 1
    assert no_pause == []


def test_a_refused_key_is_not_tried_again(no_pause: list[float], proxy: Proxy, flaky: Chain) -> None:
    proxy.fail("eth_blockNumber", status(403))
    with pytest.raises(RpcError, match="key"):
        flaky.block_number()
    assert no_pause == []


def test_nobody_there_is_said_at_once_for_what_it_is() -> None:
    with pytest.raises(RpcUnavailable, match="connection refused"):
        connect("http://127.0.0.1:1/" + SECRET, attempts=1)


def test_another_chain_than_expected_is_refused(anvil_url: str) -> None:
    with pytest.raises(WrongChain, match="31337, not 1"):
        connect(anvil_url, expect_chain_id=1)


def test_a_url_of_another_kind_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        connect("gopher://127.0.0.1/" + SECRET)
    assert SECRET not in str(caught.value)
