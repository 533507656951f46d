"""Verified reports of the last slots, in memory: our own and our peers'."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from peersettle.errors import PeerSettleError
from peersettle.reports import Feed, OracleDomain, ReporterSet, SignedReport
from peersettle.types import Address, Hash32

MAX_SKEW: Final = 5


class Refusal(StrEnum):
    """Why a report is not taken. Those in `GARBAGE` no honest program sends."""

    MALFORMED = "malformed"
    DOMAIN = "domain"
    FEED = "feed"
    FUTURE = "future"
    OLD = "old"
    MEMBER = "member"
    SIGNATURE = "signature"
    DUPLICATE = "duplicate"
    EQUIVOCATION = "equivocation"


GARBAGE: Final = frozenset({Refusal.MALFORMED, Refusal.DOMAIN, Refusal.SIGNATURE, Refusal.EQUIVOCATION})


class ReportBook:
    """Takes reports that are of this contract, of a known feed, in time, a member's, and signed by it.

    Args:
        reporters: who counts; may be replaced when the contract's set changes.
        surfaces: feeds whose value is a volatility surface. They are known here and in time or not; no report is taken.
        keep: how many slots of each feed are kept.
        max_skew: seconds by which a peer's clock may be ahead of ours.
    """

    def __init__(
        self,
        domain: OracleDomain,
        feeds: Iterable[Feed],
        reporters: ReporterSet,
        *,
        surfaces: Iterable[Feed] = (),
        keep: int = 20,
        max_skew: int = MAX_SKEW,
    ) -> None:
        self.domain: Final = domain
        self.feeds: Final[dict[Hash32, Feed]] = {feed.id: feed for feed in feeds}
        self.surfaces: Final[dict[Hash32, Feed]] = {feed.id: feed for feed in surfaces}
        self._reporters = reporters
        self._keep, self._max_skew = keep, max_skew
        self._slots: dict[Hash32, dict[int, dict[Address, SignedReport]]] = {feed: {} for feed in self.feeds}

    @property
    def reporters(self) -> ReporterSet:
        """The members of the epoch, and how many make a round."""
        return self._reporters

    @reporters.setter
    def reporters(self, changed: ReporterSet) -> None:
        self._reporters = changed
        for slots in self._slots.values():
            for reports in slots.values():
                for who in [who for who in reports if who not in changed.members]:
                    del reports[who]

    def feed(self, name: str) -> Feed | None:
        """A feed by its id, as 0x and hex digits, or by its name; None where it is not one of ours."""
        for feed in self.feeds.values():
            if name in (feed.name, "0x" + feed.id.hex()):
                return feed
        return None

    def accept(self, signed: SignedReport, now: float) -> Refusal | None:
        """Take a report, or say why not. The signature, which costs most, is checked last.

        A second, different report of one member for one slot is refused: the first one stays.
        """
        refusal = self._refusal(signed, now)
        if refusal is None:
            slots = self._slots[signed.report.feed.id]
            slots.setdefault(signed.report.observed_at, {})[signed.reporter] = signed
            for slot in sorted(slots)[: -self._keep]:
                del slots[slot]
        return refusal

    def is_in_time(self, feed: Feed, slot: int, now: float) -> Refusal | None:
        """Whether a slot may still be spoken of: not ahead of us, not older than the chain takes or we keep."""
        if slot > now + self._max_skew:
            return Refusal.FUTURE
        oldest = now - min(feed.max_age, self._keep * feed.slot)
        return Refusal.OLD if slot < oldest else None

    def reports(self, feed: Feed, slot: int) -> list[SignedReport]:
        """What is held of one slot, ascending by reporter."""
        held = self._slots.get(feed.id, {}).get(slot, {})
        return [held[who] for who in sorted(held)]

    def newest(self, feed: Feed) -> int | None:
        """The newest slot with enough reports for a round, or else the newest with any; None without reports."""
        slots = {slot: reports for slot, reports in self._slots.get(feed.id, {}).items() if reports}
        full = [slot for slot, reports in slots.items() if len(reports) >= self._reporters.threshold]
        return max(full or slots, default=None)

    def _refusal(self, signed: SignedReport, now: float) -> Refusal | None:
        report = signed.report
        if signed.domain != self.domain:
            return Refusal.DOMAIN
        if report.feed.id not in self.feeds:
            return Refusal.FEED
        if (untimely := self.is_in_time(report.feed, report.observed_at, now)) is not None:
            return untimely
        if signed.reporter not in self._reporters.members:
            return Refusal.MEMBER
        held = self._slots[report.feed.id].get(report.observed_at, {}).get(signed.reporter)
        if held is not None and held.report == report:
            return Refusal.DUPLICATE
        try:
            signed.verify()
        except PeerSettleError:
            return Refusal.SIGNATURE
        return Refusal.EQUIVOCATION if held is not None else None
