"""Asking less often where asking fails."""

from __future__ import annotations

from collections.abc import Callable

from peersettle.service.clock import Clock


class Backoff:
    """Pauses that double from `first` up to `cap` seconds, each shortened by up to a half at random (0 to 1)."""

    def __init__(self, clock: Clock, random: Callable[[], float], *, first: float = 2.0, cap: float = 300.0) -> None:
        self._clock, self._random = clock, random
        self._first, self._cap = first, cap
        self._until = 0.0
        self.failures = 0

    @property
    def left(self) -> float:
        """Seconds until it is worth asking again; zero or less when it is."""
        return self._until - self._clock.now()

    def failed(self, at_least: float = 0.0) -> float:
        """It failed once more; `at_least` is what the other side asked for. The pause that follows; all in seconds."""
        pause = min(self._first * 2.0 ** min(self.failures, 32), self._cap)
        pause = max(pause * (1 - self._random() / 2), min(at_least, self._cap))
        self.failures += 1
        self._until = self._clock.now() + pause
        return pause

    def worked(self) -> None:
        """It worked."""
        self.failures, self._until = 0, 0.0
