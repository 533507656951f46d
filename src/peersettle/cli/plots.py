"""Drawings of what was computed, by matplotlib and without a display."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from peersettle.errors import InputError
from peersettle.pricing import OptionChain, Surface
from peersettle.pricing.fit import Smile, read_smiles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from peersettle.bindings import HistoryEntry

_COLUMNS = 4
_INK = "#1f2933"
_QUIET = "#8895a7"
_DOTS = "#d1495b"
_LINE = "#1d6fa5"


def plot_surface(surface: Surface, chain: OptionChain, path: Path) -> None:
    """Draw a smile per expiry, market and fit, and the total variance of all of them; the suffix says the format.

    Volatility in per cent against log-moneyness ln(strike / forward). The dots' area shows their weight, which is vega.

    Raises:
        InputError: the file cannot be written.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure  # without pyplot there is neither a display nor global state

    smiles = {smile.expiry: smile for smile in read_smiles(chain)[0]}
    shown = [part.expiry for part in surface.slices if part.expiry in smiles]
    rows = -(-len(shown) // _COLUMNS)
    with mpl.rc_context({"font.size": 8.5, "axes.edgecolor": _QUIET, "text.color": _INK, "axes.labelcolor": _INK}):
        figure = Figure(figsize=(12.5, 2.35 * rows + 4.3), layout="constrained")
        grid = figure.add_gridspec(rows + 1, _COLUMNS, height_ratios=[1.0] * rows + [1.7])
        for place, expiry in enumerate(shown):
            axes = figure.add_subplot(grid[divmod(place, _COLUMNS)])
            _draw_smile(axes, surface, smiles[expiry], legend=place == 0)
        _draw_variance(figure.add_subplot(grid[rows, :]), surface, smiles)
        seen = datetime.fromtimestamp(surface.observed_at, UTC)
        figure.suptitle(
            f"Implied volatility, {seen:%Y-%m-%d %H:%M} UTC: market marks and fitted SVI", fontsize=13, weight="bold"
        )
        _save(figure, path)


def plot_history(name: str, entries: Sequence[HistoryEntry], path: Path) -> None:
    """Draw a feed's confirmed values over time, and the candidates beside them; the suffix says the format.

    Raises:
        InputError: there is no round to draw, or the file cannot be written.
    """
    import matplotlib as mpl
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.figure import Figure

    if not entries:
        raise InputError(f"there is no round of {name} to draw: look back further with --blocks")
    with mpl.rc_context({"font.size": 9, "axes.edgecolor": _QUIET, "text.color": _INK, "axes.labelcolor": _INK}):
        figure = Figure(figsize=(11, 4.6), layout="constrained")
        axes = figure.add_subplot()
        times, values = _series(entries, "confirmed")
        axes.plot(times, values, color=_LINE, drawstyle="steps-post", marker=".", markersize=3, label="confirmed")
        times, values = _series(entries, "candidate")
        axes.scatter(times, values, color=_DOTS, s=22, alpha=0.75, linewidth=0, label="candidate", zorder=3)
        _tidy(axes)
        locator = AutoDateLocator()  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
        axes.set_xlabel("")
        axes.set_ylabel(name)
        axes.legend(frameon=False, loc="best")
        axes.set_title(f"{name}: rounds on the chain (UTC)", loc="left", fontsize=12, weight="bold")
        _save(figure, path)


def _series(entries: Sequence[HistoryEntry], kind: str) -> tuple[Any, Any]:
    chosen = [entry for entry in entries if entry.kind == kind]
    times = [datetime.fromtimestamp(entry.observed_at, UTC) for entry in chosen]
    return times, [entry.value / 10**18 for entry in chosen]


def _draw_smile(axes: Axes, surface: Surface, smile: Smile, *, legend: bool) -> None:
    low, high = float(smile.k.min()), float(smile.k.max())
    margin = 0.06 * (high - low)
    k = np.linspace(low - margin, high + margin, 400)
    fitted = 100 * surface.implied_volatility(smile.expiry, k)
    size = 6 + 26 * smile.vega / smile.vega.max()
    axes.plot(k, fitted, color=_LINE, linewidth=1.3, label="fit", zorder=3)
    axes.scatter(
        smile.k, 100 * smile.volatility, s=size, color=_DOTS, alpha=0.75, linewidth=0, label="market", zorder=2
    )
    days = smile.years * 365
    axes.set_title(f"{_day(smile.expiry)}  ({days:.{1 if days < 10 else 0}f} d)", loc="left", fontsize=9, weight="bold")
    _tidy(axes)
    axes.set_ylabel("volatility, %")
    if legend:
        axes.legend(frameon=False, loc="upper center")


def _draw_variance(axes: Axes, surface: Surface, smiles: dict[int, Smile]) -> None:
    import matplotlib as mpl

    reach = max((float(np.abs(smile.k).max()) for smile in smiles.values()), default=1.0)
    k = np.linspace(-reach, reach, 800)
    colours = mpl.colormaps["viridis"](np.linspace(0, 0.92, len(surface.slices)))
    for part, colour in zip(surface.slices, colours, strict=True):
        axes.semilogy(k, part.svi.total_variance(k), color=colour, linewidth=1.5, label=_day(part.expiry))
    axes.set_title(
        "Total variance (log scale); lines that cross would be calendar arbitrage",
        loc="left",
        fontsize=9,
        weight="bold",
    )
    axes.set_ylabel("volatility² · years")
    axes.set_xlim(-reach, reach)
    _tidy(axes)
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], labels[::-1], frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))


def _tidy(axes: Axes) -> None:
    axes.set_xlabel("ln(strike / forward)")
    axes.grid(color="#e4e9ee", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(colors=_QUIET, labelcolor=_INK)
    axes.spines[["top", "right"]].set_visible(False)


def _day(expiry: int) -> str:
    return f"{datetime.fromtimestamp(expiry, UTC):%d %b %Y}"


def _save(figure: Figure, path: Path) -> None:
    try:
        figure.savefig(path, dpi=130)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from None
