"""Serving the API in a node's own loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import uvicorn

from peersettle.errors import ConfigError

if TYPE_CHECKING:
    from fastapi import FastAPI

_LAST_ANSWERS: Final = 1
"""Seconds for requests that are being answered when it stops."""


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Whoever runs the loop stops it."""
        yield


async def serve(app: FastAPI, address: tuple[str, int], ready: Callable[[str], None]) -> None:
    """Serve until cancelled. Port 0 takes a free one; `ready` is told the URL.

    Raises:
        ConfigError: the address is in use or not ours.
    """
    listening = _listen(address)
    host, port = listening.getsockname()[:2]
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="critical",  # what fails is logged where it is answered
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=_LAST_ANSWERS,
    )
    server = _Server(config)
    serving = asyncio.ensure_future(server.serve([listening]))
    try:
        while not server.started and not serving.done():
            await asyncio.sleep(0.01)
        ready(f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")
        await asyncio.shield(serving)
    finally:
        server.should_exit = True
        await asyncio.gather(serving, return_exceptions=True)
        listening.close()


def _listen(address: tuple[str, int]) -> socket.socket:
    host, port = address
    try:
        family, kind, proto, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, proto)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(where)
            listening.listen(128)
            listening.setblocking(False)
        except OSError:
            listening.close()
            raise
    except OSError as error:
        raise ConfigError(f"cannot listen on {host}:{port}: {error}", key="node.listen") from error
    return listening
