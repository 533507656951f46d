"""A volatility surface: one SVI slice per expiry, and what lies between them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from peersettle.errors import InputError, InvalidField
from peersettle.pricing.chain import YEAR
from peersettle.pricing.svi import SviSlice

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SurfaceSlice:
    """One expiry. `expiry` in unix seconds; `forward_ratio` is the forward over the spot index."""

    expiry: int
    forward_ratio: float
    svi: SviSlice


@dataclass(frozen=True, slots=True)
class Surface:
    """Slices of strictly ascending expiry, all after `observed_at` (unix seconds).

    Raises:
        InvalidField: no slice, a wrong order, an expiry in the past, or a forward ratio that is not positive.
    """

    observed_at: int
    slices: tuple[SurfaceSlice, ...]

    def __post_init__(self) -> None:
        if not self.slices:
            raise InvalidField("slices", (), "a surface has at least one expiry")
        before = self.observed_at
        for part in self.slices:
            if part.expiry <= before:
                raise InvalidField("expiry", part.expiry, f"must be later than {before}")
            if not 0 < part.forward_ratio < float("inf"):
                raise InvalidField("forward_ratio", part.forward_ratio, "must be positive")
            before = part.expiry

    def years(self, expiry: int) -> float:
        """Time from observation to an expiry, in years of 365 days."""
        return (expiry - self.observed_at) / YEAR

    def total_variance(self, expiry: int, k: ArrayLike) -> Floats:
        """Implied variance times years, at each log-moneyness k against the forward of that expiry.

        Between two slices it is linear in time at equal k, so that it never falls with time. Before the first and after
        the last, each k keeps its volatility; this has no butterfly before the first, but may have one long after the
        last, where the wings grow too steep.

        Raises:
            InvalidField: the expiry is not after the observation.
        """
        if expiry <= self.observed_at:
            raise InvalidField("expiry", expiry, f"must be later than {self.observed_at}")
        place = bisect_left(self.slices, expiry, key=lambda part: part.expiry)
        if 0 < place < len(self.slices):
            early, late = self.slices[place - 1], self.slices[place]
            share = (expiry - early.expiry) / (late.expiry - early.expiry)
            return np.asarray((1 - share) * early.svi.total_variance(k) + share * late.svi.total_variance(k))
        edge = self.slices[min(place, len(self.slices) - 1)]
        return np.asarray(edge.svi.total_variance(k) * (self.years(expiry) / self.years(edge.expiry)))

    def implied_volatility(self, expiry: int, k: ArrayLike) -> Floats:
        """Volatility as a fraction per square root of a year; at each log-moneyness k, as `total_variance`.

        Raises:
            InvalidField: the expiry is not after the observation.
        """
        return np.asarray(np.sqrt(self.total_variance(expiry, k) / self.years(expiry)))

    def to_json(self) -> dict[str, Any]:
        """Plain values, for a file."""
        return {
            "observed_at": self.observed_at,
            "slices": [
                {"expiry": part.expiry, "forward_ratio": part.forward_ratio}
                | {field.name: getattr(part.svi, field.name) for field in fields(part.svi)}
                for part in self.slices
            ],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Surface:
        """The surface that `to_json` wrote.

        Raises:
            InputError: it has not that form.
            InvalidField: a value is out of range.
        """
        names = [field.name for field in fields(SviSlice)]
        try:
            slices = tuple(
                SurfaceSlice(
                    int(part["expiry"]),
                    float(part["forward_ratio"]),
                    SviSlice(*(float(part[name]) for name in names)),
                )
                for part in data["slices"]
            )
            return cls(int(data["observed_at"]), slices)
        except (KeyError, TypeError) as error:
            raise InputError(f"this is no surface: {error!r}") from None
