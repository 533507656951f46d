"""The result of a replay as plain values, for JSON and for the report."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from peersettle.risk.instruments import expiry
from peersettle.sim.chained import ChainVenue
from peersettle.sim.records import Book
from peersettle.sim.samples import Samples
from peersettle.sim.verdicts import Verdicts
from peersettle.types import WAD

if TYPE_CHECKING:
    from peersettle.sim.replay import Stage


def collected(
    stage: Stage, engine: str, records: Book, samples: Samples, verdicts: Verdicts, seconds: dict[str, float]
) -> dict[str, Any]:
    """All of it. Money in whole settlement currency, times in Unix seconds as the file has them."""
    scenario, found = stage.scenario, verdicts.all()
    sales = [sale for auction in records.auctions for sale in auction.sales]
    solvent = [sale for sale in sales if sale["equity_before"] > 0]
    shortfalls = {day: verdicts.shortfall(day) for _, day in records.fixings}
    pool = stage.venue.backstop
    brought, space = scenario.backstop, stage.venue.space
    keepers = {who: entry for who, entry in records.gas.items() if who.startswith("keeper")}
    bad = [value for value in samples.columns["bad_debt"] if value is not None]
    return {
        "scenario": {"name": scenario.name, "seed": scenario.seed, **_plain(asdict(scenario))},
        "engine": engine,
        "steps": len(stage.steps.times),
        "from": stage.steps.times[0],
        "to": stage.steps.times[-1],
        "accounts": len(stage.population.actors),
        "seconds": seconds,
        "holds": all(one.holds for one in found),
        "verdicts": [one.to_json() for one in found],
        "summary": {
            "price_first": float(stage.steps.prices[0]),
            "price_low": float(stage.steps.prices.min()),
            "price_last": float(stage.steps.prices[-1]),
            "auctions": len(records.auctions),
            "accounts_auctioned": len({auction.account for auction in records.auctions}),
            "sales": len(sales),
            "rescues": sum(sale["to"] == "backstop" for sale in sales),
            "run_offs": sum(auction.ending == "run-off" for auction in records.auctions),
            "open_auctions": sum(auction.ended_at is None for auction in records.auctions),
            "losses_of_auctioned": sum(sale["lost"] for sale in solvent),
            "equity_sold_from": sum(sale["equity_before"] for sale in solvent),
            "backstop_brought": brought,
            "backstop_idle": pool.idle() / WAD,
            "backstop_lent": pool.loans.lent / WAD,
            "backstop_inventory": pool.funded / WAD,
            "backstop_result": (pool.idle() + pool.loans.lent + pool.funded) / WAD - brought,
            "bad_debt_most": max(bad, default=0.0),
            "bad_debt_last": bad[-1] if bad else 0.0,
            "shortfall": sum(shortfall for shortfall, _ in shortfalls.values()) / WAD,
            "covered": sum(covered for _, covered in shortfalls.values()) / WAD,
            "gas_cost": sum(entry["cost"] for entry in keepers.values()),
            "gas": sum(entry["gas"] for entry in keepers.values()),
            "looks_at_all": records.looks,
        },
        "expiries": [
            {
                "expiry": expiry(day) - records.shift,
                "fixed_at": when,
                "price": stage.venue.ledger.risk.fixing(0, day) / WAD,
                "shortfall": shortfalls[day][0] / WAD,
                "covered": shortfalls[day][1] / WAD,
                "haircut": (shortfalls[day][0] - shortfalls[day][1]) / WAD,
            }
            for when, day in records.fixings
        ],
        "series": {"times": samples.times, **samples.columns},
        "accounts_followed": samples.accounts,
        "auctions": [dict(vars(auction)) for auction in records.auctions],
        "gas": records.gas,
        "blocks": {"limit": scenario.gas.block_limit, "fullest": space.fullest, "full": space.full},
        "refusals": dict(records.refusals.most_common()),
        "gas_by_call": _gas_by_call(stage),
    }


def _gas_by_call(stage: Stage) -> dict[str, dict[str, float]]:
    """What calls took on the chain beside what the fast engine takes them to cost; nothing without a chain."""
    venue = stage.venue
    if not isinstance(venue, ChainVenue):
        return {}
    found: dict[str, list[tuple[int, int]]] = {}
    for what, reckoned, used in venue.gas_used:
        if reckoned:
            found.setdefault(what, []).append((reckoned, used))
    found["a block"] = venue.blocks_used
    return {
        what: {
            "calls": len(pairs),
            "reckoned": sum(one for one, _ in pairs) / len(pairs),
            "used": sum(one for _, one in pairs) / len(pairs),
        }
        for what, pairs in sorted(found.items())
    }


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
