"""A user's own call behind fresh prices, in one transaction, from reporters that are asked and not trusted."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp import web
from tests.integration.chain.conftest import make_scene

from peersettle.errors import InputError, NotDeployed, SourceError
from peersettle.oracle.book import ReportBook
from peersettle.oracle.metrics import Metrics
from peersettle.oracle.pull import fetch_rounds, in_front, with_prices
from peersettle.oracle.server import ReportServer
from peersettle.oracle.signing import sign_report
from peersettle.reports import Feed, Report, Round

FEED = Feed("ETH/USD")
WAD = 10**18


def report(network, number, price, slot):
    return sign_report(network.signers[number], network.oracle.domain, Report(FEED, price * WAD, slot))


def slot_of(network):
    return FEED.slot_of(network.chain.now())


@asynccontextmanager
async def serving(network, *shelves):
    """A server for each list of reports; their URLs."""
    async with AsyncExitStack() as stack:
        urls = []
        for reports in shelves:
            book = ReportBook(network.oracle.domain, [FEED], network.members)
            for held in reports:
                assert book.accept(held, network.clock.now()) is None
            server = ReportServer(book, clock=network.clock, metrics=Metrics())
            urls.append(await server.start())
            stack.push_async_callback(server.stop)
        yield urls


@asynccontextmanager
async def answering(answer):
    async def handler(_):
        return answer if isinstance(answer, web.Response) else web.json_response(answer)

    app = web.Application()
    app.router.add_get("/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def confirm(network, price, slot):
    reports = [report(network, number, price, slot) for number in range(3)]
    network.sender.send(network.oracle.update(Round.of(network.members, reports)))


@pytest.fixture
def scene(network, tmp_path):
    made = make_scene(network.chain, tmp_path / "scene")
    yield made
    made.store.close()


def fetch(network, urls):
    return fetch_rounds(network.oracle, [FEED, FEED], urls, clock=network.clock)


def test_a_trade_settles_behind_a_fresh_price_in_one_transaction(network, scene, monkeypatch):
    monkeypatch.setattr("peersettle.oracle.pull.SystemClock", lambda: network.clock)

    async def scenario():
        network.pass_time(15)
        slot = slot_of(network)
        shelves = [[report(network, number, 2_000 + number, slot)] for number in range(4)]
        async with serving(network, *shelves) as urls:
            trade = scene.settlement.settle(scene.trade())
            return await with_prices(trade, [FEED], urls, oracle=network.oracle, deployment=network.deployment), slot

    call, slot = asyncio.run(scenario())
    assert call.to == network.deployment.bundle
    receipt = scene.taker.send(call)
    reading = network.oracle.read(FEED)
    assert (reading.observed_at, 2_000 * WAD <= reading.value <= 2_003 * WAD) == (slot, True)
    assert {log.address for log in receipt.logs} >= {network.oracle.address, scene.deployment.settlement}


def test_nothing_is_fetched_when_the_chain_is_fresh(network):
    confirm(network, 2_000, slot_of(network))
    nowhere = ["http://127.0.0.1:9"]
    assert asyncio.run(fetch(network, nowhere)) == []
    call = network.oracle.withdraw_proposal()
    assert in_front(call, [], network.oracle, network.deployment) is call
    network.pass_time(46)
    with pytest.raises(SourceError, match="0 of 3 reports"):
        asyncio.run(fetch(network, nowhere))


def test_an_open_candidate_is_followed_however_fresh_the_value_is(network):
    confirm(network, 2_000, slot_of(network))
    network.pass_time(15)
    confirm(network, 3_000, slot_of(network))
    assert network.oracle.read(FEED).candidate == 3_000 * WAD

    async def scenario():
        same = [report(network, number, 3_000, slot_of(network)) for number in range(3)]
        async with serving(network, same) as urls:
            with pytest.raises(SourceError, match="0 of 3 reports"):
                await fetch(network, urls)
        network.pass_time(15)
        later = [report(network, number, 3_001, slot_of(network)) for number in range(3)]
        async with serving(network, later) as urls:
            (made,) = await fetch(network, urls)
            return made

    made = asyncio.run(scenario())
    network.sender.send(network.oracle.update(made))
    assert network.oracle.read(FEED).candidate == 0


def test_too_few_reports_of_one_slot_make_no_round(network):
    network.pass_time(30)

    async def scenario():
        slot = slot_of(network)
        shelves = [
            [report(network, 0, 2_000, slot)],
            [report(network, 1, 2_000, slot)],
            [report(network, 2, 2_000, slot - 15)],
        ]
        async with serving(network, *shelves) as urls:
            with pytest.raises(SourceError, match="2 of 3 reports") as caught:
                await fetch(network, urls)
            assert caught.value.kind == "no_round"

    asyncio.run(scenario())


def test_one_server_that_lies_or_answers_garbage_does_not_matter(network):
    slot = slot_of(network)
    honest = [report(network, number, 2_000 + number, slot) for number in range(3)]
    lie = report(network, 3, 9_000, slot).to_json()
    forged = {**report(network, 0, 9_000, slot).to_json(), "signature": "0x" + "11" * 64}
    bad = [
        web.Response(text="<html>", content_type="text/html"),
        {"reports": [{"format": "peersettle.report"}]},
        {"reports": [forged]},
        {"reports": [lie]},
        {"reports": "none"},
        [],
        {"reports": [report(network, 3, 2_000, slot + 3_600).to_json()]},
    ]

    async def scenario(answer):
        async with serving(network, honest) as urls, answering(answer) as liar:
            (made,) = await fetch(network, [liar, *urls])
            return made

    for answer in bad:
        made = asyncio.run(scenario(answer))
        assert 2_000 * WAD <= made.median <= 2_002 * WAD
        assert made.report.observed_at == slot


def test_a_bundle_has_its_limits_and_its_place(network):
    slot = slot_of(network)
    made = Round.of(network.members, [report(network, number, 2_000, slot) for number in range(3)])
    call = network.oracle.withdraw_proposal()
    with pytest.raises(InputError, match="takes 8 updates"):
        in_front(call, [made] * 9, network.oracle, network.deployment)
    with pytest.raises(NotDeployed, match="Bundle"):
        in_front(call, [made], network.oracle, replace(network.deployment, bundle=None))
