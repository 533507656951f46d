"""Risk arrays as the contract makes them, by floating point and for many series at once.

The contract's integers differ from these by less than the rounding of a lane, a mark or a code: each may be one unit
off, now and then. Where the contract has an array, take that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from peersettle.pricing import black76

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

LANES: Final = 14
UP_MOVES: Final = tuple(place / 3 for place in (-3, -2, -1, 0, 1, 2, 3))
"""Spot moves of lanes 0 to 6, volatility up, in parts of the scan."""
DOWN_MOVES: Final = tuple(place / 6 for place in (-5, -3, -1, 0, 1, 3, 5))
"""Spot moves of lanes 7 to 13, volatility down."""
MOVES: Final = UP_MOVES + DOWN_MOVES

LANE_ZERO: Final = 8_192
LANE_MAX: Final = 16_383
CODE_MAX: Final = 63
LEAST_STRIKE, MOST_STRIKE = 1e-3, 1e3
LEAST_DEVIATION: Final = 2.0**-20
MOST_DEVIATION: Final = 4 - 2.0**-32
REFERENCE_TENOR: Final = 30 * 86_400
MOST_SHOCK: Final = 59_999
_Q64: Final = 2.0**64
_MARK_UNITS: Final = 2.0**24
_PRICE_ERROR: Final = 16 * 2.0**-26


@dataclass(frozen=True, slots=True)
class Curve:
    """One expiry in a snapshot: raw SVI as of the time that is left, the forward over the reference, and the scan."""

    a: float
    b: float
    rho: float
    m: float
    sigma: float
    forward: float
    weight: float
    """How much of the scan reaches the underlying: less than one while that becomes an average."""
    shock: int
    """Relative move of volatility, Q16."""
    step: int
    """A third of the scan in use, Q64."""
    full: int
    """The market's scan, Q64."""
    lane_bits: int

    def deviation(self, strike: Floats) -> Floats:
        """Volatility times the root of the time left, at strikes over the reference."""
        distance = np.log(strike.clip(LEAST_STRIKE, MOST_STRIKE) / self.forward) - self.m
        variance = self.a + self.b * (self.rho * distance + np.hypot(distance, self.sigma))
        return np.asarray(np.sqrt(variance.clip(0)).clip(LEAST_DEVIATION, MOST_DEVIATION))


@dataclass(frozen=True, slots=True)
class Arrays:
    """Arrays of n series, without the biases of the contract's words."""

    lanes: Ints
    """[n, 14], in 2**-lane_bits of the reference."""
    marks: Ints
    """Time value, in 2**-24 of the reference."""
    long_codes: Ints
    short_codes: Ints


def curve_of(word: int, shock: int, full: int, lane_bits: int, seconds_left: int) -> Curve:
    """From a snapshot's word of one expiry; `shock` is that at 30 days, Q16, `full` the market's scan, Q64."""
    fields = [word >> 37 * place & (1 << 37) - 1 for place in range(6)]
    a, b, rho, m, sigma = ((raw - (raw >> 36 << 37)) / 1e9 for raw in fields[:5])
    weight = word >> 242
    used = full * weight >> 14 if weight else full
    return Curve(
        a=a,
        b=b,
        rho=rho,
        m=m,
        sigma=sigma,
        forward=min(max(fields[5] / 1e9, 0.5), 2.0),
        weight=weight / 2**14 if weight else 1.0,
        shock=_tenor_shock(shock, seconds_left),
        step=used // 3,
        full=full,
        lane_bits=lane_bits,
    )


def arrays(strikes: Floats, is_call: Bools, curve: Curve) -> Arrays:
    """Of options of one expiry; strikes over the reference."""
    k = strikes.clip(LEAST_STRIKE, MOST_STRIKE)
    deviation = curve.deviation(k)
    scan = 3 * curve.step / _Q64
    shock = curve.shock / 65_536
    # now, the 14 scenarios, and twice the scan to the worse side of the short that is out of the money
    is_call_otm = k >= curve.forward
    moves = np.empty((len(k), 16))
    moves[:, 0] = 0
    moves[:, 1:15] = np.array(MOVES) * scan
    moves[:, 15] = np.where(is_call_otm, 2 * scan, -2 * scan)
    factors = np.array([1.0] + 7 * [1 + shock] + 7 * [1 - shock] + [1 + shock])
    forwards = curve.forward * np.exp(moves)
    found = black76.price(forwards, k[:, None], 1.0, deviation[:, None] * factors, is_call[:, None])
    now, scenarios = found[:, 0], found[:, 1:15]
    # of these, by put-call parity, the prices of the one out of the money
    nodes = np.stack([np.zeros(len(k), int), np.where(is_call_otm, 7, 1), np.full(len(k), 15)], axis=1)
    less_strike = np.take_along_axis(forwards, nodes, axis=1) - k[:, None]
    parity = is_call_otm.astype(int) - is_call.astype(int)
    codes_of = (np.take_along_axis(found, nodes, axis=1) + parity[:, None] * less_strike).clip(0)
    intrinsic = np.where(is_call, 1 - k, k - 1).clip(0)
    return Arrays(
        lanes=_lanes(scenarios - now[:, None], curve.lane_bits),
        marks=np.floor((now - intrinsic) * _MARK_UNITS).astype(np.int64),
        long_codes=_long_codes(deviation, curve),
        short_codes=_short_codes(codes_of[:, 0], codes_of[:, 1], codes_of[:, 2], curve),
    )


def forward_arrays(count: int, curve: Curve) -> Arrays:
    """Of dated forwards of one expiry, which are alike: a forward's price is settled in its intrinsic value."""
    change = curve.forward * np.exp(np.array(MOVES) * (3 * curve.step / _Q64)) - curve.forward
    nothing = np.zeros(count, np.int64)
    mark = int(np.floor((curve.forward - 1) * _MARK_UNITS))
    return Arrays(
        lanes=np.tile(_lanes(change, curve.lane_bits), (count, 1)),
        marks=np.full(count, mark, np.int64),
        long_codes=nothing,
        short_codes=nothing,
    )


def _lanes(change: Floats, lane_bits: int) -> Ints:
    units = np.floor(change * 2.0**lane_bits)
    return np.asarray(units.clip(-LANE_ZERO, LANE_MAX - LANE_ZERO).astype(np.int64))


def _long_codes(deviation: Floats, curve: Curve) -> Ints:
    """min(h / 4, h² / (20 · deviation)), h half a step, in 63ths of a 24th of the full scan, rounded up."""
    step, full = curve.step / _Q64, curve.full / _Q64
    most = -(-189 * curve.step // curve.full)
    codes = np.ceil(189 * step * step / (10 * deviation * full)).astype(np.int64)
    return np.where(10 * deviation <= step, most, codes.clip(0, CODE_MAX))


def _short_codes(now: Floats, worst: Floats, extreme: Floats, curve: Curve) -> Ints:
    """A fifteenth of the scan in use, or a third of the extreme loss less the worst lane's, in 60ths, rounded up."""
    third = 5 * ((extreme - now).clip(0) + _PRICE_ERROR)
    beyond = third - 15 * (worst - now).clip(0)
    least = -(-12 * curve.step // curve.full)
    codes = np.ceil(4 * beyond * _Q64 / curve.full).clip(least, CODE_MAX)
    return np.asarray(codes.astype(np.int64))


def _tenor_shock(shock: int, seconds_left: int) -> int:
    """shock · (30 days / seconds_left)^0.3, the factor from 1/2 to 2; Q16."""
    factor = min(max((REFERENCE_TENOR / max(seconds_left, 1)) ** 0.3, 0.5), 2.0)
    return min(int(shock * factor), MOST_SHOCK)
