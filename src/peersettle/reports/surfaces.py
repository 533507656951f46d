"""A fitted surface as the report that k reporters sign."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peersettle.errors import InvalidField
from peersettle.reports.feed import Feed
from peersettle.reports.messages import MAX_SLICES, UNIT, SurfaceReport, SurfaceSlice

if TYPE_CHECKING:
    from peersettle.pricing import Surface


def surface_report(feed: Feed, surface: Surface, observed_at: int | None = None) -> SurfaceReport:
    """The surface in whole 1e-9, at the slot of its own time or at `observed_at`.

    Raises:
        InvalidField: more than 16 expiries (choose which ones trade), a parameter beyond 37 bits, or no slot's time.
    """
    from peersettle.pricing import encode  # brings numpy and scipy

    if len(surface.slices) > MAX_SLICES:
        raise InvalidField("slices", len(surface.slices), f"the contract takes {MAX_SLICES} expiries: leave some out")
    slices = tuple(
        SurfaceSlice(part.expiry, *encode(part.svi), forward_ratio=round(part.forward_ratio * UNIT))
        for part in surface.slices
    )
    return SurfaceReport(feed, slices, feed.slot_of(surface.observed_at) if observed_at is None else observed_at)
