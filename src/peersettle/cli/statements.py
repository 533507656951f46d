"""An account as a trader reads it: cash, collateral, positions with their Greeks, margin, and the scenario ladder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from peersettle.cli.margins import exact, money
from peersettle.cli.output import Output
from peersettle.risk.instruments import Market
from peersettle.risk.margin import (
    BEYOND,
    DEAD,
    UNUSABLE,
    Book,
    Exposure,
    Health,
    LiquidationPrices,
    Scenario,
    Snapshot,
    exposure,
    ladder,
    positions,
)
from peersettle.types import from_units

if TYPE_CHECKING:
    from peersettle.bindings import Listing, Statement

_POSITIONS = ("instrument", "units", "mark", "value", "vol", "delta", "gamma", "vega", "theta")


def statement_json(statement: Statement, listings: tuple[Listing, ...]) -> dict[str, Any]:
    """For scripts. Money is decimal text in settlement currency; Greeks are numbers."""
    health = statement.health()
    return {
        "account": str(statement.account),
        "id": str(statement.account.id),
        "time": statement.time,
        "cash": exact(statement.margin.cash),
        "health": health_json(health),
        "markets": [
            _market_json(listings[number].market, book, statement.snapshots.get(number), health)
            for number, book in sorted(statement.margin.books.items())
        ],
        "refreshed": {listings[number].market.symbol: count for number, count in statement.refreshed.items()},
    }


def health_json(health: Health | None) -> dict[str, Any] | None:
    """Equity and margin."""
    if health is None:
        return None
    return {
        "equity": exact(health.equity),
        "maintenance": exact(health.maintenance),
        "initial": exact(health.initial),
        "free": exact(health.equity - health.initial - health.candidate_loss),
        "requirement": exact(health.requirement),
        "candidate_loss": exact(health.candidate_loss),
        "above_initial": health.is_above_initial,
        "above_maintenance": health.is_above_maintenance,
        "status": status_words(health.status),
    }


def liquidation_json(prices: LiquidationPrices | None) -> dict[str, str | None]:
    """The prices at which maintenance would no longer be met."""
    if prices is None:
        return {"down": None, "up": None}
    return {name: None if wad is None else exact(wad) for name, wad in (("down", prices.down), ("up", prices.up))}


def show_statement(out: Output, statement: Statement, listings: tuple[Listing, ...], cash: str) -> None:
    """Tables for people. `cash` is the settlement currency's symbol."""
    out.line(f"{statement.account}", "bold")
    out.line(f"  cash  {money(statement.margin.cash)} {cash}")
    if not statement.margin.books:
        out.line("  no collateral and no positions")
    for number, book in sorted(statement.margin.books.items()):
        market, snapshot = listings[number].market, statement.snapshots.get(number)
        if book.collateral:
            out.line(f"  {market.symbol}  {from_units(book.collateral, 18)} as collateral")
        if snapshot is None:
            out.warn(f"{market.symbol} was never refreshed: nothing in it counts yet")
            continue
        if not book.positions and not book.collateral:
            continue
        out.line()
        title = f"{market.symbol}: reference {money(snapshot.reference)}, {_feed_words(snapshot)}"
        if book.positions:
            rows = [_position_row(market, item) for item in positions(snapshot, book)]
            whole = exposure(snapshot, book)
            rows.append((f"{market.symbol}, collateral included", "", "", "", "", *_greek_cells(whole)))
            out.table(title, _POSITIONS, rows, right=",".join(_POSITIONS[1:]))
        show_ladder(out, market, ladder(snapshot, book))
    out.line()
    show_health(out, statement.health(), cash)
    if statement.refreshed:
        total = sum(statement.refreshed.values())
        out.line(f"  as after a refresh of {total} series that is due; peersettle puts it in front of your next call")


def show_health(out: Output, health: Health | None, cash: str) -> None:
    """Equity against what margin asks for."""
    if health is None:
        out.warn("a market of the account was never refreshed: its margin cannot be told yet")
        return
    rows = [
        ("equity", money(health.equity)),
        ("maintenance margin", money(health.maintenance)),
        ("initial margin", money(health.initial)),
    ]
    if health.candidate_loss:
        rows.append(("while a jump of the price waits", money(health.candidate_loss)))
    rows.append(("free", money(health.equity - health.initial - health.candidate_loss)))
    out.table("", ("margin", cash), rows, right=cash)
    for word in status_words(health.status):
        out.warn(word)
    if not health.is_above_maintenance:
        out.warn("below maintenance: the account can be liquidated")
    elif not health.is_above_initial:
        out.warn("below initial margin: only trades that lower the risk go through")


def show_ladder(out: Output, market: Market, rungs: tuple[Scenario, ...]) -> None:
    """What the book would gain in each scenario, ascending by price."""
    prices = sorted({rung.price for rung in rungs})
    columns = ("spot", "move", "volatility up", "volatility down")
    rows = []
    for price in prices:
        there = {rung.is_volatility_up: rung for rung in rungs if rung.price == price}
        move = next(iter(there.values())).move
        rows.append(
            (
                money(price),
                f"{move:+.2f}",
                *(money(there[up].change) if up in there else "" for up in (True, False)),
            )
        )
    out.table(f"{market.symbol}: gain by scenario", columns, rows, right=",".join(columns))


def ladder_json(rungs: tuple[Scenario, ...]) -> list[dict[str, Any]]:
    """The scenarios for scripts."""
    return [
        {
            "price": exact(rung.price),
            "move": rung.move,
            "volatility": "up" if rung.is_volatility_up else "down",
            "change": exact(rung.change),
        }
        for rung in rungs
    ]


def greeks_json(found: Exposure) -> dict[str, float]:
    """Delta and gamma in units, vega for a point of volatility, theta for a day."""
    numbers = {"delta": found.delta, "gamma": found.gamma, "vega": found.vega, "theta": found.theta}
    return {name: number + 0.0 for name, number in numbers.items()}  # no negative zero


def status_words(status: int) -> list[str]:
    """What the bits of an assessment say."""
    said = []
    if status & DEAD:
        said.append("a price has been missing for a day: positions there can only be closed")
    elif status & UNUSABLE:
        said.append("a price or surface is too old: no risk can be raised there")
    if status & BEYOND:
        said.append("a price beyond all scenarios waits for its confirmation")
    return said


def _market_json(market: Market, book: Book, snapshot: Snapshot | None, health: Health | None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "market": market.symbol,
        "number": market.number,
        "collateral": from_units(book.collateral, 18),
    }
    if snapshot is None:
        return {**found, "positions": None}
    assessed = health.markets[market.number] if health else None
    return {
        **found,
        "reference": exact(snapshot.reference),
        "spot": exact(snapshot.reading.value),
        "usable": snapshot.is_usable,
        "worth": exact(assessed.worth) if assessed else None,
        "requirement": exact(assessed.requirement) if assessed else None,
        "positions": [
            {
                "instrument": market.instrument(item.series).name,
                "units": market.to_quantity(item.lots) if item.lots > 0 else f"-{market.to_quantity(-item.lots)}",
                "mark": exact(item.mark),
                "value": exact(item.value),
                "volatility": item.volatility,
                **greeks_json(item.exposure),
            }
            for item in positions(snapshot, book)
        ],
        "greeks": greeks_json(exposure(snapshot, book)),
        "ladder": ladder_json(ladder(snapshot, book)),
    }


def _position_row(market: Market, item: Any) -> tuple[str, ...]:
    sign = "-" if item.lots < 0 else ""
    return (
        market.instrument(item.series).name,
        f"{sign}{market.to_quantity(abs(item.lots))}",
        money(item.mark),
        money(item.value),
        "" if item.volatility is None else f"{item.volatility:.1%}",
        *_greek_cells(item.exposure),
    )


def _greek_cells(found: Exposure) -> tuple[str, ...]:
    return f"{found.delta:.3f}", f"{found.gamma:.6f}", f"{found.vega:,.2f}", f"{found.theta:,.2f}"


def _feed_words(snapshot: Snapshot) -> str:
    age = snapshot.time - snapshot.reading.observed_at
    words = f"spot {money(snapshot.reading.value)}, {age} s old"
    return words if snapshot.is_usable else f"{words}: too old"
