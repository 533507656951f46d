"""What a keeper lives through: restarts, a node that is away, a chain that reorganises, another keeper, a websocket."""

import asyncio
import threading
from typing import Any

import pytest

from peersettle.chain import TransactionSender, connect, sender
from peersettle.chain.outcomes import broadcast
from peersettle.chain.transport import Attempt
from peersettle.keeper.daemon import running
from peersettle.types import to_units


class PulledPlug(BaseException):
    """The process ends here."""


def dies(*_, **__):
    raise PulledPlug


def looks(scene, daemon, count):
    found = []
    for _ in range(count):
        scene.wait(60)
        found += daemon.look().outcomes
    return found


def kinds(outcomes):
    return [(str(item.decision.kind), item.outcome) for item in outcomes]


def test_a_keeper_that_dies_between_sending_and_hearing_finds_what_it_bought(scene, monkeypatch):
    seller, _ = scene.short()
    keeper = scene.trader(200_000)
    told: list[Any] = []
    with scene.keeper(keeper, hedge=told.append) as daemon:
        scene.move(3330)
        assert kinds(daemon.look().outcomes) == [("start", "done")]

    scene.wait(60)
    with scene.keeper(keeper, hedge=told.append) as daemon, monkeypatch.context() as patch:
        patch.setattr(TransactionSender, "wait", dies)
        with pytest.raises(PulledPlug):
            daemon.look()
    assert told == []
    assert scene.ledger.book(keeper.account, 0).positions  # the chain took it
    with scene.keeper(keeper, hedge=told.append) as daemon:
        look = daemon.look()
        assert look.outcomes == ()
    (purchase,) = told
    ((series, lots),) = scene.ledger.book(keeper.account, 0).positions
    assert purchase["positions"] == [{"market": 0, "series": series, "lots": lots}]
    assert purchase["account"] == str(seller.account)


def test_a_keeper_that_dies_before_it_signs_sends_once(scene, monkeypatch):
    scene.short()
    keeper = scene.trader(200_000)
    told: list[Any] = []

    with scene.keeper(keeper, hedge=told.append) as daemon:
        scene.move(3330)
        daemon.look()
        with monkeypatch.context() as patch:
            patch.setattr(type(scene.chain), "simulate", dies)
            scene.stage.pass_time(60)
            with pytest.raises(PulledPlug):
                daemon.look()
    with scene.keeper(keeper, hedge=told.append) as daemon:
        done = looks(scene, daemon, 5)
    assert kinds(done) == [("bid", "done")]
    assert len(told) == 1


def test_a_restart_goes_on_from_the_block_that_was_read(scene, monkeypatch):
    scene.short()
    keeper = scene.trader(200_000)
    with scene.keeper(keeper) as daemon:
        first = daemon.look()
    asked: list[int] = []
    logs = type(scene.chain).logs

    def noted(self, at, topics, first, last):
        asked.append(first)
        return logs(self, at, topics, first, last)

    monkeypatch.setattr(type(scene.chain), "logs", noted)
    scene.move(3330)
    with scene.keeper(keeper) as daemon:
        look = daemon.look()
    assert min(asked) == first.block + 1
    assert look.accounts == first.accounts
    assert kinds(look.outcomes) == [("start", "done")]


def test_a_node_that_is_away_for_a_while_ends_nothing(scene):
    seller, _ = scene.short()
    keeper, failed = scene.trader(200_000), []
    with connect(scene.chain.url, attempts=1) as chain, scene.keeper(keeper, chain=chain) as daemon:
        transport: Any = chain.w3.provider
        answers, away = transport._attempt, threading.Event()

        def attempt(body):
            if not away.is_set():
                return answers(body)
            failed.append(body)
            return Attempt(fault="away", arrived=False)

        transport._attempt = attempt
        daemon.look()
        scene.move(3330)

        async def runs():
            away.set()
            async with running(daemon, chance=lambda: 1.0):
                while len(failed) < 3:
                    await asyncio.sleep(0.02)
                assert not daemon.is_well
                away.clear()
                while scene.auction.auction(seller.account).started_at == 0:
                    await asyncio.sleep(0.02)
                scene.wait(120)
                scene.refresh(seller.account)
                while scene.auction.auction(seller.account).started_at:
                    await asyncio.sleep(0.02)

        asyncio.run(asyncio.wait_for(runs(), 60))
    assert scene.ratio(seller.account) > 1.1


def test_a_reorganisation_is_read_again_from_where_the_chains_part(scene):
    keeper, trader = scene.trader(1_000), scene.trader(5_000)
    with scene.keeper(keeper, sweep=0) as daemon:
        daemon.look()
        mark = scene.chain.request("evm_snapshot")
        late = scene.trader(7_000)
        scene.stage.sender.send(scene.stage.token("USDC").mint(trader.address, 10**9))
        trader.sender.send(scene.ledger.withdraw(trader.account, scene.stage.token("USDC").address, to_units(1_000, 6)))
        look = daemon.look()
        mirror = daemon.keeper.mirror
        assert (mirror.get(trader.account.id).cash, mirror.get(late.account.id).cash) == (
            4_000 * 10**18,
            7_000 * 10**18,
        )
        scene.chain.request("evm_revert", mark)
        for _ in range(look.block - scene.chain.block_number() + 1):
            scene.stage.pass_time(7)
        again = daemon.look()
        assert again.reorganised
        assert (mirror.get(trader.account.id).cash, mirror.get(late.account.id).cash) == (5_000 * 10**18, 0)
        assert not daemon.look().reorganised


def test_of_two_keepers_the_slower_one_shrugs(scene):
    """It decided on what the other has changed meanwhile: nothing is sent, and nothing is wrong."""
    seller, _ = scene.short()
    fast, slow = scene.trader(200_000), scene.trader(200_000)
    with scene.keeper(fast, "fast") as first, scene.keeper(slow, "slow") as second:
        scene.move(3330)
        first.look()
        scene.wait(120)
        scene.refresh(seller.account)
        act = second.keeper._actor.act

        def after_the_other(*arguments):
            assert kinds(first.look().outcomes) == [("bid", "done")]
            return act(*arguments)

        second.keeper._actor.act = after_the_other
        before = scene.chain.balance(slow.address)
        assert kinds(second.look().outcomes) == [("bid", "refused")]
        second.keeper._actor.act = act
        assert scene.chain.balance(slow.address) == before
        assert second.look().decisions == ()
        assert second.is_well
    assert scene.ledger.head(slow.account).markets == ()


def test_of_two_bids_in_one_block_the_second_reverts_and_is_no_error(scene, monkeypatch):
    both, waited = threading.Barrier(2, timeout=30), set()

    def once_both_are_ready(chain, entry):
        """Neither is sent before both have been tried out: a pool that holds the first shows the second as refused."""
        if threading.get_ident() not in waited:
            waited.add(threading.get_ident())
            both.wait()
        return broadcast(chain, entry)

    seller, _ = scene.short()
    racers = [scene.trader(200_000), scene.trader(200_000)]
    with scene.keeper(racers[0], "a") as first, scene.keeper(racers[1], "b") as second:
        scene.move(3330)
        first.look()
        scene.wait(120)
        scene.refresh(seller.account)
        scene.chain.request("evm_setAutomine", False)
        monkeypatch.setattr(sender, "broadcast", once_both_are_ready)
        found = {}
        threads = [
            threading.Thread(target=lambda daemon=daemon, name=name: found.update({name: daemon.look()}))
            for name, daemon in (("a", first), ("b", second))
        ]
        try:
            for thread in threads:
                thread.start()
            while int(scene.chain.request("txpool_status")["pending"], 16) < 2:
                assert any(thread.is_alive() for thread in threads)
        finally:
            scene.chain.request("evm_setAutomine", True)
            scene.chain.request("evm_mine")
            for thread in threads:
                thread.join(20)
        came = sorted(outcome.outcome for look in found.values() for outcome in look.outcomes)
        assert came == ["done", "reverted"]
        assert first.look().outcomes == second.look().outcomes == ()
    assert scene.ratio(seller.account) > 1.1


def test_a_websocket_serves_requests_and_tells_of_blocks(scene):
    seller, _ = scene.short()
    keeper = scene.trader(200_000)
    url = scene.chain.url.replace("http://", "ws://")
    with (
        connect(url, expect_chain_id=scene.chain.chain_id) as chain,
        scene.keeper(keeper, chain=chain, url=url, poll=90) as daemon,
    ):

        async def runs():
            async with running(daemon):
                while not daemon.is_well:
                    await asyncio.sleep(0.01)
                await asyncio.sleep(0.3)
                scene.move(3330)
                while scene.auction.auction(seller.account).started_at == 0:
                    await asyncio.sleep(0.02)

        asyncio.run(asyncio.wait_for(runs(), 60))  # polling alone would take longer
