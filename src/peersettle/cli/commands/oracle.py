"""`peersettle oracle`: prices by quorum. Running it, reading it, replacing its reporters."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from peersettle.cli.commands import oracle_fit, oracle_report
from peersettle.cli.invocation import Invocation, invocation
from peersettle.cli.options import KeyOption, PasswordFileOption

if TYPE_CHECKING:
    from peersettle.chain import Call, Receipt
    from peersettle.reports import ReporterSet

app = typer.Typer(help="Prices by quorum: read, report, submit, fit a surface.", rich_markup_mode=None)

FeedsArgument = Annotated[
    list[str] | None, typer.Argument(help="Configured names, or ids (0x...); else all configured.", metavar="FEED")
]
ReportersOption = Annotated[
    list[str], typer.Option("--reporter", help="Address or key of a reporter; repeat it.", metavar="ADDRESS")
]
ThresholdOption = Annotated[int, typer.Option(help="How many reports make a round: k.", min=3)]


@app.command()
def status(context: typer.Context, feeds: FeedsArgument = None) -> None:
    """Show each feed's confirmed value, its age and spread, and the candidate if one waits."""
    from peersettle.cli.oracles import chosen_feeds, status_json, status_row

    run = invocation(context)
    oracle, chain = run.desk.oracle, run.desk.chain
    members, now = oracle.reporter_set(), chain.now()
    readings = [(feed, oracle.read(feed)) for feed in chosen_feeds(run.loaded.settings.oracle, feeds)]
    proposed = oracle.proposed_at()
    run.out.json(
        {
            "oracle": oracle.address,
            "epoch": oracle.epoch(),
            "threshold": members.threshold,
            "reporters": list(members.members),
            "steward": oracle.steward(),
            "proposal_ready_at": proposed,
            "feeds": [status_json(feed, reading, now) for feed, reading in readings],
        }
    )
    run.out.line(
        f"{oracle.address}: {members.threshold} of {len(members.members)} reporters, {members.tolerated} may lie"
    )
    if proposed is not None:
        run.out.warn(f"another set of reporters is proposed; it may be activated from {proposed} on")
    columns = ("feed", "value", "age", "spread", "candidate", "state")
    run.out.table("", columns, [status_row(*pair, now) for pair in readings], right="value,age,spread,candidate")


@app.command()
def history(
    context: typer.Context,
    feed: Annotated[str, typer.Argument(help="A configured name, or an id (0x...).", metavar="FEED")],
    blocks: Annotated[int, typer.Option(help="How many blocks to look back; 0 for all.", min=0)] = 5_000,
    last: Annotated[int, typer.Option("--last", "-n", help="Show so many of the newest rounds.", min=1)] = 20,
    plot: Annotated[
        Path | None, typer.Option(help="Draw them all, not only the newest: .png, .svg or .pdf.", metavar="FILE")
    ] = None,
) -> None:
    """List the rounds that the contract took, confirmed or candidate, newest last."""
    from datetime import UTC, datetime

    from peersettle.cli.oracles import chosen_feeds
    from peersettle.cli.surfaces import check_suffix
    from peersettle.types import from_units

    run = invocation(context)
    (found,) = chosen_feeds(run.loaded.settings.oracle, [feed])
    first = max(run.desk.chain.block_number() - blocks, 0) if blocks else None
    if plot is not None:
        check_suffix(plot)
    with run.out.working("reading events"):
        entries = run.desk.oracle.history(found, first)
    if plot is not None:
        from peersettle.cli.plots import plot_history

        with run.out.working("drawing"):
            plot_history(found.name, entries, plot)
    entries = entries[-last:]
    run.out.json(
        [
            {
                "feed": found.name,
                "kind": entry.kind,
                "value": from_units(entry.value, 18),
                "observed_at": entry.observed_at,
                "spread": entry.spread,
                "block": entry.block,
                "tx_hash": entry.tx_hash,
            }
            for entry in entries
        ]
    )
    rows = [
        (
            datetime.fromtimestamp(entry.observed_at, UTC).strftime("%Y-%m-%d %H:%M:%S"),
            entry.kind,
            from_units(entry.value, 18),
            "-" if entry.spread is None else f"{entry.spread / 100:.2f} %",
            str(entry.block),
        )
        for entry in entries
    ]
    if not rows:
        run.out.line(f"no round of {found.name} in these blocks")
        return
    run.out.table(found.name, ("slot (UTC)", "round", "value", "spread", "block"), rows, right="value,spread,block")
    if plot is not None:
        run.out.done(f"drawn in {plot}")


@app.command()
def deploy(
    context: typer.Context,
    reporter: ReportersOption,
    threshold: ThresholdOption = 3,
    steward: Annotated[
        str | None,
        typer.Option(help="Who may propose other reporters, after the delay; else nobody.", metavar="ADDRESS"),
    ] = None,
    delay_days: Annotated[int, typer.Option(help="Days that a proposal waits.", min=2, max=30)] = 7,
    again: Annotated[bool, typer.Option("--again", help="Deploy anew where there is a record.")] = False,
    key: KeyOption = None,
    password_file: PasswordFileOption = None,
) -> None:
    """Deploy an Oracle with its reporters, and add it to the record of the chain."""
    from peersettle.chain import deploy_oracle
    from peersettle.types import ZERO_ADDRESS

    run = invocation(context)
    desk = run.desk
    members = _members(run, threshold, reporter)
    before = desk.deployment
    with run.out.working("deploying"):
        deployment = deploy_oracle(
            desk.chain,
            desk.sender(desk.signer(key, password_file)),
            before,
            members,
            steward=desk.party(steward) if steward else ZERO_ADDRESS,
            delay=delay_days * 86_400,
            directory=desk.settings.paths.deployments,
            force=again,
        )
    is_new = deployment.oracle != before.oracle
    run.out.json(
        {
            "deployed": is_new,
            "chain_id": deployment.chain_id,
            "oracle": deployment.oracle,
            "bundle": deployment.bundle,
            "block": deployment.oracle_block,
            "threshold": members.threshold,
            "reporters": list(members.members),
        }
    )
    run.out.done(f"{'deployed' if is_new else 'deployed already'} on chain {deployment.chain_id}")
    rows = [("Oracle", str(deployment.oracle)), ("Bundle", str(deployment.bundle))]
    run.out.table("", ("contract", "address"), rows)
    if is_new:
        run.out.hint("each reporter: peersettle oracle report; anybody: peersettle oracle submit --follow")


@app.command()
def propose(
    context: typer.Context,
    reporter: ReportersOption,
    threshold: ThresholdOption = 3,
    key: KeyOption = None,
    password_file: PasswordFileOption = None,
) -> None:
    """Announce the next set of reporters: the steward only. It can be activated once the delay is over."""
    run = invocation(context)
    members = _members(run, threshold, reporter)
    receipt = _send(run, key, password_file, run.desk.oracle.propose_reporters(members))
    ready_at = run.desk.oracle.proposed_at()
    run.out.json({"reporters": list(members.members), "ready_at": ready_at, "tx_hash": receipt.tx_hash})
    run.out.done(f"proposed: {members.threshold} of {len(members.members)}; may be activated from {ready_at} on")


@app.command()
def withdraw(context: typer.Context, key: KeyOption = None, password_file: PasswordFileOption = None) -> None:
    """Take the announced set of reporters back: the steward only."""
    run = invocation(context)
    receipt = _send(run, key, password_file, run.desk.oracle.withdraw_proposal())
    run.out.json({"tx_hash": receipt.tx_hash})
    run.out.done("the proposal is withdrawn")


@app.command()
def activate(
    context: typer.Context,
    reporter: ReportersOption,
    threshold: ThresholdOption = 3,
    key: KeyOption = None,
    password_file: PasswordFileOption = None,
) -> None:
    """Put the announced set of reporters in place once its time has come: anybody can."""
    run = invocation(context)
    members = _members(run, threshold, reporter)
    receipt = _send(run, key, password_file, run.desk.oracle.activate_reporters(members))
    epoch = run.desk.oracle.epoch()
    run.out.json({"epoch": epoch, "reporters": list(members.members), "tx_hash": receipt.tx_hash})
    run.out.done(f"epoch {epoch}: {members.threshold} of {len(members.members)} reporters")


app.command()(oracle_report.report)
app.command()(oracle_report.submit)
app.command()(oracle_fit.fit)


def _members(run: Invocation, threshold: int, reporters: list[str]) -> ReporterSet:
    from peersettle.reports import ReporterSet

    return ReporterSet.of(threshold, [run.desk.party(text) for text in reporters])


def _send(run: Invocation, key: str | None, password_file: Path | None, call: Call) -> Receipt:
    with run.out.working(call.what):
        return run.desk.sender(run.desk.signer(key, password_file)).send(call)
