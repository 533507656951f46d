"""Whole nodes over libp2p: discovery, announcements, answers."""

import asyncio
import socket
import subprocess
import sys
from contextlib import asynccontextmanager, suppress

import pytest
from tests.network.nodes import Bare, node, until
from tests.unit.network.world import MAKER, TAKER, ManualClock, offer, request

from peersettle.errors import InvalidField, PeerRefused, PeerUnreachable
from peersettle.network import Contact
from peersettle.network.libp2p.mdns import _contact


@asynccontextmanager
async def both(tmp_path, **options):
    """A maker, and a taker that is told of it; `options` are the taker's, made from the maker."""
    async with node("maker", tmp_path) as maker:
        chosen = {name: make(maker[0]) for name, make in options.items()}
        async with node("taker", tmp_path, **chosen) as taker:
            yield maker, taker


def run(work):
    return asyncio.run(work)


def test_an_announcement_is_answered_with_an_offer(tmp_path):
    async def scene():
        async with both(tmp_path, bootstrap=lambda maker: (maker._contact,)) as (
            (maker, heard_by_maker),
            (taker, heard_by_taker),
        ):
            await until(lambda: taker.known() and maker.known())
            await taker.announce(request())
            await until(lambda: heard_by_maker)
            assert heard_by_maker == [(taker.card.peer, request())]
            await maker.send(maker.find(TAKER.address), offer())
            assert heard_by_taker == [(maker.card.peer, offer())]

    run(scene())


def test_a_named_peer_is_greeted_without_gossip(tmp_path):
    async def scene():
        async with both(tmp_path, names=lambda maker: {"desk": maker._contact}) as ((maker, _), (taker, _)):
            await until(lambda: taker.known())
            assert taker.find("desk") == taker.find(MAKER.address) == maker.card.peer
            with pytest.raises(InvalidField):
                taker.find("nobody")

    run(scene())


def test_clocks_that_differ_are_told_apart(tmp_path):
    async def scene():
        async with node("maker", tmp_path) as (maker, heard):
            late = ManualClock(maker._clock.now() - 40)
            async with node("taker", tmp_path, clock=late) as (taker, _):
                taker._directory._configured[maker.card.peer] = maker._contact
                with pytest.raises(PeerRefused) as caught:
                    await taker.send(maker.card.peer, request())
                assert caught.value.code == "clock"
                assert heard == []

    run(scene())


def test_a_node_that_was_restarted_is_known_again(tmp_path):
    async def scene():
        async with node("taker", tmp_path) as (taker, heard):
            for _ in range(2):
                async with node("maker", tmp_path, bootstrap=(taker._contact,)) as (maker, _):
                    await until(lambda: any(card.peer == maker.card.peer for card in taker.known()))
                    await maker.send(taker.card.peer, offer())
                    await taker.send(maker.card.peer, request())
            assert heard.messages == [offer(), offer()]

    run(scene())


class Wire:
    """A TCP relay to one address, which can be cut and mended."""

    def __init__(self, contact):
        self.host, self.port = contact.addresses[0].split("/")[2::2]
        self.is_cut, self.writers = False, set()

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.address = f"/ip4/127.0.0.1/tcp/{self.server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        self.cut()
        self.server.close()

    def cut(self):
        self.is_cut = True
        for writer in self.writers:
            writer.close()

    async def serve(self, reader, writer):
        if self.is_cut:
            writer.close()
            return
        other_reader, other_writer = await asyncio.open_connection(self.host, int(self.port))
        self.writers |= {writer, other_writer}
        await asyncio.gather(self.pump(reader, other_writer), self.pump(other_reader, writer))

    async def pump(self, reader, writer):
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                writer.write(data)
        writer.close()


def test_a_network_that_splits_in_the_middle_heals(tmp_path):
    async def scene():
        async with node("maker", tmp_path) as (maker, heard), Wire(maker._contact) as wire:
            # The maker says nowhere that it listens, so that the relay is the only way.
            maker._card = None
            maker._contact = Contact(maker._contact.peer)
            await maker._renew()
            way = Contact(maker.card.peer, (wire.address,))
            async with node("taker", tmp_path, names={"desk": way}, timeout=1.0) as (taker, _):
                await taker.send(way.peer, request(1))
                wire.cut()
                with pytest.raises(PeerUnreachable):
                    await taker.send(way.peer, request(2))
                await taker.announce(request(3))
                assert heard.messages == [request(1)]
                wire.is_cut = False
                async with asyncio.timeout(30):
                    while request(2) not in heard.messages:
                        with suppress(PeerUnreachable):
                            await taker.send(way.peer, request(2))
                        await asyncio.sleep(0.05)
                async with asyncio.timeout(30):
                    while request(4) not in heard.messages:
                        await taker.announce(request(4))
                        await asyncio.sleep(0.2)

    run(scene())


def has_multicast():
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mouth,
    ):
        try:
            ear.bind(("", 0))
            ear.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton("224.0.0.251") + bytes(4))
            ear.settimeout(1)
            mouth.sendto(b"x", ("224.0.0.251", ear.getsockname()[1]))
            return ear.recv(1) == b"x"
        except OSError:
            return False


def test_peers_of_the_local_network_meet(tmp_path):
    if not has_multicast():
        pytest.skip("no multicast here")

    async def scene():
        async with Bare(tmp_path / "one", mdns=True) as one, Bare(tmp_path / "two", mdns=True) as two:
            await until(lambda: two.contact.peer in one.transport._kept or one.contact.peer in two.transport._kept)

    run(scene())


def test_records_of_the_local_network_that_name_no_one_peer_are_dropped():
    peers = [
        "12D3KooWQdqKe8g1aGrRt3vhY8cU9rFtANNjs1VUibknoYWBrFQH",
        "12D3KooWDPpPq63Q42bUyWz69hb7pSiiqiYd6AnJWT6HyV6sW2qh",
    ]
    good = f"/ip4/10.0.0.1/tcp/1/p2p/{peers[0]}".encode()
    other = f"/ip4/10.0.0.1/tcp/1/p2p/{peers[1]}".encode()
    assert _contact({b"dnsaddr": good, b"dnsaddr1": b"\xff", b"x": other}) == Contact(
        peers[0], ("/ip4/10.0.0.1/tcp/1",)
    )
    nobody: list[dict[bytes, bytes | None]]
    nobody = [{}, {b"dnsaddr": None}, {b"dnsaddr": b"nonsense"}, {b"dnsaddr": good, b"dnsaddr1": other}]
    assert [_contact(records) for records in nobody] == [None] * 4


def test_importing_the_room_does_not_import_libp2p():
    code = "import sys, peersettle.network.libp2p; print({'libp2p', 'trio', 'web3'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"
    assert Contact("x").addresses == ()
