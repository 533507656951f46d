"""JSON-RPC over a websocket."""

from __future__ import annotations

import json
import threading
from contextlib import ExitStack, suppress
from typing import Any, Final

from websockets.exceptions import InvalidStatus, InvalidURI, WebSocketException
from websockets.sync.client import ClientConnection, connect

from peersettle.chain.transport import NO_ACCESS, Attempt, PatientTransport, judged, shown_url
from peersettle.errors import RpcError

_LARGEST: Final = 64 * 2**20
"""Bytes of an answer."""


class WebSocketTransport(PatientTransport):
    """Over one websocket, one request at a time. It is opened when it is first needed, and anew after a fault."""

    def __init__(self, url: str, **patience: Any) -> None:
        super().__init__(url, **patience)
        self._lock = threading.Lock()
        self._connection: ClientConnection | None = None
        self._open = ExitStack()

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._drop()

    def _attempt(self, body: bytes) -> Attempt:
        with self._lock:
            sent = False
            try:
                connection = self._connected()
                sent = True
                return judged(self._answer(connection, body))
            except InvalidURI:
                raise RpcError(f"{shown_url(self._url)} is no URL of a websocket", url=shown_url(self._url)) from None
            except InvalidStatus as error:
                status = error.response.status_code
                if status in NO_ACCESS:
                    raise self._no_access(status) from None
                fault = f"HTTP {status}"
            except TimeoutError:
                fault = f"no {'answer' if sent else 'connection'} within {self._timeout:g} s"
            except (ValueError, TypeError):
                fault = "an answer that is no JSON-RPC"
            except (OSError, WebSocketException) as error:
                fault = "connection refused" if isinstance(error, ConnectionRefusedError) else "connection lost"
            self._drop()  # a late answer must not be met by the next request
            return Attempt(fault=fault, arrived=sent)

    def _connected(self) -> ClientConnection:
        if self._connection is None:
            opening = connect(self._url, open_timeout=self._timeout, max_size=_LARGEST, proxy=None)
            self._connection = self._open.enter_context(opening)
        return self._connection

    def _answer(self, connection: ClientConnection, body: bytes) -> Any:
        wanted = json.loads(body)["id"]
        connection.send(body.decode())
        while True:
            said = connection.recv(self._timeout)
            response: Any = self.decode_rpc_response(said if isinstance(said, bytes) else said.encode())
            if isinstance(response, dict) and response.get("id") == wanted:
                return response

    def _drop(self) -> None:
        self._connection = None
        with suppress(OSError, WebSocketException):
            self._open.close()
