"""k of n: a set of reporters, and the rounds that they fill."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeAlias

from peersettle.errors import InputError, InvalidField
from peersettle.reports.documents import CoSigned, SignedReport
from peersettle.reports.messages import MAX_SPREAD, OracleDomain, Report
from peersettle.trades.signature import Signature
from peersettle.types import Address, address, keccak

MAX_MEMBERS: Final = 13
MIN_THRESHOLD: Final = 3

AbiReports: TypeAlias = list[tuple[int, int, int]]


def spread_of(values: Sequence[int]) -> int:
    """The middle half of ascending values in 1/10,000 of their median, rounded down, at most 2047."""
    quarter = len(values) >> 2
    return spread_between(values[quarter], values[-1 - quarter], values[len(values) >> 1])


def spread_between(low: int, high: int, median: int) -> int:
    """The same from the three values that it is of."""
    return min((high - low) * 10_000 // median, MAX_SPREAD)


@dataclass(frozen=True, slots=True)
class ReporterSet:
    """The members of one epoch, ascending, and how many of them make a round.

    Raises:
        InvalidField: a threshold below 3; fewer members than the threshold and the liars it tolerates, or more than 13;
            members out of order or twice.
    """

    threshold: int
    members: tuple[Address, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "members", tuple(address(member, "members") for member in self.members))
        numbers = [int(member, 16) for member in self.members]
        if self.threshold < MIN_THRESHOLD:
            raise InvalidField("threshold", self.threshold, f"at least {MIN_THRESHOLD} reports make a round")
        least = self.threshold + self.tolerated
        if not least <= len(numbers) <= MAX_MEMBERS:
            rule = f"{self.threshold} reports tolerate {self.tolerated} liars, so give {least} to {MAX_MEMBERS} members"
            raise InvalidField("members", len(numbers), rule)
        if any(later <= earlier for earlier, later in pairwise([0, *numbers])):
            raise InvalidField("members", list(self.members), "give different addresses in ascending order")

    @classmethod
    def of(cls, threshold: int, members: Iterable[Address]) -> ReporterSet:
        """The set with its members put in order."""
        return cls(threshold, tuple(sorted(members, key=lambda member: int(member, 16))))

    @property
    def tolerated(self) -> int:
        """How many of the reports in a round may lie: (k - 1) // 2, and not one more."""
        return (self.threshold - 1) // 2

    @property
    def commitment(self) -> int:
        """The word that the contract keeps: hash 240 | members 8 | threshold 8."""
        words = b"".join(bytes(12) + bytes.fromhex(member[2:]) for member in self.members)
        hashed = keccak(words.ljust(32 * MAX_MEMBERS, b"\0"))
        return int.from_bytes(hashed, "big") >> 16 << 16 | len(self.members) << 8 | self.threshold

    def index(self, member: Address) -> int:
        """The member's place in the set.

        Raises:
            InvalidField: it is no member.
        """
        try:
            return self.members.index(member)
        except ValueError:
            raise InvalidField("reporter", member, "is no member of the reporter set") from None

    def others(self, reported: Iterable[Address]) -> list[int]:
        """The members that did not report, as the contract takes them."""
        there = set(reported)
        return [int(who, 16) | place << 160 for place, who in enumerate(self.members) if who not in there]


@dataclass(frozen=True, slots=True)
class Attestation:
    """The report of a member that is a contract: it answers for the value itself when the round is submitted."""

    domain: OracleDomain
    report: Report
    reporter: Address


@dataclass(frozen=True, slots=True)
class Round:
    """At least k reports of one feed and slot, each of another member, ascending by value."""

    reporters: ReporterSet
    reports: tuple[SignedReport | Attestation, ...]

    @classmethod
    def of(
        cls, reporters: ReporterSet, reports: Iterable[SignedReport | Attestation], count: int | None = None
    ) -> Round:
        """A round of these reports, or of the `count` (at least k) of them that lie nearest to the median of all.

        Raises:
            InputError: fewer than k, two of one member, of no member, or of different feeds, slots or domains.
        """
        ordered = sorted(reports, key=lambda item: (item.report.value, int(item.reporter, 16)))
        if count is not None and len(ordered) > max(count, reporters.threshold):
            middle = ordered[len(ordered) >> 1].report.value
            ordered.sort(key=lambda item: (abs(item.report.value - middle), int(item.reporter, 16)))
            kept = ordered[: max(count, reporters.threshold)]
            ordered = sorted(kept, key=lambda item: (item.report.value, int(item.reporter, 16)))
        return cls(reporters, tuple(ordered))

    def __post_init__(self) -> None:
        who = [item.reporter for item in self.reports]
        for member in who:
            self.reporters.index(member)
        if len(set(who)) != len(who):
            twice = sorted({member for member in who if who.count(member) > 1})
            raise InputError(f"a round takes one report of a member; {', '.join(twice)} has more", reporters=twice)
        if len(who) < self.reporters.threshold:
            missing = sorted(set(self.reporters.members) - set(who))
            raise InputError(
                f"{len(who)} of the {self.reporters.threshold} reports of a round; none of {', '.join(missing)}",
                reports=len(who),
                threshold=self.reporters.threshold,
            )
        if len({(item.domain, item.report.feed, item.report.observed_at) for item in self.reports}) != 1:
            times = sorted({item.report.observed_at for item in self.reports})
            raise InputError(f"the reports of a round are of one feed, slot and contract; these are of slots {times}")
        if any(b.report.value < a.report.value for a, b in pairwise(self.reports)):
            raise InputError("the reports of a round ascend by value")

    @property
    def median(self) -> int:
        """What the contract takes: the middle value, of an even number the upper one."""
        return self.reports[len(self.reports) >> 1].report.value

    @property
    def spread(self) -> int:
        """As `spread_of`."""
        return spread_of([item.report.value for item in self.reports])

    @property
    def report(self) -> Report:
        """The median as a report: its feed, value and slot."""
        return self.reports[len(self.reports) >> 1].report

    def to_abi(self) -> tuple[bytes, int, AbiReports, list[int]]:
        """The arguments of `Oracle.update`."""
        words: AbiReports = []
        for item in self.reports:
            head = item.report.value | self.reporters.index(item.reporter) << 128
            if isinstance(item, SignedReport):
                signature = Signature.from_bytes(item.signature)
                words.append((head, signature.r, signature.vs))
            else:
                words.append((head, 0, int(item.reporter, 16)))
        others = self.reporters.others(item.reporter for item in self.reports)
        return self.report.feed.id, self.report.observed_at, words, others


def signatures_to_abi(
    reporters: ReporterSet, signed: CoSigned, count: int | None = None
) -> tuple[AbiReports, list[int]]:
    """The signatures of a batch or a surface by `count` signers, and the silent members, as the contract takes them.

    Raises:
        InputError: fewer than k have signed, or one that is no member.
    """
    wanted = max(count or reporters.threshold, reporters.threshold)
    places: Mapping[Address, int] = {who: reporters.index(who) for who in signed.signatures}
    chosen = sorted(places, key=lambda who: places[who])[:wanted]
    if len(chosen) < reporters.threshold:
        raise InputError(
            f"{len(chosen)} of the {reporters.threshold} signatures that it takes",
            signatures=len(chosen),
            threshold=reporters.threshold,
        )
    words: AbiReports = []
    for who in chosen:
        signature = Signature.from_bytes(signed.signatures[who])
        words.append((places[who] << 128, signature.r, signature.vs))
    return words, reporters.others(chosen)
