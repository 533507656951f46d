"""The options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

KeyOption = Annotated[
    str | None, typer.Option("--key", help="Key of the keystore; else the configured signer.", metavar="NAME")
]
PasswordFileOption = Annotated[
    Path | None, typer.Option("--password-file", help="File with the key's password.", metavar="FILE")
]
DocumentArgument = Annotated[Path, typer.Argument(help="A signed quote or trade (JSON).", metavar="FILE")]
OutOption = Annotated[Path | None, typer.Option("--out", "-o", help="Where to write the document.", metavar="FILE")]
