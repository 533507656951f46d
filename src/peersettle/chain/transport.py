"""JSON-RPC that tries again when a fault may pass, whatever it goes over; and over HTTP and a local socket.

Neither errors nor logs show the path of a URL: keys are in it.
"""

from __future__ import annotations

import random
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from web3.providers import IPCProvider, JSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

from peersettle.errors import RpcError, RpcUnavailable

PASSING_STATUS: Final = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 522, 524})
PASSING_CODES: Final = frozenset({-32005, -32097, 429})
PASSING_WORDS: Final = (
    "rate limit",
    "too many requests",
    "header not found",
    "timed out",
    "temporarily unavailable",
    "try again",
)
NO_ACCESS: Final = frozenset({401, 403})
_NOT_TWICE: Final = ("anvil_", "evm_", "hardhat_", "personal_", "eth_sendTransaction")
LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
_LONGEST_PAUSE: Final = 10.0


def shown_url(url: str) -> str:
    """Scheme, host and port only."""
    parts = urlsplit(url)
    if not parts.scheme:
        return url
    host = parts.hostname or ""
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port else "")


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of one attempt: the answer, or else what was wrong."""

    response: RPCResponse | None = None
    fault: str = ""
    pause: float = 0.0
    """Seconds that the node asked for."""
    arrived: bool = True
    """Whether the request may have."""


class PatientTransport(JSONBaseProvider, ABC):
    """A web3 provider for a URL that tries again.

    A passing fault (no connection, a time-out, a busy or rate-limited node, an answer that is no JSON) is
    tried again `attempts` times in all, with pauses that double from `pause` seconds and are drawn at random
    up to that, or as long as the node asked for. Methods of development chains that must not happen twice are
    tried again only where the request cannot have arrived.
    """

    global_ccip_read_enabled = False  # a contract must not make this process fetch URLs

    def __init__(
        self,
        url: str,
        *,
        timeout: float = 10.0,
        attempts: int = 5,
        pause: float = 0.2,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__()
        self._url = url
        self._timeout = timeout
        self._attempts = attempts
        self._pause = pause
        self._sleep = sleep

    @abstractmethod
    def close(self) -> None:
        """Close all connections."""

    @abstractmethod
    def _attempt(self, body: bytes) -> Attempt:
        """Send a request once.

        Raises:
            RpcError: it is of no use to try again.
        """

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """One request and its answer; an `error` in the answer that is not passing is the caller's.

        Raises:
            RpcUnavailable: every attempt met a passing fault.
            RpcError: the node refused the request itself, as for a wrong key.
        """
        body = self.encode_rpc_request(method, params)
        last = Attempt()
        for attempt in range(self._attempts):
            if attempt:
                self._sleep(max(last.pause, random.uniform(0.5, 1) * self._pause * 2 ** (attempt - 1)))
            last = self._attempt(body)
            if last.response is not None:
                return last.response
            if last.arrived and method.startswith(_NOT_TWICE):
                break
        raise RpcUnavailable(
            f"{shown_url(self._url)} does not answer {method}: {last.fault}; is the node up, and the URL right?",
            url=shown_url(self._url),
            method=str(method),
        )

    def _no_access(self, status: int) -> RpcError:
        """What it means that a key in the URL is wrong."""
        shown = shown_url(self._url)
        return RpcError(f"{shown} refused access, HTTP {status}: check the key in its URL", url=shown)


class HttpTransport(PatientTransport):
    """Over HTTP; up to 32 requests at once."""

    def __init__(self, url: str, **patience: Any) -> None:
        super().__init__(url, **patience)
        self._session = requests.Session()
        if (urlsplit(url).hostname or "") in LOOPBACK:
            self._session.trust_env = False  # a proxy could not reach it
        adapter = requests.adapters.HTTPAdapter(pool_connections=1, pool_maxsize=32)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    def _attempt(self, body: bytes) -> Attempt:
        try:
            answer = self._session.post(
                self._url, data=body, timeout=self._timeout, headers={"Content-Type": "application/json"}
            )
        except requests.ConnectTimeout:
            return Attempt(fault=f"no connection within {self._timeout:g} s", arrived=False)
        except requests.Timeout:
            return Attempt(fault=f"no answer within {self._timeout:g} s")
        except requests.ConnectionError as error:
            refused = "refused" in str(error).lower() or "resolve" in str(error).lower()
            return Attempt(fault="connection refused" if refused else "connection lost", arrived=not refused)
        except requests.RequestException as error:
            raise RpcError(f"{shown_url(self._url)}: {type(error).__name__}", url=shown_url(self._url)) from None
        if answer.status_code in PASSING_STATUS:
            return Attempt(fault=f"HTTP {answer.status_code}", pause=_asked(answer.headers.get("Retry-After")))
        if answer.status_code in NO_ACCESS:
            raise self._no_access(answer.status_code)
        try:
            return judged(self.decode_rpc_response(answer.content))
        except (ValueError, TypeError):
            return Attempt(fault=f"HTTP {answer.status_code}, an answer that is no JSON")


class IpcTransport(IPCProvider):
    """A web3 provider over a local socket, which can be closed."""

    global_ccip_read_enabled = False

    def __init__(self, path: str, *, timeout: float = 10.0) -> None:
        if not Path(path).is_socket():
            raise RpcUnavailable(f"{path} is no socket; is the node running, with IPC enabled?", url=path)
        super().__init__(path, timeout=max(1, int(timeout)))

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            connection: Any = self._socket
            if connection.sock is not None:
                connection.sock.close()
                connection.sock = None


def judged(response: RPCResponse) -> Attempt:
    """An answer, unless it is a passing fault or no answer at all.

    Raises:
        TypeError: it is no JSON object.
    """
    answered = frozenset(response)
    if "result" not in answered and "error" not in answered:
        return Attempt(fault="an answer that is no JSON-RPC")
    if is_passing(response.get("error")):
        return Attempt(fault=str(response["error"]))
    return Attempt(response)


def is_passing(error: object) -> bool:
    """Whether a JSON-RPC error is worth another try."""
    if not isinstance(error, dict):
        return False
    message = str(error.get("message", "")).lower()
    if error.get("code") == 3 or "revert" in message:
        return False
    return error.get("code") in PASSING_CODES or any(word in message for word in PASSING_WORDS)


def _asked(header: str | None) -> float:
    return min(float(header), _LONGEST_PAUSE) if header and header.isdigit() else 0.0
