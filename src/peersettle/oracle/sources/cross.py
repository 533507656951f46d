"""The product of two sources: ETH/USDT times USDT/USD."""

from __future__ import annotations

import asyncio

from peersettle.oracle.sources.base import Adjustment, Sample, Source


class CrossRate:
    """Both are asked at once; the product is as old as the older one."""

    def __init__(self, name: str, source_class: str, first: Source, second: Source, *, max_age: int = 60) -> None:
        self.name, self.source_class, self.max_age = name, source_class, max_age
        self._pair = first, second

    async def observe(self, at: int) -> Sample:
        """The product.

        Raises:
            SourceError: one of them gave none.
        """
        first, second = await asyncio.gather(*(source.observe(at) for source in self._pair))
        value = Adjustment(multiply=second.value).apply(first.value) if second.value.is_finite() else second.value
        return Sample(value, min(first.observed_at, second.observed_at))
