"""Option chains and surfaces as files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

from peersettle.errors import InputError
from peersettle.pricing import OptionChain, Surface, read_chain

PLOT_SUFFIXES: Final = (".png", ".svg", ".pdf")


def read_option_chain(path: Path, observed_at: int | None = None) -> OptionChain:
    """The option chain in a CSV file.

    Raises:
        InputError: the file cannot be read, or as `read_chain`.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is no text") from None
    return read_chain(text, observed_at)


def write_surface(path: Path, surface: Surface) -> None:
    """Write a surface's parameters as JSON, whole or not at all.

    Raises:
        InputError: the file cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(json.dumps(surface.to_json(), indent=2) + "\n")
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise InputError(f"cannot write {path}: {error.strerror}") from None


def check_suffix(path: Path) -> None:
    """A plot's format is its suffix.

    Raises:
        InputError: it is none that can be drawn.
    """
    if path.suffix.lower() not in PLOT_SUFFIXES:
        raise InputError(f"{path}: the plot's name must end in one of {', '.join(PLOT_SUFFIXES)}")
