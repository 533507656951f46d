"""The network that tests are made with does what it says."""

import asyncio

import pytest
from tests.unit.network.world import ManualClock, settle

from peersettle.errors import ConfigError, PeerUnreachable
from peersettle.network import Contact, Faults, MemoryNetwork


async def echo(peer, data):
    return peer.encode() + b" " + data


async def deaf(*_):
    return True


async def two(network, answer=echo):
    one, other = network.transport("one"), network.transport("other")
    heard = []

    async def hear(_, __, data):
        heard.append(data)
        return True

    await one.start(answer, deaf)
    await other.start(answer, hear)
    return one, other, heard


def run(work):
    return asyncio.run(work)


def test_the_same_seed_makes_the_same_faults():
    async def scene(seed):
        clock = ManualClock()
        network = MemoryNetwork(seed, Faults(delay=0.01, drop=0.4, duplicate=0.3, reorder=0.3), clock)
        one, other, heard = await two(network)
        await other.publish("topic", b"")
        for number in range(50):
            await one.publish("topic", b"%d" % number)
        await clock.advance(1)
        return heard

    assert run(scene(1)) == run(scene(1)) != run(scene(2))


def test_faults_lose_double_and_reorder():
    async def scene(faults):
        clock = ManualClock()
        one, other, heard = await two(MemoryNetwork(1, faults, clock))
        await other.publish("topic", b"")
        for number in range(50):
            await one.publish("topic", b"%02d" % number)
        await clock.advance(5)
        return heard

    said = [b"%02d" % number for number in range(50)]
    assert run(scene(Faults())) == said
    assert set(run(scene(Faults(drop=0.5)))) < set(said)
    assert sorted(run(scene(Faults(duplicate=1)))) == sorted(said * 2)
    mixed = run(scene(Faults(delay=0.1, reorder=1)))
    assert sorted(mixed) == said != mixed


def test_a_lost_request_takes_as_long_as_one_waits():
    async def scene():
        clock = ManualClock()
        one, _, _ = await two(MemoryNetwork(1, Faults(drop=1), clock))
        asking = asyncio.ensure_future(one.request(Contact("other"), b"x", 3.0))
        await clock.advance(2.9)
        assert not asking.done()
        await clock.advance(0.2)
        with pytest.raises(PeerUnreachable, match="3 s"):
            await asking

    run(scene())


def test_who_is_killed_answers_nobody_and_can_come_back():
    async def scene():
        network = MemoryNetwork(clock=ManualClock())
        never = asyncio.Event()

        async def stuck(*_):
            await never.wait()
            return b""

        one, _, _ = await two(network, stuck)
        asking = asyncio.ensure_future(one.request(Contact("other"), b"x", 3.0))
        await settle()
        network.kill("other")
        for _ in range(2):
            with pytest.raises(PeerUnreachable):
                await asking
            asking = one.request(Contact("other"), b"x", 3.0)
        asking.close()
        await network.transport("other").start(echo, deaf)
        assert await one.request(Contact("other"), b"x", 3.0) == b"one x"
        with pytest.raises(ConfigError):
            await network.transport("other").start(echo, deaf)

    run(scene())


def test_a_split_that_comes_while_a_request_is_answered_loses_the_answer():
    async def scene():
        network = MemoryNetwork(clock=ManualClock())

        async def split(*_):
            network.split(["one"], ["other"])
            return b""

        one, _, _ = await two(network, split)
        with pytest.raises(PeerUnreachable, match="split"):
            await one.request(Contact("other"), b"x", 3.0)
        with pytest.raises(PeerUnreachable, match="split"):
            await one.connect(Contact("other"))
        network.heal()
        await one.connect(Contact("other"))

    run(scene())
