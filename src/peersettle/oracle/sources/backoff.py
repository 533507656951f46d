"""Asking less often where asking fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from peersettle.errors import SourceError
from peersettle.oracle.clock import Clock
from peersettle.oracle.sources.base import Sample, Source


class Backoff:
    """Pauses that double from `first` up to `cap` seconds, each shortened by up to a half at random."""

    def __init__(self, clock: Clock, random: Callable[[], float], *, first: float = 2.0, cap: float = 300.0) -> None:
        self._clock, self._random = clock, random
        self._first, self._cap = first, cap
        self._failures, self._until = 0, 0.0

    @property
    def left(self) -> float:
        """Seconds until it is worth asking again; zero or less when it is."""
        return self._until - self._clock.now()

    def failed(self, at_least: float = 0.0) -> None:
        """It failed once more; `at_least` is what the other side asked for, in seconds."""
        pause = min(self._first * 2.0 ** min(self._failures, 32), self._cap)
        pause = max(pause * (1 - self._random() / 2), min(at_least, self._cap))
        self._failures += 1
        self._until = self._clock.now() + pause

    def worked(self) -> None:
        """It worked."""
        self._failures, self._until = 0, 0.0


class PatientSource:
    """A source that is left alone for a while after it failed or did not answer in time."""

    def __init__(self, inner: Source, backoff: Backoff) -> None:
        self._inner, self._backoff = inner, backoff
        self.name = inner.name
        self.source_class = inner.source_class
        self.max_age = inner.max_age

    async def observe(self, at: int) -> Sample:
        """As the source itself.

        Raises:
            SourceError: as the source itself; or it is not asked now, since it failed before (`backing_off`).
        """
        if (left := self._backoff.left) > 0:
            raise SourceError(f"{self.name} failed before; it is asked again in {left:.1f} s", kind="backing_off")
        try:
            sample = await self._inner.observe(at)
        except SourceError as error:
            self._backoff.failed(float(error.values.get("retry_after") or 0))
            raise
        except asyncio.CancelledError:  # the deadline has passed
            self._backoff.failed()
            raise
        self._backoff.worked()
        return sample
