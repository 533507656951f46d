"""The instruments of a market that its surface quotes: expiries, strikes around the spot, marks and Greeks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from peersettle.cli.desk import Desk
from peersettle.cli.margins import exact, money
from peersettle.cli.statements import greeks_json
from peersettle.errors import FeedUnusable
from peersettle.risk.instruments import Kind, Market, date_text, expiry, next_day
from peersettle.risk.margin import Book, Position, Snapshot, positions
from peersettle.types import WAD

if TYPE_CHECKING:
    from peersettle.bindings import Listing

HORIZON: Final = 400
"""Days ahead in which expiries are looked for."""
_AT_ONCE: Final = 200
_BOOK: Final = 32
_YEAR: Final = 365 * 86_400


@dataclass(frozen=True, slots=True)
class Quoted:
    """One instrument as it stands: per unit, and the open interest in units."""

    name: str
    kind: Kind
    strike: int
    day: int
    position: Position
    units: int
    open_interest: str

    @property
    def scale(self) -> float:
        """Of what the position's numbers are of, to one unit."""
        return WAD / self.units

    def to_json(self) -> dict[str, Any]:
        """For scripts."""
        greeks = greeks_json(self.position.exposure)
        return {
            "instrument": self.name,
            "kind": self.kind.name.lower(),
            "strike": exact(self.strike),
            "expiry": expiry(self.day),
            "mark": exact(self.position.mark),
            "volatility": self.position.volatility,
            **{name: value * self.scale for name, value in greeks.items()},
            "open_interest": self.open_interest,
        }

    def row(self) -> tuple[str, ...]:
        """For people."""
        found = self.position.exposure
        volatility = "" if self.position.volatility is None else f"{self.position.volatility:.1%}"
        numbers = (found.delta, found.gamma, found.vega, found.theta)
        delta, gamma, vega, theta = (number * self.scale for number in numbers)
        return (
            self.name,
            money(self.position.mark),
            volatility,
            f"{delta:.3f}",
            f"{gamma:.6f}",
            f"{vega:,.2f}",
            f"{theta:,.2f}",
            self.open_interest,
        )


COLUMNS: Final = ("instrument", "mark", "vol", "delta", "gamma", "vega", "theta", "open interest")


def quoted_days(desk: Desk, listing: Listing) -> list[int]:
    """The days whose expiries the confirmed surface quotes."""
    from peersettle.bindings import ask

    first, oracle, feed = next_day(desk.chain.now()), desk.margin.oracle, bytes(listing.terms.surface_feed)
    found = []
    for start in range(first, first + HORIZON, _AT_ONCE):
        days = range(start, start + _AT_ONCE)
        questions = [oracle.question("surface_slice", feed, expiry(day)) for day in days]
        answers = ask(desk.chain, questions)
        found += [day for day, answer in zip(days, answers, strict=True) if answer and answer[0][-1]]
    return found


def grid(desk: Desk, listing: Listing, days: Sequence[int], strikes: int) -> tuple[Snapshot, list[Quoted]]:
    """Calls, puts and a forward for each day, at `strikes` strikes around the spot, as after a refresh.

    Raises:
        FeedUnusable: there is no price to begin with.
    """
    from peersettle.bindings import ask

    market, number = listing.market, listing.number
    spot = desk.margin.oracle.read(listing.spot_feed).value
    if spot == 0:
        raise FeedUnusable
    series = [item for day in days for item in _series_of(market, day, spot, strikes, desk.chain.now())]
    due = desk.margin.refreshes({number: series})
    snapshot = desk.margin.snapshots({number: series}, due)[number]
    if snapshot is None:
        raise FeedUnusable
    alive = [item for item in series if snapshot.arrays.get(item, 0) >> 236 == snapshot.epoch]
    interests = ask(desk.chain, [desk.margin.ledger.question("open_interest", number, item) for item in alive])
    lots = max(WAD // market.lot, 1)
    found = []
    for first in range(0, len(alive), _BOOK):
        part = Book.of(dict.fromkeys(alive[first : first + _BOOK], lots))
        for position in positions(snapshot, part):
            instrument = market.instrument(position.series)
            answer = interests[alive.index(position.series)]
            units = lots * market.lot
            interest = market.to_quantity(answer[0] if answer else 0)
            kind, strike, day = instrument.kind, instrument.strike, instrument.day
            found.append(Quoted(instrument.name, kind, strike, day, position, units, interest))
    found.sort(key=lambda item: (item.day, item.kind is Kind.FORWARD, item.strike, item.kind))
    return snapshot, found


def day_title(market: Market, day: int, now: int) -> str:
    """One expiry, and how far it is."""
    left = expiry(day) - now
    away = f"{left / 86_400:.1f} days" if left >= 86_400 else f"{left / 3_600:.1f} hours"
    return f"{market.symbol} {date_text(day)} 08:00 UTC, in {away}"


def _series_of(market: Market, day: int, spot: int, strikes: int, now: int) -> list[int]:
    """Strikes a third of a typical move apart, on round numbers."""
    years = max(expiry(day) - now, 3_600) / _YEAR
    step = _round_step(spot * 0.6 * math.sqrt(years) / 3 / market.tick)
    middle = round(spot / market.tick / step) * step
    ticks = [middle + step * place for place in range(-(strikes // 2), strikes - strikes // 2)]
    ticks = [tick for tick in ticks if 1 <= tick < 2**20]
    found = [market.instrument(day << 22 | tick << 2 | kind).series for tick in ticks for kind in (0, 1)]
    if 1 <= middle < 2**20:
        found.append(day << 22 | middle << 2 | Kind.FORWARD)
    return found


def _round_step(ticks: float) -> int:
    """The largest of 1, 2 and 5 times a power of ten that is not larger; at least one tick."""
    if ticks < 1:
        return 1
    power = 10 ** int(math.log10(ticks))
    return int(max(factor * power for factor in (1, 2, 5) if factor * power <= ticks))
