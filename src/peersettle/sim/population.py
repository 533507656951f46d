"""Setting a replay up: the market's first epoch, everybody's money, and the trades from before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from peersettle.errors import InputError
from peersettle.risk.instruments import Market, expiry
from peersettle.sim.actors import Opening, Population, actor, depositors, populate
from peersettle.sim.feeds import smile
from peersettle.sim.refreshing import refresh
from peersettle.sim.scenario import Scenario
from peersettle.sim.venue import Venue

LEAD: Final = 3_600
"""Seconds before the first price in which everything is set up."""
MANY: Final = 500
"""With so many accounts trades are settled in groups, and nobody waits for a block of his own."""
GROUP: Final = 64


def settle_in(venue: Venue, scenario: Scenario, series: Sequence[int], price: int, volatility: float) -> Population:
    """Everybody there with cash, collateral and positions, at the first price (wad).

    Raises:
        InputError: an account cannot have what the scenario says.
    """
    first = venue.now
    operator = actor(scenario, "operator", 0)
    for one in depositors(scenario):
        venue.bring(one)
    venue.block(first + 60)
    report(venue, scenario, price)
    days = sorted({one >> 22 for one in series})
    slot = venue.now // 300 * 300
    if not venue.quote([smile(expiry(day), slot, volatility) for day in days], slot):
        raise InputError("the first surface is refused: the volatility does not fit")
    refresh(venue, operator, series)
    population = populate(scenario, venue.snapshot(), series)
    is_large = len(population.actors) > MANY
    for one in population.actors:
        if one.role != "depositor":
            if not is_large:
                venue.block(venue.now + 1)
            venue.bring(one)
    venue.block(max(venue.now + 1, first + 300))
    report(venue, scenario, price)
    refresh(venue, operator, series)
    last = venue.now
    for group in _groups(population.openings, GROUP if is_large else 1):
        if not is_large:
            venue.block(venue.now + 1)
        if venue.now - last >= 120:
            report(venue, scenario, price)
            last = venue.now
        venue.open(group)
    return population


def report(venue: Venue, scenario: Scenario, price: int, observed_at: int | None = None, spread: int = 0) -> bool:
    """A round in which reporters differ by so much (wad) to either side; whether it was taken."""
    at = venue.now if observed_at is None else observed_at
    middle = scenario.reporters.threshold // 2
    values = [max(price + spread * (place - middle), 1) for place in range(scenario.reporters.threshold)]
    return venue.report(values, at // 15 * 15)


def _groups(openings: Sequence[Opening], size: int) -> list[list[Opening]]:
    """Of one dealer each."""
    by_dealer: dict[int, list[Opening]] = {}
    for opening in openings:
        by_dealer.setdefault(opening.dealer.number, []).append(opening)
    return [held[place : place + size] for held in by_dealer.values() for place in range(0, len(held), size)]


def grid_prices(market: Market, prices: Sequence[float]) -> list[int]:
    """Prices in wad, to a millionth of a tick."""
    unit = max(market.tick // 10**6, 1)
    return [round(price * 10**18 / unit) * unit for price in prices]
