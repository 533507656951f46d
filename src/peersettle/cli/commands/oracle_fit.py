"""`peersettle oracle fit`: a volatility surface from an option chain."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from peersettle.cli.invocation import Invocation, invocation

if TYPE_CHECKING:
    from peersettle.pricing import FittedSurface, SliceFit, SurfaceSlice

_MARKET = ("expiry", "days", "options", "forward", "ATM vol %", "RMS error", "worst error")
_PARAMETERS = ("expiry", "a", "b", "rho", "m", "sigma", "butterfly", "calendar", "wing")


def fit(
    context: typer.Context,
    chain: Annotated[Path, typer.Argument(help="The option chain (CSV with a header).", metavar="FILE")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write the surface's parameters here (JSON).", metavar="FILE")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Draw smiles and total variance: .png, .svg or .pdf.", metavar="FILE")
    ] = None,
    observed_at: Annotated[
        int | None, typer.Option(help="When the chain was seen, unix seconds; else from T_years.", metavar="TIME")
    ] = None,
    fewest_strikes: Annotated[int, typer.Option(help="Skip expiries with fewer usable strikes.", min=6)] = 6,
) -> None:
    """Fit a volatility surface without static arbitrage to an option chain, and say how well it fits."""
    from peersettle.cli.surfaces import check_suffix, read_option_chain, write_surface
    from peersettle.pricing import fit_surface

    run = invocation(context)
    if plot is not None:
        check_suffix(plot)
    quotes = read_option_chain(chain, observed_at)
    with run.out.working("fitting"):
        fitted = fit_surface(quotes, fewest_strikes=fewest_strikes)
    if out is not None:
        write_surface(out, fitted.surface)
    if plot is not None:
        from peersettle.cli.plots import plot_surface

        with run.out.working("drawing"):
            plot_surface(fitted.surface, quotes, plot)
    run.out.json(_as_json(fitted, quotes.spot, out, plot))
    _show(run, fitted, out, plot)


def _as_json(fitted: FittedSurface, spot: float, out: Path | None, plot: Path | None) -> dict[str, Any]:
    return {
        "observed_at": fitted.surface.observed_at,
        "spot": spot,
        "median_rms_error": fitted.median_error,
        "slices": [
            {
                "expiry": part.expiry,
                "years": quality.smile.years,
                "options": len(quality.smile.k),
                "left_out": quality.smile.left_out,
                "forward": quality.smile.forward,
                "forward_ratio": part.forward_ratio,
                "atm_volatility": quality.at_the_money,
                "rms_error": quality.rms_error,
                "worst_error": quality.worst_error,
                **asdict(part.svi),
                "margins": _finite(asdict(quality.margins)),
                "repaired": quality.repaired,
            }
            for part, quality in zip(fitted.surface.slices, fitted.errors, strict=True)
        ],
        "skipped": [asdict(item) for item in fitted.skipped],
        "out": None if out is None else str(out),
        "plot": None if plot is None else str(plot),
    }


def _finite(values: dict[str, float]) -> dict[str, float | None]:
    """The first slice has no margin over another; JSON knows no infinity."""
    return {name: value if abs(value) < float("inf") else None for name, value in values.items()}


def _show(run: Invocation, fitted: FittedSurface, out: Path | None, plot: Path | None) -> None:
    pairs = list(zip(fitted.surface.slices, fitted.errors, strict=True))
    run.out.table(
        "Errors in vol points, weighted by vega",
        _MARKET,
        [_market_row(part, quality) for part, quality in pairs],
        right=",".join(_MARKET[1:]),
    )
    run.out.line()
    run.out.table(
        "Raw SVI parameters, and how far each slice is from arbitrage",
        _PARAMETERS,
        [_parameter_row(part, quality) for part, quality in pairs],
        right=",".join(_PARAMETERS[1:]),
    )
    for item in fitted.skipped:
        run.out.warn(f"{_day(item.expiry)} left out: {item.reason}")
    for part, quality in pairs:
        if quality.repaired:
            run.out.warn(f"{_day(part.expiry)} moved away from its best fit: that could be arbitraged")
    run.out.done(f"no arbitrage; median RMS error {fitted.median_error:.2f} vol points over {len(pairs)} expiries")
    for path in (out, plot):
        if path is not None:
            run.out.line(f"  written: {path}")


def _market_row(part: SurfaceSlice, quality: SliceFit) -> tuple[str, ...]:
    smile = quality.smile
    return (
        _day(part.expiry),
        f"{smile.years * 365:.2f}",
        f"{len(smile.k)} of {len(smile.k) + smile.left_out}",
        f"{smile.forward:.2f}",
        f"{100 * quality.at_the_money:.2f}",
        f"{quality.rms_error:.2f}",
        f"{quality.worst_error:.2f}",
    )


def _parameter_row(part: SurfaceSlice, quality: SliceFit) -> tuple[str, ...]:
    svi, margins = part.svi, quality.margins
    return (
        _day(part.expiry),
        *(f"{value:.6f}" for value in (svi.a, svi.b, svi.rho, svi.m, svi.sigma)),
        f"{margins.butterfly:.3f}",
        "-" if margins.calendar == float("inf") else f"{margins.calendar:.1e}",
        f"{margins.wing:.2f}",
    )


def _day(expiry: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(expiry, UTC).strftime("%Y-%m-%d %H:%M")
