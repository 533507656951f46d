"""A keeper goes on whatever a look meets, with longer and longer pauses, and ends only where the settings are wrong."""

import asyncio
from contextlib import suppress

import pytest

from peersettle.config import KeeperSettings
from peersettle.errors import ConfigError, InputError, RpcUnavailable
from peersettle.keeper.daemon import KeeperDaemon
from peersettle.keeper.metrics import Metrics
from peersettle.types import ZERO_ADDRESS


class StubKeeper:
    """Does what the script says: raises, or is well; the last thing for ever."""

    def __init__(self, *script, news=True):
        self.script, self.looks, self.asked, self.news = list(script), 0, 0, news

    def look(self):
        self.looks += 1
        step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if step is not None:
            raise step

    def has_news(self):
        self.asked += 1
        return self.news


def made(keeper):
    return KeeperDaemon(keeper, Metrics(), KeeperSettings(listen="127.0.0.1:0", poll=0.001), ZERO_ADDRESS)


def run(daemon, until, **options):
    async def runs():
        task = asyncio.create_task(daemon.run(**options))
        while not until() and not task.done():
            await asyncio.sleep(0.001)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    asyncio.run(asyncio.wait_for(runs(), 40))


def test_pauses_grow_while_looks_fail_and_begin_anew_when_one_succeeds(monkeypatch):
    pauses, slept = [], asyncio.sleep

    async def sleep(seconds):
        if seconds >= 0.5:
            pauses.append(seconds)
            seconds = 0
        await slept(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    away, defect = RpcUnavailable("away"), ZeroDivisionError()
    keeper = StubKeeper(away, away, InputError("odd"), defect, *[away] * 5, None, away, None)
    daemon = made(keeper)
    run(daemon, lambda: keeper.looks > 12, chance=lambda: 0.0)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60, 1]
    assert daemon.is_well


def test_settings_that_cannot_be_used_end_it():
    with pytest.raises(ConfigError):
        run(made(StubKeeper(ConfigError("no such market"))), lambda: False)


def test_an_address_that_is_taken_ends_it():
    async def runs():
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        daemon = made(StubKeeper(None))
        daemon.settings = KeeperSettings(listen=f"127.0.0.1:{port}")
        try:
            with pytest.raises(ConfigError, match="cannot listen"):
                await daemon.run()
        finally:
            server.close()

    asyncio.run(runs())


def test_without_a_new_block_it_looks_less_often():
    busy, idle = StubKeeper(None), StubKeeper(None, news=False)
    run(made(busy), lambda: busy.looks >= 30)
    run(made(idle), lambda: idle.looks >= 3)
    assert idle.asked >= 2 * 15


def test_failed_looks_are_counted_and_make_it_unwell():
    daemon = made(StubKeeper(RpcUnavailable("away")))
    with pytest.raises(RpcUnavailable):
        daemon.look()
    assert not daemon.is_well
    assert b'peersettle_keeper_looks_total{outcome="failed"} 1.0' in daemon.metrics.text()
