"""Past prices from a CSV file, for tests and simulations."""

from __future__ import annotations

import csv
import gzip
from bisect import bisect_right
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Final

from peersettle.errors import ConfigError, SourceError
from peersettle.oracle.sources.base import Adjustment, Sample, decimal_from

TIME_COLUMNS: Final = ("open_time_unix", "time_unix", "time_utc", "open_time_utc", "time")


class CsvReplay:
    """The row at or before the asked time. Rows are read once, when it is made.

    Args:
        column: which column is the price.
        time_column: which is the time, Unix seconds or ISO in UTC; by default the first usual one that is there.

    Raises:
        ConfigError: the file cannot be read, lacks the column, or its times do not ascend.
    """

    def __init__(
        self,
        name: str,
        path: Path,
        *,
        column: str = "close",
        time_column: str | None = None,
        source_class: str = "replay",
        adjustment: Adjustment | None = None,
        max_age: int = 86_400,
    ) -> None:
        self.name, self.source_class, self.max_age = name, source_class, max_age
        adjustment = adjustment or Adjustment()
        self.times, values = _read(path, column, time_column)
        self.values = [adjustment.apply(value) for value in values]

    async def observe(self, at: int) -> Sample:
        """The last row that had begun at `at`.

        Raises:
            SourceError: the file begins later.
        """
        place = bisect_right(self.times, at)
        if place == 0:
            raise SourceError(f"{self.name} begins at {self.times[0]}, after {at}", kind="no_such_field")
        return Sample(self.values[place - 1], self.times[place - 1])


def _read(path: Path, column: str, time_column: str | None) -> tuple[list[int], list[Decimal]]:
    try:
        with gzip.open(path, "rt", newline="") if path.suffix == ".gz" else path.open(newline="") as file:
            rows = csv.DictReader(file)
            columns = list(rows.fieldnames or [])
            when = time_column or next((name for name in TIME_COLUMNS if name in columns), "")
            for wanted in (when or "a time", column):
                if wanted not in columns:
                    raise ConfigError(f"{path} has no column {wanted!r}; there is {', '.join(columns)}")
            pairs = [(_time(row[when]), decimal_from(row[column], column)) for row in rows]
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"cannot read {path}: {error}", path=str(path)) from None
    except (SourceError, ValueError) as error:
        raise ConfigError(f"{path} has a row that cannot be read: {error}", path=str(path)) from None
    times = [time for time, _ in pairs]
    if not times or any(later <= earlier for earlier, later in pairwise(times)):
        raise ConfigError(f"{path}: give at least one row, each later than the one before", path=str(path))
    return times, [value for _, value in pairs]


def _time(text: str) -> int:
    if text.isascii() and text.isdigit():
        return int(text)
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
