"""What is served is served to this machine alone unless it is said otherwise, and an address that is taken is named."""

import asyncio

import aiohttp
import pytest
from aiohttp import web

from peersettle.errors import ConfigError
from peersettle.service.http import HttpService
from peersettle.service.metrics import MetricSet


class Hello(HttpService):
    def __init__(self):
        self.metrics = MetricSet("hello")
        self.metrics.counter("asked", "Questions", "of").labels("whom").inc()

    def app(self):
        app = web.Application()
        app.router.add_get("/metrics", self.metrics.show)
        return app


async def asked(url):
    async with aiohttp.ClientSession() as session, session.get(url + "/metrics") as answer:
        return answer.status, answer.headers["Content-Type"], await answer.text()


def test_it_listens_on_the_loopback_and_shows_what_it_counts():
    async def runs():
        service = Hello()
        url = await service.start()
        try:
            assert url.startswith("http://127.0.0.1:")
            return await asked(url)
        finally:
            await service.stop()

    status, kind, text = asyncio.run(runs())
    assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert 'peersettle_hello_asked_total{of="whom"} 1.0' in text


def test_after_it_stopped_nobody_answers_and_it_may_start_again():
    async def runs():
        service = Hello()
        url = await service.start()
        await service.stop()
        await service.stop()
        with pytest.raises(aiohttp.ClientConnectorError):
            await asked(url)
        again = await service.start("127.0.0.1", int(url.rpartition(":")[2]))
        assert again == url
        await service.stop()

    asyncio.run(runs())


def test_an_address_that_is_taken_is_named_with_its_setting():
    async def runs():
        first, second = Hello(), Hello()
        url = await first.start()
        address = "127.0.0.1", int(url.rpartition(":")[2])
        try:
            with pytest.raises(OSError, match="address"):
                await second.start(*address)
            with pytest.raises(ConfigError, match=r"cannot listen on 127\.0\.0\.1") as caught:
                await second.start_as_set(address, "hello.listen")
        finally:
            await first.stop()
        assert caught.value.values["key"] == "hello.listen"

    asyncio.run(runs())


def test_two_services_of_one_process_count_apart():
    first, second = Hello(), Hello()
    first.metrics.gauge("level", "A level").set(3)
    assert b"level" in first.metrics.text()
    assert b"level" not in second.metrics.text()
