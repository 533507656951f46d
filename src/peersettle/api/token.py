"""What a program of this machine must say to be let in: made once, readable by its owner alone."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

from peersettle.api.errors import NoNode
from peersettle.errors import ConfigError

if TYPE_CHECKING:
    from peersettle.config import Settings

_NAME: Final = "node.token"
_SHORTEST: Final = 32


def token_path(settings: Settings) -> Path:
    """Where the token is."""
    return settings.node.token_file or settings.paths.state / _NAME


def read_token(path: Path) -> str:
    """The token of a node that has been started before.

    Raises:
        NoNode: there is none. ConfigError: others can read it, or it is none.
    """
    try:
        mode = path.stat().st_mode
        text = path.read_text().strip()
    except FileNotFoundError:
        raise NoNode(f"there is no token in {path}: no node was started here", path=str(path)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the token in {path}: {error}", path=str(path)) from None
    if stat.S_IMODE(mode) & 0o077:
        raise ConfigError(
            f"others can read the token in {path}", path=str(path), next_step=f"rm {path}; the next start makes another"
        )
    if len(text) < _SHORTEST or not text.isascii() or not text.isprintable():
        raise ConfigError(f"{path} holds no token", path=str(path), next_step=f"rm {path}; the next start makes one")
    return text


def read_or_make_token(path: Path) -> str:
    """The token, made at the first start.

    Raises:
        ConfigError: as `read_token`, or it cannot be written.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return read_token(path)
    except OSError as error:
        raise ConfigError(f"cannot write the token to {path}: {error}", path=str(path)) from None
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_urlsafe(32) + "\n")
    return read_token(path)
