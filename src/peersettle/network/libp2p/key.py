"""The key that a peer is known by: 32 bytes as hex, in a file that only its owner can read."""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from peersettle.errors import ConfigError


def host_seed(path: Path) -> bytes:
    """The seed in the file, made first when there is none.

    Raises:
        ConfigError: the file cannot be read or written, is no key, or can be read by others.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):
            _write_new(path, secrets.token_bytes(32))
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise ConfigError(f"others can read the peer key {path}; chmod 600 it, or remove it for a new one")
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot use the peer key {path}: {type(error).__name__}", path=str(path)) from None
    try:
        seed = bytes.fromhex(text)
    except ValueError:
        seed = b""
    if len(seed) != 32:
        raise ConfigError(f"{path} is no peer key: 64 hex digits; remove it for a new one", path=str(path))
    return seed


def _write_new(path: Path, seed: bytes) -> None:
    """Whole or not at all, and never over another."""
    if path.exists():
        return
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(seed.hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
