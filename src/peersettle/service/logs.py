"""What a service says while it runs: structured lines on stderr, so that stdout stays the command's."""

from __future__ import annotations

import sys
from collections.abc import Callable, MutableMapping
from typing import Any

import structlog


def log_to_stderr(level: str, *, as_json: bool, conceal: Callable[[str], str]) -> None:
    """From a level on ("info", "warning", "error"): for people at a terminal, else a JSON object to a line.

    `conceal` takes out of each text what must not be read.
    """

    def without_secrets(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {name: conceal(value) if isinstance(value, str) else value for name, value in event.items()}

    pretty = sys.stderr.isatty() and not as_json
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            without_secrets,
            structlog.dev.ConsoleRenderer() if pretty else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )
