"""A node in a process of its own: what the demo tells it, and what it hears of it."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, TypeVar

from peersettle.cli.demo_world import Deviation
from peersettle.rfq import Event, event_of

T = TypeVar("T")

MODULE: Final = "peersettle.cli.demo_peer"
START: Final = 60.0
"""Seconds that a node may take to be there."""
ANSWER: Final = 30.0
"""And to do anything that is asked of it."""
_STOP: Final = 8.0


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to a negotiation, as one of the nodes tells it."""

    event: Event
    status: str
    ms: float
    """Since the node first heard of it."""
    tx_hash: str
    problem: str
    document: str


class NodeProcess:
    """A node in a process of its own. Its key goes over its input, and it ends when that does: with us, at the latest.

    It is there at once, and loads what it needs; `begin` makes it a node.
    """

    def __init__(self, name: str, log: Path) -> None:
        self.name = name
        self.peer = ""
        self.addresses: tuple[str, ...] = ()
        self._lines: queue.Queue[dict[str, Any] | None] = queue.Queue()
        with log.open("ab") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, "-m", MODULE],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                start_new_session=True,  # an interrupt at the terminal is ours to pass on
            )
        self._log = log
        assert self._process.stdout is not None
        threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True).start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        """Whether it is gone."""
        return self._process.poll() is not None

    def tell(self, **order: Any) -> None:
        """Give it an order.

        Raises:
            Deviation: it is not there any more.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            raise self._gone() from None

    def begin(self, what: dict[str, Any]) -> None:
        """Be this, and wait until it listens.

        Raises:
            Deviation: it does not.
        """
        self.tell(**what)
        end = time.monotonic() + START
        while (said := self._next(end))["kind"] != "ready":
            pass  # of earlier negotiations
        self.peer, self.addresses = said["peer"], tuple(said["addresses"])

    def until(self, key: str, wanted: Callable[[Change], T | None]) -> T:
        """Wait until something wanted happens to a negotiation.

        Raises:
            Deviation: it does not, or the node is gone.
        """
        end = time.monotonic() + ANSWER
        while True:
            said = self._next(end)
            if said["kind"] == "failed":
                raise Deviation(f"the {self.name}'s node: {said['why']}")
            if said["kind"] == "change" and said["key"] == key:
                names = ("status", "ms", "tx_hash", "problem", "document")
                change = Change(event_of(said["event"]), **{name: said[name] for name in names})
                if (found := wanted(change)) is not None:
                    return found

    def kill(self) -> None:
        """SIGKILL: it has no time for anything."""
        self._process.kill()
        self._process.wait()
        self._close()

    def hang_up(self) -> None:
        """Let it end."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()

    def stop(self) -> None:
        """End it, by force where it does not go of itself."""
        self.hang_up()
        try:
            self._process.wait(_STOP)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self.kill()

    def _close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()

    def _read(self, pipe: IO[bytes]) -> None:
        with suppress(OSError, ValueError):
            for line in pipe:
                if line.startswith(b"{"):
                    self._lines.put(json.loads(line))
        self._lines.put(None)

    def _next(self, end: float) -> dict[str, Any]:
        try:
            said = self._lines.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            raise Deviation(f"nothing is heard of the {self.name}'s node; its log is {self._log}") from None
        if said is None:
            raise self._gone()
        return said

    def _gone(self) -> Deviation:
        return Deviation(f"the {self.name}'s node has ended; its log is {self._log}")
