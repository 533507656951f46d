"""`peersettle node` and `make`: a peer that runs until it is interrupted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from peersettle.cli.invocation import Invocation, invocation
from peersettle.cli.options import KeyOption, PasswordFileOption

if TYPE_CHECKING:
    from peersettle.making import Strategy


def node(
    context: typer.Context,
    key: KeyOption = None,
    password_file: PasswordFileOption = None,
) -> None:
    """Run a peer: it asks others for quotes, accepts and settles; programs reach it on this machine.

    `rfq`, `quotes`, `accept` and `positions` speak to it. It answers no requests itself: `make` does.
    """
    _run(invocation(context), None, key, password_file)


def make(
    context: typer.Context,
    strategy: Annotated[
        str | None,
        typer.Option(help="file.py:Class or module:Class; else as [making] says.", metavar="STRATEGY"),
    ] = None,
    key: KeyOption = None,
    password_file: PasswordFileOption = None,
) -> None:
    """Run a peer that answers requests with prices, as [making] allows or a strategy of your own says."""
    from peersettle.making import load_strategy

    run = invocation(context)
    settings = run.loaded.settings.making
    if strategy is not None:
        chosen = load_strategy(strategy, settings.options)
    else:
        chosen = settings.build()
        if settings.strategy is None and not settings.policy.max_total_exposure and not settings.max_exposure:
            run.out.warn("[making] has no limits, so nothing will be quoted: set max_exposure and others")
    _run(run, chosen, key, password_file)


def _run(run: Invocation, strategy: Strategy | None, key: str | None, password_file: Path | None) -> None:
    import asyncio
    import sys

    from peersettle.cli.failures import conceal
    from peersettle.cli.nodes import run_node
    from peersettle.service.logs import log_to_stderr
    from peersettle.service.running import until_stopped

    log_to_stderr("info", as_json=run.out.as_json, conceal=conceal)

    def ready(url: str, who: dict[str, Any]) -> None:
        run.out.json({"url": url, **who})
        run.out.done(f"peer {who['peer']} for {who['account']}")
        run.out.line(f"  peers reach it at {', '.join(who['dial']) or 'nowhere'}")
        run.out.line(f"  programs reach it at {url}, with the token in {who['token_file']}")
        if strategy is None:
            run.out.hint("ask for quotes: peersettle rfq WETH buy 1")
        sys.stdout.flush()

    asyncio.run(until_stopped(run_node(run.desk, strategy, key, password_file, ready)))
    run.out.line("stopped")
