"""What the contract knows of one market at one time: its snapshot, the arrays made from it, and the Oracle's price."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

from peersettle.errors import InvalidField
from peersettle.reports import SurfaceSlice
from peersettle.risk.instruments import DAY, FIRST_EXPIRY, LAST_DAY, Fixing, Market, expiry
from peersettle.risk.parameters import PACKED_BITS, RiskParameters
from peersettle.types import uint

UNUSABLE: Final = 1
"""No fresh price, or a position without one: the market adds no worth, and no risk may be raised in it."""
DEAD: Final = 2
"""Unusable for a day."""
BEYOND: Final = 4
"""A candidate price lies outside the scenarios."""

WINDOW: Final = 1_800
"""Seconds before an expiry whose average is the fixing."""
WINDOW_EPOCH_AGE: Final = 60
RECEIVABLE: Final = DAY
RUN_DOWN: Final = DAY

_LANES: Final = 14
_LANE_ZERO: Final = 8_192
_LANE_MASK: Final = 16_383
_EPOCH_BITS: Final = 20
_VALUE_BITS: Final = 88
_TIME_BITS: Final = 32
_FIELD_MASK: Final = (1 << 37) - 1
_NANO: Final = 10**9


@dataclass(frozen=True, slots=True)
class Reading:
    """The Oracle's confirmed price (wad), when it was observed, and a candidate price beside it (wad, or zero)."""

    value: int
    observed_at: int
    candidate: int = 0


@dataclass(frozen=True)
class Snapshot:
    """A market's epoch as Risk has it, and what else its requirement hangs on.

    Args:
        market: its grid.
        state: Risk's first word: epoch, reference price, start, and open risk.
        terms: the second: risk parameters.
        ones: the third: the scenarios of one unit of the underlying.
        time: of the next block, unix seconds.
        reading: the Oracle's price.
        slices: Risk's word of each expiry, by day.
        arrays: Risk's word of each series; zero, or none, is one that was never computed.
        fixings: by day; absent where there is none yet.
        quoted_at: when the Oracle's surface of an expiry was observed, by day: whether a stale array could be computed
            anew. Zero, or none, is no surface.

    Raises:
        InvalidField: a word is out of range, of no epoch, or of another grid than the market's.
    """

    market: Market
    state: int
    terms: int
    ones: int
    time: int
    reading: Reading
    slices: Mapping[int, int] = field(default_factory=dict)
    arrays: Mapping[int, int] = field(default_factory=dict)
    fixings: Mapping[int, Fixing] = field(default_factory=dict)
    quoted_at: Mapping[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("state", "terms", "ones"):
            uint(getattr(self, name), name)
        if self.state == 0:
            raise InvalidField("state", 0, f"{self.market.symbol} has no snapshot yet: refresh a series first")
        if 10 ** (self.terms >> 250) != self.market.tick:
            raise InvalidField("tick", self.market.tick, f"on chain it is {10 ** (self.terms >> 250)}")
        if 10 ** (self.ones >> 196) != self.market.lot:
            raise InvalidField("lot", self.market.lot, f"on chain it is {10 ** (self.ones >> 196)}")

    @property
    def epoch(self) -> int:
        """Its number."""
        return self.state & (1 << _EPOCH_BITS) - 1

    @property
    def reference(self) -> int:
        """The price that everything is valued at, wad."""
        return self.state >> _EPOCH_BITS & (1 << _VALUE_BITS) - 1

    @property
    def started(self) -> int:
        """When the epoch began, unix seconds."""
        return self.state >> 108 & (1 << _TIME_BITS) - 1

    @property
    def open_risk(self) -> int:
        """All books' requirements together, 1e-4 of settlement currency."""
        return self.state >> 172 & (1 << 56) - 1

    @cached_property
    def parameters(self) -> RiskParameters:
        """Those of the epoch; its cap on gains is what the backstop's capital allows."""
        return RiskParameters.unpack(self.terms & (1 << PACKED_BITS) - 1)

    @property
    def lane_bits(self) -> int:
        """A lane counts 2**-lane_bits of the reference."""
        return 14 - (self.terms >> 248 & 3)

    @property
    def scan(self) -> int:
        """The largest spot move of the scenarios, in logarithm, the band included; Q16."""
        return (self.terms & 65_535) + (self.terms >> 16 & 65_535)

    @cached_property
    def unit_lanes(self) -> tuple[int, ...]:
        """What one unit of the underlying gains in each scenario, in lane units."""
        return tuple((self.ones >> 14 * lane & _LANE_MASK) - _LANE_ZERO for lane in range(_LANES))

    @cached_property
    def is_usable(self) -> bool:
        """Whether the Oracle's price is fresh."""
        return self.reading.value != 0 and self.time <= self.reading.observed_at + self.parameters.spot_age

    @property
    def status(self) -> int:
        """The bits `UNUSABLE` and `DEAD` of the market."""
        if self.is_usable:
            return 0
        is_dead = self.time > self.reading.observed_at + self.parameters.spot_age + DAY
        return UNUSABLE | DEAD if is_dead else UNUSABLE

    @cached_property
    def is_due(self) -> bool:
        """Whether a new epoch must begin before anything can be judged."""
        if not self.is_usable:
            return False
        gap, parameters = abs(self.reading.value - self.reference), self.parameters
        return gap > self.reference * parameters.band >> 16 or self.time - self.started >= parameters.epoch_age

    def is_quoted(self, day: int) -> bool:
        """Whether a fresh surface of an expiry is there."""
        observed = self.quoted_at.get(day, 0)
        return observed != 0 and self.time <= observed + self.parameters.surface_age

    def run_down(self, day: int) -> int | None:
        """What weight an expiry's run-down has, in seconds of a day; None unless it expires within a day."""
        left = expiry(day) - self.time
        return RUN_DOWN - left if 0 < left <= RUN_DOWN else None

    def candidate_lanes(self) -> tuple[bool, ...] | None:
        """The scenarios on the way to the candidate price and one node further; None when it lies beyond them."""
        if self.reading.candidate == 0:
            return (False,) * _LANES
        place = (self.reading.candidate << self.lane_bits) // self.reference - (1 << self.lane_bits)
        nodes = self.unit_lanes
        if not nodes[0] <= place <= nodes[6]:
            return None

        def on_the_way(lane: int) -> bool:
            node = nodes[lane]
            if node == 0:
                return True
            return place > nodes[lane - 1] if node > 0 else place < nodes[lane + 1]

        return tuple(on_the_way(lane) for lane in range(_LANES))

    def with_slice(self, quoted: SurfaceSlice, observed_at: int, average: int | None = None) -> Snapshot:
        """With Risk's word of an expiry, as it will take it from the Oracle's surface.

        Args:
            quoted: the expiry, as the Oracle has it.
            observed_at: when its surface was observed, unix seconds.
            average: the mean price since the averaging window began, wad; the reference where there is none.

        Raises:
            InvalidField: no expiry of the grid, or one that is past, or was before the epoch began.
        """
        day, rest = divmod(quoted.expiry - FIRST_EXPIRY, DAY)
        if rest or not 0 <= day <= LAST_DAY:
            raise InvalidField("expiry", quoted.expiry, "options expire at 08:00 UTC, from 2024 on")
        left = quoted.expiry - self.started
        if self.time >= quoted.expiry or left <= 0:
            raise InvalidField("expiry", quoted.expiry, "is past")
        numerator, denominator, ratio, weight = left, quoted.expiry - observed_at, quoted.forward_ratio, 0
        if left < WINDOW:
            reference = self.reference
            known = (reference if average is None else average) * (WINDOW - left) * _NANO
            coming = reference * ratio * left
            ratio = (known + coming) // (reference * WINDOW)
            weight = max(1, (coming << 14) // (known + coming + 1))
            numerator, denominator = left**3, denominator * 3 * WINDOW**2
        fields = (
            _towards_zero(quoted.a * numerator, denominator),
            _towards_zero(quoted.b * numerator, denominator),
            quoted.rho,
            quoted.m,
            quoted.sigma,
            ratio,
        )
        word = sum((value & _FIELD_MASK) << 37 * place for place, value in enumerate(fields))
        word |= self.epoch << 222 | weight << 242
        return replace(
            self,
            slices={**self.slices, day: word},
            quoted_at={**self.quoted_at, day: observed_at},
        )

    def rolled(self, surface: Iterable[SurfaceSlice], observed_at: int) -> Snapshot:
        """The epoch that Risk would begin now, at the Oracle's price and with the same parameters; no arrays yet.

        Expiries of the surface that are past are left out.

        Raises:
            InvalidField: the price is not usable, or as `with_slice`.
        """
        if not self.is_usable:
            raise InvalidField("reading", self.reading, "is too old to begin an epoch")
        epoch = (self.epoch + 1) % (1 << _EPOCH_BITS) or 1
        state = self.open_risk << 172 | self.time << 108 | self.reading.value << _EPOCH_BITS | epoch
        found = replace(self, state=state, slices={}, arrays={}, quoted_at={})
        for quoted in surface:
            if quoted.expiry > self.time:
                found = found.with_slice(quoted, observed_at)
        return found

    def moved(self, price: int) -> Snapshot:
        """The same epoch at another reference, wad, for asking what would be: smiles keep to their forwards, there are
        no arrays, and no reading, so that the epoch is never over.
        """
        uint(price, "price", _VALUE_BITS)
        state = self.state & ~(((1 << _VALUE_BITS) - 1) << _EPOCH_BITS) | price << _EPOCH_BITS
        return replace(self, state=state, reading=Reading(0, 0), arrays={})


def _towards_zero(numerator: int, denominator: int) -> int:
    return abs(numerator) // denominator * (1 if numerator >= 0 else -1)
