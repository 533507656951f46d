"""A round is sent when it is due, once, and somebody else being first is no failure."""

import asyncio
from dataclasses import dataclass, field

import pytest
from tests.unit.oracle.world import DOMAIN, FEED, MEMBERS, SIGNERS, SLOT, WAD, ManualClock, signed

from peersettle.errors import RpcUnavailable, SourceError, reverted
from peersettle.oracle.book import ReportBook
from peersettle.oracle.client import ReportClient
from peersettle.oracle.metrics import Metrics
from peersettle.oracle.submitter import Outcome, Policy, Submitter
from peersettle.reports import ReporterSet


@dataclass
class Reading:
    value: int = 0
    observed_at: int = 0
    spread: int = 0
    candidate: int = 0
    candidate_at: int = 0


@dataclass
class Chain:
    """An oracle and a sender: what is sent is what is confirmed, unless told to fail."""

    reading: Reading = field(default_factory=Reading)
    sent: list = field(default_factory=list)
    failure: Exception | None = None
    members: ReporterSet = MEMBERS

    def read(self, _):
        return self.reading

    def update(self, made):
        return made

    def reporter_set(self):
        if self.failure:
            raise self.failure
        return self.members

    def send(self, made):
        if self.failure:
            raise self.failure
        self.sent.append(made)
        self.reading = Reading(made.median, made.report.observed_at, made.spread)


class Reporters(ReportClient):
    """Reporters at URLs, each with reports, or an error."""

    def __init__(self, **answers):
        self.answers = answers

    async def fetch(self, url, feed, slot=None):  # noqa: ARG002
        answer = self.answers[url]
        if isinstance(answer, Exception):
            raise answer
        return answer


def submitter(chain, reports=(), now=SLOT, **peers):
    book = ReportBook(DOMAIN, [FEED], MEMBERS)
    for report in reports:
        assert book.accept(report, now) is None
    return Submitter(
        chain,
        chain,
        book,
        {FEED: Policy(heartbeat=60, deviation=2_000)},
        client=Reporters(**peers),
        peers=list(peers),
        clock=ManualClock(now),
        metrics=Metrics(),
    )


def reports(price=2_000, slot=SLOT, count=3):
    return [signed(n, price + n, slot) for n in range(count)]


def once(*arguments, **options):
    return asyncio.run(submitter(*arguments, **options).submit(FEED))


def confirmed(price=2_001, ago=15, **fields):
    return Chain(Reading(price * WAD, SLOT - ago, **fields))


def test_the_first_round_of_a_feed_is_sent():
    chain = Chain()
    done = once(chain, reports())
    assert (done.outcome, done.why, done.value) == (Outcome.SENT, "first", 2_001 * WAD)
    assert chain.sent[0].median == 2_001 * WAD


@pytest.mark.parametrize(
    ("chain", "price", "why"),
    [
        (confirmed(ago=60), 2_000, "heartbeat"),
        (confirmed(price=2_006), 2_000, "deviation"),
        (confirmed(price=1_996), 2_000, "deviation"),
        (confirmed(candidate=3_000 * WAD, candidate_at=SLOT - 15), 2_000, "candidate"),
    ],
)
def test_a_round_is_due_by_heartbeat_deviation_or_an_open_candidate(chain, price, why):
    done = once(chain, reports(price))
    assert (done.outcome, done.why) == (Outcome.SENT, why)


@pytest.mark.parametrize(
    "chain",
    [
        confirmed(ago=45),
        confirmed(price=2_004),
        confirmed(ago=0),
        confirmed(ago=-15),
        confirmed(ago=600, candidate=3_000 * WAD, candidate_at=SLOT),
    ],
)
def test_nothing_is_sent_when_nothing_is_due_or_the_chain_has_the_slot(chain):
    assert once(chain, reports()).outcome is Outcome.NOT_DUE
    assert chain.sent == []


def test_deviation_is_measured_from_the_confirmed_value():
    policy = Policy(heartbeat=1_000, deviation=10_000)
    reading = Reading(2_000 * WAD, SLOT)
    assert policy.reason(reading, 2_020 * WAD, SLOT + 15) == "deviation"
    assert policy.reason(reading, 2_020 * WAD - 1, SLOT + 15) is None
    assert policy.reason(reading, 1_980 * WAD, SLOT + 15) == "deviation"


def test_too_few_reports_make_no_round():
    done = once(Chain(), reports(count=2))
    assert (done.outcome, done.why) == (Outcome.NO_ROUND, "2 of 3 reports")


def test_reports_are_fetched_from_all_reporters_and_verified():
    forged = signed(1, 5_000)
    forged = type(forged)(forged.domain, forged.report, SIGNERS[2].address, forged.signature)
    chain = Chain()
    done = once(
        chain,
        a=[signed(0, 2_000)],
        b=SourceError("down"),
        c=[forged, signed(1, 2_001)],
        d=[signed(3, 2_002)],
    )
    assert done.outcome is Outcome.SENT
    assert {report.reporter for report in chain.sent[0].reports} == {SIGNERS[n].address for n in (0, 1, 3)}


def test_of_many_reports_the_threshold_nearest_to_the_median_are_sent():
    chain = Chain()
    once(chain, [*reports(2_000, count=4), signed(4, 9_000)])
    assert len(chain.sent[0].reports) == 3
    assert chain.sent[0].median == 2_002 * WAD


@pytest.mark.parametrize("reason", ["old"])
def test_another_submitter_being_first_is_no_failure(reason):
    chain = confirmed(ago=60)
    chain.failure = reverted(reason)
    assert once(chain, reports()).outcome is Outcome.TAKEN


@pytest.mark.parametrize("failure", [reverted("stale"), reverted(None), RpcUnavailable("down"), ZeroDivisionError()])
def test_other_failures_are_reported_and_end_nothing(failure):
    chain = Chain(failure=failure)
    who = submitter(chain, reports())
    assert asyncio.run(who.submit(FEED)).outcome is Outcome.FAILED
    chain.failure = None
    assert asyncio.run(who.submit(FEED)).outcome is Outcome.SENT


def test_a_round_older_than_the_chain_takes_is_not_sent():
    book_time = SLOT + 100
    who = submitter(Chain(), reports(), now=book_time)
    who._clock.time = SLOT + 121
    assert asyncio.run(who.submit(FEED)).outcome is Outcome.NO_ROUND


def test_the_loop_follows_a_candidate_in_the_next_slot_and_takes_a_new_set():
    async def run():
        chain = confirmed(ago=15)
        who = submitter(chain, reports())
        task = asyncio.ensure_future(who.run(poll=1, refresh=10))
        clock = who._clock

        async def later(seconds):
            await clock.advance(seconds)
            for _ in range(200):  # reads and sends run in threads
                await asyncio.sleep(0.0005)

        await later(1)
        assert chain.sent == []
        chain.reading = Reading(2_001 * WAD, SLOT - 15, 0, 3_000 * WAD, SLOT)
        await later(1)
        assert chain.sent == []  # the candidate is of this slot
        await later(15)
        for report in reports(2_999, SLOT + 15):
            who.book.accept(report, clock.now())
        await later(1)
        assert [made.report.observed_at for made in chain.sent] == [SLOT + 15]
        chain.members = ReporterSet.of(3, [signer.address for signer in SIGNERS[:4]])
        await later(10)
        assert who.book.reporters == chain.members
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())


def test_a_set_that_cannot_be_read_stays_as_it_was():
    chain = Chain(failure=RpcUnavailable("down"))
    who = submitter(chain)
    asyncio.run(who.refresh_reporters())
    assert who.book.reporters == MEMBERS


def test_what_the_chain_says_is_measured():
    chain = confirmed(price=2_004, ago=30, spread=25, candidate=3_000 * WAD, candidate_at=SLOT - 15)
    who = submitter(chain)
    asyncio.run(who.submit(FEED))
    text = who._metrics.text().decode()
    for line in (
        'confirmed_value{feed="ETH/USD"} 2004.0',
        'confirmed_age_seconds{feed="ETH/USD"} 30.0',
        'confirmed_spread{feed="ETH/USD"} 0.0025',
        'candidate_open{feed="ETH/USD"} 1.0',
        'submissions_total{feed="ETH/USD",outcome="no_round"} 1.0',
    ):
        assert f"peersettle_oracle_{line}" in text
