"""Prices to replay: a file of candles or ticks, or waypoints, brought to even steps by seeded Brownian bridges."""

from __future__ import annotations

import csv
import gzip
import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from peersettle.errors import InputError

Floats = NDArray[np.float64]

TIME_COLUMNS: Final = ("open_time_unix", "time_unix", "time_utc", "open_time_utc", "time")
CANDLE: Final = ("open", "high", "low", "close")
PRICE_COLUMNS: Final = ("close", "price", "value")
LEAST_PRICE: Final = 1e-9
_YEAR: Final = 365 * 86_400

MARCH_2020: Final = (
    ("2020-03-12T00:00", 194.61),
    ("2020-03-12T06:00", 181.79),
    ("2020-03-12T09:00", 169.53),
    ("2020-03-12T10:00", 167.97),
    ("2020-03-12T11:00", 132.91),
    ("2020-03-12T15:00", 139.66),
    ("2020-03-12T20:00", 138.40),
    ("2020-03-12T23:00", 127.32),
    ("2020-03-13T00:00", 107.67),
    ("2020-03-13T02:00", 96.51),
    ("2020-03-13T02:30", 86.00),
    ("2020-03-13T03:00", 111.25),
    ("2020-03-13T04:00", 124.17),
    ("2020-03-13T05:00", 109.70),
    ("2020-03-13T07:00", 126.14),
    ("2020-03-13T13:00", 129.34),
    ("2020-03-13T15:00", 126.87),
    ("2020-03-13T18:00", 118.86),
    ("2020-03-13T23:00", 132.98),
)
"""ETH in USD on the two days of the crash, UTC."""


@dataclass(frozen=True)
class Waypoints:
    """Known prices at ascending times (Unix seconds), and where the source has it the gas price (wei) from then on."""

    times: tuple[int, ...]
    prices: tuple[float, ...]
    gas: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if len(self.times) < 2:
            raise InputError("a replay needs at least two prices")
        for earlier, later in pairwise(self.times):
            if later <= earlier:
                raise InputError(f"prices must be in the order of time: {_shown(later)} comes after {_shown(earlier)}")
        for time, price in zip(self.times, self.prices, strict=True):
            if not (math.isfinite(price) and price >= LEAST_PRICE):
                raise InputError(f"the price at {_shown(time)} is {price}: give positive numbers")

    def gas_at(self, time: int) -> int | None:
        """The source's gas price in wei at a time; None where it has none."""
        if not self.gas:
            return None
        return self.gas[max(bisect_right(self.times, time) - 1, 0)]


@dataclass(frozen=True)
class Steps:
    """A price at even steps. `times` in Unix seconds, ascending by the step."""

    times: tuple[int, ...]
    prices: Floats

    def between(self, first: int | None, last: int | None) -> Steps:
        """Those from one time to another, both included; None is where they begin, or end.

        Raises:
            InputError: fewer than two are left.
        """
        chosen = [
            place
            for place, time in enumerate(self.times)
            if (first is None or time >= first) and (last is None or time <= last)
        ]
        if len(chosen) < 2:
            raise InputError(
                f"fewer than two steps between {_shown(first or self.times[0])} and {_shown(last or self.times[-1])}; "
                f"there are prices from {_shown(self.times[0])} to {_shown(self.times[-1])}"
            )
        return Steps(tuple(self.times[i] for i in chosen), self.prices[chosen])


def march_2020() -> Waypoints:
    """The public waypoints of ETH/USD on 12 and 13 March 2020."""
    moments = [datetime.fromisoformat(text).replace(tzinfo=UTC) for text, _ in MARCH_2020]
    return Waypoints(tuple(int(one.timestamp()) for one in moments), tuple(price for _, price in MARCH_2020))


def bridged(waypoints: Waypoints, step: int, volatility: float, seed: int) -> Steps:
    """The waypoints at even steps, with a Brownian bridge in the logarithm of the price between each two.

    Args:
        waypoints: kept as they are where they fall on a step.
        step: seconds.
        volatility: of the noise, a year; zero gives straight lines in the logarithm.
        seed: of the noise.
    """
    generator = np.random.default_rng(seed)
    first = -(-waypoints.times[0] // step) * step
    grid = np.arange(first, waypoints.times[-1] + 1, step, dtype=np.int64)
    if len(grid) < 2:
        raise InputError(f"there is less than one step of {step} s between the first price and the last")
    known, logs = np.array(waypoints.times, np.float64), np.log(np.array(waypoints.prices))
    straight = np.interp(grid, known, logs)
    if volatility == 0:
        return Steps(tuple(grid.tolist()), np.exp(straight))
    spacing = np.sqrt(np.diff(grid, prepend=grid[0]) / _YEAR)
    walk = np.cumsum(generator.standard_normal(len(grid)) * spacing) * volatility
    # A walk less the straight line between its own values at the waypoints is pinned there.
    pinned = walk - np.interp(grid, known, np.interp(known, grid, walk))
    return Steps(tuple(grid.tolist()), np.exp(straight + pinned))


# Files


def load(path: Path, *, column: str | None = None, gas_column: str = "gas_p90") -> Waypoints:
    """Prices of a CSV file, perhaps compressed by gzip; candles become four waypoints each, low and high included.

    The time column is the first of `TIME_COLUMNS` that is there, Unix seconds or ISO (UTC unless it says otherwise) at
    the beginning of the candle. Of a candle that closes above its open the low comes first, else the high.

    Args:
        path: the file.
        column: take this column as the price, and nothing else.
        gas_column: where the gas price is, wei; a file without it has none.

    Raises:
        InputError: the file or a column is missing, a row cannot be read, or times do not ascend.
    """
    rows, columns = _rows(path)
    when = next((name for name in TIME_COLUMNS if name in columns), None)
    if when is None:
        raise InputError(f"{path} has no column of times ({', '.join(TIME_COLUMNS)}); there is {', '.join(columns)}")
    if column is None and not set(CANDLE) <= set(columns):
        column = next((name for name in PRICE_COLUMNS if name in columns), None)
        if column is None:
            raise InputError(
                f"{path} has no column of prices ({', '.join(CANDLE)}, or {' or '.join(PRICE_COLUMNS)}); "
                f"there is {', '.join(columns)}: name one with --column"
            )
    elif column is not None and column not in columns:
        raise InputError(f"{path} has no column {column!r}; there is {', '.join(columns)}")
    if not rows:
        raise InputError(f"{path} has no rows")
    times = [_time(path, line, row[when]) for line, row in rows]
    for (line, _), earlier, later in zip(rows[1:], times, times[1:], strict=False):
        if later <= earlier:
            raise InputError(
                f"{path}, line {line}: {_shown(later)} is not after {_shown(earlier)}, the time of the row before: "
                "sort the file by time"
            )
    gas = tuple(int(_number(path, line, row, gas_column)) for line, row in rows) if gas_column in columns else ()
    if column is not None:
        return Waypoints(tuple(times), tuple(_number(path, line, row, column) for line, row in rows), gas)
    return _candles(path, rows, times, gas)


def _candles(
    path: Path, rows: Sequence[tuple[int, Mapping[str, str]]], times: list[int], gas: tuple[int, ...]
) -> Waypoints:
    usual = min((later - earlier for earlier, later in pairwise(times)), default=3_600)
    found: list[tuple[int, float, int]] = []
    for place, ((line, row), begins) in enumerate(zip(rows, times, strict=True)):
        opens, high, low, closes = (_number(path, line, row, name) for name in CANDLE)
        inner = (low, high) if closes >= opens else (high, low)
        quarter = max(usual // 4, 1)
        price_of_gas = gas[place] if gas else 0
        points = [(begins, opens), (begins + quarter, inner[0]), (begins + 2 * quarter, inner[1])]
        if quarter * 3 < usual:
            points.append((begins + 3 * quarter, closes))
        found += [(time, price, price_of_gas) for time, price in points]
    return Waypoints(
        tuple(item[0] for item in found),
        tuple(item[1] for item in found),
        tuple(item[2] for item in found) if gas else (),
    )


def _rows(path: Path) -> tuple[list[tuple[int, dict[str, str]]], list[str]]:
    try:
        with gzip.open(path, "rt", newline="") if path.suffix == ".gz" else path.open(newline="") as file:
            reader = csv.DictReader(file)
            rows = [(reader.line_num, row) for row in reader]
            return rows, list(reader.fieldnames or [])
    except FileNotFoundError:
        raise InputError(f"there is no file {path}") from None
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"cannot read {path}: {error}") from None


def _time(path: Path, line: int, text: str) -> int:
    try:
        if text.isascii() and text.isdigit():
            return int(text)
        moment = datetime.fromisoformat(text)
    except (ValueError, TypeError):
        raise InputError(f"{path}, line {line}: {text!r} is no time; give Unix seconds or ISO") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _number(path: Path, line: int, row: Mapping[str, str], name: str) -> float:
    try:
        value = float(row[name])
    except (ValueError, TypeError):
        raise InputError(f"{path}, line {line}: {name} is {row[name]!r}, which is no number") from None
    if not math.isfinite(value):
        raise InputError(f"{path}, line {line}: {name} is {row[name]!r}")
    return value


def _shown(time: int) -> str:
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M:%S}"
