"""`peersettle trades`: every document of the local record, and how far its settlement has come."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from peersettle.cli.invocation import Invocation, invocation


def trades(
    context: typer.Context,
    digest: Annotated[
        str | None, typer.Argument(help="One of them in full; the first digits do.", metavar="DIGEST")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Go on until interrupted.")] = False,
    interval: Annotated[float, typer.Option(help="Seconds between looks.", min=0.2)] = 3.0,
) -> None:
    """List quotes and trades: open, expired, retired, or pending, included, safe, finalized."""
    run = invocation(context)
    if digest is not None:
        _show_one(run, digest)
        return
    while True:
        _show_all(run)
        if not watch:
            return
        time.sleep(interval)
        if run.out.console.is_terminal:
            run.out.console.clear()


def _show_all(run: Invocation) -> None:
    from peersettle.cli.blotter import rows

    entries, warnings = rows(run.desk)
    for warning in warnings:
        run.out.warn(warning)
    run.out.json([entry.to_json() for entry in entries])
    if not entries:
        run.out.line("no trades yet")
        return
    run.out.table(
        "",
        ("digest", "kind", "we are", "what", "status", "block"),
        [(e.digest[:10], e.kind, e.role or "-", e.summary, e.status, str(e.block_number or "-")) for e in entries],
        right="block",
    )


def _show_one(run: Invocation, digest: str) -> None:
    import json

    from peersettle.cli.blotter import rows

    record = run.desk.store.get_document(digest)
    (entry,), warnings = rows(run.desk, record.digest)
    for warning in warnings:
        run.out.warn(warning)
    run.out.json({**entry.to_json(), "document": json.loads(record.text)})
    for name, value in entry.to_json().items():
        shown = ", ".join(value) if isinstance(value, list | tuple) else value
        run.out.line(f"{name:13} {'-' if shown is None else shown}")
