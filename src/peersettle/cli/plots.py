"""Drawings of what was computed, by matplotlib and without a display."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from peersettle.errors import InputError
from peersettle.pricing import OptionChain, Surface
from peersettle.pricing.fit import Smile, read_smiles

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

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
