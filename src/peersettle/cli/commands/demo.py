"""`peersettle demo`: a first look, on a chain inside this process."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from peersettle.cli.invocation import invocation


def demo(
    context: typer.Context,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Where to keep the record; else build/demo.", metavar="DIR"),
    ] = None,
) -> None:
    """Settle first trades between peers on a chain inside this process; nothing to set up."""
    from peersettle.cli.demo import run_demo

    run = invocation(context)
    run_demo(run.out, out)
