"""From an option chain to a surface that is certified to be free of static arbitrage, in what the chain can store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from peersettle.errors import InputError, InvalidField
from peersettle.pricing import black76
from peersettle.pricing.chain import OptionChain
from peersettle.pricing.joint import Smiles, fit_jointly
from peersettle.pricing.static_arbitrage import Margins, arbitrage, margins
from peersettle.pricing.surface import Surface, SurfaceSlice
from peersettle.pricing.svi import UNIT, SviSlice, quantise

Floats = NDArray[np.float64]

FEWEST_STRIKES: Final = 6
"""Five parameters need more than five."""

PRICE_STEP: Final = 1e-6
"""The last digit of a mark, as a fraction of the forward."""

COARSEST: Final = 0.01
"""A mark whose rounding moves its volatility by more than this (one vol point) says nothing."""

BUTTERFLY_MARGIN: Final = 1e-4
"""Durrleman's g of a certified slice is at least this."""

CALENDAR_MARGIN: Final = 5e-8
"""Its total variance exceeds that of the slice before it by at least this."""

VARIANCE_MARGIN: Final = 1e-8
"""Its total variance is at least this."""

WING_MARGIN: Final = 0.01
"""Its wings stay this far below the largest slope."""

_STIFFNESSES: Final = (1.0, 10.0)
_BLENDS: Final = (0.999, 0.99, 0.97, 0.93, 0.85, 0.7, 0.5, 0.3, 0.15, 0.05, 0.0)


@dataclass(frozen=True, slots=True)
class Smile:
    """What one expiry shows: an out-of-the-money option per strike, strikes ascending."""

    expiry: int
    years: float
    forward: float
    """The median over its options, in the strike's currency."""
    k: Floats
    """Log-moneyness of each option."""
    volatility: Floats
    """Implied by its mark, as a fraction."""
    vega: Floats
    """Per unit of volatility, as a fraction of the forward."""
    left_out: int
    """Strikes whose mark says nothing of volatility."""


@dataclass(frozen=True, slots=True)
class SliceFit:
    """How well one slice meets its market, and how far it is from arbitrage."""

    smile: Smile
    at_the_money: float
    """Fitted volatility at the forward, as a fraction."""
    rms_error: float
    """Root of the vega-weighted mean square of fitted less market volatility, in vol points (0.01)."""
    worst_error: float
    """The largest of them, unweighted, in vol points."""
    margins: Margins
    repaired: bool
    """Moved away from its best fit because that could not be certified."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """An expiry that has no slice, and why."""

    expiry: int
    reason: str


@dataclass(frozen=True, slots=True)
class FittedSurface:
    """The surface, and for each of its slices how well it fits."""

    surface: Surface
    errors: tuple[SliceFit, ...]
    skipped: tuple[Skipped, ...]

    @property
    def median_error(self) -> float:
        """The median over the expiries of the vega-weighted RMS error, in vol points."""
        return float(np.median([fit.rms_error for fit in self.errors]))


def fit_surface(chain: OptionChain, *, fewest_strikes: int = FEWEST_STRIKES) -> FittedSurface:
    """Fit all expiries of a chain at once.

    Every parameter is a whole multiple of 1e-9, and every slice keeps the margins of this module on `check_grid`. The
    same chain always gives the same surface.

    Raises:
        InputError: no expiry has enough strikes that say something of volatility, or no surface near them could be
            certified; nothing that can be arbitraged is ever returned.
    """
    smiles, skipped = read_smiles(chain, fewest_strikes)
    if not smiles:
        reasons = "; ".join(f"{item.expiry} {item.reason}" for item in skipped)
        raise InputError(f"no expiry can be fitted: {reasons}")
    for stiffness in _STIFFNESSES:
        wanted = [SviSlice(*map(float, row)) for row in fit_jointly(_pack(smiles), stiffness)]
        slices = tuple(_certified(wanted, smiles))
        if not any(repaired for _, repaired in slices):
            break
    surface = Surface(
        chain.observed_at,
        tuple(
            SurfaceSlice(smile.expiry, round(smile.forward / chain.spot * UNIT) / UNIT, svi)
            for smile, (svi, _) in zip(smiles, slices, strict=True)
        ),
    )
    if found := arbitrage(surface):
        raise InputError(f"the fitted surface has {found[0].kind} arbitrage at expiry {found[0].expiry}")
    before = (None, *(svi for svi, _ in slices))
    errors = tuple(
        _judge(smile, svi, previous, repaired)
        for smile, (svi, repaired), previous in zip(smiles, slices, before, strict=False)
    )
    return FittedSurface(surface, errors, tuple(skipped))


def read_smiles(chain: OptionChain, fewest_strikes: int = FEWEST_STRIKES) -> tuple[list[Smile], list[Skipped]]:
    """The smile of each expiry, and the expiries that have none. Volatilities are implied from the marks."""
    quotes = chain.quotes
    expiry = np.array([quote.expiry for quote in quotes], dtype=np.int64)
    strike, forward, mark = np.array([(q.strike, q.forward, q.mark) for q in quotes], dtype=float).reshape(-1, 3).T
    is_call = np.array([quote.is_call for quote in quotes], dtype=bool)
    years = np.array([chain.years(quote.expiry) for quote in quotes])
    moneyness = strike / forward
    volatility = black76.implied_volatility(mark, 1.0, moneyness, years, is_call)
    vega = black76.vega(1.0, moneyness, np.maximum(years, 0.0), np.nan_to_num(volatility))
    telling = np.isfinite(volatility) & (vega * COARSEST > PRICE_STEP / 2)
    smiles, skipped = [], []
    for each in chain.expiries:
        rows = np.flatnonzero(expiry == each)
        if each <= chain.observed_at:
            skipped.append(Skipped(each, "has expired"))
            continue
        used = _one_per_strike(rows[telling[rows]], strike, is_call == (moneyness >= 1))
        if len(used) < fewest_strikes:
            skipped.append(Skipped(each, f"has {len(used)} usable strikes; {fewest_strikes} are needed"))
            continue
        smiles.append(
            Smile(
                expiry=each,
                years=chain.years(each),
                forward=float(np.median(forward[rows])),
                k=np.log(moneyness[used]),
                volatility=volatility[used],
                vega=vega[used],
                left_out=len(np.unique(strike[rows])) - len(used),
            )
        )
    return smiles, skipped


def certified(svi: SviSlice, previous: SviSlice | None) -> bool:
    """Whether a slice keeps all margins, alone and against the slice before it."""
    found = margins(svi, previous)
    return (
        found.variance >= VARIANCE_MARGIN
        and found.butterfly >= BUTTERFLY_MARGIN
        and found.wing >= WING_MARGIN
        and found.calendar >= CALENDAR_MARGIN
        and found.calendar_wing >= 0
    )


def _one_per_strike(rows: NDArray[np.int64], strike: Floats, outside: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Of the options at each strike, the one out of the money; the other where it alone is known."""
    ordered = rows[np.lexsort((~outside[rows], strike[rows]))]
    _, first = np.unique(strike[ordered], return_index=True)
    return ordered[first]


def _pack(smiles: Sequence[Smile]) -> Smiles:
    shape = len(smiles), max(len(smile.k) for smile in smiles)
    k, volatility, weight = np.zeros(shape), np.ones(shape), np.zeros(shape)
    for row, smile in enumerate(smiles):
        n = len(smile.k)
        k[row, :n], volatility[row, :n], weight[row, :n] = smile.k, smile.volatility, smile.vega / smile.vega.sum()
    years = np.array([smile.years for smile in smiles])
    deviation = np.array([np.interp(0.0, smile.k, smile.volatility) for smile in smiles]) * np.sqrt(years)
    return Smiles(years, k, volatility, weight, deviation)


def _certified(wanted: Sequence[SviSlice], smiles: Sequence[Smile]) -> Iterator[tuple[SviSlice, bool]]:
    """Each slice as the chain stores it, repaired where it cannot be certified; and whether it was."""
    previous: SviSlice | None = None
    for svi, smile in zip(wanted, smiles, strict=True):
        stored = _storable(svi)
        repaired = stored is None or not certified(stored, previous)
        previous = _repair(svi, previous, smile) if stored is None or repaired else stored
        yield previous, repaired


def _repair(svi: SviSlice, previous: SviSlice | None, smile: Smile) -> SviSlice:
    """The slice nearest to the one wanted, on the way to a safe one, that can be certified."""
    safe = _safe(previous, smile)
    for share in _BLENDS:
        pairs = zip(astuple(svi), astuple(safe), strict=True)
        blend = _storable(SviSlice(*(share * mine + (1 - share) * sure for mine, sure in pairs)))
        if blend is not None and certified(blend, previous):
            return blend
    raise InputError(f"the slice of expiry {smile.expiry} cannot be made free of arbitrage")


def _safe(previous: SviSlice | None, smile: Smile) -> SviSlice:
    """A slice that can be certified: flat if it is the first, else the previous one raised.

    Raised, it keeps its distance from the previous one at every k, wings included. Raised enough, it has no butterfly:
    as the level grows, g tends to 1 - w'²/16 + w''/2 at each k, and in the wings it stays at 1/4 - w'²/16; both are
    positive for wings below 2.
    """
    if previous is None:
        level = float(np.average(smile.volatility, weights=smile.vega)) ** 2 * smile.years
        return quantise(SviSlice(max(level, 2 * VARIANCE_MARGIN), 0.0, 0.0, 0.0, 1.0))
    a, *rest = astuple(previous)
    for doubling in range(30):
        raised = _storable(SviSlice(a + 2 * CALENDAR_MARGIN * 2**doubling, *rest))
        if raised is not None and certified(raised, previous):
            return raised
    raise InputError(f"the slice before expiry {smile.expiry} leaves no room for it")


def _storable(svi: SviSlice) -> SviSlice | None:
    try:
        return quantise(svi)
    except InvalidField:
        return None


def _judge(smile: Smile, svi: SviSlice, previous: SviSlice | None, repaired: bool) -> SliceFit:
    errors = 100 * (np.sqrt(svi.total_variance(smile.k) / smile.years) - smile.volatility)
    return SliceFit(
        smile=smile,
        at_the_money=float(np.sqrt(svi.total_variance(0.0) / smile.years)),
        rms_error=float(np.sqrt(np.average(errors**2, weights=smile.vega))),
        worst_error=float(np.max(np.abs(errors))),
        margins=margins(svi, previous),
        repaired=repaired,
    )
