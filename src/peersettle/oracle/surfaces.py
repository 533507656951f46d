"""A reporter's own surfaces: the files of `peersettle oracle fit --out`, which its operator's timer refreshes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog

from peersettle.errors import PeerSettleError, SourceError
from peersettle.jsons import read_json
from peersettle.oracle.metrics import Metrics
from peersettle.reports import Feed, SurfaceReport
from peersettle.reports.surfaces import surface_report

if TYPE_CHECKING:
    from peersettle.pricing import Surface

MAX_BYTES: Final = 1 << 18
_log = structlog.get_logger("peersettle.oracle")

_Stamp = tuple[int, int, int]


class SurfaceFiles:
    """A `SurfaceView` of one file for each feed. A file is read again when it has changed."""

    def __init__(self, paths: Mapping[Feed, Path], metrics: Metrics | None = None) -> None:
        self._paths, self._metrics = dict(paths), metrics or Metrics()
        self._read: dict[Path, tuple[_Stamp, Surface | SourceError]] = {}

    def __call__(self, feed: Feed, slot: int) -> SurfaceReport | None:
        """The surface at a slot; None, logged and counted, where `look` raises."""
        try:
            return self.look(feed, slot)
        except SourceError as error:
            self._metrics.surfaces_unusable.labels(feed.name, error.kind).inc()
            _log.warning("no surface of our own", feed=feed.name, slot=slot, reason=error.kind, why=error.message)
            return None

    def look(self, feed: Feed, slot: int) -> SurfaceReport:
        """The surface at a slot, without the expiries that are over.

        Raises:
            SourceError: the feed has no file, or one that cannot be read, holds no surface that the contract can keep,
                or holds one seen more than the feed's `max_age` before the slot, or after it.
        """
        path = self._paths.get(feed)
        if path is None:
            raise SourceError(f"{feed.name} has no file; add [[oracle.surfaces]]", kind="unknown")
        surface = self._surface(path)
        age = slot - surface.observed_at
        if abs(age) > feed.max_age:
            when = f"{age} s before" if age > 0 else f"{-age} s after"
            raise SourceError(
                f"{path} is of {surface.observed_at}, {when} slot {slot}; {feed.max_age} s are allowed: fit it again",
                kind="stale" if age > 0 else "future",
            )
        left = tuple(part for part in surface.slices if part.expiry > slot)
        if not left:
            raise SourceError(f"{path} has no expiry after slot {slot}: fit a newer option chain", kind="expired")
        try:
            return surface_report(feed, type(surface)(min(surface.observed_at, slot), left), slot)
        except (PeerSettleError, ArithmeticError, ValueError) as error:
            raise SourceError(f"{path} cannot be reported: {error}", kind="malformed") from None

    def _surface(self, path: Path) -> Surface:
        try:
            status = path.stat()
            stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
            if path not in self._read or self._read[path][0] != stamp:
                self._read[path] = stamp, _parsed(path)
        except OSError as error:
            self._read.pop(path, None)
            raise SourceError(f"cannot read {path}: {error.strerror}; write it with `oracle fit --out`") from None
        found = self._read[path][1]
        if isinstance(found, SourceError):
            raise SourceError(found.message, kind=found.kind)
        return found


def _parsed(path: Path) -> Surface | SourceError:
    """What is in the file; the error, not raised, stays until the file changes.

    Raises:
        OSError: the file cannot be read.
    """
    from peersettle.pricing import Surface  # brings numpy and scipy

    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        return SourceError(f"{path} has more than {MAX_BYTES} bytes: this is no surface", kind="malformed")
    try:
        return Surface.from_json(read_json(data))
    except PeerSettleError as error:
        what = error.message
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        what = f"{type(error).__name__}: {error}"[:200]
    return SourceError(f"{path} holds no surface ({what}); write it with `oracle fit --out`", kind="malformed")
