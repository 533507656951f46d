"""The reporter goes on whatever its sources do, and signs one value for a slot, crash or no crash."""

import asyncio
from contextlib import contextmanager
from dataclasses import replace

import pytest
from structlog.testing import capture_logs
from tests.unit.oracle.world import DOMAIN, FEED, MEMBERS, SIGNERS, SLOT, WAD, ManualClock, Says, honest, settle

from peersettle.errors import RpcUnavailable, SignerError, SourceError
from peersettle.oracle.book import ReportBook
from peersettle.oracle.journal import Journal
from peersettle.oracle.metrics import Metrics
from peersettle.oracle.observer import Observer
from peersettle.oracle.reporter import Reporter
from peersettle.oracle.signing import sign_report
from peersettle.reports import Report
from peersettle.signing import DigestSigner


@contextmanager
def reporter(directory, sources, clock=None, signer=SIGNERS[0], metrics=None):
    clock = clock or ManualClock()
    metrics = metrics or Metrics()
    observers = [Observer(FEED, sources, clock=clock, metrics=metrics)]
    with Journal(directory) as journal:
        yield Reporter(signer, observers, ReportBook(DOMAIN, [FEED], MEMBERS), journal, clock=clock, metrics=metrics)


def once(directory, sources, **options):
    with reporter(directory, sources, **options) as daemon:
        (step,) = asyncio.run(daemon.run_once())
        return step


def test_it_signs_the_median_of_its_sources(tmp_path):
    step = once(tmp_path, honest(2_000, 2_001, 2_002))
    assert step.signed is not None
    step.signed.verify()
    assert (step.signed.report.value, step.signed.report.observed_at) == (2_001 * WAD, SLOT)
    assert step.signed.reporter == SIGNERS[0].address


BAD = {
    "nan": Says("NaN", "bad"),
    "infinite": Says("Infinity", "bad"),
    "zero": Says(0, "bad"),
    "negative": Says(-1, "bad"),
    "stale": Says(2_000, "bad", observed_at=SLOT - 3_600),
    "from the future": Says(2_000, "bad", observed_at=SLOT + 3_600),
    "thousandfold": Says(2_000_000, "bad"),
    "html or a string": Says(SourceError("answered text/html, not JSON", "content_type"), "bad"),
    "node down": Says(RpcUnavailable("node does not answer"), "bad"),
    "defect": Says(ZeroDivisionError("bug"), "bad"),
}


@pytest.mark.parametrize("name", sorted(BAD))
def test_it_signs_in_spite_of_a_source_that_is_wrong_in_any_way(tmp_path, name):
    metrics = Metrics()
    with capture_logs() as logs:
        step = once(tmp_path, [BAD[name], *honest(2_000, 2_001, 2_002)], metrics=metrics)
    assert step.signed is not None
    assert step.signed.report.value == 2_001 * WAD
    left_out = [item.source for item in (*step.observed.combined.dropped, *step.observed.failed)]
    assert left_out == ["bad"]
    assert any(entry.get("source") == "bad" for entry in logs)
    counted = metrics.text().decode()
    assert 'source="bad"' in counted


def test_it_signs_in_spite_of_a_source_that_hangs(tmp_path):
    async def run():
        clock = ManualClock()
        with reporter(tmp_path, [Says(None, "hangs"), *honest(2_000, 2_001, 2_002)], clock) as daemon:
            task = asyncio.ensure_future(daemon.run_once())
            await settle()
            assert not task.done()
            await clock.advance(5)
            (step,) = await task
            return step

    step = asyncio.run(run())
    assert step.signed is not None
    assert step.signed.report.observed_at == SLOT
    assert step.observed.failed[0].kind == "timeout"


def test_with_too_few_classes_it_signs_nothing_and_says_why(tmp_path):
    step = once(tmp_path, [*honest(2_000, 2_001), Says("NaN", "venue2")])
    assert step.signed is None
    assert "2 of the 3 classes" in step.problem


def test_after_a_crash_it_signs_the_same_value_again(tmp_path):
    first = once(tmp_path, honest(2_000, 2_001, 2_002))
    again = once(tmp_path, honest(2_100, 2_101, 2_102))  # a new process, other prices, the same slot
    assert again.signed == first.signed


def test_a_crash_between_noting_and_signing_binds_it_too(tmp_path):
    class Crash(BaseException):
        pass

    class Crashing:
        address = SIGNERS[0].address

        def sign_digest(self, _):
            raise Crash

    with pytest.raises(Crash):
        once(tmp_path, honest(2_000, 2_001, 2_002), signer=Crashing())
    step = once(tmp_path, honest(2_100, 2_101, 2_102))
    assert step.signed is not None
    assert step.signed.report.value == 2_001 * WAD


def test_what_cannot_be_noted_is_not_signed(tmp_path, monkeypatch):
    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr("os.fsync", full)
    step = once(tmp_path, honest(2_000, 2_001, 2_002))
    assert step.signed is None
    assert "nothing is signed" in step.problem


def test_a_clock_that_jumps_back_gets_nothing_signed(tmp_path):
    once(tmp_path, honest(2_000, 2_001, 2_002))
    before = SLOT - 60
    step = once(tmp_path, honest(2_000, 2_001, 2_002, observed_at=before), clock=ManualClock(before))
    assert step.signed is None


def test_the_daemon_signs_every_slot_and_survives_defects(tmp_path):
    async def run():
        clock = ManualClock(SLOT + 1)
        sources = [Says(price, f"venue{n}", max_age=10_000) for n, price in enumerate((2_000, 2_001, 2_002))]
        with reporter(tmp_path, sources, clock) as daemon:
            task = asyncio.ensure_future(daemon.run())
            await clock.advance(13)
            assert daemon.book.newest(FEED) is None  # its first slot is the next to begin
            await clock.advance(1)
            assert len(daemon.book.reports(FEED, SLOT + 15)) == 1
            real, daemon.step = daemon.step, None  # a defect: not even callable
            await clock.advance(15)
            daemon.step = real
            await clock.advance(15)
            assert daemon.book.reports(FEED, SLOT + 30) == []
            assert len(daemon.book.reports(FEED, SLOT + 45)) == 1
            await clock.advance(100)  # suspended: what was missed is not made up
            slots = [slot for slot in range(SLOT, SLOT + 300, 15) if daemon.book.reports(FEED, slot)]
            assert slots == [SLOT + 15, SLOT + 45, SLOT + 135]
            assert not task.done()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(run())


def test_a_signer_that_refuses_costs_a_slot_only(tmp_path):
    class Refusing:
        address = SIGNERS[0].address

        def sign_typed_data(self, _):
            raise SignerError("locked")

    step = once(tmp_path, honest(2_000, 2_001, 2_002), signer=Refusing())
    assert step.signed is None
    assert step.problem == "locked"


class Remote:
    """A signer that takes typed data only, as a wallet does."""

    def __init__(self, signer, shift=0):
        self.signer, self.shift = signer, shift
        self.address = signer.address

    def sign_typed_data(self, full_message):
        message = {**full_message["message"], "value": int(full_message["message"]["value"]) + self.shift}
        return self.signer.sign_typed_data({**full_message, "message": message})

    def sign_transaction(self, transaction):
        return self.signer.sign_transaction(transaction)


def test_a_signer_without_digests_signs_the_same_by_typed_data(tmp_path):
    report = Report(FEED, 2_000 * WAD, SLOT)
    assert not isinstance(Remote(SIGNERS[0]), DigestSigner)
    assert sign_report(Remote(SIGNERS[0]), DOMAIN, report) == sign_report(SIGNERS[0], DOMAIN, report)
    with pytest.raises(SignerError, match="something else"):
        sign_report(Remote(SIGNERS[0], shift=1), DOMAIN, report)
    assert once(tmp_path, honest(2_000, 2_001, 2_002), signer=Remote(SIGNERS[0])).signed is not None


def test_no_key_reaches_logs_errors_or_json(tmp_path):
    secret = SIGNERS[0].export_secret().hex()
    with capture_logs() as logs:
        step = once(tmp_path, [Says(ZeroDivisionError("bug"), "bad"), *honest(2_000, 2_001, 2_002)])
    assert secret not in repr(logs) + repr(step) + repr(step.to_json())
    assert secret not in "".join(path.read_text() for path in tmp_path.iterdir())


def test_a_report_says_what_was_left_out_as_json(tmp_path):
    sources = [Says(2_000_000, "bad"), Says(SourceError("no", "timeout"), "slow"), *honest(2_000, 2_001, 2_002)]
    said = once(tmp_path, sources).to_json()
    assert said["value"] == str(2_001 * WAD)
    assert [(item["source"], item["reason"]) for item in said["dropped"]] == [("bad", "outlier")]
    assert [(item["source"], item["reason"]) for item in said["failed"]] == [("slow", "timeout")]
    assert said["report"]["reporter"] == SIGNERS[0].address
    assert replace(once(tmp_path, sources), signed=None).to_json()["report"] is None
