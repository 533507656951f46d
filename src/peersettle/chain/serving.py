"""The chain inside this process, as a node that other processes of this machine can `connect` to.

It holds no keys and changes nothing but by signed transactions: time and balances are only this process's to change.
"""

from __future__ import annotations

import json
import socket
import threading
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final

from eth_tester.exceptions import TransactionFailed
from web3 import Web3

from peersettle.chain.pyevm import EmbeddedProvider
from peersettle.errors import ConfigError

if TYPE_CHECKING:
    from peersettle.chain.client import Chain

HOST: Final = "127.0.0.1"
MAX_BYTES: Final = 4 * 2**20
"""Of a request."""
METHODS: Final = frozenset(
    (
        "eth_blockNumber",
        "eth_call",
        "eth_chainId",
        "eth_estimateGas",
        "eth_gasPrice",
        "eth_getBalance",
        "eth_getBlockByHash",
        "eth_getBlockByNumber",
        "eth_getCode",
        "eth_getLogs",
        "eth_getTransactionByHash",
        "eth_getTransactionCount",
        "eth_getTransactionReceipt",
        "eth_maxPriorityFeePerGas",
        "eth_sendRawTransaction",
        "net_version",
        "web3_clientVersion",
    )
)
_REVERTED: Final = 3
_REFUSED: Final = -32000
_NO_JSON, _NO_REQUEST, _NO_METHOD, _NO_PARAMETERS = -32700, -32600, -32601, -32602
_SILENCE: Final = 60.0
"""Seconds after which a connection that says nothing is closed."""
_LAST_WORDS: Final = 0.5
"""Seconds for one that is refused."""


class ChainServer:
    """Serves an embedded chain over JSON-RPC: `with ChainServer(chain) as server: connect(server.url)`.

    It listens on the loopback address only, and answers no web page: those say where they are from.

    Raises:
        ConfigError: the chain is not one of this process.
    """

    def __init__(self, chain: Chain, port: int = 0) -> None:
        self._rpc = _Rpc(chain)
        self._port = port
        self._http: _Http | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        if self._http is None:
            raise ConfigError("the chain is not being served; call start")
        return f"http://{HOST}:{self._http.server_port}"

    def start(self) -> ChainServer:
        """Listen; port 0 takes a free one.

        Raises:
            ConfigError: the port is in use.
        """
        if self._http is None:
            try:
                self._http = _Http(self._rpc, self._port)
            except OSError as error:
                raise ConfigError(f"cannot listen on {HOST}:{self._port}: {error}", port=self._port) from error
            self._thread = threading.Thread(
                target=self._http.serve_forever, args=(0.05,), name="peersettle-chain", daemon=True
            )
            self._thread.start()
        return self

    def stop(self) -> None:
        """Stop listening, and hang up. May be called twice."""
        http, self._http = self._http, None
        if http is not None and self._thread is not None:
            http.shutdown()
            http.server_close()
            self._thread.join()

    def __enter__(self) -> ChainServer:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


class _Rpc:
    """Requests as a node answers them. One at a time, since there is one chain."""

    def __init__(self, chain: Chain) -> None:
        provider = chain.w3.provider
        if not isinstance(provider, EmbeddedProvider):
            raise ConfigError(f"{chain.url} is a node: connect to it", url=chain.url)
        w3 = Web3(provider, middleware=[])
        # Made once: the provider remembers only one of these, and other threads ask it, too.
        self._ask = provider.request_func(w3, w3.middleware_onion)
        self._lock = threading.Lock()

    def answer(self, request: object) -> dict[str, Any]:
        """One JSON-RPC answer, whatever was asked."""
        if not isinstance(request, dict) or not isinstance(request.get("method"), str):
            return _error(None, _NO_REQUEST, "give an object with method and params")
        number, method, params = request.get("id"), request["method"], request.get("params", [])
        if method not in METHODS:
            return _error(number, _NO_METHOD, f"the method {method[:100]} does not exist/is not available")
        if not isinstance(params, list):
            return _error(number, _NO_PARAMETERS, "params must be a list")
        try:
            with self._lock:
                said: Any = self._ask(method, params)
        except TransactionFailed as error:
            data = _returned(error)
            return _error(number, _REVERTED, str(error), None if data is None else "0x" + data.hex())
        except Exception as error:  # py-evm has many of its own; a node answers all the same
            return _error(number, _REFUSED, str(error) or type(error).__name__)
        if "error" in said:
            return _error(number, _NO_METHOD, str(said["error"]["message"]))
        return {"jsonrpc": "2.0", "id": number, "result": _encoded(said.get("result"))}


def _returned(error: BaseException) -> bytes | None:
    """What a contract said when it refused: web3 keeps words only, but the first cause has the bytes."""
    cause: object = error
    while isinstance(cause, BaseException):
        for argument in cause.args:
            found = argument.args[0] if isinstance(argument, Exception) and argument.args else argument
            if isinstance(found, bytes):
                return found
        cause = cause.__context__
    return None


def _encoded(value: Any) -> Any:
    """As nodes write it: numbers and bytes as hex."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return hex(value)
    if isinstance(value, (bytes, bytearray)):
        return "0x" + bytes(value).hex()
    if hasattr(value, "items"):
        return {name: _encoded(each) for name, each in value.items()}
    return [_encoded(each) for each in value]


def _error(number: object, code: int, message: str, data: str | None = None) -> dict[str, Any]:
    error: dict[str, Any] = {"code": code, "message": message}
    if data is not None:
        error["data"] = data
    return {"jsonrpc": "2.0", "id": number, "error": error}


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, rpc: _Rpc, port: int) -> None:
        self.rpc = rpc
        self._open: set[Any] = set()
        super().__init__((HOST, port), _Handler)

    def names(self) -> tuple[str, str]:
        """What a client that means us calls us."""
        return f"{HOST}:{self.server_port}", f"localhost:{self.server_port}"

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        super().server_close()
        for request in list(self._open):
            self.shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Somebody has hung up: nothing to say, and nobody to say it to."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body in one packet
    timeout = _SILENCE
    server: _Http

    def do_POST(self) -> None:
        """Answer one request, or a list of them."""
        body = self._body()
        if body is None:
            return
        try:
            asked = json.loads(body)
        except ValueError:
            said: Any = _error(None, _NO_JSON, "this is no JSON")
        else:
            rpc = self.server.rpc
            said = [rpc.answer(one) for one in asked] if isinstance(asked, list) else rpc.answer(asked)
        content = json.dumps(said).encode()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def _body(self) -> bytes | None:
        """What was posted, unless it is refused: for another name than ours, from a web page, or too long."""
        length = self.headers.get("Content-Length", "")
        if self.headers.get("Host") not in self.server.names() or "Origin" in self.headers:
            self._refuse(HTTPStatus.FORBIDDEN)
        elif not (length.isascii() and length.isdigit()):
            self._refuse(HTTPStatus.LENGTH_REQUIRED)
        elif int(length) > MAX_BYTES:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        else:
            return self.rfile.read(int(length))
        return None

    def _refuse(self, status: HTTPStatus) -> None:
        self.close_connection = True
        self.send_error(status)
        # What is unread when it is closed would cost the client its answer.
        with suppress(OSError):
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(_LAST_WORDS)
            self.rfile.read(MAX_BYTES)
