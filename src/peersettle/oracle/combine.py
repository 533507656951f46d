"""Many prices of one moment made into one. Pure.

A *class* of sources (a venue, an aggregator, pools) has one voice: the median of what its sources say. Outliers are
dropped and named, and their class no longer counts towards the classes that must agree. The value is the median of the
agreeing voices, held within the middle of all voices (the middle one, or between the middle two). Without that hold
liars could win by making honest values look like outliers: of 90, 91, 100 and the lies 101, 101 the first two would go,
and a lie be the median.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from typing import Any, Final

from peersettle.errors import InputError
from peersettle.oracle.sources.base import EXACT, Sample
from peersettle.reports.feed import PPM
from peersettle.reports.messages import MAX_VALUE

NORMAL_MAD: Final = 1.4826
"""Standard deviations per median absolute deviation, for a normal distribution."""
_DIGITS: Final = 40


class Drop(StrEnum):
    """Why a sample does not count."""

    STALE = "stale"
    FUTURE = "future"
    NOT_FINITE = "not_finite"
    NOT_POSITIVE = "not_positive"
    ABSURD = "absurd"
    OUTLIER = "outlier"


@dataclass(frozen=True, slots=True)
class Heard:
    """One sample and whose it is."""

    source: str
    source_class: str
    sample: Sample
    max_age: int


@dataclass(frozen=True, slots=True)
class Dropped:
    """A sample that does not count; `detail` has the figures."""

    source: str
    source_class: str
    reason: Drop
    detail: str

    def to_json(self) -> dict[str, Any]:
        """For logs and `--json`."""
        return {
            "source": self.source,
            "class": self.source_class,
            "reason": str(self.reason),
            "detail": self.detail,
        }


@dataclass(frozen=True, slots=True)
class Rules:
    """When samples make a value.

    Args:
        min_classes: how many classes must have a sample left, 3 or more.
        mad_factor: outliers are farther from the middle than this many standard deviations, estimated by MAD.
        mad_floor_ppm: but never those nearer than so many millionths of it, since MAD is zero where most agree exactly.
        max_disagreement_ppm: no value is made when the MAD itself is beyond this: there is no common price then.
        max_skew: seconds by which a source's clock may be ahead of ours.
    """

    min_classes: int = 3
    mad_factor: float = 5.0
    mad_floor_ppm: int = 5_000
    max_disagreement_ppm: int = 100_000
    max_skew: int = 5

    def __post_init__(self) -> None:
        if self.min_classes < 3:
            raise InputError(f"min_classes is {self.min_classes}: fewer than 3 classes cannot outvote a liar")


@dataclass(frozen=True, slots=True)
class Combined:
    """The value in wad, or None and why not; the voice of each class, and what was dropped."""

    value: int | None
    classes: Mapping[str, int] = field(default_factory=dict)
    dropped: tuple[Dropped, ...] = ()
    problem: str = ""


def combine(heard: Iterable[Heard], at: int, rules: Rules | None = None) -> Combined:
    """The value of what was heard for the moment `at`, Unix seconds.

    With c classes heard, the value lies within what the honest ones' sources said as long as at most (c - 1) // 2
    classes lie, whatever they say; or there is no value.
    """
    rules = rules or Rules()
    dropped: list[Dropped] = []
    sound: dict[str, list[tuple[Heard, int]]] = defaultdict(list)
    for item in heard:
        value = _sound(item, at, rules, dropped)
        if value is not None:
            sound[item.source_class].append((item, value))
    if not sound:
        return Combined(None, {}, tuple(dropped), "no source gave a usable value")
    voices = {name: median([value for _, value in items]) for name, items in sound.items()}
    middle = median(list(voices.values()))
    mad = median([abs(voice - middle) for voice in voices.values()])
    bound = max(int(mad * NORMAL_MAD * rules.mad_factor), middle * rules.mad_floor_ppm // PPM)
    agreeing: dict[str, int] = {}
    for name, items in sound.items():
        near = [value for _, value in items if abs(value - middle) <= bound]
        for item, value in items:
            if abs(value - middle) > bound:
                dropped.append(_dropped(item, Drop.OUTLIER, f"{_price(value)} is far from {_price(middle)}"))
        if near:
            agreeing[name] = voices[name] = median(near)
    if len(agreeing) < rules.min_classes:
        problem = f"{len(agreeing)} of the {rules.min_classes} classes that it takes: {', '.join(agreeing) or 'none'}"
        return Combined(None, agreeing, tuple(dropped), problem)
    if mad * PPM > middle * rules.max_disagreement_ppm:
        problem = f"the classes disagree: half of them are {mad * 100 / middle:.1f} % or more off {_price(middle)}"
        return Combined(None, agreeing, tuple(dropped), problem)
    ordered = sorted(voices.values())
    lower, upper = ordered[(len(ordered) - 1) >> 1], ordered[len(ordered) >> 1]
    return Combined(min(max(median(list(agreeing.values())), lower), upper), agreeing, tuple(dropped))


def median(values: Sequence[int]) -> int:
    """The middle one; of an even number the mean of the two, rounded down."""
    ordered = sorted(values)
    half = len(ordered) >> 1
    return ordered[half] if len(ordered) & 1 else (ordered[half - 1] + ordered[half]) >> 1


def to_wad(price: Decimal) -> int | None:
    """A price in wad, rounded half to even; None where it is not positive or beyond what a report holds."""
    if not price.is_finite() or price <= 0 or abs(price.adjusted()) > _DIGITS:
        return None
    value = int(EXACT.scaleb(price, 18).quantize(Decimal(1), ROUND_HALF_EVEN, context=EXACT))
    return value if 0 < value <= MAX_VALUE else None


def _sound(item: Heard, at: int, rules: Rules, dropped: list[Dropped]) -> int | None:
    price, seen = item.sample.value, item.sample.observed_at
    value = None
    if not price.is_finite():
        dropped.append(_dropped(item, Drop.NOT_FINITE, str(price)))
    elif price <= 0:
        dropped.append(_dropped(item, Drop.NOT_POSITIVE, f"{price:.6g}"))
    elif seen > at + rules.max_skew:
        dropped.append(_dropped(item, Drop.FUTURE, f"of {seen}, {seen - at} s after {at}"))
    elif at - seen > item.max_age:
        dropped.append(_dropped(item, Drop.STALE, f"{at - seen} s old, {item.max_age} s allowed"))
    elif (value := to_wad(price)) is None:
        dropped.append(_dropped(item, Drop.ABSURD, f"{price:.6g} does not fit a report"))
    return value


def _dropped(item: Heard, reason: Drop, detail: str) -> Dropped:
    return Dropped(item.source, item.source_class, reason, detail)


def _price(value: int) -> str:
    return f"{EXACT.scaleb(Decimal(value), -18):.8g}"
