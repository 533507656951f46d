"""`peersettle chain`: a development chain, and what the chain in use is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from peersettle.cli.invocation import invocation

app = typer.Typer(help="Run a development chain; look at the one in use.", rich_markup_mode=None)


@app.command()
def up(
    context: typer.Context,
    anvil: Annotated[bool, typer.Option("--anvil", help="Run anvil (the only kind, so far).")] = True,  # noqa: ARG001
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.", min=1, max=65535)] = 8545,
    block_time: Annotated[
        int | None, typer.Option(help="Seconds between blocks; else one for each transaction.", min=1)
    ] = None,
    state: Annotated[
        Path | None, typer.Option(help="Keep the chain in this file from run to run.", metavar="FILE")
    ] = None,
    chain_id: Annotated[int, typer.Option(help="Chain id.", min=1)] = 31337,
) -> None:
    """Start anvil in the background, on this machine only. When it runs already, say so."""
    from peersettle.cli import devnet

    run = invocation(context)
    with run.out.working("starting anvil"):
        chain, started = devnet.up(run.loaded.settings.paths.state, port, block_time, state, chain_id)
    run.out.json({"url": chain.url, "chain_id": chain.chain_id, "pid": chain.pid, "started": started})
    what = "started" if started else "runs already"
    run.out.done(f"{what}: {chain.url}, chain {chain.chain_id}, pid {chain.pid}")
    run.out.hint("peersettle chain fund ADDRESS, then peersettle deploy --demo-tokens --key NAME")


@app.command()
def down(context: typer.Context) -> None:
    """End the anvil that `chain up` started, and nothing else."""
    from peersettle.cli import devnet

    run = invocation(context)
    ended = devnet.down(run.loaded.settings.paths.state)
    run.out.json({"ended": ended.pid if ended else None})
    run.out.line(f"ended {ended.url}, pid {ended.pid}" if ended else "no chain of ours runs")


@app.command()
def status(context: typer.Context) -> None:
    """Show the chain in use: whether it answers, its id, its head, and the contracts on it."""
    from peersettle.cli import devnet
    from peersettle.errors import NotDeployed

    run = invocation(context)
    ours = devnet.running(run.loaded.settings.paths.state)
    chain = run.desk.chain
    head = chain.block()
    try:
        settlement: str | None = run.desk.deployment.settlement
    except NotDeployed:
        settlement = None
    run.out.json(
        {
            "url": chain.url,
            "chain_id": chain.chain_id,
            "block": head.number,
            "timestamp": head.timestamp,
            "settlement": settlement,
            "pid": ours.pid if ours else None,
        }
    )
    run.out.line(f"{chain.url}: chain {chain.chain_id}, block {head.number}")
    run.out.line(f"settlement  {settlement or 'not deployed, as far as the record here says'}")
    run.out.line(f"anvil       {f'ours, {ours.url}, pid {ours.pid}' if ours else 'none of ours'}")


@app.command()
def fund(
    context: typer.Context,
    account: Annotated[str, typer.Argument(help="Address, or name of a key.", metavar="ADDRESS")],
    amount: Annotated[str, typer.Option("--eth", help="How much of the native asset.")] = "100",
) -> None:
    """Give an account native asset for fees. Works on development chains only."""
    from peersettle.chain import fund as grant
    from peersettle.types import from_units, to_units

    run = invocation(context)
    receiver = run.desk.party(account)
    grant(run.desk.chain, receiver, to_units(amount, 18, "eth"))
    balance = from_units(run.desk.chain.balance(receiver), 18)
    run.out.json({"address": receiver, "balance_eth": balance})
    run.out.done(f"{receiver} has {balance} ETH")
