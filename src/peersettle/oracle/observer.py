"""Asking all sources of a feed at once, and saying what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from peersettle.errors import PeerSettleError, SourceError
from peersettle.oracle.combine import Combined, Heard, Rules, combine
from peersettle.oracle.metrics import Metrics
from peersettle.oracle.sources import Source
from peersettle.reports import Feed
from peersettle.service.clock import Clock, within

_log = structlog.get_logger("peersettle.oracle")


@dataclass(frozen=True, slots=True)
class Failed:
    """A source that gave no price."""

    source: str
    source_class: str
    kind: str
    message: str

    def to_json(self) -> dict[str, Any]:
        """For logs and `--json`."""
        return {"source": self.source, "class": self.source_class, "reason": self.kind, "detail": self.message}


@dataclass(frozen=True, slots=True)
class Observed:
    """What one look at all sources of a feed gave."""

    feed: Feed
    slot: int
    combined: Combined
    failed: tuple[Failed, ...]

    def to_json(self) -> dict[str, Any]:
        """For `--json`: the value in wad as text, None when there is none."""
        value = self.combined.value
        return {
            "feed": self.feed.name,
            "feed_id": "0x" + self.feed.id.hex(),
            "slot": self.slot,
            "value": None if value is None else str(value),
            "problem": self.combined.problem,
            "classes": {name: str(voice) for name, voice in self.combined.classes.items()},
            "dropped": [item.to_json() for item in self.combined.dropped],
            "failed": [item.to_json() for item in self.failed],
        }


class Observer:
    """The sources of one feed. Whatever one of them does, `observe` returns within `timeout` seconds."""

    def __init__(
        self,
        feed: Feed,
        sources: Sequence[Source],
        *,
        clock: Clock,
        rules: Rules | None = None,
        metrics: Metrics | None = None,
        timeout: float = 5.0,
    ) -> None:
        self.feed, self.sources = feed, tuple(sources)
        self._clock, self._rules, self._metrics = clock, rules or Rules(), metrics or Metrics()
        self._timeout = min(timeout, feed.slot / 2)

    async def observe(self, slot: int) -> Observed:
        """Ask every source at once, for the value of this slot. How old an answer is, is judged when all have come."""
        answers = await asyncio.gather(*(self._ask(source, slot) for source in self.sources))
        heard = [answer for answer in answers if isinstance(answer, Heard)]
        failed = tuple(answer for answer in answers if isinstance(answer, Failed))
        combined = combine(heard, int(self._clock.now()), self._rules)
        self._note(slot, combined, failed)
        return Observed(self.feed, slot, combined, failed)

    async def _ask(self, source: Source, slot: int) -> Heard | Failed:
        outcome = "ok"
        try:
            sample = await within(self._timeout, self._clock, source.observe(slot))
            return Heard(source.name, source.source_class, sample, source.max_age)
        except TimeoutError:
            outcome, message = "timeout", f"{source.name} did not answer in {self._timeout:g} s"
        except SourceError as error:
            outcome, message = error.kind, error.message
        except PeerSettleError as error:
            outcome, message = "unavailable", error.message
        except Exception as error:  # a defect in one source must not silence the others
            outcome, message = "defect", f"{source.name}: {type(error).__name__}"
            _log.exception("a source failed in an unforeseen way", feed=self.feed.name, source=source.name)
        finally:
            self._metrics.observations.labels(self.feed.name, source.name, outcome).inc()
        return Failed(source.name, source.source_class, outcome, message)

    def _note(self, slot: int, combined: Combined, failed: Sequence[Failed]) -> None:
        for item in combined.dropped:
            self._metrics.dropped.labels(self.feed.name, item.source, str(item.reason)).inc()
            _log.warning("sample dropped", feed=self.feed.name, slot=slot, **item.to_json())
        for failure in failed:
            level = "debug" if failure.kind == "backing_off" else "warning"
            getattr(_log, level)("source failed", feed=self.feed.name, slot=slot, **failure.to_json())
