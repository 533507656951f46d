"""Leaving alone for a while what failed."""

from __future__ import annotations

import asyncio

from peersettle.errors import SourceError
from peersettle.oracle.sources.base import Sample, Source
from peersettle.service.backoff import Backoff


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
