"""`peersettle export`: the local record as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from peersettle.cli.invocation import invocation

app = typer.Typer(help="Write what is on record to a file.", rich_markup_mode=None)


@app.callback()
def _group() -> None:
    """Only so that `trades` keeps its name while it is the only command."""


@app.command()
def trades(
    context: typer.Context,
    csv: Annotated[Path | None, typer.Option(help="For spreadsheets; ends in .csv.", metavar="FILE")] = None,
    parquet: Annotated[Path | None, typer.Option(help="For notebooks; ends in .parquet.", metavar="FILE")] = None,
) -> None:
    """Every signed quote and trade with its settlement. Reads the record; needs neither node nor chain."""
    from peersettle.errors import InputError
    from peersettle.store import export_trades

    run = invocation(context)
    wanted = {".csv": csv, ".parquet": parquet}
    if not any(wanted.values()):
        raise InputError("say where to: --csv FILE or --parquet FILE")
    for suffix, path in wanted.items():
        if path is not None and path.suffix.lower() != suffix:
            raise InputError(f"{path} does not end in {suffix}")
    written = {str(path): export_trades(run.desk.store, path) for path in wanted.values() if path is not None}
    run.out.json({"files": list(written), "trades": next(iter(written.values()))})
    for name, count in written.items():
        run.out.done(f"{count} trades in {name}")
