"""What a reporter and a submitter count, for Prometheus."""

from __future__ import annotations

from typing import Final, Protocol

from peersettle.reports import Feed
from peersettle.service.metrics import MetricSet

_WAD: Final = 10**18


class Reading(Protocol):
    """What the chain says of a feed."""

    @property
    def value(self) -> int:
        """Confirmed, wad; zero when there is none."""
        ...

    @property
    def observed_at(self) -> int:
        """Its slot."""
        ...

    @property
    def spread(self) -> int:
        """Of its round, in 1/10,000."""
        ...

    @property
    def candidate(self) -> int:
        """A jump that waits, wad; zero when there is none."""
        ...

    @property
    def candidate_at(self) -> int:
        """Its slot."""
        ...


class Metrics(MetricSet):
    """All that is counted."""

    def __init__(self) -> None:
        super().__init__("oracle")
        counter, gauge = self.counter, self.gauge
        self.observations = counter("observations", "Answers of sources", "feed", "source", "outcome")
        self.dropped = counter("dropped", "Samples that did not count", "feed", "source", "reason")
        self.signed = counter("reports_signed", "Reports that we signed", "feed")
        self.unsigned = counter("slots_unsigned", "Slots without a report of ours", "feed", "reason")
        self.accepted = counter("peer_reports_accepted", "Reports of peers that we took", "feed")
        self.refused = counter("peer_reports_refused", "Reports of peers that we refused", "reason")
        self.pushes = counter("pushes", "Reports sent to peers", "outcome")
        self.bans = counter("bans", "Peers shut out for sending garbage")
        self.cosigned = counter("cosigned", "Batches and surfaces asked to be signed", "outcome")
        self.surfaces_unusable = counter("surfaces_unusable", "Looks at a surface's file in vain", "feed", "reason")
        self.submissions = counter("submissions", "Rounds for the chain", "feed", "outcome")
        self.reported = gauge("reported_value", "The value that we signed last", "feed")
        self.reported_at = gauge("reported_slot", "Its slot, Unix seconds", "feed")
        self.value = gauge("confirmed_value", "The value that the chain has confirmed", "feed")
        self.age = gauge("confirmed_age_seconds", "How old it is", "feed")
        self.spread = gauge("confirmed_spread", "Of its round: the middle half, as a part of the median", "feed")
        self.candidate = gauge("candidate_open", "Whether a jump waits for its confirmation", "feed")

    def signed_report(self, feed: Feed, value: int, slot: int) -> None:
        """We have signed."""
        self.signed.labels(feed.name).inc()
        self.reported.labels(feed.name).set(value / _WAD)
        self.reported_at.labels(feed.name).set(slot)

    def read(self, feed: Feed, reading: Reading, now: float) -> None:
        """The chain was asked."""
        self.candidate.labels(feed.name).set(int(reading.candidate > 0))
        if reading.observed_at:
            self.value.labels(feed.name).set(reading.value / _WAD)
            self.age.labels(feed.name).set(now - reading.observed_at)
            self.spread.labels(feed.name).set(reading.spread / 10_000)
