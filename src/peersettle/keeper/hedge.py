"""Telling somebody what was bought, so that it can be hedged: a command, or a function."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

Purchase: TypeAlias = Mapping[str, Any]
"""`tx_hash`, `block`, `kind`, `account` bought from, `bidder`, `fraction`, `price` and `fee` (decimal text); and under
`positions` what our account holds now and did not before: `market`, `series`, `lots`; of series zero, which is
collateral, in 1e-9 of a unit."""
Hedge: TypeAlias = Callable[[Purchase], None]


class HedgeFailed(RuntimeError):
    """The hedge was not told; it will be again."""


class Command:
    """A program that gets each purchase as JSON on stdin. Exit code zero says that it has it.

    It may be told of a purchase twice, after a crash: `tx_hash` and `account` name it.
    """

    def __init__(self, arguments: Sequence[str], timeout: float = 30.0) -> None:
        self._arguments, self._timeout = list(arguments), timeout

    def __call__(self, purchase: Purchase) -> None:
        """Run it.

        Raises:
            HedgeFailed: it could not be started, did not end in time, or ended with another code.
        """
        try:
            done = subprocess.run(
                self._arguments, input=json.dumps(purchase).encode(), capture_output=True, timeout=self._timeout
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise HedgeFailed(f"{self._arguments[0]}: {type(error).__name__}") from None
        if done.returncode:
            words = done.stderr.decode(errors="replace").strip()[-200:]
            raise HedgeFailed(f"{self._arguments[0]} ended with {done.returncode}: {words}")
