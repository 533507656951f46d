"""`peersettle config`: the settings in force."""

from __future__ import annotations

import typer

from peersettle.cli.invocation import invocation

app = typer.Typer(help="Show the settings.", rich_markup_mode=None)


@app.callback()
def config() -> None:
    """Show the settings."""


@app.command()
def show(context: typer.Context) -> None:
    """Print every setting and where it is from: a variable PEERSETTLE__A__B, the TOML file, or the default.

    Secrets are masked. The file is --config, else $PEERSETTLE_CONFIG, else ./peersettle.toml, else
    config.toml in the user's configuration directory. Example: PEERSETTLE__CHAIN__URL=http://127.0.0.1:8545
    """
    run = invocation(context)
    settings = list(run.loaded.describe())
    run.out.json(
        {
            "file": str(run.loaded.path) if run.loaded.path else None,
            "settings": {item.name: {"value": item.value, "source": item.source} for item in settings},
        }
    )
    run.out.table(
        f"file: {run.loaded.path or 'none'}",
        ("setting", "value", "from"),
        [(item.name, "-" if item.value is None else str(item.value), item.source) for item in settings],
    )
