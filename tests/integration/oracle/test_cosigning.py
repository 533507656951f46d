"""Surfaces that k reporters sign because their own agree, and batches that fall back to single feeds."""

import json

from peersettle.oracle.daemon import surface_files
from peersettle.oracle.submitter import Outcome
from peersettle.pricing import Surface, SurfaceSlice, SviSlice
from peersettle.reports import Feed

FEED, BTC = Feed("ETH/USD"), Feed("BTC/USD")
VOL = Feed("ETH-VOL", slot=300, max_age=900, jump_cap=200_000)
WAD = 10**18


def write(network, name, now, level=0.02):
    svi = SviSlice(level, 0.04, -0.2, 0.0, 0.5)
    later = SviSlice(level + 0.02, 0.04, -0.2, 0.0, 0.5)
    parts = tuple(SurfaceSlice(now + days * 86_400, 1.01, each) for days, each in ((30, svi), (60, later)))
    network.surface_file(name).write_text(json.dumps(Surface(now, parts).to_json()))


async def propose(network, urls, *, sender=True):
    async with network.submitter(urls, sender=sender) as submitter:
        return await submitter.submit_surface(VOL, surface_files(network.settings("submitter")))


def test_a_surface_goes_from_files_to_the_chain_with_the_names_of_those_who_agree(network):
    network.surfaces = ("ETH-VOL",)

    async def scenario():
        now = int(network.clock.now())
        for name in ("reporter0", "reporter1", "reporter2", "submitter"):
            write(network, name, now)
        write(network, "reporter3", now, level=0.2)  # a liar, or one with a bad fit
        async with network.reporters({}) as daemons:
            urls = [daemon.url for daemon in daemons]
            would = await propose(network, urls, sender=False)
            assert (would.outcome, would.tx_hash) == (Outcome.SENT, None)
            assert {answer.reporter for answer in would.answers[:3]} == {s.address for s in network.signers[:3]}
            assert "ppm from ours" in would.answers[3].why
            network.surface_file("reporter2").write_text("<html>")
            short = await propose(network, urls)
            assert short.outcome is Outcome.FAILED
            assert "2 of 3 reporters sign" in short.why
            assert b'surfaces_unusable_total{feed="ETH-VOL",reason="malformed"} 1.0' in daemons[2].metrics.text()
            write(network, "reporter2", now)
            done = await propose(network, urls)
            assert (done.outcome, done.slot) == (Outcome.SENT, VOL.slot_of(now)), done
            assert (await propose(network, urls)).outcome is Outcome.NOT_DUE
            confirmed, _ = network.oracle.surface_slice(VOL, now + 30 * 86_400)
            assert confirmed is not None
            assert (confirmed[0].a, confirmed[1]) == (20_000_000, VOL.slot_of(now))

    network.run(scenario)


async def slot(daemons):
    for daemon in daemons:
        await daemon.reporter.run_once()
        await daemon.peers.settle()


def test_feeds_that_are_due_go_as_one_batch_and_one_by_one_where_too_few_sign(network):
    async def scenario():
        async with network.reporters({3: 0.99}) as daemons:
            urls = [daemon.url for daemon in daemons]
            await slot(daemons)
            async with network.submitter(urls, sender=False) as dry:
                would = await dry.submit_batches()
            assert [(item.outcome, item.why, item.tx_hash) for item in would] == [
                (Outcome.SENT, "batch of 2", None)
            ] * 2
            async with network.submitter(urls) as submitter:
                done = await submitter.submit_batches()
                assert {(item.outcome, item.why) for item in done} == {(Outcome.SENT, "batch of 2")}
                assert len({item.tx_hash for item in done}) == 1
                assert {item.outcome for item in await submitter.submit_batches()} == {Outcome.NOT_DUE}
            network.pass_time(60)
            await slot(daemons)
            async with network.submitter(urls[:2]) as submitter:  # two signers of three
                done = await submitter.submit_batches()
                assert {(item.outcome, item.why) for item in done} == {(Outcome.SENT, "heartbeat")}
                assert len({item.tx_hash for item in done}) == 2
            for feed in (FEED, BTC):
                reading = network.oracle.read(feed)
                assert 2_000 * WAD <= reading.value <= 2_002 * WAD
                assert reading.observed_at == feed.slot_of(network.clock.now())

    network.run(scenario)
