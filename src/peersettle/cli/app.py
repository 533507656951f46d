"""The command `peersettle`: its tree of commands, and the one place where failures become exit codes.

Only typer is imported here; a command imports what it needs when it runs, so that `--help` answers at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from peersettle.cli.commands import (
    account,
    auction,
    backstop,
    chain,
    config,
    demo,
    deploy,
    doctor,
    export,
    instruments,
    keeper,
    keys,
    margin,
    node,
    oracle,
    quotes,
    replay,
    rfq,
    settlement,
    trades,
)
from peersettle.cli.failures import conceal, failure
from peersettle.cli.invocation import Invocation
from peersettle.cli.output import Output

app = typer.Typer(
    name="peersettle",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 unexpected or a failed check, 2 input, 3 signature, 4 would not settle, "
    "5 key or signer, 6 configuration, 7 local record, 8 chain, 9 reverted (nothing moved), "
    "10 no peer or no node, 130 interrupted.",
)


def _version(wanted: bool) -> None:
    if wanted:
        from peersettle import __version__

        typer.echo(f"peersettle {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON value; works anywhere.")] = False,
    config_file: Annotated[
        Path | None, typer.Option("--config", help="Configuration file (TOML).", metavar="FILE")
    ] = None,
    version: Annotated[  # noqa: ARG001
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Settle trades with a peer: sign a quote, accept it, and let the chain move both sides or neither."""
    run = Invocation(Output(as_json=as_json), config_file)
    context.obj = run
    context.call_on_close(run.close)
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


app.command()(demo.demo)
app.add_typer(keys.app, name="keys")
app.add_typer(chain.app, name="chain")
app.command()(deploy.deploy)
app.command()(quotes.approve)
app.command()(quotes.quote)
app.command()(quotes.accept)
app.command()(settlement.check)
app.command()(settlement.settle)
app.command()(settlement.cancel)
app.command()(trades.trades)
app.add_typer(export.app, name="export")
app.command()(node.node)
app.command()(node.make)
app.command()(rfq.rfq)
app.command()(rfq.quotes)
app.command()(rfq.positions)
app.command()(rfq.peers)
app.add_typer(oracle.app, name="oracle")
app.add_typer(margin.app, name="margin")
app.add_typer(account.app, name="account")
app.add_typer(keeper.app, name="keeper")
app.add_typer(auction.app, name="auction")
app.add_typer(backstop.app, name="backstop")
app.command()(instruments.instruments)
app.command()(replay.replay)
app.command()(doctor.doctor)
app.add_typer(config.app, name="config")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and leave with its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in given
    lifted = [*(["--json"] if as_json else []), *(item for item in given if item != "--json")]
    try:
        code = app(lifted, prog_name="peersettle", standalone_mode=False)
    except BrokenPipeError:  # the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except (Exception, KeyboardInterrupt) as error:
        shown = failure(error)
        Output(as_json=as_json).failed(shown)
        if os.environ.get("PEERSETTLE_DEBUG"):
            import traceback

            sys.stderr.write(conceal("".join(traceback.format_exception(error)), key_like=True))
        sys.exit(shown.exit_code)
    sys.exit(code if isinstance(code, int) else 0)
