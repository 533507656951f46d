"""libp2p as a transport: who talks to whom, what ends, what comes back."""

import asyncio
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time

import pytest
from tests.network.hostile import dial, noise, plaintext
from tests.network.nodes import Bare, pair, until

from peersettle.errors import ConfigError, InvalidField, PeerUnreachable
from peersettle.network import Contact
from peersettle.network.libp2p import Libp2pOptions, contact_of

SERVER = """
import asyncio, sys
from pathlib import Path
from peersettle.network.libp2p import Libp2pOptions, Libp2pTransport
async def main():
    async def on_request(peer, data):
        await asyncio.sleep(60 if data == b"slow" else 0)
        return b"echo " + data
    async def on_gossip(*_):
        return True
    transport = Libp2pTransport(Libp2pOptions(Path(sys.argv[1]), sys.argv[2]))
    contact = await transport.start(on_request, on_gossip)
    print(contact.addresses[0] + "/p2p/" + contact.peer, flush=True)
    await asyncio.sleep(120)
asyncio.run(main())
"""


class Server:
    """A peer in a process of its own, which can be killed and started again as the same."""

    def __init__(self, path):
        self.path, self.listen = path, "/ip4/127.0.0.1/tcp/0"
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(self.path), self.listen], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout
        line = ""
        while "/p2p/" not in line:
            line = self.process.stdout.readline()
            assert line, "it has not started"
        self.contact = contact_of(line.strip())
        self.listen = self.contact.addresses[0]

    def end(self):
        self.process.kill()
        self.process.wait()
        assert self.process.stdout
        self.process.stdout.close()


@pytest.fixture
def server(tmp_path):
    it = Server(tmp_path / "server")
    yield it
    it.end()


def run(work):
    return asyncio.run(work)


def test_both_sides_ask_over_one_connection_and_are_known_to_each_other(tmp_path):
    async def scene():
        async with pair(tmp_path) as (one, two):
            assert await one.ask(Contact(two.contact.peer)) == b"echo hello", "without an address: it is connected"
            assert one.asked == [(two.contact.peer, b"hello")]
            assert two.asked == [(one.contact.peer, b"hello")]

    run(scene())


def test_over_ip_version_6(tmp_path):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        pytest.skip(f"no ::1 here: {error}")

    async def scene():
        listen = "/ip6/::1/tcp/0"
        async with Bare(tmp_path / "one", listen=listen) as one, Bare(tmp_path / "two", listen=listen) as two:
            assert two.contact.addresses[0].startswith("/ip6/::1/tcp/")
            assert await one.ask(two.contact) == b"echo hello"

    run(scene())


def test_many_requests_at_once_get_each_its_own_answer(tmp_path):
    async def scene():
        async with pair(tmp_path) as (one, two):
            answers = await asyncio.gather(*(two.ask(one, str(n).encode()) for n in range(500)))
            assert answers == [b"echo %d" % n for n in range(500)]

    run(scene())


def test_what_fails_at_the_peer_or_takes_too_long_is_unreachable_and_the_link_goes_on(tmp_path):
    async def scene():
        async with pair(tmp_path) as (one, two):
            with pytest.raises(PeerUnreachable, match="failed"):
                await two.ask(one, b"raise")
            with pytest.raises(PeerUnreachable, match=r"0\.2 s"):
                await two.ask(one, b"slow", timeout=0.2)
            assert await two.ask(one) == b"echo hello"
            assert two.transport._host._answers == {}, "nothing is kept of what nobody waits for"

    run(scene())


def test_the_largest_message_fits_and_a_larger_one_is_not_sent(tmp_path):
    async def scene():
        async with pair(tmp_path) as (one, two):
            largest = b"x" * (64 * 1024 - 5)
            assert await two.ask(one, largest) == b"echo " + largest
            with pytest.raises(InvalidField, match="65537 bytes"):
                await two.ask(one, b"x" * (64 * 1024 + 1))
            with pytest.raises(InvalidField, match="16385 bytes"):
                await two.transport.publish("topic", b"x" * (16 * 1024 + 1))

    run(scene())


def test_gossip_reaches_those_who_listen_through_a_third_and_garbage_is_not_passed_on(tmp_path):
    async def scene():
        async with (
            Bare(tmp_path / "hub") as hub,
            Bare(tmp_path / "one", bootstrap=(hub.contact,)) as one,
            Bare(tmp_path / "two", bootstrap=(hub.contact,)) as two,
        ):
            for each in (hub, one, two):
                await each.transport.publish("topic", b"here")
            for _ in range(200):
                await one.transport.publish("topic", b"again")
                if (one.contact.peer, "topic", b"again") in two.heard:
                    break
                await asyncio.sleep(0.05)
            hub.heard.clear()
            await one.transport.publish("topic", b"bad")
            await one.transport.publish("topic", b"good")
            await until(lambda: (one.contact.peer, "topic", b"good") in two.heard)
            assert (one.contact.peer, "topic", b"bad") in hub.heard
            assert b"bad" not in [data for _, _, data in two.heard]

    run(scene())


def test_a_burst_of_gossip_arrives_whole(tmp_path):
    async def scene():
        async with pair(tmp_path) as (one, two):
            await one.transport.publish("topic", b"here")
            await two.transport.publish("topic", b"here")
            while not one.heard:
                await two.transport.publish("topic", b"warm")
                await asyncio.sleep(0.05)
            burst = [b"%d" % n for n in range(200)]
            await asyncio.gather(*(two.transport.publish("topic", data) for data in burst))
            await until(lambda: {data for _, _, data in one.heard} >= set(burst))

    run(scene())


def test_what_is_published_after_a_restart_is_not_taken_for_what_was_before(tmp_path):
    async def scene():
        async with Bare(tmp_path / "one") as one:
            await one.transport.publish("topic", b"here")
            for life in (b"first", b"second"):
                async with Bare(tmp_path / "two", bootstrap=(one.contact,)) as two:
                    await two.transport.publish("topic", b"here")
                    while not two.heard:
                        await one.transport.publish("topic", b"warm")
                        await asyncio.sleep(0.05)
                    said = {life + b"%d" % number for number in range(40)}
                    await asyncio.gather(*(two.transport.publish("topic", data) for data in said))
                    await until(lambda said=said: {data for _, _, data in one.heard} >= said)

    run(scene())


def test_a_plaintext_client_is_refused(tmp_path):
    async def scene():
        async with Bare(tmp_path / "one") as one:
            assert isinstance(await asyncio.to_thread(dial, one.address, security=plaintext), Exception)
            assert await asyncio.to_thread(dial, one.address, security=noise) == "connected"

    run(scene())


def test_a_peer_with_another_identity_than_sought_is_not_spoken_to(tmp_path):
    async def scene():
        async with pair(tmp_path) as (one, two), Bare(tmp_path / "three") as three:
            impostor = Contact(two.contact.peer, one.contact.addresses)
            with pytest.raises(PeerUnreachable):
                await three.ask(impostor, timeout=5)
            assert one.asked == [(two.contact.peer, b"hello")]

    run(scene())


def test_a_killed_peer_is_noticed_at_once_and_reached_again(tmp_path, server):
    async def scene():
        async with Bare(tmp_path / "one", bootstrap=(server.contact,)) as one:
            assert await one.ask(server.contact) == b"echo hello"
            waiting = asyncio.ensure_future(one.ask(server.contact, b"slow", timeout=30))
            await asyncio.sleep(0.2)
            began = time.monotonic()
            await asyncio.to_thread(server.end)
            with pytest.raises(PeerUnreachable):
                await waiting
            assert time.monotonic() - began < 15
            with pytest.raises(PeerUnreachable):
                await one.ask(server.contact)
            await asyncio.to_thread(server.start)
            began = time.monotonic()
            while True:
                try:
                    assert await one.ask(server.contact, timeout=1) == b"echo hello"
                    break
                except PeerUnreachable:
                    await asyncio.sleep(0.05)
            assert time.monotonic() - began < 15

    run(scene())


def test_a_silent_peer_is_noticed_by_pings(tmp_path, server):
    async def scene():
        async with Bare(tmp_path / "one", ping_every=0.3) as one:
            assert await one.ask(server.contact) == b"echo hello"
            os.kill(server.process.pid, signal.SIGSTOP)
            try:
                began = time.monotonic()
                with pytest.raises(PeerUnreachable, match="ended"):
                    await one.ask(server.contact, timeout=20)
                assert time.monotonic() - began < 15
            finally:
                os.kill(server.process.pid, signal.SIGCONT)
            assert await one.ask(server.contact) == b"echo hello"

    run(scene())


def test_a_failure_inside_libp2p_is_survived_on_the_same_port(tmp_path):
    async def scene():
        async with pair(tmp_path) as (one, two):

            async def boom():
                raise RuntimeError("planted")

            await one.transport.publish("topic", b"here")
            waiting = asyncio.ensure_future(two.ask(one, b"slow", timeout=20))
            await asyncio.sleep(0.1)
            one.transport._bridge.to_trio(one.transport._host._spawn, boom)
            with pytest.raises(PeerUnreachable):
                await waiting
            began = time.monotonic()
            while time.monotonic() - began < 10:
                try:
                    assert await two.ask(one, timeout=1) == b"echo hello"
                    break
                except PeerUnreachable:
                    await asyncio.sleep(0.05)
            else:
                pytest.fail("it has not come back")
            await two.transport.publish("topic", b"here")
            while (two.contact.peer, "topic", b"after") not in one.heard:
                await two.transport.publish("topic", b"after")
                await asyncio.sleep(0.05)

    run(scene())


def test_nothing_is_left_behind(tmp_path):
    before = set(threading.enumerate())

    async def scene():
        async with pair(tmp_path) as (_, two):
            await two.transport.publish("topic", b"here")
        await two.transport.stop()
        with pytest.raises(PeerUnreachable):
            await two.ask(Contact("x"))
        return [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]

    assert run(scene()) == []
    assert [thread.name for thread in threading.enumerate() if thread not in before] == []


def test_a_transport_can_be_stopped_while_it_is_busy(tmp_path):
    async def scene():
        async with pair(tmp_path) as (one, two):
            asking = [asyncio.ensure_future(two.ask(one, b"slow")) for _ in range(20)]
            await asyncio.sleep(0.1)
            await asyncio.wait_for(two.transport.stop(), 20)
            for each in asking:
                with pytest.raises(PeerUnreachable):
                    await each

    run(scene())


def test_the_key_is_kept_for_its_owner_alone(tmp_path):
    async def scene():
        async with Bare(tmp_path / "deep" / "key") as first:
            pass
        async with Bare(tmp_path / "deep" / "key") as second:
            assert first.contact.peer == second.contact.peer
        assert stat.S_IMODE((tmp_path / "deep" / "key").stat().st_mode) == 0o600
        (tmp_path / "deep" / "key").chmod(0o640)
        with pytest.raises(ConfigError, match="others can read"):
            await Bare(tmp_path / "deep" / "key").__aenter__()
        (tmp_path / "no").write_text("nonsense")
        (tmp_path / "no").chmod(0o600)
        with pytest.raises(ConfigError, match="no peer key"):
            await Bare(tmp_path / "no").__aenter__()

    run(scene())


def test_an_address_that_is_taken_is_said_so(tmp_path):
    async def scene():
        async with Bare(tmp_path / "one") as one:
            other = Bare(tmp_path / "two", listen=one.contact.addresses[0])
            with pytest.raises(ConfigError, match="cannot listen"):
                await other.__aenter__()
            await other.transport.stop()

    run(scene())


@pytest.mark.parametrize(
    "text", ["", "/ip4/1.2.3.4/tcp/1", "/ip4/1.2.3.4/udp/1", "12D3KooW", "/ip4/1.2.3.4/tcp/1/p2p/x"]
)
def test_an_address_that_cannot_be_meant_is_refused_early(tmp_path, text):
    with pytest.raises(InvalidField):
        contact_of(text)
    if "tcp" not in text:
        with pytest.raises(InvalidField):
            Libp2pOptions(tmp_path / "key", listen=text)
