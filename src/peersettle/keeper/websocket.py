"""A node over a websocket: requests, and word of each new block."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import ExitStack, suppress
from typing import Any, Final

import aiohttp
import structlog
from web3.providers import JSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from peersettle.chain.client import Chain
from peersettle.chain.transport import shown_url
from peersettle.errors import RpcUnavailable, WrongChain

_LARGEST: Final = 64 * 2**20
_SUBSCRIBE: Final = {"jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": ["newHeads"]}
_log = structlog.get_logger("peersettle.keeper")


class WebSocketTransport(JSONBaseProvider):
    """A web3 provider over one websocket, one request at a time. A connection that was lost is made anew once."""

    global_ccip_read_enabled = False

    def __init__(self, url: str, *, timeout: float = 10.0) -> None:
        super().__init__()
        self._url, self._timeout = url, timeout
        self._lock = threading.Lock()
        self._connection: ClientConnection | None = None
        self._open = ExitStack()

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._drop()

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """One request and its answer.

        Raises:
            RpcUnavailable: no connection, or no answer in time. The request may have arrived.
        """
        body = self.encode_rpc_request(method, params)
        wanted = json.loads(body)["id"]
        with self._lock:
            for attempt in range(2):
                try:
                    return self._ask(body, wanted)
                except (OSError, WebSocketException, TimeoutError, ValueError) as error:
                    self._drop()
                    if attempt or isinstance(error, TimeoutError):
                        url = shown_url(self._url)
                        said = f"{url} does not answer {method}: {type(error).__name__}; is the node up?"
                        raise RpcUnavailable(said, url=url, method=str(method)) from None
        raise AssertionError

    def _ask(self, body: bytes, wanted: int) -> RPCResponse:
        if self._connection is None:
            opening = connect(self._url, open_timeout=self._timeout, max_size=_LARGEST, proxy=None)
            self._connection = self._open.enter_context(opening)
        self._connection.send(body.decode())
        while True:
            answer = self._connection.recv(self._timeout)
            response = self.decode_rpc_response(answer if isinstance(answer, bytes) else answer.encode())
            if response.get("id") == wanted:
                return response

    def _drop(self) -> None:
        self._connection = None
        with suppress(OSError, WebSocketException):
            self._open.close()


def connect_websocket(url: str, *, expect_chain_id: int | None = None, timeout: float = 10.0) -> Chain:
    """A chain over a websocket.

    Raises:
        RpcUnavailable: nothing answers. WrongChain: it is not the chain `expect_chain_id`.
    """
    transport = WebSocketTransport(url, timeout=timeout)
    try:
        chain = Chain(transport, shown_url(url), close=transport.close)
    except BaseException:
        transport.close()
        raise
    if expect_chain_id is not None and chain.chain_id != expect_chain_id:
        chain.close()
        raise WrongChain(f"{chain.url} is chain {chain.chain_id}, not {expect_chain_id}; check the URL or the chain id")
    return chain


class Heads:
    """When to look again: at each new block that a websocket tells of, and every `poll` seconds where none does."""

    def __init__(self, poll: float, url: str | None = None) -> None:
        self._poll, self._url = poll, url
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.is_subscribed = False

    async def __aenter__(self) -> Heads:
        if self._url is not None:
            self._task = asyncio.create_task(self._follow(self._url))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def wait(self) -> None:
        """Return at the next block, or when it is time."""
        # A subscription may fall silent without being closed.
        longest = 10 * self._poll if self.is_subscribed else self._poll
        with suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), longest)
        self._news.clear()

    async def _follow(self, url: str) -> None:
        pause = 1.0
        while True:
            try:
                async with aiohttp.ClientSession() as session, session.ws_connect(url, heartbeat=20) as socket:
                    await socket.send_json(_SUBSCRIBE)
                    async for message in socket:
                        said = message.json() if message.type is aiohttp.WSMsgType.TEXT else {}
                        if "error" in said:
                            _log.warning("no subscription; polling", why=str(said["error"]))
                            return
                        self.is_subscribed, pause = True, 1.0
                        if said.get("method") == "eth_subscription":
                            self._news.set()
            except (aiohttp.ClientError, OSError, ValueError) as error:
                _log.warning("no word of new blocks; polling meanwhile", why=type(error).__name__)
            self.is_subscribed = False
            await asyncio.sleep(pause)
            pause = min(2 * pause, 60.0)
