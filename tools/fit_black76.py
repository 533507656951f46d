"""Recompute the coefficients of Black-76 on chain and print them, each as the integer that the sources hold.

    python tools/fit_black76.py

`LOGARITHM` and `MILLS_…` are those of `peersettle.spec.black76` and of `contracts/modules/black76.vy`, `QUICK_…` and
`DECAY` those of `peersettle.spec.risk_arrays` and of `contracts/modules/risk_arrays.vy`; tests hold all of them equal
to what is computed here.

The rational functions approximate Mills' ratio R(z) = N(-z)·exp(z²/2), which falls from 1/2 like 1/(z·√(2π)) and has
no exponential left in it, by least squares of the relative error, reweighted towards the minimax (Lawson 1961;
Sanathanan and Koerner 1963). The polynomials are Chebyshev interpolants, which lie within a small factor of the
minimax.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mpmath import atanh, cos, erfc, exp, log, lu_solve, matrix, mp, mpf, nint, nstr, pi, sqrt

Real = Any
"""An mpmath number: the package has no types."""

DIGITS = 100
"""Many more than the coefficients keep: the equations of the fits lose half of them."""
END = "9.5"
"""Mills' ratio is fitted from 0 to here, in deviations; beyond it both fits go on as 1/(z·√(2π)) does."""


@dataclass(frozen=True)
class Fit:
    """Coefficients from the constant term up, scaled to integers, and the largest error before that.

    The error of a rational function is relative.
    """

    name: str
    coefficients: tuple[int, ...]
    error: float


def fits() -> list[Fit]:
    """Every table, in the order of the sources."""
    with mp.workdps(DIGITS):
        precise, p_error = rational(mills_ratio, mpf(END), 7, 8)
        quick, q_error = rational(mills_ratio, mpf(END), 4, 5)
        logarithm, l_error = polynomial(
            double_atanh, mpf(0), (3 - 2 * sqrt(mpf(2))) ** 2, 7
        )  # u up to (√2 - 1)/(√2 + 1)
        decay, d_error = polynomial(lambda r: exp(-r), mpf(0), log(mpf(2)), 7)
        return [
            Fit("LOGARITHM", scaled(logarithm, 96), l_error),
            Fit("MILLS_NUMERATOR", scaled(precise[0], 96), p_error),
            Fit("MILLS_DENOMINATOR", scaled(precise[1], 96), p_error),
            Fit("QUICK_NUMERATOR", scaled(quick[0], 40), q_error),
            Fit("QUICK_DENOMINATOR", scaled(quick[1], 40), q_error),
            Fit("DECAY", scaled(decay, 40), d_error),
        ]


def mills_ratio(z: Real) -> Real:
    """N(-z)·exp(z²/2)."""
    return erfc(z / sqrt(mpf(2))) * exp(z * z / 2) / 2


def double_atanh(square: Real) -> Real:
    """2·atanh(u)/u in the square of u."""
    u = sqrt(square)
    return 2 * atanh(u) / u if u else mpf(2)


def scaled(coefficients: Sequence[Real], bits: int) -> tuple[int, ...]:
    """The nearest whole numbers of 2**-bits."""
    return tuple(int(nint(c * 2**bits)) for c in coefficients)


def polynomial(function: Callable[[Real], Real], start: Real, end: Real, terms: int) -> tuple[list[Real], float]:
    """A polynomial of so many terms, from the constant up, and its largest error at the ends and between its nodes."""
    middle, half = (start + end) / 2, (end - start) / 2
    nodes = [middle + half * cos(pi * (2 * i + 1) / (2 * terms)) for i in range(terms)]
    powers = matrix([[x**j for j in range(terms)] for x in nodes])
    coefficients = list(lu_solve(powers, matrix([function(x) for x in nodes])))
    between = [middle + half * cos(pi * i / terms) for i in range(terms + 1)]
    return coefficients, float(max(abs(value(coefficients, x) - function(x)) for x in between))


def rational(
    function: Callable[[Real], Real], end: Real, top: int, bottom: int, rounds: int = 12
) -> tuple[tuple[list[Real], list[Real]], float]:
    """The numerator and the denominator, of these degrees, from the constant up (the lower one is 1), on [0, end].

    Returns them with the largest relative error at the nodes.
    """
    unknowns = top + bottom + 1
    count = 6 * unknowns
    nodes = [end / 2 * (1 + cos(pi * (2 * i + 1) / (2 * count))) for i in range(count)]
    values = [function(x) for x in nodes]
    rows = [
        [x**j for j in range(top + 1)] + [-y * x**j for j in range(1, bottom + 1)]
        for x, y in zip(nodes, values, strict=True)
    ]
    weights, below = [mpf(1)] * count, [mpf(1)] * count
    best: tuple[Real, list[Real], list[Real]] | None = None
    for _ in range(rounds):
        squares = [(w / (abs(q) * abs(y))) ** 2 for w, q, y in zip(weights, below, values, strict=True)]
        left, right = matrix(unknowns, unknowns), matrix(unknowns, 1)
        for i in range(unknowns):
            weighted = [s * row[i] for s, row in zip(squares, rows, strict=True)]
            right[i] = mp.fdot(weighted, values)
            for j in range(i, unknowns):
                left[i, j] = left[j, i] = mp.fdot(weighted, [row[j] for row in rows])
        solution = list(lu_solve(left, right))
        numerator, denominator = solution[: top + 1], [mpf(1), *solution[top + 1 :]]
        below = [value(denominator, x) for x in nodes]
        errors = [abs(value(numerator, x) / q / y - 1) for x, q, y in zip(nodes, below, values, strict=True)]
        largest = max(errors)
        if best is None or largest < best[0]:
            best = largest, numerator, denominator
        mean = sum(errors) / count
        weights = [w * sqrt(e / mean + mpf("0.02")) for w, e in zip(weights, errors, strict=True)]
    assert best is not None
    return (best[1], best[2]), float(best[0])


def value(coefficients: Sequence[Real], x: Real) -> Real:
    """The polynomial at x."""
    return mp.fdot(coefficients, [x**j for j in range(len(coefficients))])


def main() -> int:
    """Print the tables; the exit code."""
    for fit in fits():
        print(f"{fit.name}  # largest error {nstr(mpf(fit.error), 2)}")
        for coefficient in fit.coefficients:
            print(f"    {coefficient},")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
