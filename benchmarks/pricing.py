"""What one option's price and Greeks cost on one thread, beside numpy with scipy and QuantLib in the same run."""

import time
from collections.abc import Callable

import numpy as np
import QuantLib
from numpy.typing import NDArray
from scipy.special import ndtr

from peersettle.pricing import black76

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Book = tuple[Floats, Floats, Floats, Floats, Bools]

OPTIONS = 1_000_000
QUANTLIB_OPTIONS = 20_000
ROUNDS = 7


def measure() -> dict[str, float]:
    """Nanoseconds an option for price, delta, gamma, vega and theta: the best of a few interleaved rounds.

    Every way prices options drawn alike and is held to our figures first. Ours and numpy take arrays; ours keeps its
    outputs, numpy is the formula as one writes it. QuantLib has no arrays: its calculator is called in a loop.
    """
    inputs, few = book(OPTIONS), book(QUANTLIB_OPTIONS)
    out = black76.greeks(*inputs)
    agree(out, with_numpy(*inputs))
    agree(black76.greeks(*few), with_quantlib(*few))
    ways: dict[str, tuple[Callable[[], object], int]] = {
        "ns.black76_greeks": (lambda: black76.greeks(*inputs, out=out), OPTIONS),
        "ns.black76_greeks_numpy": (lambda: with_numpy(*inputs), OPTIONS),
        "ns.black76_greeks_quantlib": (lambda: with_quantlib(*few), QUANTLIB_OPTIONS),
    }
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(ROUNDS):
        for name, (work, count) in ways.items():
            began = time.perf_counter()
            work()
            best[name] = min(best[name], (time.perf_counter() - began) * 1e9 / count)
    return {name: round(figure, 1) for name, figure in best.items()}


def book(count: int) -> Book:
    """Forwards about 2,000, strikes from a third to three times that, an hour to two years, 10 to 300 %."""
    draw = np.random.default_rng(76)
    forward = 2_000 * np.exp(draw.normal(0, 0.05, count))
    strike = forward * np.exp(draw.normal(0, 0.3, count)).clip(1 / 3, 3)
    years = np.exp(draw.uniform(np.log(1 / 8_760), np.log(2), count))
    return forward, strike, years, draw.uniform(0.1, 3, count), draw.random(count) < 0.5


def with_numpy(forward: Floats, strike: Floats, years: Floats, volatility: Floats, is_call: Bools) -> list[Floats]:
    """The textbook's formulas, each common factor computed once."""
    sign = np.where(is_call, 1.0, -1.0)
    root = np.sqrt(years)
    deviation = volatility * root
    d1 = np.log(forward / strike) / deviation + deviation / 2
    chance = ndtr(sign * d1)
    density = np.exp(-(d1**2) / 2) / np.sqrt(2 * np.pi)
    vega = forward * density * root
    return [
        sign * (forward * chance - strike * ndtr(sign * (d1 - deviation))),
        sign * chance,
        density / (forward * deviation),
        vega,
        -vega * volatility / (2 * years),
    ]


def with_quantlib(forward: Floats, strike: Floats, years: Floats, volatility: Floats, is_call: Bools) -> list[Floats]:
    """QuantLib's Black calculator, option by option. Its theta wants a spot: the forward, without interest."""
    kinds = {True: QuantLib.Option.Call, False: QuantLib.Option.Put}
    rows = []
    columns = (array.tolist() for array in (forward, strike, years, volatility, is_call))
    for f, k, t, sigma, call in zip(*columns, strict=True):
        option = QuantLib.BlackCalculator(QuantLib.PlainVanillaPayoff(kinds[call], k), f, sigma * t**0.5)
        rows.append((option.value(), option.deltaForward(), option.gammaForward(), option.vega(t), option.theta(f, t)))
    return list(np.array(rows).T)


def agree(ours: list[Floats] | black76.Greeks, others: list[Floats]) -> None:
    """A benchmark of different answers compares nothing."""
    for one, other in zip(ours, others, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)
