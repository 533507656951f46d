"""Greeks of positions at a snapshot's forwards and volatilities."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from peersettle.errors import InvalidField
from peersettle.pricing import black76
from peersettle.pricing.chain import YEAR
from peersettle.risk._book import Book
from peersettle.risk._series import curve, strikes_over_reference
from peersettle.risk._snapshot import WINDOW, Snapshot
from peersettle.risk.instruments import DAY, Kind, expiry
from peersettle.types import WAD


@dataclass(frozen=True, slots=True)
class Exposure:
    """First-order risks, at the snapshot's forwards and volatilities. Floating point, not wad."""

    delta: float = 0.0
    """Units of the underlying that would gain as much for a small move of the spot."""
    delta_value: float = 0.0
    """The same in settlement currency."""
    gamma: float = 0.0
    """Change of delta, in units, as the spot rises by one of settlement currency."""
    gamma_value: float = 0.0
    """Change of `delta_value`, in settlement currency, by gamma alone as the spot rises by 1 %."""
    vega: float = 0.0
    """Settlement currency for a percentage point of volatility."""
    theta: float = 0.0
    """Settlement currency for a day that passes, at today's rate."""

    def __add__(self, other: Exposure) -> Exposure:
        return Exposure(
            self.delta + other.delta,
            self.delta_value + other.delta_value,
            self.gamma + other.gamma,
            self.gamma_value + other.gamma_value,
            self.vega + other.vega,
            self.theta + other.theta,
        )


def exposures(snapshot: Snapshot, book: Book) -> dict[int, tuple[float | None, Exposure]]:
    """By series: volatility and Greeks."""
    lacking = days_without_smile(snapshot, book)
    if lacking:
        raise InvalidField(
            "day", min(lacking), "the snapshot has no surface of this expiry: refresh a series of it first"
        )
    found: dict[int, tuple[float | None, Exposure]] = {series: (None, Exposure()) for series, _ in book.positions}
    by_day: dict[int, list[tuple[int, int]]] = {}
    for series, lots in book.positions:
        if expiry(series >> 22) > snapshot.time:
            by_day.setdefault(series >> 22, []).append((series, lots))
    for day, held in by_day.items():
        found |= _exposures_of_expiry(snapshot, day, held)
    return found


def _exposures_of_expiry(
    snapshot: Snapshot, day: int, held: Sequence[tuple[int, int]]
) -> dict[int, tuple[float | None, Exposure]]:
    """In the averaging window, variance goes with the cube of the time that is left, and the forward moves less."""
    smile = curve(snapshot, day)
    assert smile is not None
    spot, left = snapshot.reference / WAD, expiry(day) - snapshot.started
    is_averaging = left < WINDOW
    years = (left**3 / (3 * WINDOW**2) if is_averaging else left) / YEAR
    pace = (left / WINDOW) ** 2 if is_averaging else 1.0
    strikes = strikes_over_reference(snapshot, [series for series, _ in held])
    volatility = smile.deviation(strikes) / np.sqrt(years)
    kinds = np.array([series & 3 for series, _ in held])
    found = black76.greeks(smile.forward, strikes, years, volatility, kinds == Kind.CALL)
    per_spot = smile.forward * smile.weight
    is_forward = kinds == Kind.FORWARD
    # Everything above is in units of the reference price.
    delta = np.where(is_forward, per_spot, found.delta * per_spot)
    gamma = np.where(is_forward, 0, found.gamma * per_spot**2 / spot)
    vega = np.where(is_forward, 0, found.vega * spot / 100)
    theta = np.where(is_forward, 0, found.theta * pace * spot * DAY / YEAR)
    result: dict[int, tuple[float | None, Exposure]] = {}
    for place, (series, lots) in enumerate(held):
        units = lots * snapshot.market.lot / WAD
        exposed = Exposure(
            delta=float(units * delta[place]),
            delta_value=float(units * delta[place] * spot),
            gamma=float(units * gamma[place]),
            gamma_value=float(units * gamma[place] * spot * spot / 100),
            vega=float(units * vega[place]),
            theta=float(units * theta[place]),
        )
        result[series] = (None if is_forward[place] else float(volatility[place]), exposed)
    return result


def days_without_smile(snapshot: Snapshot, book: Book) -> Collection[int]:
    """Days of a book that the snapshot has no surface of."""
    days = {series >> 22 for series, _ in book.positions}
    return [day for day in days if expiry(day) > snapshot.time and curve(snapshot, day) is None]
