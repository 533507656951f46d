"""The messages that reporters sign, as frozen values that cannot be built wrong."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Final

from peersettle.errors import InvalidField
from peersettle.reports.feed import Feed
from peersettle.types import Address, address, uint

WAD: Final = 10**18
MAX_VALUE: Final = 2**87 - 1
MAX_SPREAD: Final = 2**11 - 1
MAX_FEEDS: Final = 24
MAX_SLICES: Final = 16
UNIT: Final = 10**9
"""A surface's parameters are whole numbers of 1e-9."""
_FIELD_BITS: Final = 37


def _set(instance: object, **fields: object) -> None:
    for name, value in fields.items():
        object.__setattr__(instance, name, value)


def _on_slot(feed: Feed, observed_at: int) -> int:
    time = uint(observed_at, "observed_at", 32)
    if time % feed.slot:
        raise InvalidField(
            "observed_at", time, f"{feed.name} has a slot every {feed.slot} s; the one before is {feed.slot_of(time)}"
        )
    return time


def _value(value: int) -> int:
    if isinstance(value, bool) or not 0 < value <= MAX_VALUE:
        raise InvalidField("value", value, "give a positive whole number of 1e-18, below 2^87")
    return value


@dataclass(frozen=True, slots=True)
class OracleDomain:
    """Where a report counts: one Oracle contract on one chain."""

    chain_id: int
    oracle: Address

    def __post_init__(self) -> None:
        _set(self, chain_id=uint(self.chain_id, "chain_id", 64), oracle=address(self.oracle, "oracle"))


@dataclass(frozen=True, slots=True)
class Report:
    """What one reporter saw: `value` in wad of the settlement currency at the slot `observed_at`, Unix seconds."""

    feed: Feed
    value: int
    observed_at: int

    def __post_init__(self) -> None:
        _set(self, value=_value(self.value), observed_at=_on_slot(self.feed, self.observed_at))

    @property
    def price(self) -> Decimal:
        """The value in the settlement currency, exactly."""
        return Decimal(self.value).scaleb(-18)


@dataclass(frozen=True, slots=True)
class Observation:
    """What a quorum agreed on for one feed: the median in wad, and the spread of the round in 1/10,000 of it."""

    feed: Feed
    value: int
    spread: int = 0

    def __post_init__(self) -> None:
        _value(self.value)
        if not 0 <= self.spread <= MAX_SPREAD:
            raise InvalidField("spread", self.spread, f"give 0 to {MAX_SPREAD} ten-thousandths")

    @property
    def packed(self) -> int:
        """As it is signed: `value | spread << 119`."""
        return self.value | self.spread << 119


@dataclass(frozen=True, slots=True)
class Batch:
    """One slot of many feeds, which k reporters sign as one digest. 1 to 24 different feeds."""

    observations: tuple[Observation, ...]
    observed_at: int

    def __post_init__(self) -> None:
        if not 1 <= len(self.observations) <= MAX_FEEDS:
            raise InvalidField("observations", len(self.observations), f"a batch has 1 to {MAX_FEEDS} feeds")
        if len({item.feed for item in self.observations}) != len(self.observations):
            raise InvalidField("observations", [item.feed.name for item in self.observations], "a feed is there twice")
        for item in self.observations:
            _set(self, observed_at=_on_slot(item.feed, self.observed_at))

    @property
    def items(self) -> bytes:
        """As it is signed and sent: 49 bytes for each feed, its id and the observation."""
        return b"".join(item.feed.id + item.packed.to_bytes(17, "big") for item in self.observations)


@dataclass(frozen=True, slots=True)
class SurfaceSlice:
    """One expiry of a surface: raw SVI parameters and forward / spot, all in whole 1e-9, as the contract keeps them."""

    expiry: int
    a: int
    b: int
    rho: int
    m: int
    sigma: int
    forward_ratio: int

    def __post_init__(self) -> None:
        _set(self, expiry=uint(self.expiry, "expiry", 32))
        for field in ("a", "b", "rho", "m", "sigma", "forward_ratio"):
            value = getattr(self, field)
            if not isinstance(value, int) or not -(1 << 36) <= value < 1 << 36:
                raise InvalidField(field, value, "give a whole number of 1e-9 within 37 bits, so at most 68.7 in size")

    @property
    def packed(self) -> int:
        """As it is signed: `expiry | forward_ratio | sigma | m | rho | b | a` 37 bits each after the expiry."""
        word = self.expiry
        for value in (self.forward_ratio, self.sigma, self.m, self.rho, self.b, self.a):
            word = word << _FIELD_BITS | value & ((1 << _FIELD_BITS) - 1)
        return word

    @classmethod
    def from_packed(cls, word: int) -> SurfaceSlice:
        """Read a slice off its word."""
        fields = []
        for index in range(6):
            raw = word >> (_FIELD_BITS * index) & ((1 << _FIELD_BITS) - 1)
            fields.append(raw - (raw >> 36 << 37))
        return cls(word >> 222, *fields)


@dataclass(frozen=True, slots=True)
class SurfaceReport:
    """A volatility surface at one slot, which k reporters sign as one digest. Slices ascend, all after the slot."""

    feed: Feed
    slices: tuple[SurfaceSlice, ...]
    observed_at: int

    def __post_init__(self) -> None:
        _set(self, observed_at=_on_slot(self.feed, self.observed_at))
        if not 1 <= len(self.slices) <= MAX_SLICES:
            raise InvalidField("slices", len(self.slices), f"a surface has 1 to {MAX_SLICES} expiries")
        times = [self.observed_at, *(item.expiry for item in self.slices)]
        if any(later <= earlier for earlier, later in pairwise(times)):
            raise InvalidField("slices", times[1:], "expiries ascend strictly and lie after the observation")
