"""An option chain: what one venue showed for every listed option at one moment. Reads text, never a file."""

from __future__ import annotations

import csv
import io
import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from peersettle.errors import InputError, InvalidField

YEAR: Final = 365 * 86_400
"""Seconds in a year of 365 days, the convention of crypto options."""

COLUMNS: Final = ("expiry_ts", "strike", "type", "underlying_price", "index_price", "mark_price_eth")
"""What a chain needs; `T_years` too, unless the time of observation is given. Other columns are ignored."""

_SAME_MOMENT: Final = 60.0  # seconds


@dataclass(frozen=True, slots=True)
class OptionQuote:
    """One option's mark."""

    expiry: int
    """Unix seconds."""
    strike: float
    is_call: bool
    forward: float
    """The underlying's price for this expiry, in the strike's currency."""
    mark: float
    """The mark price as a fraction of the forward, as venues that settle in the coin quote it. Zero: worthless."""


@dataclass(frozen=True, slots=True)
class OptionChain:
    """Quotes of one underlying at one moment."""

    observed_at: int
    """Unix seconds."""
    spot: float
    """The index price."""
    quotes: tuple[OptionQuote, ...]

    @property
    def expiries(self) -> tuple[int, ...]:
        """Every expiry, ascending."""
        return tuple(sorted({quote.expiry for quote in self.quotes}))

    def years(self, expiry: int) -> float:
        """Time from observation to an expiry, in years of 365 days."""
        return (expiry - self.observed_at) / YEAR


def read_chain(text: str, observed_at: int | None = None) -> OptionChain:
    """The chain in a CSV text with a header. `observed_at` (unix seconds) else follows from `T_years`.

    Rows without a mark price are left out: nobody quoted them.

    Raises:
        InputError: a column is missing, there is no row with a mark, or the rows are of different moments.
        InvalidField: a value is no finite number, negative, zero where it must be positive, or an option is listed
            twice; says which line.
    """
    reader = csv.DictReader(io.StringIO(text))
    wanted = COLUMNS if observed_at is not None else (*COLUMNS, "T_years")
    if missing := [name for name in wanted if name not in (reader.fieldnames or ())]:
        raise InputError(f"the option chain lacks {', '.join(missing)}; it needs {', '.join(wanted)}", missing=missing)
    quotes: dict[tuple[int, float, bool], OptionQuote] = {}
    spots, moments = [], []
    for row in reader:
        where = f"line {reader.line_num} "
        if row["mark_price_eth"] == "":
            continue
        quote = _quote(row, where)
        if quotes.setdefault((quote.expiry, quote.strike, quote.is_call), quote) is not quote:
            raise InvalidField(f"{where}strike", row["strike"], "this option is listed twice")
        spots.append(_number(row, "index_price", where, positive=True))
        if observed_at is None:
            moments.append(quote.expiry - YEAR * _number(row, "T_years", where, positive=True))
    if not quotes:
        raise InputError("the option chain has no row with a mark price")
    if observed_at is None:
        observed_at = round(statistics.median(moments))
        if max(abs(moment - observed_at) for moment in moments) > _SAME_MOMENT:
            raise InputError("T_years of the rows speak of different moments; give the time of observation")
    return OptionChain(observed_at, statistics.median(spots), tuple(quotes[key] for key in sorted(quotes)))


def _quote(row: Mapping[str, str | None], where: str) -> OptionQuote:
    kind = row["type"]
    if kind not in ("C", "P"):
        raise InvalidField(f"{where}type", kind, "must be C or P")
    expiry = _number(row, "expiry_ts", where, positive=True)
    if expiry != int(expiry):
        raise InvalidField(f"{where}expiry_ts", row["expiry_ts"], "give unix seconds")
    return OptionQuote(
        expiry=int(expiry),
        strike=_number(row, "strike", where, positive=True),
        is_call=kind == "C",
        forward=_number(row, "underlying_price", where, positive=True),
        mark=_number(row, "mark_price_eth", where),
    )


def _number(row: Mapping[str, str | None], name: str, where: str, *, positive: bool = False) -> float:
    text = row[name]
    try:
        value = float(text or "")
    except ValueError:
        raise InvalidField(where + name, text, "give a number") from None
    if not math.isfinite(value) or value < 0 or (positive and value == 0):
        raise InvalidField(where + name, text, f"must be finite and {'positive' if positive else 'zero or more'}")
    return value
