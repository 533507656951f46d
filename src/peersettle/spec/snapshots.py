"""Epochs: one snapshot of a market, and the arrays computed from it, as `contracts/modules/snapshots.vy` makes them.

An epoch keeps the reference price, the time, the parameters, and of each expiry that was asked for the surface and the
forward, scaled to the time that is left. Everything that positions are worth is a function of it.

Prices in wad, time in Unix seconds, SVI parameters and forward ratios in 1e-9. Divisions round down unless said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

from peersettle.errors import Reverted, reverted
from peersettle.risk.parameters import MarketTerms, RiskParameters
from peersettle.spec import risk_arrays
from peersettle.spec.oracle import Reading
from peersettle.spec.oracle_surfaces import Dated, quotient
from peersettle.spec.risk_arrays import Kind
from peersettle.types import WAD, Hash32

DAY: Final = 86_400
FIRST_EXPIRY: Final = 1_704_096_000
"""2024-01-01 08:00 UTC; an expiry a day."""
MAX_DAY: Final = 1 << 14
MAX_MARKETS: Final = 64
MOST_GAIN: Final = (1 << 31) - 1
"""A gain cap counts up to this, whole units of settlement currency."""
SHOCK_UNIT: Final = 256
"""An epoch keeps the shock in 1/256, rounded up."""
WINDOW: Final = 1_800
"""A fixing is the average of so many seconds before the expiry."""
WINDOW_EPOCH_AGE: Final = 60
"""How old an epoch may be for an expiry whose window has begun, seconds."""
CAPITAL_SHARE: Final = 20
"""A market's gains margin others with at most a 20th of the backstop's capital."""
FINE_SCAN: Final = 16_384
"""Q16: up to here a lane is 2**-14 of the reference, beyond it 2**-13."""
EPOCHS: Final = 1 << 20
FIELD_MASK: Final = (1 << 37) - 1
LANES_MASK: Final = (1 << 196) - 1
NANO: Final = 10**9


class Oracle(Protocol):
    """What Risk reads of the Oracle, as of the moment at which it is read."""

    def read(self, feed: Hash32) -> Reading:
        """The confirmed value and what waits."""
        ...

    def twap(self, feed: Hash32, start: int, end: int) -> int:
        """The average over a window; raises `Reverted` where there is none."""
        ...

    def observed_since(self, feed: Hash32, start: int) -> tuple[int, int, int]:
        """Sum, weight and coverage since then; raises `Reverted` where they are not kept."""
        ...

    def surface_slice(self, feed: Hash32, expiry: int) -> tuple[Dated | None, Dated | None]:
        """The confirmed slice and the candidate's."""
        ...


class Listed(Protocol):
    """A market that Parameters lists."""

    @property
    def terms(self) -> MarketTerms:
        """What never changes about it."""
        ...


class Parameters(Protocol):
    """What Risk reads of Parameters; `ParametersSpec` is one."""

    def market(self, market: int) -> Listed:
        """Raises `Reverted` where it is not listed."""
        ...

    def risk_parameters(self, market: int, now: int) -> RiskParameters:
        """Those in force."""
        ...


class Backstop(Protocol):
    """What Risk reads of the backstop."""

    def capital(self) -> int:
        """What the pool is worth at least, wad."""
        ...


@dataclass(frozen=True)
class Sources:
    """All that Risk reads."""

    oracle: Oracle
    parameters: Parameters
    backstop: Backstop


@dataclass(frozen=True)
class Curve:
    """One expiry in one epoch: its surface as of the snapshot, and how much of the scan reaches its underlying."""

    a: int
    b: int
    rho: int
    m: int
    sigma: int
    forward_ratio: int
    epoch: int
    weight: int
    """Q14; zero stands for all of it."""

    @property
    def word(self) -> int:
        """`weight 14 | epoch 20 | forward ratio 37 | sigma 37 | m 37 | rho 37 | b 37 | a 37` bits, from the top."""
        fields = (self.a, self.b, self.rho, self.m, self.sigma, self.forward_ratio)
        packed = sum((value & FIELD_MASK) << 37 * place for place, value in enumerate(fields))
        return packed | self.epoch << 222 | self.weight << 242


@dataclass
class Snapshot:
    """A market as Risk knows it: its epoch, and what was computed in this one and in those before."""

    terms: MarketTerms
    parameters: RiskParameters
    """Those of the epoch; the gain cap is held to its share of the backstop's capital."""
    epoch: int = 0
    reference: int = 0
    started: int = 0
    surface_time: int = 0
    """Of the first surface that the epoch met; zero before."""
    open_risk: int = 0
    """All books' requirements together, 1e-4."""
    ones: int = 0
    """What one unit of the underlying gains: 14 lanes."""
    curves: dict[int, Curve] = field(default_factory=dict)
    """By day."""
    arrays: dict[int, int] = field(default_factory=dict)
    """By series, with the epoch above."""

    @property
    def scan(self) -> int:
        """The largest move of the scenarios, Q16: the scan, and the band that spot may be off the reference."""
        return self.parameters.scan + self.parameters.band

    @property
    def shock(self) -> int:
        """The relative move of volatility at 30 days, Q16, as the epoch keeps it."""
        return -(-self.parameters.shock // SHOCK_UNIT) * SHOCK_UNIT

    @property
    def lane_bits(self) -> int:
        """A lane counts 2**-lane_bits of the reference."""
        return 14 if self.scan <= FINE_SCAN else 13

    @property
    def words(self) -> tuple[int, int, int]:
        """State, parameters in force and delta-one lanes, as `IRisk.snapshot` has them."""
        state = (
            self.open_risk << 172 | self.surface_time << 140 | self.started << 108 | self.reference << 20 | self.epoch
        )
        parameters = self.parameters.pack() + (self.shock - self.parameters.shock << 32)
        terms = exponent(self.terms.tick) << 250 | 14 - self.lane_bits << 248 | parameters
        return state, terms, exponent(self.terms.lot) << 196 | self.ones


# What may be used


def usable(reading: Reading, parameters: RiskParameters, now: int) -> bool:
    """Whether there is a price, and it is young enough."""
    return reading.value != 0 and now <= reading.observed_at + parameters.spot_age


def surface_usable(quoted: Dated | None, parameters: RiskParameters, now: int) -> bool:
    """Whether there is a surface, and it is young enough."""
    return quoted is not None and now <= quoted.observed_at + parameters.surface_age


def left_band(price: int, snapshot: Snapshot) -> bool:
    """Whether a price is further from the reference than the arrays allow for."""
    return abs(price - snapshot.reference) > snapshot.reference * snapshot.parameters.band >> 16


def quoted_slice(sources: Sources, snapshot: Snapshot, day: int) -> Dated | None:
    """The confirmed slice of an expiry."""
    confirmed, _ = sources.oracle.surface_slice(snapshot.terms.surface_feed, expiry_of(day))
    return confirmed


# Refreshing


def refreshed(sources: Sources, before: Snapshot | None, market: int, series: Sequence[int], now: int) -> Snapshot:
    """The market with these arrays, in a new epoch when one is due. `before` is left as it was.

    Raises:
        Reverted: "market": not listed; "feed": no usable price to begin with; "series": none that there is;
            "surface": of an expiry without a usable one; "matured".
    """
    snapshot = current(sources, before, market, series, now)
    day = None
    for one in series:
        strike, kind = one >> 2 & (1 << 20) - 1, one & 3
        require(one >> 22 < MAX_DAY - 1 and strike != 0 and kind != 3, "series", series=one)
        if one >> 22 != day:
            day = one >> 22
            curve = curve_of(sources, snapshot, day, now)
            left = expiry_of(day) - snapshot.started
            shock = risk_arrays.tenor_shock(snapshot.shock, left)
            scan = scan_of(snapshot, curve.weight, shock)
        relative = (strike * snapshot.terms.tick << 48) // snapshot.reference
        array = risk_arrays.array(Kind(kind), relative, risk_arrays.forward_of(curve.word), curve.word, scan)
        snapshot.arrays[one] = array | snapshot.epoch << 236
    return snapshot


def current(sources: Sources, before: Snapshot | None, market: int, series: Sequence[int], now: int) -> Snapshot:
    """A copy of the market in an epoch in which these series may be computed."""
    if before is None:
        require(market < MAX_MARKETS, "market", market=market)
        first = Snapshot(sources.parameters.market(market).terms, sources.parameters.risk_parameters(market, now))
        reading = sources.oracle.read(first.terms.spot_feed)
        require(usable(reading, first.parameters, now), "feed", market=market)
        return rolled(sources, first, market, reading.value, now)
    snapshot = replace(before, curves=dict(before.curves), arrays=dict(before.arrays))
    reading = sources.oracle.read(snapshot.terms.spot_feed)
    if usable(reading, snapshot.parameters, now) and is_due(sources, snapshot, reading.value, series, now):
        return rolled(sources, snapshot, market, reading.value, now)
    return snapshot


def is_due(sources: Sources, snapshot: Snapshot, price: int, series: Sequence[int], now: int) -> bool:
    """Whether a new epoch begins: by the price, by age, by an expiry's window, or by a newer surface."""
    age = now - snapshot.started
    if left_band(price, snapshot) or age >= snapshot.parameters.epoch_age:
        return True
    for day in dict.fromkeys(one >> 22 for one in series):
        if age >= WINDOW_EPOCH_AGE and now + WINDOW > expiry_of(day):
            return True
        known = snapshot.curves.get(day)
        if known is None or known.epoch != snapshot.epoch:
            quoted = quoted_slice(sources, snapshot, day)
            if quoted and snapshot.surface_time not in (0, quoted.observed_at):
                return True
    return False


def rolled(sources: Sources, snapshot: Snapshot, market: int, price: int, now: int) -> Snapshot:
    """A new epoch: the price, the time, the parameters. Open risk goes on, and so do curves and arrays, as old ones."""
    parameters = sources.parameters.risk_parameters(market, now)
    share = sources.backstop.capital() // (CAPITAL_SHARE * WAD)
    fresh = replace(
        snapshot,
        parameters=replace(parameters, gain_cap=min(parameters.gain_cap, share, MOST_GAIN)),
        epoch=(snapshot.epoch + 1) % EPOCHS or 1,  # zero is the epoch of what was never computed
        reference=price,
        started=now,
        surface_time=0,
    )
    fresh.ones = risk_arrays.forward_array(risk_arrays.ONE, scan_of(fresh, 0, 0)) & LANES_MASK
    return fresh


def scan_of(snapshot: Snapshot, weight: int, shock: int) -> risk_arrays.Scan:
    """The scenarios of one expiry: the market's scan, as far as it reaches the underlying."""
    full = snapshot.scan << 48
    used = full * weight >> 14 if weight else full
    return risk_arrays.Scan(shock, used // 3, full, snapshot.lane_bits)


def curve_of(sources: Sources, snapshot: Snapshot, day: int, now: int) -> Curve:
    """The curve of one expiry in this epoch, taken when it is first asked for.

    The variance shrinks with the time that is left. In the last half hour the underlying is an average, of which a
    part is known: the rest moves it less, and for a shorter time.
    """
    known = snapshot.curves.get(day)
    if known and known.epoch == snapshot.epoch:
        return known
    quoted, expiry = quoted_slice(sources, snapshot, day), expiry_of(day)
    require(surface_usable(quoted, snapshot.parameters, now), "surface", day=day)
    assert quoted is not None
    require(now < expiry, "matured", day=day)
    surface, left = quoted.slice, expiry - snapshot.started
    ratio, weight = surface.forward_ratio, 0
    remaining, quoted_for = left, expiry - quoted.observed_at
    if left < WINDOW:
        average = average_since(sources, snapshot, expiry - WINDOW)
        known_part = average * (WINDOW - left) * NANO
        coming = snapshot.reference * ratio * left
        ratio = (known_part + coming) // (snapshot.reference * WINDOW)
        weight = max(1, (coming << 14) // (known_part + coming + 1))
        remaining, quoted_for = left**3, quoted_for * 3 * WINDOW**2
    curve = Curve(
        a=quotient(surface.a * remaining, quoted_for),
        b=quotient(surface.b * remaining, quoted_for),
        rho=surface.rho,
        m=surface.m,
        sigma=surface.sigma,
        forward_ratio=ratio,
        epoch=snapshot.epoch,
        weight=weight,
    )
    snapshot.curves[day] = curve
    snapshot.surface_time = snapshot.surface_time or quoted.observed_at
    return curve


def average_since(sources: Sources, snapshot: Snapshot, start: int) -> int:
    """What spot was on average since then; the reference when nothing was observed, or the Oracle cannot say."""
    try:
        total, weight, _ = sources.oracle.observed_since(snapshot.terms.spot_feed, start)
    except Reverted:
        return snapshot.reference
    return total // weight if weight else snapshot.reference


# Small things


def expiry_of(day: int) -> int:
    """When a day's series expire, Unix seconds."""
    return FIRST_EXPIRY + day * DAY


def exponent(power: int) -> int:
    """Of a power of ten."""
    return len(str(power)) - 1


def require(condition: bool, reason: str, **values: Any) -> None:
    """Go on only if the condition holds.

    Raises:
        Reverted: the class of that reason, with the values.
    """
    if not condition:
        refusal: Reverted = reverted(reason, **values)
        raise refusal
