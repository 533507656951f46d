"""`peersettle keeper run`: watch all margin accounts, settle what has expired, and bid for those below maintenance."""

from __future__ import annotations

import asyncio
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from peersettle.cli.invocation import Invocation, invocation
from peersettle.cli.options import KeyOption, PasswordFileOption

if TYPE_CHECKING:
    from peersettle.chain import Chain
    from peersettle.keeper.actor import Outcome
    from peersettle.keeper.daemon import KeeperDaemon
    from peersettle.keeper.keeper import Look
    from peersettle.keeper.view import Decision

app = typer.Typer(help="Keep margin accounts in order: liquidate, settle.", rich_markup_mode=None)


@app.callback()
def _group() -> None:
    """Only so that `run` keeps its name while it is the only command."""


@app.command()
def run(
    context: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="Look and act once.")] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show once what would be done and why; send nothing and write nothing down."),
    ] = False,
    account: Annotated[
        str | None,
        typer.Option(help="With --dry-run and without a key: for whom.", metavar="ADDRESS|NAME"),
    ] = None,
    key: KeyOption = None,
    password_file: PasswordFileOption = None,
) -> None:
    """Watch all accounts; bid as [keeper] allows, settle what has expired, end auctions, until interrupted."""
    from peersettle.cli.failures import conceal
    from peersettle.errors import InputError
    from peersettle.service.logs import log_to_stderr
    from peersettle.service.running import until_stopped

    run = invocation(context)
    if account is not None and not dry_run:
        raise InputError("--account goes with --dry-run; give --key to say who acts")
    level = "error" if dry_run else "warning" if once else "info"
    log_to_stderr(level, as_json=run.out.as_json, conceal=conceal)
    with _chain(run) as chain, _daemon(run, chain, dry_run, account, key, password_file) as daemon:
        if dry_run or once:
            with run.out.working("looking at all accounts"):
                look = daemon.look()
            run.out.json(look.to_json())
            _show(run, look, dry_run)
            if any(item.outcome in ("failed", "stuck") for item in look.outcomes):
                raise typer.Exit(8)
            return

        def ready(url: str) -> None:
            run.out.json({"ledger": daemon.ledger, "metrics": f"{url}/metrics"})
            run.out.done(f"keeping {daemon.ledger}; metrics at {url}/metrics")

        asyncio.run(until_stopped(daemon.run(ready)))
        run.out.line("stopped")


def _chain(run: Invocation) -> AbstractContextManager[Chain]:
    """The keeper's own node, or the settings' chain, which is not ours to close."""
    from contextlib import nullcontext

    from peersettle.chain import connect
    from peersettle.cli.failures import keep_secret

    url, wanted = run.loaded.settings.keeper.url, run.loaded.settings.chain
    if url is None:
        return nullcontext(run.desk.chain)
    if "://" in url:
        from urllib.parse import urlsplit

        parts = urlsplit(url)
        keep_secret(parts.password or "", *parts.path.split("/"), *parts.query.split("="))
    return connect(url, expect_chain_id=wanted.expected_id, timeout=wanted.timeout)


def _daemon(
    run: Invocation,
    chain: Chain,
    dry_run: bool,
    account: str | None,
    key: str | None,
    password_file: Path | None,
) -> AbstractContextManager[KeeperDaemon]:
    from peersettle.chain import Deployment
    from peersettle.keeper.daemon import keeper_daemon

    settings = run.loaded.settings
    deployment = Deployment.load(settings.paths.deployments, chain.chain_id)
    named = account or key or settings.signer.name
    if dry_run and named is not None:  # a name is enough to say for whom
        return keeper_daemon(settings.keeper, chain, deployment, owner=run.desk.party(named))
    signer = run.desk.signer(key, password_file)
    if dry_run:
        return keeper_daemon(settings.keeper, chain, deployment, owner=signer.address)
    return keeper_daemon(settings.keeper, chain, deployment, signer=signer, store=run.desk.store)


def _show(run: Invocation, look: Look, dry_run: bool) -> None:
    run.out.line(
        f"block {look.block}: {look.accounts} accounts, {look.below} below maintenance; gas at "
        f"{look.gas_price / 10**9:.3g} gwei"
    )
    for market, why in look.unvalued.items():
        run.out.warn(f"market {market} cannot be valued: {why}")
    came = {id(item.decision): item for item in look.outcomes}
    for decision in look.decisions:
        _show_decision(run, decision, came.get(id(decision)), dry_run)
    if not look.decisions:
        run.out.line("nothing to do")


def _show_decision(run: Invocation, decision: Decision, outcome: Outcome | None, dry_run: bool) -> None:
    from peersettle.types import Account

    what = str(decision.kind).replace("_", " ")
    about = ", ".join(str(Account.from_id(item)) for item in decision.accounts)
    said = f"{what} {about}: {decision.reason}" if about else f"{what}: {decision.reason}"
    if not decision.acts:
        run.out.line(f"  not: {said}")
    elif dry_run:
        run.out.done(f"would {said}")
    elif outcome is None:
        run.out.line(f"  waits after a refusal: {said}")
    elif outcome.outcome == "done":
        run.out.done(f"{said}; transaction {outcome.tx_hash}")
    else:
        run.out.warn(f"{said}; {outcome.outcome}: {outcome.why}")
