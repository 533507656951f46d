"""Serving over HTTP: listening, and stopping without leaving a request half answered."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Final

from aiohttp import web

from peersettle.errors import ConfigError

LOOPBACK: Final = "127.0.0.1"
"""Where a service listens unless it is told otherwise: nobody but this machine reaches it."""
_LAST_ANSWERS: Final = 1.0
"""Seconds for requests that are being answered when it stops."""


class HttpService(ABC):
    """Something that is served: a subclass gives the routes."""

    _runner: web.AppRunner | None = None

    @abstractmethod
    def app(self) -> web.Application:
        """The routes, for a server of one's own, too."""

    async def start(self, host: str = LOOPBACK, port: int = 0) -> str:
        """Listen; the URL. Port 0 takes a free one.

        Raises:
            OSError: the address is in use or not ours.
        """
        runner = web.AppRunner(self.app(), access_log=None, handle_signals=False, shutdown_timeout=_LAST_ANSWERS)
        self._runner = runner
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError:
            await self.stop()
            raise
        bound = runner.addresses[0]
        return f"http://[{bound[0]}]:{bound[1]}" if ":" in bound[0] else f"http://{bound[0]}:{bound[1]}"

    async def start_as_set(self, address: tuple[str, int], key: str) -> str:
        """Listen where the settings say; the URL. `key` is the setting's name.

        Raises:
            ConfigError: the address is in use or not ours.
        """
        try:
            return await self.start(*address)
        except OSError as error:
            raise ConfigError(f"cannot listen on {address[0]}:{address[1]}: {error}", key=key) from error

    async def stop(self) -> None:
        """Stop listening; nothing happens where it does not."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()
