"""Peers of the local network, by multicast DNS, in the form of libp2p's specification under a name of our own.

Source: https://github.com/libp2p/specs/blob/master/discovery/mdns.md
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Final

import structlog
from zeroconf import ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from peersettle.errors import InvalidField
from peersettle.network.libp2p.settings import contact_of
from peersettle.network.transport import Contact
from peersettle.service.tasks import Tasks

SERVICE: Final = "_p2p-peersettle._udp.local."
LOOK_UP_MS: Final = 3_000
MAX_LOOK_UPS: Final = 16
"""At once; the local network may be anybody's."""
_log = structlog.get_logger("peersettle.network")


class LocalNetwork:
    """Says where we are, and calls `on_found` with each peer that does."""

    def __init__(self, ours: Contact, on_found: Callable[[Contact], object]) -> None:
        self._ours, self._on_found = ours, on_found
        self._tasks = Tasks()
        self._zeroconf: AsyncZeroconf | None = None
        self._browser: AsyncServiceBrowser | None = None

    async def start(self) -> None:
        """From now on. Where multicast is not to be had, a warning is all."""
        try:
            self._zeroconf = AsyncZeroconf()
            info = _service(self._ours)
            await self._zeroconf.async_register_service(info)
            self._browser = AsyncServiceBrowser(self._zeroconf.zeroconf, SERVICE, handlers=[self._changed])
        except Exception as error:
            _log.warning("mdns_unavailable", error=repr(error))

    async def stop(self) -> None:
        """Say so, and listen no more."""
        await self._tasks.close()
        if self._browser is not None:
            await self._browser.async_cancel()
        if self._zeroconf is not None:
            await self._zeroconf.async_unregister_all_services()
            await self._zeroconf.async_close()

    def _changed(self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        if state_change is not ServiceStateChange.Removed and len(self._tasks) < MAX_LOOK_UPS:
            self._tasks.spawn(self._look_up(zeroconf, service_type, name))

    async def _look_up(self, zeroconf: Zeroconf, service_type: str, name: str) -> None:
        try:
            info = AsyncServiceInfo(service_type, name)
            if not await info.async_request(zeroconf, LOOK_UP_MS):
                return
            contact = _contact(info.properties)
        except Exception as error:  # whatever somebody on this network makes it raise
            _log.info("mdns_dropped", name=name[:100], error=repr(error)[:200])
            return
        if contact is not None and contact.peer != self._ours.peer:
            self._on_found(contact)


def _service(ours: Contact) -> AsyncServiceInfo:
    name = secrets.token_hex(16)
    numbers = [address.split("/")[2] for address in ours.addresses if address.startswith(("/ip4/", "/ip6/"))]
    return AsyncServiceInfo(
        SERVICE,
        f"{name}.{SERVICE}",
        port=int(ours.addresses[0].rpartition("/")[2]),
        properties={f"dnsaddr{i or ''}": f"{address}/p2p/{ours.peer}" for i, address in enumerate(ours.addresses)},
        server=f"{name}.local.",
        parsed_addresses=numbers or ["127.0.0.1"],  # a record without is not taken to be whole; nobody uses it
    )


def _contact(records: dict[bytes, bytes | None]) -> Contact | None:
    """The peer that the records name; where they name several, none."""
    found = []
    for key, value in records.items():
        if key.startswith(b"dnsaddr") and value is not None:
            try:
                found.append(contact_of(value.decode("ascii")))
            except (InvalidField, UnicodeDecodeError):
                continue
    if len({contact.peer for contact in found}) != 1:
        return None
    return Contact(found[0].peer, tuple(address for contact in found for address in contact.addresses))
