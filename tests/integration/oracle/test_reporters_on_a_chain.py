"""Four reporters, one of them lying, and a submitter: what the contract confirms is what the honest ones saw."""

from dataclasses import replace

import pytest
from aiohttp import web

from peersettle.bindings import Oracle
from peersettle.oracle.submitter import Outcome
from peersettle.reports import Feed

FEED, BTC = Feed("ETH/USD"), Feed("BTC/USD")
WAD = 10**18


async def slot(daemons):
    """One slot of all reporters, each heard by those before it."""
    steps = {}
    for number, daemon in enumerate(daemons):
        steps[number] = {step.observed.feed: step for step in await daemon.reporter.run_once()}
        await daemon.peers.settle()
    return steps


@pytest.mark.parametrize("lie", [1000, 0.001, 1.004])
def test_a_liar_moves_nothing_beyond_what_the_honest_saw(network, lie):
    async def scenario():
        async with network.reporters({2: lie}) as daemons:
            await slot(daemons)
            assert len(daemons[0].book.reports(FEED, FEED.slot_of(network.clock.now()))) == 4
            async with network.submitter([daemons[0].url, daemons[3].url]) as submitter:
                done = {item.feed: item for item in await submitter.submit_once()}
            assert done[FEED].outcome is Outcome.SENT
            reading = network.oracle.read(FEED)
            assert 2_000 * WAD <= reading.value <= 2_002 * WAD
            assert reading.observed_at == FEED.slot_of(network.clock.now())

    network.run(scenario)


def test_two_submitters_and_a_round_that_came_first(network):
    class Behind(Oracle):
        """A node that has not seen the last round yet."""

        def read(self, feed, at="latest"):
            return replace(super().read(feed, at), value=0, observed_at=0)

    async def scenario():
        async with network.reporters({}) as daemons:
            await slot(daemons)
            urls = [daemon.url for daemon in daemons]
            async with network.submitter(urls) as first, network.submitter(urls) as second:
                assert (await first.submit(FEED)).outcome is Outcome.SENT
                assert (await second.submit(FEED)).outcome is Outcome.NOT_DUE
            async with network.submitter(urls, Behind(network.chain, network.deployment)) as late:
                assert (await late.submit(FEED)).outcome is Outcome.TAKEN

    network.run(scenario)


def test_a_jump_is_a_candidate_and_the_next_round_confirms_it(network):
    async def scenario():
        async with network.reporters({1: 3}) as daemons, network.submitter([d.url for d in daemons]) as submitter:
            await slot(daemons)
            assert (await submitter.submit(FEED)).why == "first"
            network.pass_time(15)
            network.prices = {venue: price * 0.7 for venue, price in network.prices.items()}
            await slot(daemons)
            assert (await submitter.submit(FEED)).why == "deviation"
            reading = network.oracle.read(FEED)
            assert reading.value > 1_999 * WAD
            assert reading.candidate < 1_402 * WAD
            network.pass_time(15)
            await slot(daemons)
            assert (await submitter.submit(FEED)).why == "candidate"
            reading = network.oracle.read(FEED)
            assert reading.candidate == 0
            assert 1_399 * WAD < reading.value < 1_402 * WAD

    network.run(scenario)


def test_a_broken_venue_of_three_costs_slots_and_never_a_wrong_value_or_the_daemon(network):
    bad = [
        lambda: web.Response(text="<html>maintenance</html>", content_type="text/html"),
        "NaN",
        "soon",
        "0",
        str(2_001_000),
        lambda: web.Response(status=503),
    ]

    async def scenario():
        for answer in bad:
            network.pass_time(600)  # long enough for every back-off
            network.prices = {"north": 2_000, "east": 2_001, "south": answer}
            async with network.reporter(0) as daemon:
                (eth, btc) = await daemon.reporter.run_once()
                assert eth.signed is btc.signed is None
                assert "2 of the 3 classes" in eth.problem
                network.prices["south"] = 2_002
                network.pass_time(600)
                (eth, _) = await daemon.reporter.run_once()
                assert eth.signed is not None
                assert eth.signed.report.value == 2_001 * WAD

    network.run(scenario)


def test_a_reporter_that_crashed_signs_the_same_value_for_the_slot_again(network):
    async def scenario():
        async with network.reporter(0) as daemon:
            (before, _) = await daemon.reporter.run_once()
        network.prices = {venue: price * 2 for venue, price in network.prices.items()}
        async with network.reporter(0) as daemon:
            (after, _) = await daemon.reporter.run_once()
        assert before.signed is not None
        assert after.signed == before.signed

    network.run(scenario)


def test_a_batch_is_co_signed_by_the_honest_and_taken_by_the_contract(network):
    async def scenario():
        async with network.reporters({3: 0.99}) as daemons:
            await slot(daemons)
            urls = [daemon.url for daemon in daemons]
            async with network.submitter(urls) as submitter:
                assert (await submitter.submit_batch([FEED, BTC])).outcome is Outcome.SENT
            for feed in (FEED, BTC):
                assert 2_000 * WAD <= network.oracle.read(feed).value <= 2_002 * WAD

    network.run(scenario)
