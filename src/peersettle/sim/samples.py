"""Time series of a replay, one point for each few steps: for the report's plots."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from peersettle.errors import PeerSettleError
from peersettle.sim.actors import Actor, Population
from peersettle.sim.keepers import Crew
from peersettle.sim.records import Book
from peersettle.sim.venue import Venue
from peersettle.types import WAD

CHOSEN: Final = (("borrower", 2), ("seller", 2), ("trader", 1), ("keeper", 1))
"""How many of each role a report follows: those nearest to maintenance in the beginning."""


@dataclass
class Samples:
    """Points at the same times. Money in whole settlement currency; None where a value could not be told."""

    venue: Venue
    crew: Crew
    records: Book
    population: Population
    times: list[int] = field(default_factory=list)
    columns: dict[str, list[float | None]] = field(default_factory=dict)
    accounts: dict[str, dict[str, list[float | None]]] = field(default_factory=dict)
    _followed: list[Actor] = field(default_factory=list)

    def take(self, price: float) -> None:
        """One more point, at this market price."""
        venue, pool = self.venue, self.venue.backstop
        snapshot = venue.snapshot()
        reading = snapshot.reading
        equity, maintenance = self._scanned()
        self.times.append(self.records.now)
        points: dict[str, float | None] = {
            "price": price,
            "confirmed": reading.value / WAD,
            "candidate": reading.candidate / WAD if reading.candidate else None,
            "usable": float(snapshot.is_usable),
            "idle": pool.idle() / WAD,
            "reserved": pool.reserved / WAD,
            "lent": pool.loans.lent / WAD,
            "inventory": pool.funded / WAD,
            "live_auctions": float(sum(sale.started_at != 0 for sale in venue.auction.sales.values())),
            "below_maintenance": None if equity is None else float(((equity < maintenance) & (maintenance > 0)).sum()),
            "bad_debt": None if equity is None else float(np.maximum(-equity, 0).sum()),
            "gas_cost": sum(entry["cost"] for who, entry in self.records.gas.items() if who.startswith("keeper")),
        }
        for name, value in points.items():
            self.columns.setdefault(name, []).append(value)
        places = {account: place for place, account in enumerate(venue.mirror.accounts)}
        for one in self._follow(equity, maintenance, places):
            entry = self.accounts.setdefault(one.name, {"equity": [], "maintenance": []})
            place = places.get(one.account)
            for name, values in (("equity", equity), ("maintenance", maintenance)):
                entry[name].append(None if values is None or place is None else float(values[place]))

    def _scanned(self) -> tuple[Any, Any]:
        try:
            table = self.crew.table()
        except PeerSettleError:
            return None, None
        if table is None:
            return None, None
        scan = self.venue.mirror.scan({0: table})
        return scan.equity, scan.maintenance

    def _follow(self, equity: Any, maintenance: Any, places: dict[int, int]) -> list[Actor]:
        if not self._followed and equity is not None:
            for role, count in CHOSEN:
                held = [one for one in self.population.of(role) if one.account in places]
                held.sort(key=lambda one: equity[places[one.account]] / max(maintenance[places[one.account]], 1e-9))
                self._followed += held[:count]
        return self._followed
