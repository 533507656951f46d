"""The remote signer: what it answers is checked, and every way it can fail is said."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from tests.unit.signing.test_signers import DOMAIN, MAKER, OTHER, SWAP, TRANSACTION

from peersettle.errors import InputError, SignerError
from peersettle.signing import DigestSigner, KeySigner, RemoteSigner, sign_as, sign_message
from peersettle.trades import Quote


class Server(HTTPServer):
    """Answers every request with `answer(method, params)`; bytes go out as they are."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer = honest
        self.asked = []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/secret-token"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(request)
        answer = self.server.answer(request["method"], request["params"])
        if isinstance(answer, int):
            self.send_error(answer)
            return
        if not isinstance(answer, bytes):
            answer = json.dumps({"jsonrpc": "2.0", "id": 1, **answer}).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args):
        pass


def honest(method, params, key=MAKER, change=None):
    if method == "eth_signTypedData_v4":
        return {"result": "0x" + key.sign_typed_data(params[1]).hex()}
    texts = ("to", "from", "data", "accessList")
    fields = {name: value if name in texts else int(value, 16) for name, value in params[0].items()}
    fields.update(change or {}, **{"from": key.address})
    return {"result": {"raw": "0x" + key.sign_transaction(fields).hex(), "tx": {}}}


@pytest.fixture
def server():
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def signer(server):
    return RemoteSigner(server.url, MAKER.address, timeout=5)


def test_it_signs_as_a_key_does(signer):
    assert sign_message(signer, DOMAIN, SWAP) == sign_message(MAKER, DOMAIN, SWAP)
    assert signer.sign_transaction(TRANSACTION) == MAKER.sign_transaction(TRANSACTION)
    sign_as(signer, Quote(DOMAIN, SWAP)).verify()


def test_it_is_shown_the_whole_message(signer, server):
    assert not isinstance(signer, DigestSigner)
    sign_message(signer, DOMAIN, SWAP)
    (request,) = server.asked
    assert request["method"] == "eth_signTypedData_v4"
    assert request["params"][0] == MAKER.address
    assert request["params"][1]["primaryType"] == "Swap"
    assert request["params"][1]["message"]["makerAmount"] == "100"


def test_a_signature_by_another_key_is_refused(signer, server):
    server.answer = lambda method, params: honest(method, params, key=OTHER)
    with pytest.raises(SignerError, match=f"is {OTHER.address}'s"):
        sign_message(signer, DOMAIN, SWAP)
    with pytest.raises(SignerError, match="signed as"):
        signer.sign_transaction(TRANSACTION)


@pytest.mark.parametrize(
    "change",
    [{"to": OTHER.address}, {"value": 1}, {"data": "0xab"}, {"nonce": 4}, {"chainId": 1}, {"gas": 21001}],
)
def test_a_changed_transaction_is_refused(signer, server, change):
    server.answer = lambda method, params: honest(method, params, change=change)
    with pytest.raises(SignerError, match=f"changed {next(iter(change))}"):
        signer.sign_transaction(TRANSACTION)


def test_an_access_list_that_nobody_asked_for_is_refused(signer, server):
    entry = {"address": OTHER.address, "storageKeys": ["0x" + "00" * 32]}
    server.answer = lambda method, params: honest(method, params, change={"accessList": [entry]})
    with pytest.raises(SignerError, match="changed accessList"):
        signer.sign_transaction(TRANSACTION)
    assert signer.sign_transaction({**TRANSACTION, "accessList": [entry]})


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"error": {"code": 4001, "message": "User denied"}}, "refused eth_signTypedData_v4: User denied"),
        ({"error": "no"}, "refused"),
        ({"result": "0x1234"}, "no signature"),
        ({"result": None}, "no signature"),
        ({"result": "0x" + "00" * 65}, "no signature"),
        ({}, "not JSON-RPC"),
        (b"<html>", "not JSON"),
        (b"[]", "not JSON-RPC"),
        (503, "HTTP 503"),
    ],
    ids=str,
)
def test_every_failure_is_said(signer, server, answer, said):
    server.answer = lambda *_: answer
    with pytest.raises(SignerError, match=said) as raised:
        sign_message(signer, DOMAIN, SWAP)
    assert "secret-token" not in str(raised.value)
    with pytest.raises(SignerError):
        signer.sign_transaction(TRANSACTION)


def test_a_signer_that_is_not_there_is_said():
    signer = RemoteSigner("http://127.0.0.1:9/secret-token", MAKER.address, timeout=1)
    with pytest.raises(SignerError, match="did not answer") as raised:
        sign_message(signer, DOMAIN, SWAP)
    assert "secret-token" not in str(raised.value)
    assert "secret-token" not in repr(signer)


def test_only_http_is_asked():
    with pytest.raises(InputError, match="http"):
        RemoteSigner("file:///etc/passwd", KeySigner.random().address)
