"""Where a keystore password comes from: a file, the environment, or a prompt. Never an argument."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path
from typing import Final

from peersettle.cli.failures import keep_secret
from peersettle.errors import KeyStoreError

VARIABLE: Final = "PEERSETTLE_PASSWORD"


def read_password(name: str, file: Path | None, *, new: bool = False) -> str:
    """The password of a key; a new one is asked for twice.

    Raises:
        KeyStoreError: the file cannot be read or is empty, or there is neither file, variable nor terminal.
    """
    password = _given(file) or _asked(name, new)
    keep_secret(password)
    return password


def _given(file: Path | None) -> str:
    if file is None:
        return os.environ.get(VARIABLE, "")
    try:
        password = file.read_text().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise KeyStoreError(f"cannot read the password file {file}: {error}") from None
    if not password:
        raise KeyStoreError(f"the password file {file} is empty")
    return password


def _asked(name: str, new: bool) -> str:
    if not sys.stdin.isatty():
        raise KeyStoreError(f"no password for the key {name!r}: give --password-file or set {VARIABLE}")
    password = getpass.getpass(f"Password for {name}: ")
    if new and getpass.getpass("Again: ") != password:
        raise KeyStoreError("the two passwords differ; nothing was written")
    return password
