"""Options and forwards by name, and as the contracts number them.

A name is `market-date-strike-kind`: `ETH-26JUN26-3000-C` is a call, `-P` a put, and `ETH-26JUN26-2950-F` a dated
forward at 2950. A series is `day 14 | strike ticks 20 | kind 2` bits; in the moves of a trade it stands below its
market's number. Every day at 08:00 UTC is an expiry, from 2024-01-01 on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import IntEnum
from fractions import Fraction
from typing import Final, NamedTuple

from peersettle.errors import InvalidField
from peersettle.risk.parameters import MAX_LOT, MAX_TICK, MIN_LOT, MIN_TICK, Number
from peersettle.types import from_units, to_units, uint

FIRST_EXPIRY: Final = 1_704_096_000
"""2024-01-01 08:00 UTC, the expiry of day 0."""
DAY: Final = 86_400
LAST_DAY: Final = 2**14 - 1
LAST_STRIKE: Final = 2**20 - 1
"""In ticks."""
MOST_LOTS: Final = 2**27 - 1
"""In one position, long or short."""
MOST_MARKETS: Final = 64
CASH_ID: Final = 1 << 42
"""How a move names cash; what it names below is `market << 36 | series`."""
SERIES_BITS: Final = 36

_DECIMALS: Final = 18
_FIRST_DATE: Final = date(2024, 1, 1)
_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_SYMBOL: Final = re.compile(r"[A-Z0-9._]{1,20}")
_DATE: Final = re.compile(r"(\d{1,2})([A-Z]{3})(\d{2})", re.ASCII)
_STRIKE: Final = re.compile(r"\d{1,40}(\.\d{1,40})?", re.ASCII)


class Kind(IntEnum):
    """What a series is."""

    CALL = 0
    PUT = 1
    FORWARD = 2

    @property
    def letter(self) -> str:
        """As names end."""
        return self.name[0]


class Fixing(NamedTuple):
    """The price (wad) at which an expiry settles, and when (Unix seconds) it was fixed."""

    price: int
    fixed_at: int


@dataclass(frozen=True, slots=True)
class Market:
    """An underlying: its number on chain, the symbol that names begin with, and its grid.

    Args:
        number: 0 to 63.
        symbol: up to 20 capitals, digits, dots and underscores.
        lot: underlying units in one lot, a wad, a power of ten.
        tick: settlement currency in one strike tick, a wad, a power of ten.

    Raises:
        InvalidField: a field does not fit its rule.
    """

    number: int
    symbol: str
    lot: int
    tick: int

    def __post_init__(self) -> None:
        if uint(self.number, "number") >= MOST_MARKETS:
            raise InvalidField("number", self.number, f"markets are numbered from 0 to {MOST_MARKETS - 1}")
        if _SYMBOL.fullmatch(self.symbol) is None:
            raise InvalidField("symbol", self.symbol, "give up to 20 capitals, digits, dots and underscores")
        for name, value, least, most in (("lot", self.lot, MIN_LOT, MAX_LOT), ("tick", self.tick, MIN_TICK, MAX_TICK)):
            if not least <= uint(value, name) <= most or str(value).strip("0") != "1":
                raise InvalidField(name, value, f"give a power of ten from {least} to {most}")

    @property
    def collateral_id(self) -> int:
        """The market's collateral as a move names it."""
        return self.number << SERIES_BITS

    def to_lots(self, units: Number) -> int:
        """A quantity of the underlying in whole lots, exactly; negative for a short.

        Raises:
            InvalidField: no number, no whole number of lots, or more than a position can hold.
        """
        text = str(units).strip()
        is_short = text.startswith("-")
        wad = to_units(text.removeprefix("-"), _DECIMALS, "units")
        lots, rest = divmod(wad, self.lot)
        sign = -1 if is_short else 1
        if rest:
            near = " or ".join(self.to_quantity(sign * count) for count in (lots, lots + 1))
            raise InvalidField("units", units, f"a lot of {self.symbol} is {self.to_quantity(1)}: give {near}")
        if lots > MOST_LOTS:
            rule = f"a position in {self.symbol} holds at most {self.to_quantity(MOST_LOTS)}"
            raise InvalidField("units", units, rule)
        return sign * lots

    def to_quantity(self, lots: int) -> str:
        """Lots as plain decimal text, in units of the underlying."""
        return from_units(lots * self.lot, _DECIMALS)

    def instrument(self, series: int) -> Instrument:
        """What a series number, without a market's, stands for.

        Raises:
            InvalidField: more than 36 bits, a kind that there is not, or a strike of zero.
        """
        number = uint(series, "series", SERIES_BITS)
        if number & 3 == 3:
            raise InvalidField("series", series, "its lowest two bits are its kind: 0 call, 1 put, 2 forward")
        return Instrument(self, number >> 22, number >> 2 & LAST_STRIKE, Kind(number & 3))

    def parse(self, name: str) -> Instrument:
        """The instrument of a name in this market.

        Raises:
            InvalidField: as `parse`.
        """
        return parse(name, [self])


@dataclass(frozen=True, slots=True)
class Instrument:
    """An option or dated forward: all of its terms, without listing.

    Args:
        market: the underlying.
        day: days from 2024-01-01 to its expiry at 08:00 UTC.
        ticks: strike, or a forward's price, in the market's ticks.
        kind: call, put or forward.

    Raises:
        InvalidField: day or strike lie beyond what a series can say.
    """

    market: Market
    day: int
    ticks: int
    kind: Kind

    def __post_init__(self) -> None:
        uint(self.day, "day", 14)
        if uint(self.ticks, "strike", 20) == 0:
            raise InvalidField("strike", 0, "must be positive")
        object.__setattr__(self, "kind", Kind(self.kind))

    @property
    def series(self) -> int:
        """Its number within its market."""
        return self.day << 22 | self.ticks << 2 | self.kind

    @property
    def move_id(self) -> int:
        """Its number in the moves of a trade."""
        return self.market.number << SERIES_BITS | self.series

    @property
    def expiry(self) -> int:
        """Unix seconds."""
        return expiry(self.day)

    @property
    def strike(self) -> int:
        """A wad of settlement currency."""
        return self.ticks * self.market.tick

    @property
    def name(self) -> str:
        """As `parse` reads it."""
        strike = from_units(self.strike, _DECIMALS)
        return f"{self.market.symbol}-{date_text(self.day)}-{strike}-{self.kind.letter}"

    def __str__(self) -> str:
        return self.name


def parse(name: str, markets: Iterable[Market]) -> Instrument:
    """The instrument of a name; capitals and small letters are the same.

    Raises:
        InvalidField: not of that form, no such market, date, kind or strike. For a strike off the grid, the error says
            which ones are next.
    """
    parts = name.strip().upper().rsplit("-", 3)
    if len(parts) != 4:
        raise InvalidField("instrument", name, "give market-date-strike-kind, as ETH-26JUN26-3000-C")
    symbol, when, strike, letter = parts
    known = {market.symbol: market for market in markets}
    if symbol not in known:
        raise InvalidField("market", symbol, f"there are {', '.join(sorted(known)) or 'none'}")
    kinds = {kind.letter: kind for kind in Kind}
    if letter not in kinds:
        raise InvalidField("kind", letter, "give C for a call, P for a put or F for a forward")
    market = known[symbol]
    return Instrument(market, to_day(when), _ticks(market, strike), kinds[letter])


def from_move_id(move_id: int, markets: Iterable[Market]) -> Instrument:
    """The instrument that a trade's move names.

    Raises:
        InvalidField: no such market, no series (it is cash or collateral), or one that cannot be.
    """
    if move_id == CASH_ID:
        raise InvalidField("series", move_id, "stands for cash, not for an instrument")
    number, series = divmod(uint(move_id, "series", SERIES_BITS + 6), 1 << SERIES_BITS)
    market = next((market for market in markets if market.number == number), None)
    if market is None:
        raise InvalidField("market", number, "there is no market of this number")
    if series == 0:
        raise InvalidField("series", move_id, "stands for collateral, not for an instrument")
    return market.instrument(series)


def expiry(day: int) -> int:
    """Unix seconds of a day's expiry."""
    return FIRST_EXPIRY + day * DAY


def to_day(text: str) -> int:
    """The day of a date as `26JUN26`.

    Raises:
        InvalidField: no date, or one before the first expiry or after the last.
    """
    found = _DATE.fullmatch(text)
    if found is None or found[2] not in _MONTHS:
        raise InvalidField("date", text, "give day, month and year, as 26JUN26")
    try:
        when = date(2000 + int(found[3]), _MONTHS.index(found[2]) + 1, int(found[1]))
    except ValueError:
        raise InvalidField("date", text, "there is no such date") from None
    day = (when - _FIRST_DATE).days
    if not 0 <= day <= LAST_DAY:
        raise InvalidField("date", text, f"expiries go from {date_text(0)} to {date_text(LAST_DAY)}")
    return day


def date_text(day: int) -> str:
    """A day as names have it: `26JUN26`, `5JUL26`."""
    when = _FIRST_DATE + timedelta(days=day)
    return f"{when.day}{_MONTHS[when.month - 1]}{when.year % 100:02}"


def next_day(time: int) -> int:
    """The day of the first expiry after a time, unix seconds."""
    return max(0, (time - FIRST_EXPIRY) // DAY + 1)


def expiry_time(day: int) -> datetime:
    """A day's expiry, in UTC."""
    return datetime.fromtimestamp(expiry(day), UTC)


def payoff(series: int, price: int, tick: int) -> int:
    """What one unit pays its holder at a price, wad; of a forward perhaps less than nothing."""
    gain = price - (series >> 2 & LAST_STRIKE) * tick
    if series & 3 == Kind.FORWARD:
        return gain
    return max(-gain if series & 3 == Kind.PUT else gain, 0)


def _ticks(market: Market, text: str) -> int:
    if _STRIKE.fullmatch(text) is None:
        raise InvalidField("strike", text, "give a positive decimal number")
    exact = Fraction(text) * 10**_DECIMALS
    ticks = int(exact // market.tick)
    if ticks * market.tick == exact and 1 <= ticks <= LAST_STRIKE:
        return ticks
    low, high = (min(max(near, 1), LAST_STRIKE) for near in (ticks, ticks + 1))
    near = " or ".join(from_units(strike * market.tick, _DECIMALS) for strike in sorted({low, high}))
    rule = f"strikes of {market.symbol} are multiples of {from_units(market.tick, _DECIMALS)}: give {near}"
    raise InvalidField("strike", text, rule)
