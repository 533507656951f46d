"""Calls of the Oracle: mostly rounds as reporters sign them, some with a thing wrong that can be sent all the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from hypothesis import strategies as st
from tests.contracts.differential.oracle_world import (
    KEYS,
    AttesterMode,
    OracleWorld,
    Outcome,
    anybody,
    outsider,
    steward,
)

from peersettle.reports import Feed, OracleDomain, ReporterSet, SurfaceSlice
from peersettle.spec.oracle_feeds import GRID, RING, FeedState, Terms
from peersettle.spec.oracle_surfaces import Slice, SurfaceState
from peersettle.trades.signature import ORDER
from peersettle.types import UINT256_MAX, Address, Hash32

T = TypeVar("T")
Call = tuple[Any, ...]
WAD: Final = 10**18
MAX_VALUE: Final = 2**87 - 1
ROUGH: Final = Feed("ROUGH", slot=1, max_age=600, jump_rate=1_000, jump_cap=10_000).id
FEEDS: Final = (
    ROUGH,
    Feed("ETH/USD", slot=15, max_age=120).id,
    Feed("OFF-GRID", slot=7, max_age=60, jump_rate=2**24 - 1, jump_cap=2**24 - 1).id,
    Feed("STIFF", slot=60, max_age=2**32 - 1, jump_rate=1, jump_cap=1).id,
    Hash32(b"\xff" * 20 + bytes.fromhex("0000ffffffffffffffffffff")),  # no slot: every call fails
)
SURFACES: Final = (
    Feed("ETH/SVI", slot=15, max_age=120, jump_rate=10_000, jump_cap=200_000).id,
    Feed("ROUGH/SVI", slot=1, max_age=600, jump_rate=1_000_000, jump_cap=500_000).id,
)
ROUND_FAULTS: Final = (
    "another's signature",
    "too few",
    "twice",
    "order",
    "mixed slots",
    "another chain",
    "another contract",
    "another feed",
    "forged silent member",
    "silent member missing",
    "member silent and reporting",
    "zero signature",
    "place of another",
    "no such place",
    "place beyond the set",
    "other form",
    "r out of range",
    "parity",
    "contract without code",
    "no address",
    "too large",
    "far too large",
    "zero",
)
ITEM_FAULTS: Final = ("twice", "free bits", "torn", "empty", "zero", "no slot", "another time")
SLICE_FAULTS: Final = (
    "order",
    "expired",
    "b",
    "sigma",
    "rho",
    "forward",
    "wings",
    "variance",
    "butterfly",
    "calendar",
    "none",
    "any bits",
)


@dataclass
class Drawing:
    """Draws from hypothesis. On average one choice in `faults` goes wrong; none when it is zero."""

    draw: Callable[[st.SearchStrategy[Any]], Any]
    world: OracleWorld
    faults: int = 6

    def one(self, options: Sequence[T]) -> T:
        drawn: T = self.draw(st.sampled_from(options))
        return drawn

    def number(self, low: int, high: int) -> int:
        return int(self.draw(st.integers(low, high)))

    def chance(self, of: int) -> bool:
        """One in `of`; shrinks to no."""
        return self.number(0, of - 1) == of - 1

    def fault(self, names: Sequence[str]) -> str | None:
        return self.one(names) if self.faults and self.chance(self.faults) else None

    def feed(self) -> Hash32:
        return self.one([*FEEDS[:4], *FEEDS[:3]] + [FEEDS[4]] * (self.faults > 0 and self.chance(30)))

    # Time

    def interval(self, newest: int) -> int:
        """Seconds until the next round: where the rules change, and near the grid, more often than elsewhere."""
        to_grid = GRID - newest % GRID
        edges = [1, 15, 30, 31, 59, 60, 61, 120, 149, 150, 151, 299, 300, 301, 449, 600, 900, 1799, 1801, 2400]
        near = [to_grid, to_grid - 1, to_grid + 1, to_grid + 7, 2 * to_grid, to_grid + GRID]
        choice = self.number(0, 11)
        if choice < 4:
            return self.number(1, 120)
        if choice < 7:
            return self.number(1, 600)
        if choice < 9:
            return max(1, self.one(near))
        if choice < 11:
            return self.one(edges)
        return self.one([3 * 3600, RING * GRID, RING * GRID - to_grid, (RING + 5) * GRID + to_grid])

    def pass_time(self, feed: Hash32) -> None:
        """So much that the feed's next round may have a new slot."""
        found = self.world.state.feeds.get(feed, FeedState())
        newest = found.path[-1].observed_at if found.path else self.world.now
        if found.candidate:
            newest = found.candidate.observed_at
            slot, life = Terms.of(feed).slot, Terms.of(feed).max_age
            edges = [life // slot, life // slot + 1] if slot and life < 3_600 else []
            self.world.warp_to(max(self.world.now, newest + slot * self.one([1, 1, 1, 2, 2, *edges])))
        elif not self.chance(20):
            self.world.warp_to(max(self.world.now, newest + self.interval(newest)))

    def slot(self, feed: Hash32) -> int:
        """The slot that runs, or another one."""
        slot, now = Terms.of(feed).slot or 1, self.world.now
        time = now // slot * slot
        if self.faults and self.chance(3 * self.faults):
            limit = now - Terms.of(feed).max_age
            return max(
                0,
                self.one(
                    [time + slot, time + 1, -(-limit // slot) * slot, limit // slot * slot - slot, 0, time - slot]
                ),
            )
        return time

    # Values

    def value(self, feed: Hash32, observed_at: int) -> int:
        """Near the last one; at the bound, and just beyond it; on either side of the candidate."""
        found = self.world.state.feeds.get(feed, FeedState())
        if not found.path:
            return self.one([2_000 * WAD, WAD, 7, 1, MAX_VALUE, MAX_VALUE // 3, 123_456_789_012_345_678_901])
        last, terms = found.path[-1], Terms.of(feed)
        elapsed = max(1, observed_at - last.observed_at)
        bound = min(last.value * terms.jump_cap, int((last.value**2 * terms.jump_rate**2 * elapsed) ** 0.5)) // 10**6
        near = [bound, -bound, bound + 1, -bound - 1, bound // 2, -bound // 3, bound - 1, 0, 1, -1]
        far = [
            last.value // 2,
            -last.value // 2,
            9 * last.value,
            2 * bound + 2,
            -2 * bound - 2,
            3 * bound + 3,
            1 - last.value,
        ]
        if found.candidate:
            gap = found.candidate.value - last.value
            far += [gap, gap + 1, gap - 1, gap // 2, 2 * gap, -gap, gap + 1, gap]
        change = self.one(far) if found.candidate or self.chance(4) else self.one(near)
        return min(MAX_VALUE, max(1, last.value + change))

    # A round

    def update(self) -> Call:
        world, feed = self.world, self.feed()
        self.pass_time(feed)
        observed_at = self.slot(feed)
        threshold = world.state.reporters.threshold
        count = self.one([threshold, threshold, len(world.members), self.number(threshold, len(world.members))])
        who = list(self.draw(st.permutations(world.members)))[:count]
        middle = self.value(feed, observed_at)
        steps = [0, 0, 1, -1, middle // 10_000, middle // 50, -middle // 3, 10 * middle]
        values = [min(MAX_VALUE, max(1, middle + (self.one(steps) if self.chance(3) else 0))) for _ in who]
        return ("update", *self.spoiled(feed, observed_at, who, values, self.fault(ROUND_FAULTS)))

    def spoiled(
        self, feed: Hash32, observed_at: int, who: list[Address], values: list[int], fault: str | None
    ) -> tuple[Any, ...]:
        """The arguments of a round, with one thing wrong."""
        world, domain = self.world, self.world.state.domain
        hit = self.number(0, len(who) - 1)
        how: dict[str, Any] = {}
        signed_at, signed_feed, home = observed_at, feed, domain
        if fault == "too few":
            who, values = who[: world.state.reporters.threshold - 1], values[: world.state.reporters.threshold - 1]
            hit = 0
        elif fault in ("too large", "far too large", "zero"):
            values[hit] = {"too large": 2**87, "far too large": 2**128 - 1, "zero": 0}[fault]
            if self.chance(2):
                values = [values[hit]] * len(values)
        elif fault == "mixed slots":
            signed_at = max(0, observed_at + self.one([-1, 1, -2]) * Terms.of(feed).slot)
        elif fault == "another chain":
            home = OracleDomain(domain.chain_id + 1, domain.oracle)
        elif fault == "another contract":
            home = OracleDomain(domain.chain_id, outsider.address)
        elif fault == "another feed":
            signed_feed = FEEDS[(FEEDS.index(feed) + 1) % len(FEEDS)]
        elif fault == "another's signature":
            how = {"signer": self.one([outsider, *KEYS[:3]])}
        others = world.others(who)
        if fault == "twice":
            who[hit] = who[hit - 1]
        pairs = sorted(zip(values, who, range(len(who)), strict=True))
        reports = []
        for value, one, index in pairs:
            if index == hit:
                report = world.report(one, signed_feed, value, signed_at, home, **how)
                reports.append(self.mangled(report, fault))
            else:
                reports.append(world.report(one, feed, value, observed_at))
        if fault == "order":
            reports.reverse()
        return feed, observed_at, reports, self.mangled_others(others, who, fault)

    def mangled(self, report: tuple[int, int, int], fault: str | None) -> tuple[int, int, int]:
        head, r, vs = report
        place = head >> 128
        match fault:
            case "zero signature":
                return head, 0, 0
            case "contract without code":
                return head, 0, int(outsider.address, 16)
            case "no address":
                return head, 0, self.one([2**160, UINT256_MAX])
            case "place of another":
                return report_at(report, (place + 1) % len(self.world.members))
            case "no such place":
                return report_at(report, self.one([13, 14, 2**128 - 1]))
            case "place beyond the set":
                return report_at(report, 12)
            case "other form" if r:
                return head, r, (1 - (vs >> 255)) << 255 | (ORDER - vs % 2**255) % 2**255
            case "r out of range" if r:
                return head, self.one([ORDER, ORDER - 1, UINT256_MAX, 1]), vs
            case "parity" if r:
                return head, r, vs ^ 1 << 255
        return report

    def mangled_others(self, others: list[int], who: Sequence[Address], fault: str | None) -> list[int]:
        if fault == "member silent and reporting":
            return [*others, *self.world.others([one for one in self.world.members if one != who[0]])]
        if fault == "forged silent member":
            forged = [int(outsider.address, 16), 13 << 160 | 1, UINT256_MAX, 12 << 160, 4 << 160, 0]
            return [*others[1:], self.one(forged)]
        return others[1:] if fault == "silent member missing" else others

    # Batches and surfaces

    def cosigned(self, digest: Hash32) -> tuple[list[tuple[int, int, int]], list[int]]:
        world = self.world
        keys = [one for one in world.members if one != world.attester]
        count = self.number(min(world.state.reporters.threshold, len(keys)), len(keys))
        fault = self.fault([*ROUND_FAULTS[:3], *ROUND_FAULTS[8:19]])
        count -= fault == "too few" and count == world.state.reporters.threshold
        who = list(self.draw(st.permutations(keys)))[:count]
        others = world.others(who)
        if fault == "twice":
            who[0] = who[1]
        signer = outsider if fault == "another's signature" else None
        signatures = [world.sign(one, digest, signer=signer) for one in who]
        signatures[0] = self.mangled(signatures[0], fault)
        return signatures, self.mangled_others(others, who, fault)

    def batch(self) -> Call:
        world, fault = self.world, self.fault(ITEM_FAULTS)
        self.pass_time(FEEDS[1])
        step = self.one([15, 15, 60, 420])
        now = -(-world.now // step) * step
        world.warp_to(now)
        feeds = [self.one(FEEDS[:2]), *self.draw(st.permutations(FEEDS[:4]))][1:]
        observed_at = now - (fault == "another time") * self.one([1, 600, -1])
        chosen = [feed for feed in feeds if observed_at % Terms.of(feed).slot == 0 or self.chance(12)]
        chosen = chosen[: self.number(1, 4)] or [ROUGH]
        if fault == "twice":
            chosen.append(chosen[0])
        if fault == "no slot":
            chosen.append(FEEDS[4])
        items = [(feed, self.value(feed, observed_at) | self.one([0, 5, 2047]) << 119) for feed in chosen]
        if fault == "zero":
            items[-1] = (items[-1][0], 9 << 119)
        if fault == "free bits":
            items = [(feed, item | self.one([1 << 87, 1 << 118, 63 << 130])) for feed, item in items]
        data = b"".join(feed + item.to_bytes(17, "big") for feed, item in items)
        if fault == "torn":
            data = self.one([data[:-1], data + b"\0", data[:48]])
        data = b"" if fault == "empty" else data
        return ("update_batch", observed_at, data, *self.cosigned(world.batch_digest(observed_at, data)))

    def surface(self) -> Call:
        """Slices that follow a term structure; the whole level moves with the rounds, little or much."""
        world, feed = self.world, self.one(SURFACES)
        slot = Terms.of(feed).slot
        found = world.state.surfaces.get(feed, SurfaceState())
        newest = max(found.confirmed.observed_at, found.candidate.observed_at if found.candidate else 0)
        if newest:
            world.warp_to(max(world.now, newest + slot * self.one([1, 1, 2, 3, 100])))
        observed_at = self.slot(feed)
        confirmed = list(found.confirmed.slices.values())
        level = self.one([100, 100, 101, 99, 130, 70, 300, 40, 135])
        if confirmed and not self.chance(4):
            moved = [replace(item, a=item.a * level // 100, b=item.b * level // 100) for item in confirmed]
            words = [packed(item) for item in moved]
            words = words[: self.number(1, 3)] if self.chance(4) else words
        else:
            first = world.now // 86400 * 86400 + 86400 * self.one([1, 2, 7])
            words = [smile(first + 604_800 * place, 1 + place, level) for place in range(self.number(1, 3))]
        words = self.spoiled_slices(words, self.fault(SLICE_FAULTS))
        signed = self.cosigned(world.surface_digest(feed, observed_at, words))
        return ("update_surface", feed, observed_at, words, *signed)

    def spoiled_slices(self, words: list[int], fault: str | None) -> list[int]:
        changes = {
            "expired": {"expiry": self.world.now - 1},
            "b": {"b": -1},
            "sigma": {"sigma": self.one([0, -5])},
            "rho": {"rho": self.one([10**9, -(10**9), 2 * 10**9])},
            "forward": {"forward_ratio": self.one([0, -1])},
            "wings": {"b": 2 * 10**9, "rho": 1},
            "variance": {"a": self.one([-(10**9), -(10**7), 0]), "b": 0},
            "butterfly": {"a": 10**6, "b": 10**9, "rho": -(10**9) * 9 // 10, "sigma": 10**6, "m": self.one([0, 10**8])},
        }
        hit = self.number(0, len(words) - 1)
        if fault == "none":
            return []
        if fault == "any bits":
            words[hit] = self.draw(st.integers(0, UINT256_MAX))
        elif fault == "order":
            words = self.one([words[::-1], words + words[-1:]])
        elif fault == "calendar":
            last = SurfaceSlice.from_packed(words[-1])
            words.append(replace(last, expiry=last.expiry + 1, a=last.a - self.one([1, last.a // 2])).packed)
        elif fault:
            words[hit] = replace(SurfaceSlice.from_packed(words[hit]), **changes[fault]).packed
        return words

    # Reporters

    def reporters(self) -> tuple[int, list[Address]]:
        world = self.world
        threshold, count = self.one([(3, 5), (3, 4), (4, 5), (5, 7), (7, 10), (9, 13)])
        members = sorted([*(one.address for one in KEYS[: count - 1]), world.attester], key=lambda who: int(who, 16))
        if self.faults and self.chance(self.faults):
            members = self.one(
                [members[::-1], members[1:], members[:1] * len(members), [*members[:-1], members[0]], []]
            )
        if self.faults and self.chance(self.faults):
            threshold = self.one([0, 2, threshold + 1, 13, 255, 2**255, UINT256_MAX])
        return threshold, members

    def propose(self) -> Call:
        return ("propose_reporters", *self.reporters())

    def withdraw(self) -> Call:
        return ("withdraw_proposal",)

    def activate(self) -> Call:
        """What is proposed, in time mostly."""
        if not self.world.state.proposal and not self.chance(4):
            self.world.do("propose_reporters", *replace(self, faults=0).reporters(), sender=steward.address)
        found = self.world.state.proposal
        if found and not self.chance(4):
            self.world.warp_to(max(self.world.now, found.ready_at - self.one([0, 0, 1])))
            reporters: ReporterSet = found.reporters
            return "activate_reporters", reporters.threshold, list(reporters.members)
        return ("activate_reporters", *self.reporters())

    def sender(self) -> Address:
        return self.one([steward.address] * 5 + [anybody.address])

    def attester(self) -> None:
        """It stands by everything, by one price, or fails in one of its ways."""
        modes = [AttesterMode.YES] * 6 + list(AttesterMode) if self.faults else [AttesterMode.YES]
        found = [feed.path[-1].value for feed in self.world.state.feeds.values()]
        self.world.set_attester(self.one(modes), self.one(found or [2_000 * WAD]))

    # Any call

    def make(self, verb: str) -> tuple[Call, Outcome]:
        call = getattr(self, verb)()
        return call, self.world.do(*call, sender=self.sender() if verb in ("propose", "withdraw") else anybody.address)


def report_at(report: tuple[int, int, int], place: int) -> tuple[int, int, int]:
    return report[0] % 2**128 | place << 128, *report[1:]


def smile(expiry: int, weeks: int, level: int) -> int:
    """A plain slice, 80 % a year at level 100."""
    atm = 10**9 * 64 // 100 * weeks // 52 * level // 100
    return SurfaceSlice(expiry, atm // 2, atm // 2, -200_000_000, 10_000_000, 10**9, 10**9 + weeks * 10**6).packed


def packed(item: Slice) -> int:
    """The word of a slice."""
    return SurfaceSlice(item.expiry, item.a, item.b, item.rho, item.m, item.sigma, item.forward_ratio).packed
