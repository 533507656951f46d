"""What one run of the command carries to its subcommand: where output goes, and the settings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from peersettle.cli.output import Output

if TYPE_CHECKING:
    from peersettle.cli.desk import Desk
    from peersettle.config import Loaded


@dataclass
class Invocation:
    """One run of the command."""

    out: Output
    config_file: Path | None = None

    @cached_property
    def loaded(self) -> Loaded:
        """The settings and where they are from."""
        from peersettle.config import load_settings

        return load_settings(self.config_file)

    @cached_property
    def desk(self) -> Desk:
        """The chain, the record and the keys that the settings name."""
        from peersettle.cli.desk import Desk

        return Desk(self.loaded.settings)

    def close(self) -> None:
        """Let go of what was opened."""
        if "desk" in vars(self):
            self.desk.close()


def invocation(context: typer.Context) -> Invocation:
    """The run that a command belongs to."""
    found = context.find_object(Invocation)
    return found if found is not None else Invocation(Output())
