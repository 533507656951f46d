"""What is served and taken over HTTP: verified, bounded, and nobody's garbage or absence hinders anybody else."""

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import quote

import aiohttp
import aiohttp.web
import pytest
from structlog.testing import capture_logs
from tests.unit.oracle.world import DOMAIN, FEED, MEMBERS, SIGNERS, SLOT, WAD, ManualClock, serving, signed, until

from peersettle.errors import SourceError
from peersettle.oracle.book import ReportBook
from peersettle.oracle.client import ReportClient
from peersettle.oracle.cosign import CoSigner
from peersettle.oracle.gate import Gate
from peersettle.oracle.journal import Journal
from peersettle.oracle.metrics import Metrics
from peersettle.oracle.peers import PeerPush
from peersettle.oracle.server import MAX_BODY, ReportServer
from peersettle.reports import Batch, CoSigned, Feed, Observation, OracleDomain, Round


@dataclass
class Running:
    url: str
    session: aiohttp.ClientSession
    client: ReportClient
    book: ReportBook
    metrics: Metrics
    clock: ManualClock

    async def get(self, route):
        async with self.session.get(self.url + route) as answer:
            return answer.status, await answer.json()

    async def post(self, route, body):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with self.session.post(self.url + route, data=data) as answer:
            return answer.status, await answer.json()


@asynccontextmanager
async def running(directory=None, gate=None):
    clock, metrics = ManualClock(), Metrics()
    book = ReportBook(DOMAIN, [FEED, Feed("BTC/USD")], MEMBERS)
    journal = Journal(directory) if directory else None
    cosigner = CoSigner(SIGNERS[0], book, journal) if journal else None
    gate = gate(clock) if gate else Gate(clock, burst=10_000)
    server = ReportServer(book, clock=clock, metrics=metrics, cosigner=cosigner, gate=gate)
    url = await server.start()
    try:
        async with aiohttp.ClientSession() as session:
            yield Running(url, session, ReportClient(session, timeout=5), book, metrics, clock)
    finally:
        await server.stop()
        if journal:
            journal.close()


def test_reports_travel_from_one_reporter_to_another():
    async def run():
        async with running() as there:
            reports = [signed(n, 2_000 + n) for n in range(3)]
            assert await there.client.push(there.url, reports) == 3
            assert await there.client.push(there.url, reports) == 0
            assert await there.client.fetch(there.url, FEED) == there.book.reports(FEED, SLOT)
            assert sorted(r.report.value for r in await there.client.fetch(there.url, FEED, SLOT)) == sorted(
                r.report.value for r in reports
            )
            assert await there.client.fetch(there.url, FEED, SLOT - 15) == []

    asyncio.run(run())


def test_a_feed_is_asked_for_by_id_by_name_or_all_at_once():
    async def run():
        async with running() as there:
            there.book.accept(signed(0), SLOT)
            by_name = await there.get(f"/v1/reports/{quote('ETH/USD', safe='')}")
            assert by_name == await there.get("/v1/reports/0x" + FEED.id.hex())
            assert by_name[1]["slot"] == SLOT
            assert [item["name"] for item in (await there.get("/v1/reports"))[1]["feeds"]] == ["ETH/USD", "BTC/USD"]
            assert (await there.get("/v1/reports/XRP"))[0] == 404
            for slot in ("x", "-15", "1e9", "9" * 30):
                assert (await there.get(f"/v1/reports/0x{FEED.id.hex()}?slot={slot}"))[0] == 400

    asyncio.run(run())


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"<html>", 400, None),
        (b"[" * 100_000, 400, None),
        (b"\xff\xff", 400, None),
        ([{}] * 65, 400, None),
        ({"format": "peersettle.report"}, 200, "malformed"),
        ("text", 200, "malformed"),
        ([[]], 200, "malformed"),
        ({**signed(0).to_json(), "value": "-1"}, 200, "malformed"),
        ({**signed(0).to_json(), "value": 2000}, 200, "malformed"),
        ({**signed(0).to_json(), "version": []}, 200, "malformed"),
        ({**signed(0).to_json(), "format": {}}, 200, "malformed"),
        ({**signed(0).to_json(), "chain_id": "1"}, 200, "domain"),
        ({**signed(0).to_json(), "value": str(2_001 * WAD)}, 200, "signature"),
        (signed(0, feed=Feed("DOGE/USD")).to_json(), 200, "feed"),
        (signed(0, slot=SLOT + 300).to_json(), 200, "future"),
        (signed(0, slot=SLOT - 300).to_json(), 200, "old"),
    ],
)
def test_what_does_not_count_is_refused_and_counted(body, status, reason):
    async def run():
        async with running() as there:
            answered, answer = await there.post("/v1/reports", body)
            assert answered == status
            if reason:
                assert answer == {"accepted": 0, "refused": {reason: 1}}
            assert there.book.newest(FEED) is None
            assert (
                f'peer_reports_refused_total{{reason="{reason or "malformed"}"}} 1.0' in there.metrics.text().decode()
            )

    asyncio.run(run())


def test_two_values_of_one_reporter_for_one_slot_are_logged_with_both_as_evidence():
    async def run():
        async with running() as there:
            await there.client.push(there.url, [signed(0, 2_000), signed(0, 2_001)])

    with capture_logs() as logs:
        asyncio.run(run())
    (entry,) = [entry for entry in logs if "two values" in entry["event"]]
    assert entry["evidence"] == [signed(0, 2_000).to_json(), signed(0, 2_001).to_json()]


def test_a_good_report_beside_a_bad_one_is_taken():
    async def run():
        async with running() as there:
            _, answer = await there.post("/v1/reports", [{"x": 1}, signed(0).to_json(), signed(0).to_json()])
            assert answer == {"accepted": 1, "refused": {"malformed": 1, "duplicate": 1}}

    asyncio.run(run())


def test_an_oversized_body_is_refused():
    async def run():
        async with running() as there:
            status, _ = await there.post("/v1/reports", b" " * (MAX_BODY + 1))
            assert status == 413

    asyncio.run(run())


def test_a_peer_that_sends_garbage_is_shut_out_for_a_while():
    async def run():
        async with running(gate=lambda clock: Gate(clock, tolerance=3, ban=600, burst=1_000)) as there:
            for _ in range(2):
                assert (await there.post("/v1/reports", b"garbage"))[0] == 400
            assert (await there.post("/v1/reports", [{}, signed(0).to_json()]))[0] == 403
            assert there.book.newest(FEED) is None
            status, answer = await there.get("/v1/reports")
            assert (status, answer["refused"]) == (403, "banned")
            assert "bans_total 1.0" in there.metrics.text().decode()
            there.clock.time += 601
            assert (await there.get("/v1/reports"))[0] == 200

    asyncio.run(run())


def test_honest_mistakes_ban_nobody():
    async def run():
        async with running(gate=lambda clock: Gate(clock, tolerance=3, burst=1_000)) as there:
            for _ in range(10):
                await there.post("/v1/reports", [signed(0).to_json(), signed(1, slot=SLOT - 300).to_json()])
            assert (await there.get("/v1/reports"))[0] == 200

    asyncio.run(run())


def test_too_many_requests_are_slowed_down():
    async def run():
        async with running(gate=lambda clock: Gate(clock, rate=1, burst=2)) as there:
            assert [(await there.get("/v1/reports"))[0] for _ in range(3)] == [200, 200, 429]

    asyncio.run(run())


def batch(book, slot=SLOT):
    made = Round.of(MEMBERS, book.reports(FEED, slot), 3)
    return CoSigned(DOMAIN, Batch((Observation(FEED, made.median, made.spread),), slot), {})


def test_a_batch_that_agrees_is_co_signed_and_another_is_not(tmp_path):
    async def run():
        async with running(tmp_path) as there:
            await there.client.push(there.url, [signed(n, 2_000 + n) for n in range(4)])
            document = batch(there.book)
            who, signature = await there.client.cosign(there.url, document)
            assert who == SIGNERS[0].address
            CoSigned(DOMAIN, document.message, {who: signature}).verify()
            for other in (
                CoSigned(DOMAIN, Batch((Observation(FEED, 1_999 * WAD, 0),), SLOT), {}),
                CoSigned(OracleDomain(1, DOMAIN.oracle), document.message, {}),
                CoSigned(DOMAIN, document.message, {SIGNERS[1].address: signature}),
            ):
                with pytest.raises(SourceError, match="409"):
                    await there.client.cosign(there.url, other)
            assert (await there.post("/v1/cosign", {"x": 1}))[0] == 400
            assert 'cosigned_total{outcome="signed"} 1.0' in there.metrics.text().decode()

    asyncio.run(run())


def test_health_tells_whether_every_feed_has_a_fresh_round():
    async def run():
        async with running() as there:
            assert (await there.get("/health"))[0] == 503
            for feed in there.book.feeds.values():
                for signer in range(3):
                    there.book.accept(signed(signer, feed=feed), SLOT)
            assert (await there.get("/health"))[0] == 200
            there.clock.time += 100
            assert (await there.get("/health"))[0] == 503

    asyncio.run(run())


def test_metrics_are_served():
    async def run():
        async with running() as there, there.session.get(there.url + "/metrics") as answer:
            assert answer.content_type == "text/plain"
            assert "peersettle_oracle_reports_signed" in await answer.text()

    asyncio.run(run())


def test_a_peer_that_fails_holds_up_nobody():
    async def run():
        async with running() as good, serving() as (_, dead):
            metrics = Metrics()
            urls = [dead, "http://127.0.0.1:9", good.url]
            client = ReportClient(good.session, timeout=5)
            push = PeerPush(urls, client, clock=good.clock, random=lambda: 0.0, metrics=metrics)
            push.offer(signed(0))
            await until(lambda: good.book.newest(FEED) == SLOT)
            await push.settle()
            push.offer(signed(1))  # the dead are left alone, the living are not
            await push.settle()
            assert len(good.book.reports(FEED, SLOT)) == 2
            text = metrics.text().decode()
            assert 'pushes_total{outcome="ok"} 2.0' in text
            assert 'pushes_total{outcome="unavailable"} 1.0' in text
            assert 'pushes_total{outcome="refused"} 1.0' in text
            await push.stop()

    asyncio.run(run())


def test_what_waits_for_a_peer_that_hangs_is_bounded_and_given_up_on_stop():
    class Hanging(ReportClient):
        def __init__(self):
            pass

        async def push(self, _url, _reports):
            await asyncio.get_running_loop().create_future()

    async def run():
        push = PeerPush(["http://peer"], Hanging(), clock=ManualClock(), random=lambda: 0.0, metrics=Metrics())
        for _ in range(1_000):
            push.offer(signed(0))
        assert len(push._waiting["http://peer"]) <= 64
        assert len(push._tasks) == 1
        await asyncio.sleep(0)
        await push.stop()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ({"reports": "many"}, "malformed"),
        ({"reports": [{"format": "?"}]}, "malformed"),
        ({"reports": [5]}, "malformed"),
        ([], "malformed"),
        ("x" * 600_000, "too_long"),
        (lambda _: aiohttp.web.Response(text="<html>"), "not_json"),
        (lambda _: aiohttp.web.Response(status=500), "refused"),
    ],
)
def test_a_reporter_that_answers_nonsense_is_an_error_with_a_kind(answer, kind):
    async def run():
        app = aiohttp.web.Application()

        async def handler(request):
            return answer(request) if callable(answer) else aiohttp.web.json_response(answer)

        app.router.add_get("/{tail:.*}", handler)
        runner = aiohttp.web.AppRunner(app, access_log=None, shutdown_timeout=0.01)
        await runner.setup()
        await aiohttp.web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            async with aiohttp.ClientSession() as session:
                await ReportClient(session).fetch(f"http://127.0.0.1:{runner.addresses[0][1]}", FEED)
        finally:
            await runner.cleanup()

    with pytest.raises(SourceError) as failure:
        asyncio.run(run())
    assert failure.value.kind == kind


def test_a_check_says_whether_and_signs_nothing(tmp_path):
    from peersettle.errors import SourceError
    from peersettle.reports import Batch, CoSigned, Observation, Round

    async def run():
        async with running(tmp_path) as there:
            for number in range(3):
                there.book.accept(signed(number, 2_000 + number), SLOT)
            made = Round.of(MEMBERS, there.book.reports(FEED, SLOT))
            good, other = (
                CoSigned(DOMAIN, Batch((Observation(FEED, value, made.spread),), SLOT), {})
                for value in (made.median, made.median + 1)
            )
            assert await there.client.would_cosign(there.url, good) == SIGNERS[0].address
            assert (tmp_path / "signed.json").exists() is False
            with pytest.raises(SourceError, match="median of no 3"):
                await there.client.would_cosign(there.url, other)
            who, _ = await there.client.cosign(there.url, good)
            assert who == SIGNERS[0].address

    asyncio.run(run())
