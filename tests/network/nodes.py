"""Nodes over libp2p on loopback."""

import asyncio
import time
from contextlib import asynccontextmanager

from tests.unit.network.world import DOMAIN, MAKER, TAKER, Inbox

from peersettle.network import Contact, Identity, Peers
from peersettle.network.libp2p import Libp2pOptions, Libp2pTransport, contact_of

SIGNERS = {"taker": TAKER, "maker": MAKER}


async def until(condition, seconds=40.0):
    """Wait for what needs real sockets."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s"
        await asyncio.sleep(0.02)


def address_of(contact):
    return f"{contact.addresses[0]}/p2p/{contact.peer}"


class Bare:
    """A transport alone, which echoes requests and remembers what was published."""

    def __init__(self, path, **options):
        self.transport = Libp2pTransport(Libp2pOptions(path, **options))
        self.asked, self.heard = [], []

    async def __aenter__(self):
        self.contact = await self.transport.start(self.on_request, self.on_gossip)
        return self

    async def __aexit__(self, *_):
        await self.transport.stop()

    @property
    def address(self):
        return address_of(self.contact)

    async def on_request(self, peer, data):
        self.asked.append((peer, data))
        if data == b"raise":
            raise RuntimeError
        if data == b"slow":
            await asyncio.sleep(60)
        return b"echo " + data

    async def on_gossip(self, peer, topic, data):
        self.heard.append((peer, topic, data))
        return data != b"bad"

    async def ask(self, to, data=b"hello", timeout=5.0):
        return await self.transport.request(to.contact if isinstance(to, Bare) else to, data, timeout)


@asynccontextmanager
async def pair(tmp_path, **options):
    """Two that are connected."""
    async with Bare(tmp_path / "one") as one, Bare(tmp_path / "two", bootstrap=(one.contact,), **options) as two:
        assert await two.ask(one) == b"echo hello"
        yield one, two


@asynccontextmanager
async def node(name, path, bootstrap=(), **options):
    """A whole node of this role, and what it hears."""
    inbox = Inbox()
    contacts = tuple(item if isinstance(item, Contact) else contact_of(item) for item in bootstrap)
    transport = Libp2pTransport(Libp2pOptions(path / f"{name}.key", bootstrap=contacts))
    peers = Peers(transport, Identity(DOMAIN, (SIGNERS[name],)), inbox, random=lambda: 0.1, **options)
    await peers.start()
    try:
        yield peers, inbox
    finally:
        await peers.stop()
