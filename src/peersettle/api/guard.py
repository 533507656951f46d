"""Who is let in, before anything else looks at a request."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import parse_qsl

from peersettle.config.node import is_loopback
from peersettle.errors import InvalidDocument
from peersettle.jsons import once, read_json

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

OPEN: Final = ("/health", "/openapi.json")
METRICS: Final = "/v1/metrics"
LARGEST: Final = 1 << 20
"""Bytes of a request's body."""
_SECRET: Final = re.compile(
    r"priv(ate)?[_-]?key|secret|mnemonic|seed([_-]?(phrase|words))?$|pass(word|phrase|wd)|keystore|^key[_-]?(file|json)$",
    re.IGNORECASE,
)
_MOST_SAID: Final = 100

Refusal: TypeAlias = tuple[int, str, str]
"""Status, kind, and what is said."""


class Guard:
    """Lets in who has the token, and whom a browser did not send here under another name (DNS rebinding).

    No answer carries a CORS header, so that no web page reads one.
    """

    def __init__(self, app: ASGIApp, *, token: str, hosts: Collection[str], open_paths: Collection[str]) -> None:
        self._app = app
        self._token = token.encode()
        self._hosts = {host.lower() for host in hosts}
        self._open = frozenset(open_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        if scope["type"] != "http":
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            await _answer(send, *refusal)
            return
        body = await _read(receive)
        if body is None:
            return
        refusal = _unfit(scope["query_string"], body)
        if refusal is not None:
            await _answer(send, *refusal)
            return
        await self._app(scope, _again(body, receive), send)

    def _refusal(self, scope: Scope) -> Refusal | None:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        host = _name(headers.get(b"host", b"").decode("latin-1"))
        if not (is_loopback(host) or host.lower() in self._hosts):
            return 421, "WrongHost", "this is a node's local API: ask it by 127.0.0.1 or localhost"
        if scope["path"] in self._open:
            return None
        kind, _, said = headers.get(b"authorization", b"").partition(b" ")
        if kind.lower() != b"bearer" or not hmac.compare_digest(said.strip(), self._token):
            return (
                401,
                "Unauthorised",
                "say the node's token: Authorization: Bearer TOKEN; it is in the file node.token",
            )
        return None


async def _read(receive: Receive) -> bytes | None:
    """The body, or a little more than is allowed of it; None where whoever asks has left."""
    body = b""
    while len(body) <= LARGEST:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    return body


def _unfit(query: bytes, body: bytes) -> Refusal | None:
    """Why this goes no further. What was sent by mistake is not repeated."""
    if len(body) > LARGEST:
        return 413, "TooLarge", f"a body has at most {LARGEST} bytes"
    names = [name for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True)]
    try:
        # Before anybody else parses it: other parsers go as deep as it is nested.
        names += _names(read_json(body, pairs=once)) if body else ()
    except InvalidDocument as error:
        return 422, "InputError", f"the body {error.message[:_MOST_SAID]}"
    except ValueError:
        return 422, "InputError", "the body is no JSON, or nested too deep"
    found = sorted({name[:_MOST_SAID] for name in names if _SECRET.search(name)})
    if not found:
        return None
    said = f"never send a secret here ({', '.join(found)}): the node has its signer, and takes no keys"
    return 422, "InputError", f"{said}; if it was a real one, take it for known to others"


def _names(value: Any) -> Iterable[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _names(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _names(inner)


def _again(body: bytes, receive: Receive) -> Receive:
    """What was read is read once more; then what comes after it."""
    left = [body]

    async def replay() -> Message:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        return await receive()

    return replay


def _name(host: str) -> str:
    """A host header's name without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


async def _answer(send: Send, status: int, kind: str, message: str) -> None:
    body = json.dumps({"error": kind, "message": message}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
