"""`peersettle instruments`: what a market's surface quotes."""

from __future__ import annotations

from typing import Annotated

import typer

from peersettle.cli.invocation import invocation


def instruments(
    context: typer.Context,
    market: Annotated[str | None, typer.Argument(help="Symbol of the market; else all.", metavar="MARKET")] = None,
    expiry: Annotated[str | None, typer.Option(help="Only this expiry, as 26JUN26.", metavar="DATE")] = None,
    strikes: Annotated[int, typer.Option(help="How many strikes of each expiry.", min=1, max=15)] = 5,
) -> None:
    """List expiries that the surface quotes, with strikes around the spot: marks, volatility, Greeks, open interest.

    Nothing is listed by anybody: every strike on the grid can be traded, every day at 08:00 UTC.
    """
    from itertools import groupby

    from peersettle.cli import grid
    from peersettle.cli.margins import exact, money
    from peersettle.risk.instruments import to_day

    run = invocation(context)
    desk = run.desk
    listings = [desk.margin.listing(market)] if market else list(desk.margin.listings)
    only = to_day(expiry.upper()) if expiry else None
    found = []
    for listing in listings:
        with run.out.working(f"reading {listing.market.symbol}"):
            days = [only] if only is not None else grid.quoted_days(desk, listing)
            snapshot, quoted = grid.grid(desk, listing, days, strikes)
        found.append((listing, snapshot, quoted))
    run.out.json(
        [
            {
                "market": listing.market.symbol,
                "reference": exact(snapshot.reference),
                "lot": exact(listing.market.lot),
                "tick": exact(listing.market.tick),
                "instruments": [item.to_json() for item in quoted],
            }
            for listing, snapshot, quoted in found
        ]
    )
    for listing, snapshot, quoted in found:
        now = snapshot.time
        run.out.line(f"{listing.market.symbol}: reference {money(snapshot.reference)}", "bold")
        if not quoted:
            run.out.line("  the surface quotes no expiry")
        for day, items in groupby(quoted, key=lambda item: item.day):
            rows = [item.row() for item in items]
            run.out.table(
                grid.day_title(listing.market, day, now), grid.COLUMNS, rows, right=",".join(grid.COLUMNS[1:])
            )
    if not found:
        run.out.line("no market is listed yet")
        run.out.hint("peersettle margin propose FILE")
