"""Small plots as inline SVG, drawn here so that a report needs no network; their colours are the page's."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Final

Values = Sequence[float | None]

WIDTH: Final = 860
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 10, 26
COLOURS: Final = ("c1", "c2", "c3", "c4", "c5", "c6", "c7")
_STEPS: Final = (1, 2, 2.5, 5, 10)
_SPANS: Final = (60, 300, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 2 * 86_400, 5 * 86_400, 10 * 86_400)


@dataclass(frozen=True)
class Line:
    """A line over time. `style`: `line`, `step`, `dots`, `area`, or `dashed`."""

    name: str
    values: Values
    style: str = "line"
    colour: str = ""


def plot(
    title: str, times: Sequence[int], lines: Sequence[Line], unit: str = "", height: int = 240, zero: bool = False
) -> str:
    """One plot with its legend; `unit` stands before or behind the numbers of the axis."""
    known = [value for line in lines for value in line.values if value is not None and math.isfinite(value)]
    if not known or len(times) < 2:
        return f'<figure><figcaption>{escape(title)}</figcaption><p class="none">nothing to show</p></figure>'
    low, high = min(known), max(known)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if high - low < 1e-12 * max(abs(high), 1):
        low, high = low - 0.5 * max(abs(low), 1e-6), high + 0.5 * max(abs(high), 1e-6)
    ticks = _ticks(low, high)
    low, high = min(low, ticks[0]), max(high, ticks[-1])
    inner = WIDTH - LEFT - RIGHT
    tall = height - TOP - BOTTOM

    def x(time: float) -> float:
        return LEFT + inner * (time - times[0]) / (times[-1] - times[0])

    def y(value: float) -> float:
        return TOP + tall * (high - value) / (high - low)

    parts = [f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">']
    for tick in ticks:
        at = y(tick)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>')
        parts.append(
            f'<text class="tick" x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{_number(tick, unit)}</text>'
        )
    for time, label in _moments(times[0], times[-1]):
        parts.append(f'<line class="grid" x1="{x(time):.1f}" x2="{x(time):.1f}" y1="{TOP}" y2="{height - BOTTOM}"/>')
        parts.append(f'<text class="tick" x="{x(time):.1f}" y="{height - 8}" text-anchor="middle">{label}</text>')
    for place, line in enumerate(lines):
        parts.append(_drawn(line, line.colour or COLOURS[place % len(COLOURS)], times, x, y, y(max(low, 0.0))))
    parts.append("</svg>")
    legend = "".join(
        f'<span class="key {line.colour or COLOURS[place % len(COLOURS)]} {line.style}">{escape(line.name)}</span>'
        for place, line in enumerate(lines)
    )
    return (
        f'<figure><figcaption>{escape(title)}</figcaption><div class="plot">{"".join(parts)}</div>'
        f'<div class="legend">{legend}</div></figure>'
    )


def _drawn(
    line: Line,
    colour: str,
    times: Sequence[int],
    x: Callable[[float], float],
    y: Callable[[float], float],
    floor: float,
) -> str:
    pieces: list[list[tuple[float, float]]] = [[]]
    for time, value in zip(times, line.values, strict=True):
        if value is None or not math.isfinite(value):
            pieces.append([])
        else:
            pieces[-1].append((x(time), y(value)))
    drawn = []
    for piece in pieces:
        if not piece:
            continue
        if line.style == "dots":
            drawn += [f'<circle class="{colour}" cx="{a:.1f}" cy="{b:.1f}" r="2.6"/>' for a, b in piece]
            continue
        path = f"M{piece[0][0]:.1f} {piece[0][1]:.1f}"
        for a, b in piece[1:]:
            path += f"H{a:.1f}V{b:.1f}" if line.style == "step" else f"L{a:.1f} {b:.1f}"
        if line.style == "area":
            closed = f"{path}L{piece[-1][0]:.1f} {floor:.1f}L{piece[0][0]:.1f} {floor:.1f}Z"
            drawn.append(f'<path class="fill {colour}" d="{closed}"/>')
        drawn.append(f'<path class="{line.style} {colour}" d="{path}"/>')
    return "".join(drawn)


def _ticks(low: float, high: float) -> list[float]:
    rough = (high - low) / 4
    power = 10 ** math.floor(math.log10(rough))
    step = next((power * part for part in _STEPS if power * part >= rough), 10 * power)
    first = math.floor(low / step)
    return [step * place for place in range(first, math.ceil(high / step) + 1)]


def _moments(first: int, last: int) -> list[tuple[int, str]]:
    span = next((one for one in _SPANS if (last - first) / one <= 8), (last - first) // 6)
    pattern = "%d %b" if span >= 86_400 else "%H:%M"
    found = []
    for time in range(-(-first // span) * span, last + 1, span):
        moment = datetime.fromtimestamp(time, UTC)
        is_midnight = span < 86_400 and time % 86_400 == 0
        found.append((time, f"{moment:%d %b}" if is_midnight else f"{moment:{pattern}}"))
    return found


def _number(value: float, unit: str) -> str:
    size = abs(value)
    if unit == "%":
        return f"{value * 100:.0f} %"
    if size >= 1e6:
        text = f"{value / 1e6:.2f}".rstrip("0").rstrip(".") + "M"
    elif size >= 1e4:
        text = f"{value / 1e3:.0f}k"
    elif size >= 100 or value == 0:
        text = f"{value:.0f}"
    else:
        text = f"{value:.4g}"
    return text + (f" {unit}" if unit else "")
