"""What goes wrong around an agreement: the other side falls silent, the network splits, the chain takes a block back,
the disk is full."""

import asyncio
import sqlite3

import pytest
from tests.integration.node.strategies import ETHER, USD, Fixed
from tests.integration.node.waiting import quoted, settled, until

from peersettle.errors import StoreError
from peersettle.node.settler import NotNow
from peersettle.rfq import DealPhase, Side


@pytest.fixture
def two(scene):
    """With little time, so that standing by is short."""
    return scene.party("maker", Fixed(life=3, settle_within=9)), scene.party("taker")


def moved(scene, taker):
    """Whether the trade has settled, once."""
    return scene.balance(taker, "WETH") - 1_000 * ETHER, scene.balance(taker, "USD") - 10**7 * USD


@pytest.mark.parametrize("submitter", list(Side))
def test_a_maker_that_signs_and_vanishes_changes_nothing(scene, two, submitter):
    maker, taker = two

    async def run():
        async with scene.node(taker, "taker") as taking:
            async with scene.node(maker, "maker"):
                key = await taking.engine.request(scene.request(taker, submitter=submitter), ["maker"])
                peer, offer = await quoted(taking, key)
                scene.network.kill("maker")
            await taking.engine.accept(key, peer, offer.number, 0)
            await settled(taking, key, 15)
        async with scene.node(maker, "maker") as making:
            await settled(making, f"{key}:taker")

    asyncio.run(run())
    assert moved(scene, taker) == (ETHER, -2_000 * USD)


def test_what_a_taker_accepts_and_never_submits_the_maker_submits(scene, two):
    maker, taker = two

    async def run():
        async with scene.node(maker, "maker") as making:
            async with scene.node(taker, "taker") as taking:
                taking._settler.submit = never
                key = await taking.engine.request(scene.request(taker), ["maker"])
                peer, offer = await quoted(taking, key)
                await taking.engine.accept(key, peer, offer.number, 0)
                await until(lambda: making.engine.state(f"{key}:taker"), lambda s: s.deal is not None)
            await settled(making, f"{key}:taker", 15)
        async with scene.node(taker, "taker") as taking:
            await settled(taking, key)

    def never(document):  # noqa: ARG001 (the settler's signature)
        raise NotNow("failed", "nothing is submitted here")

    asyncio.run(run())
    assert moved(scene, taker) == (ETHER, -2_000 * USD)


def test_an_offer_that_nobody_takes_ends_when_it_can_settle_no_more(scene, two):
    maker, taker = two

    async def run():
        async with scene.node(maker, "maker") as making, scene.node(taker, "taker") as taking:
            key = await taking.engine.request(scene.request(taker), ["maker"])
            await quoted(taking, key)
            assert making.engine.state(f"{key}:taker").status == "offered"
            scene.chain.request("evm_increaseTime", 100)
            scene.chain.request("evm_mine")
            await until(lambda: making.engine.state(f"{key}:taker"), lambda s: s.status == "expired")

    asyncio.run(run())
    assert moved(scene, taker) == (0, 0)


def test_a_split_in_the_middle_heals(scene, two):
    maker, taker = two

    async def run():
        async with scene.node(maker, "maker") as making, scene.node(taker, "taker") as taking:
            key = await taking.engine.request(scene.request(taker), ["maker"])
            peer, offer = await quoted(taking, key)
            scene.network.split(["maker"], ["taker"])
            await taking.engine.accept(key, peer, offer.number, 0)
            await settled(taking, key)
            # The chain tells the maker what the taker cannot.
            state = await settled(making, f"{key}:taker")
            assert state.accepted is None
            scene.network.heal()
            await until(lambda: making.peers.counters["received"], lambda count: count >= 2, 20)  # it comes, late
            assert making.engine.state(f"{key}:taker").status in ("settled", "final")

    asyncio.run(run())
    assert moved(scene, taker) == (ETHER, -2_000 * USD)


def test_a_reorganisation_after_inclusion_is_followed_by_both(scene, two):
    maker, taker = two

    async def run():
        async with scene.node(maker, "maker") as making, scene.node(taker, "taker") as taking:
            key = await taking.engine.request(scene.request(taker), ["maker"])
            peer, offer = await quoted(taking, key)
            await taking.engine.accept(key, peer, offer.number, 0)
            sides = ((taking, key), (making, f"{key}:taker"))
            for node, name in sides:
                await settled(node, name)
            scene.chain.request("evm_setAutomine", False)  # what was dropped stays out until both have seen it
            scene.chain.request("anvil_reorg", 1, [])
            for node, name in sides:
                await until(lambda n=node, k=name: n.engine.state(k), lambda s: s.deal.phase is not DealPhase.SETTLED)
            scene.chain.request("evm_setAutomine", True)
            scene.chain.request("evm_mine")
            for node, name in sides:
                await settled(node, name, 15)

    asyncio.run(run())
    assert moved(scene, taker) == (ETHER, -2_000 * USD)


def test_nobody_is_asked_while_the_store_is_locked(scene, two):
    maker, taker = two
    taker.timeout = 0.3

    async def run():
        async with scene.node(maker, "maker") as making, scene.node(taker, "taker") as taking:
            lock = sqlite3.connect(taker.database, isolation_level=None)
            lock.execute("BEGIN EXCLUSIVE")
            with pytest.raises(StoreError, match="locked"):
                await taking.engine.request(scene.request(taker), ["maker"])
            await asyncio.sleep(0.2)
            assert not making.engine.live()
            lock.execute("ROLLBACK")
            lock.close()
            key = await taking.engine.request(scene.request(taker), ["maker"])
            await quoted(taking, key)

    asyncio.run(run())


def test_nothing_is_agreed_that_a_full_store_cannot_keep(scene, two, monkeypatch):
    maker, taker = two

    def full(entries):  # noqa: ARG001 (as the store's own)
        raise StoreError("the disk is full", kind="full")

    async def run():
        async with scene.node(maker, "maker") as making, scene.node(taker, "taker") as taking:
            key = await taking.engine.request(scene.request(taker), ["maker"])
            peer, offer = await quoted(taking, key)
            monkeypatch.setattr(taking.store.negotiations, "append", full)
            with pytest.raises(StoreError, match="full"):
                await taking.engine.accept(key, peer, offer.number, 0)
            assert making.engine.state(f"{key}:taker").deal is None
            assert taking.engine.state(key).status == "open"
            monkeypatch.undo()
            await taking.engine.accept(key, peer, offer.number, 0)
            await settled(taking, key)

    asyncio.run(run())
    assert moved(scene, taker) == (ETHER, -2_000 * USD)
