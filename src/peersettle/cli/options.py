"""The options that several commands share."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final

import typer

KeyOption = Annotated[
    str | None, typer.Option("--key", help="Key of the keystore; else the configured signer.", metavar="NAME")
]
PasswordFileOption = Annotated[
    Path | None, typer.Option("--password-file", help="File with the key's password.", metavar="FILE")
]
DocumentArgument = Annotated[Path, typer.Argument(help="A signed quote or trade (JSON).", metavar="FILE")]
OutOption = Annotated[Path | None, typer.Option("--out", "-o", help="Where to write the document.", metavar="FILE")]
LimitOption = Annotated[
    str | None,
    typer.Option(help="With a KEY: the most to pay, or the least to get, for each unit.", metavar="PRICE"),
]

_KEY: Final = re.compile("[0-9a-f]{4,32}")


def is_key(given: Path) -> bool:
    """Whether an argument is the key of a request rather than a file's name."""
    return _KEY.fullmatch(str(given)) is not None and not given.exists()


def refuse(**options: object) -> None:
    """Options that go with a file, given with the key of a request.

    Raises:
        InputError: there is one.
    """
    from peersettle.errors import InputError

    given = [f"--{name.replace('_', '-')}" for name, value in options.items() if value]
    if given:
        raise InputError(f"{', '.join(given)}: for files; a request is the running node's, which has its own signer")
