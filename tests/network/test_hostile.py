"""Peers that mean harm: whatever they send, the node lives, answers others, and remembers who it was."""

import asyncio
import json
import os
import random
import struct

import pytest
from libp2p.pubsub.pb import rpc_pb2
from tests.network.hostile import MESHSUB, dial, joins_and_publishes, publishes, writes, writes_beneath
from tests.network.nodes import address_of, node, until
from tests.unit.network.world import DOMAIN, OTHER, ask, request

from peersettle.network import Identity, Rules
from peersettle.network.libp2p.link import HEAD
from peersettle.network.wire import DIRECT, PUBLISHED, Announcement, Hello, Presence, seal

PROTOCOL = "/peersettle/rfq/1"
SEED = b"h" * 32
TOPIC = Identity(DOMAIN, (OTHER,)).topic


def run(work):
    return asyncio.run(work)


async def attack(peers, act, **options):
    return await asyncio.to_thread(dial, address_of(peers._contact), act, **options)


async def assert_alive(maker, taker, number):
    """The two still talk, over the connection that they had and over gossip."""
    (maker, maker_inbox), (taker, _) = maker, taker
    await taker.send(maker.card.peer, ask(number))
    assert maker_inbox.messages[-1] == ask(number)


def both(tmp_path, **options):
    class Both:
        async def __aenter__(self):
            self.maker_life = node("maker", tmp_path, **options)
            self.maker = await self.maker_life.__aenter__()
            self.taker_life = node("taker", tmp_path, bootstrap=(self.maker[0]._contact,), **options)
            self.taker = await self.taker_life.__aenter__()
            await assert_alive(self.maker, self.taker, 0)
            return self.maker, self.taker

        async def __aexit__(self, *_):
            await self.taker_life.__aexit__(None, None, None)
            await self.maker_life.__aexit__(None, None, None)

    return Both()


def frame(data, kind=0, size=None):
    return HEAD.pack(len(data) if size is None else size, kind, 1) + data


def asks(data):
    """An act: a framed request; its answer's JSON."""

    async def act(client, peer):
        stream = await client.new_stream(peer, [PROTOCOL])
        await stream.write(frame(data))
        buffer = b""
        while len(buffer) < HEAD.size or len(buffer) < HEAD.size + HEAD.unpack_from(buffer)[0]:
            buffer += await stream.read(65536)
        return json.loads(buffer[HEAD.size :])["body"]

    return act


FRAMES = {
    "oversized": frame(b"x" * 1000, size=2**32 - 1),
    "just too large": frame(b"x", size=64 * 1024 + 1),
    "unknown kind": frame(b"x", kind=9),
    "noise": random.Random(1).randbytes(3000),
    "answers to nothing": frame(b"{}", kind=1) * 50,
    "half a frame": frame(b"x" * 100)[:50],
    "many pings": frame(b"", kind=3) * 5000,
}


@pytest.mark.parametrize("name", FRAMES)
def test_frames_that_are_none_leave_the_node_alive(tmp_path, name):
    async def scene():
        async with both(tmp_path) as (maker, taker):
            await attack(maker[0], writes(PROTOCOL, FRAMES[name]), seed=SEED)
            await assert_alive(maker, taker, 1)
            is_garbage = name in ("oversized", "just too large", "unknown kind", "noise")
            if is_garbage:
                await until(lambda: maker[0].counters["garbage"] == 1)

    run(scene())


def test_who_sends_garbage_is_banned_and_the_ban_outlives_the_connection(tmp_path):
    async def scene():
        async with both(tmp_path, rules=Rules(garbage_limit=3)) as (maker, taker):
            for _ in range(2):
                assert (await attack(maker[0], asks(b"{}"), seed=SEED))["code"] == "garbage"
            await attack(maker[0], writes(PROTOCOL, FRAMES["oversized"]), seed=SEED)
            await until(lambda: maker[0].counters["banned"] == 1)
            hello = seal(DIRECT, Hello(maker[0].card), maker[0]._clock.now())
            assert (await attack(maker[0], asks(hello), seed=SEED))["code"] == "banned"
            assert (await attack(maker[0], asks(b"{}"), seed=b"i" * 32))["code"] == "garbage", "others are not banned"
            await assert_alive(maker, taker, 1)

    run(scene())


def test_a_stolen_card_is_refused(tmp_path):
    async def scene():
        async with both(tmp_path) as (maker, taker):
            hello = seal(DIRECT, Hello(taker[0].card), maker[0]._clock.now())
            assert (await attack(maker[0], asks(hello), seed=SEED))["code"] == "garbage"
            await assert_alive(maker, taker, 1)

    run(scene())


def test_gossip_that_is_stolen_or_garbage_is_heard_by_nobody(tmp_path):
    async def scene():
        async with both(tmp_path) as (maker, taker):
            now = maker[0]._clock.now()
            stolen = seal(PUBLISHED, Announcement(taker[0].card, request()), now)
            presence = seal(PUBLISHED, Presence(taker[0].card), now)
            firm = seal(DIRECT, ask(5), now)

            act = joins_and_publishes(address_of(maker[0]._contact), TOPIC, [stolen, presence, firm, b"\xff\x00"])
            assert await attack(maker[0], act, seed=SEED) == "published"
            await until(lambda: maker[0].counters["garbage"] == 4)
            assert request() not in maker[1].messages + taker[1].messages
            assert taker[0].counters["garbage"] == 0, "nothing of it was passed on"
            await assert_alive(maker, taker, 1)

    run(scene())


def test_malformed_remote_calls_of_gossip_leave_the_node_alive(tmp_path):
    noise = random.Random(2).randbytes

    def message(**fields):
        def make(me):
            rpc = rpc_pb2.RPC()
            rpc.publish.add(**{"from_id": me, "seqno": noise(8), "data": b"x", "topicIDs": [TOPIC], **fields})
            return rpc

        return make

    def control(fill):
        def make(_):
            rpc = rpc_pb2.RPC()
            fill(rpc.control)
            return rpc

        return make

    def subscriptions(_):
        rpc = rpc_pb2.RPC()
        rpc.subscriptions.add()
        rpc.subscriptions.add(subscribe=False, topicid="never")
        for number in range(6000):
            rpc.subscriptions.add(subscribe=True, topicid=str(number))
        return rpc

    calls = [
        message(from_id=b"", seqno=b"", data=b""),
        message(from_id=noise(5), signature=noise(64), key=noise(36)),
        message(signature=noise(10)),
        message(signature=noise(64)),
        message(signature=noise(64), key=b"\x08\x01\x12\x03abc"),
        message(from_id=b"\x00\x24\x08\x01\x12\x20" + noise(3), topicIDs=[TOPIC] * 50, signature=noise(64)),
        message(topicIDs=[]),
        message(data=noise(100_000), signature=noise(64)),
        control(lambda c: c.ihave.add(topicID=TOPIC, messageIDs=[b"x", b"[1]", b"", b"\xff" * 40])),
        control(lambda c: c.iwant.add(messageIDs=[b"x", b"", b"\xff" * 40])),
        control(lambda c: (c.graft.add(topicID=TOPIC), c.graft.add(topicID="zz"))),
        control(lambda c: (c.prune.add(topicID=TOPIC, backoff=2**40), c.prune.add(topicID="zz"))),
        subscriptions,
    ]

    async def scene():
        async with both(tmp_path) as (maker, taker):
            host = maker[0]._transport._host
            for call in calls:
                await attack(maker[0], publishes(call))
            for data in (b"", b"\x00", b"\xff" * 20, b"\xff\xff\xff\xff\x0f" + noise(100), b"\x05\x0a\x03abc"):
                await attack(maker[0], writes(MESHSUB, data))
            await assert_alive(maker, taker, 1)
            assert maker[0]._transport._host is host, "it was never started anew"

    run(scene())


def test_fuzzed_streams_leave_the_node_alive(tmp_path):
    source = random.Random(3)
    protocols = [PROTOCOL, MESHSUB, "/ipfs/id/1.0.0", "/ipfs/id/push/1.0.0", "/ipfs/ping/1.0.0", "/nope"]

    async def scene():
        async with both(tmp_path) as (maker, taker):
            host = maker[0]._transport._host
            for _ in range(3):
                for protocol in protocols:
                    data = source.choice([b"", b"\x00", source.randbytes(10), source.randbytes(70_000), b"\xff" * 20])
                    await attack(maker[0], writes(protocol, data, wait=0.02))
            for data in (struct.pack("!BBHII", 0, 0, 1, 99, 2**32 - 1) + b"z" * 5000, source.randbytes(5000)):
                await attack(maker[0], writes_beneath(data))
            await assert_alive(maker, taker, 1)
            assert maker[0]._transport._host is host, "it was never started anew"

    run(scene())


def test_bytes_that_are_not_libp2p_leave_the_node_alive(tmp_path):
    async def scene():
        async with both(tmp_path) as (maker, taker):
            _, _, host, _, port = maker[0]._contact.addresses[0].split("/")
            for data in (
                os.urandom(5000),
                b"\xff" * 5000,
                b"\x13/multistream/1.0.0\n\x07/noise\n\xff\xff" + os.urandom(70_000),
            ):
                _, writer = await asyncio.open_connection(host, int(port))
                writer.write(data)
                await asyncio.sleep(0.05)
                writer.close()
            await assert_alive(maker, taker, 1)

    run(scene())
