"""Real prices through the real Oracle on anvil: five of seven reporters, one round after another."""

import csv
import gzip
import random
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from itertools import pairwise
from pathlib import Path
from statistics import median

from tests.shared_data import shared_data

from peersettle.bindings.oracle import Oracle, Reading
from peersettle.chain import Anvil, Chain, Receipt, artifact, connect, fund
from peersettle.chain.artifacts import decode
from peersettle.oracle.combine import to_wad
from peersettle.reports import Feed, OracleDomain, Report, ReporterSet, Round, SignedReport, report_digest
from peersettle.reports.messages import MAX_VALUE
from peersettle.signing import KeySigner
from peersettle.spec.oracle_feeds import Confirmed, FeedState, Terms, take
from peersettle.types import Address, checksummed, keccak

THRESHOLD = 5
MEMBERS = 7
DELAY = 2 * 86_400
SUBMITTER = checksummed(keccak(b"submitter")[:20])
GAS_LIMIT = 2_000_000
NOISE_PPM = 200
DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "explanation" / "oracle-replays.md"

Points = list[tuple[int, int]]
"""Times, Unix seconds, each with a value in wad."""


def wad(price: str | Decimal) -> int:
    value = to_wad(Decimal(price))
    assert value is not None
    return value


@dataclass(frozen=True)
class Candle:
    begins: int
    open: int
    high: int
    low: int
    close: int


def candles(name: str) -> list[Candle]:
    """The rows of one file of prices, in wad."""
    path = shared_data(f"prices/{name}")
    with gzip.open(path, "rt", newline="") if path.suffix == ".gz" else path.open(newline="") as file:
        return [
            Candle(_time(row), *(wad(row[c]) for c in ("open", "high", "low", "close"))) for row in csv.DictReader(file)
        ]


def _time(row: dict[str, str]) -> int:
    if "open_time_unix" in row:
        return int(row["open_time_unix"])
    return int(datetime.fromisoformat(row["time_utc"]).replace(tzinfo=UTC).timestamp())


def between(points: Points, time: int) -> int:
    """The value at a time, on the straight line between the points around it."""
    for (earlier, a), (later, b) in pairwise(points):
        if earlier <= time <= later:
            return a + (b - a) * (time - earlier) // (later - earlier)
    raise ValueError(f"{time} is not between {points[0][0]} and {points[-1][0]}")


@cache
def reporters() -> tuple[ReporterSet, dict[Address, KeySigner]]:
    """Seven members with the same keys in every run, so that every run takes the same gas."""
    signers = [KeySigner(keccak(f"reporter {n}".encode())) for n in range(MEMBERS)]
    return ReporterSet.of(THRESHOLD, [s.address for s in signers]), {s.address: s for s in signers}


class Noise:
    """What each of five reporters sees of one price: small independent errors, the same in every run."""

    def __init__(self, seed: int, ppm: int = NOISE_PPM) -> None:
        self._random = random.Random(seed)
        self._ppm = ppm

    def __call__(self, value: int) -> list[int]:
        return [value + value * round(self._random.gauss(0, self._ppm)) // 10**6 for _ in range(THRESHOLD)]


@dataclass(frozen=True)
class Step:
    """One round and what the contract made of it: the readings are those of the blocks before and after it."""

    at: int
    values: tuple[int, ...]
    before: Reading
    after: Reading
    gas: int

    @property
    def median(self) -> int:
        return int(median(self.values))

    @property
    def opened(self) -> bool:
        return self.after.observed_at != self.at


@dataclass
class Replay:
    """One Oracle on an anvil of its own, which mines a block when it is told to, at the time that it is told."""

    chain: Chain
    oracle: Oracle
    steps: list[Step] = field(default_factory=list)
    confirmed: Points = field(default_factory=list)

    def send(self, to: Address | None, data: bytes) -> str:
        fields = {"from": SUBMITTER, "data": "0x" + data.hex(), "gas": hex(GAS_LIMIT if to else 16_000_000)}
        return str(self.chain.request("eth_sendTransaction", fields | ({"to": to} if to else {})))

    def mine(self, at: int) -> None:
        self.chain.request("evm_setNextBlockTimestamp", at)
        self.chain.request("evm_mine")

    def transact(self, to: Address | None, data: bytes, at: int) -> Receipt:
        sent = self.send(to, data)
        self.mine(at)
        receipt = self.chain.receipt(sent)
        assert receipt is not None
        assert receipt.succeeded, f"reverted at {at}"
        return receipt

    def submit(self, feed: Feed, at: int, values: Sequence[int]) -> Receipt:
        """Sign what each reporter saw and send the round, in a block of that same second."""
        receipt = self.transact(
            self.oracle.address, self.oracle.update(signed_round(self.oracle.domain, feed, at, values)).data, at
        )
        for log in receipt.logs:
            if log.topics[0] == artifact("Oracle").events["Updated"]:
                (word,) = decode(["uint256"], log.data)
                self.confirmed.append((word >> 87 & 2**32 - 1, word & MAX_VALUE))
        return receipt

    def round(self, feed: Feed, at: int, values: Sequence[int]) -> Step:
        """As `submit`, with the readings around it."""
        before = self.steps[-1].after if self.steps else self.oracle.read(feed)
        receipt = self.submit(feed, at, values)
        step = Step(at, tuple(values), before, self.oracle.read(feed), receipt.gas_used)
        self.steps.append(step)
        return step

    def play(self, feed: Feed, points: Iterable[tuple[int, int]], seen: Callable[[int], Sequence[int]]) -> list[Step]:
        return [self.round(feed, at, seen(value)) for at, value in points]


def signed_round(domain: OracleDomain, feed: Feed, at: int, values: Sequence[int]) -> Round:
    members, signers = reporters()
    signed = []
    for who, value in zip(members.members, values, strict=False):
        report = Report(feed, value, at)
        signed.append(SignedReport(domain, report, who, signers[who].sign_digest(report_digest(domain, report))))
    return Round.of(members, signed)


@contextmanager
def replaying(first: int, program: Path) -> Iterator[Replay]:
    """An Oracle on a chain whose time is shortly before `first`."""
    begins = str(first - 1_000)
    with Anvil(mining=False, program=program, extra=("--timestamp", begins)) as anvil, connect(anvil.url) as chain:
        fund(chain, SUBMITTER, 10**24)
        chain.request("anvil_impersonateAccount", SUBMITTER)
        members, _ = reporters()
        data = artifact("Oracle").deployment(SUBMITTER, DELAY, members.threshold, list(members.members))
        replay = Replay(chain, Oracle(chain, Address("0x" + "00" * 20)))
        deployed = replay.transact(None, data, first - 900).contract
        assert deployed is not None
        replay.oracle = Oracle(chain, deployed)
        yield replay


def confirmed_by_rule(feed: Feed, points: Points) -> list[tuple[int, int]]:
    """Value and time that the specification confirms after each of these rounds."""
    terms, state, found = Terms.of(feed.id), FeedState(), []
    for at, value in points:
        state = take(FeedState(state.path[-1:], state.candidate), terms, Confirmed(value, 0, at))
        found.append((state.path[-1].value, state.path[-1].observed_at))
    return found


# Figures, printed and held against the document that shows them


@dataclass(frozen=True)
class Waiting:
    """How long candidates were open over some rounds, in seconds, and how far the confirmed value was off."""

    rounds: int
    opened: int
    share: float
    longest: int
    in_a_row: int
    lag: int
    off: float

    @classmethod
    def of(cls, feed: Feed, points: Points, confirmed: Sequence[tuple[int, int]]) -> "Waiting":
        total = longest = row = most = 0
        began: int | None = None
        for (at, _), (later, _), (_, time) in zip(points, points[1:], confirmed, strict=False):
            if time == at:
                began, row = None, 0
                continue
            began = at if began is None else began
            row += 1
            most = max(most, row)
            ends = min(later, at + feed.max_age)
            total += ends - at
            longest = max(longest, ends - began)
        lag = max(at - time for (at, _), (_, time) in zip(points, confirmed, strict=True))
        off = max(abs(value - seen) / seen for (_, seen), (value, _) in zip(points, confirmed, strict=True))
        opened = sum(time != at for (at, _), (_, time) in zip(points, confirmed, strict=True))
        return cls(len(points), opened, total / (points[-1][0] - points[0][0]), longest, most, lag, off)

    @classmethod
    def measured(cls, feed: Feed, steps: Sequence[Step]) -> "Waiting":
        return cls.of(feed, [(s.at, s.median) for s in steps], [(s.after.value, s.after.observed_at) for s in steps])


def figure(name: str, *values: str) -> None:
    """Print a figure; the document's tables must show the same."""
    print(f"\n{name}: {', '.join(values)}", end="")
    shown = documented(name)[: len(values)]
    assert shown == list(values), f"{DOCUMENT.name} says {shown} for {name!r}, measured is {list(values)}"


def gas_figure(name: str, gas: int) -> None:
    """As `figure`; a change by 1 % or less needs no new document."""
    print(f"\n{name}: {gas:,}", end="")
    shown = int(documented(name)[0].replace(",", ""))
    assert abs(shown - gas) * 100 <= gas, f"{DOCUMENT.name} says {shown:,} for {name!r}, measured is {gas:,}"


def documented(name: str) -> list[str]:
    """What follows a name in the row of a table that begins with it."""
    found = re.search(rf"^\| {re.escape(name)} \|(.*)\|$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    assert found, f"{DOCUMENT.name} has no row {name!r}"
    return [cell.strip() for cell in found[1].split("|")]


def percent(share: float, digits: int = 1) -> str:
    return f"{share * 100:.{digits}f} %"
