"""`peersettle replay`: past prices over a population of margin accounts, and whether everything held."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from peersettle.cli.invocation import invocation

if TYPE_CHECKING:
    from peersettle.sim.prices import Waypoints


def replay(
    context: typer.Context,
    prices: Annotated[
        Path | None,
        typer.Argument(help="Candles or prices (CSV, perhaps .gz); else the scenario's own.", metavar="PRICES.csv"),
    ] = None,
    scenario: Annotated[
        str, typer.Option(help="A scenario file (TOML), or march-2020.", metavar="FILE")
    ] = "march-2020",
    out: Annotated[
        Path | None, typer.Option("--out", help="Where report and JSON go; else build/replay.", metavar="DIR")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Another seed than the scenario's.")] = None,
    chain: Annotated[
        bool, typer.Option("--chain/--fast", help="The contracts on a chain in this process, or their specification.")
    ] = False,
    anvil: Annotated[bool, typer.Option("--anvil", help="As --chain, on anvil.")] = False,
    accounts: Annotated[
        int | None, typer.Option(help="About so many accounts, in the scenario's proportions.", min=4)
    ] = None,
    keepers_off: Annotated[bool, typer.Option("--keepers-off", help="Nobody starts an auction or bids.")] = False,
    begin: Annotated[str | None, typer.Option("--from", help="Begin here (ISO, UTC).", metavar="TIME")] = None,
    end: Annotated[str | None, typer.Option("--until", help="End here (ISO, UTC).", metavar="TIME")] = None,
    column: Annotated[str | None, typer.Option(help="The column of prices, where it is not a usual one.")] = None,
) -> None:
    """Replay past prices over margin accounts; write a report, and fail if an invariant is broken.

    Without a file the scenario march-2020 brings its own prices: ETH on 12 and 13 March 2020.
    """
    from dataclasses import replace

    from peersettle.cli.replays import progress, short, show, write
    from peersettle.sim import replay as engine
    from peersettle.sim.scenario import load, to_time

    run = invocation(context)
    chosen = load(scenario)
    if accounts is not None:
        chosen = chosen.scaled(accounts)
    chosen = replace(chosen, seed=chosen.seed if seed is None else seed)
    if keepers_off:
        chosen = replace(chosen, keepers=replace(chosen.keepers, enabled=False))
    known = _prices(prices, column)
    kind = "anvil" if anvil else "chain" if chain else "fast"
    with progress(run.out, chosen.name) as tell:
        result = engine.run(
            chosen,
            known,
            engine=kind,
            first=to_time(begin) if begin else None,
            last=to_time(end) if end else None,
            progress=tell,
        )
    directory = out or Path("build/replay")
    report, values = write(result, directory, chosen.name if prices is None else prices.name.partition(".")[0])
    run.out.json({"report": str(report), "data": str(values), **short(result)})
    show(run.out, result)
    run.out.hint(f"the report: {report}")
    if not result["holds"]:
        raise typer.Exit(1)


def _prices(path: Path | None, column: str | None) -> Waypoints:
    from peersettle.sim.prices import load, march_2020

    return march_2020() if path is None else load(path, column=column)
