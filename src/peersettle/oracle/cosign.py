"""When a reporter puts its name under a batch or a surface that somebody else has put together."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import product
from typing import Final

from peersettle.oracle.book import ReportBook
from peersettle.oracle.journal import Journal
from peersettle.oracle.signing import sign_for_oracle
from peersettle.reports import Batch, CoSigned, Feed, SurfaceReport, SurfaceSlice
from peersettle.reports.feed import PPM
from peersettle.reports.quorum import spread_between
from peersettle.signing import Signer
from peersettle.types import Address

SurfaceView = Callable[[Feed, int], SurfaceReport | None]
"""A reporter's own surface of a feed at a slot, or None where it has none."""

NODES: Final = (-0.4, -0.2, -0.1, 0.0, 0.1, 0.2, 0.4)
"""Log-moneyness at which two smiles are compared."""


class CoSigner:
    """Signs a batch when each observation is the median, with its spread, of at least k reports held here.

    A surface is signed only where the reporter has one of its own, and both agree within `tolerance_ppm` in forward
    ratio and in the square root of total variance. Never two different things for one feed and slot.
    """

    def __init__(
        self,
        signer: Signer,
        book: ReportBook,
        journal: Journal,
        *,
        surface_view: SurfaceView | None = None,
        tolerance_ppm: int = 20_000,
    ) -> None:
        self._signer, self._book, self._journal = signer, book, journal
        self._surface_view, self._tolerance = surface_view, tolerance_ppm

    @property
    def address(self) -> Address:
        """Whose signatures these are."""
        return self._signer.address

    def refusal(self, document: CoSigned, now: float) -> str | None:
        """Why this is not signed, in a line; None when it may be."""
        message = document.message
        if document.domain != self._book.domain:
            return "it is for another contract or chain"
        if isinstance(message, Batch):
            feeds, known = [item.feed for item in message.observations], self._book.feeds
        else:
            feeds, known = [message.feed], self._book.surfaces
        for feed in feeds:
            if feed.id not in known:
                kind = "feed" if isinstance(message, Batch) else "surface"
                return f"{feed.name} with these rules is no {kind} of ours"
            if (untimely := self._book.is_in_time(feed, message.observed_at, now)) is not None:
                return f"slot {message.observed_at} of {feed.name}: {untimely}"
        refusal = self._batch(message) if isinstance(message, Batch) else self._surface(message)
        return refusal or self._journal.contradiction(message.observed_at, dict(self._claims(document)))

    def sign(self, document: CoSigned) -> bytes:
        """Note durably what is signed, and sign it. Ask `refusal` first.

        Raises:
            StoreError: something else was signed for one of the feeds and this slot, or a later one; or the disk fails.
            SignerError: the signer refused.
        """
        message = document.message
        self._journal.claim_all(message.observed_at, dict(self._claims(document)))
        return sign_for_oracle(self._signer, document.domain, message)

    def _claims(self, document: CoSigned) -> list[tuple[str, str]]:
        where = f"{document.domain.chain_id}:{document.domain.oracle}:{self._signer.address}"
        message = document.message
        if isinstance(message, Batch):
            return [(f"batch:{where}:{item.feed.id.hex()}", str(item.packed)) for item in message.observations]
        return [(f"surface:{where}:{message.feed.id.hex()}", document.digest.hex())]

    def _batch(self, batch: Batch) -> str | None:
        needed = self._book.reporters.threshold
        for item in batch.observations:
            values = sorted(held.report.value for held in self._book.reports(item.feed, batch.observed_at))
            if len(values) < needed:
                return f"{item.feed.name}: {len(values)} reports of slot {batch.observed_at} here, {needed} needed"
            if not is_median_of_some(values, item.value, item.spread, needed):
                return f"{item.feed.name}: {item.value} with spread {item.spread} is the median of no {needed} reports"
        return None

    def _surface(self, surface: SurfaceReport) -> str | None:
        own = self._surface_view(surface.feed, surface.observed_at) if self._surface_view is not None else None
        if own is None:
            return f"{surface.feed.name}: no surface of our own to compare with"
        if [item.expiry for item in own.slices] != [item.expiry for item in surface.slices]:
            return f"{surface.feed.name}: other expiries than ours"
        for ours, theirs in zip(own.slices, surface.slices, strict=True):
            off = difference_ppm(ours, theirs)
            if off > self._tolerance:
                return f"{surface.feed.name}, expiry {ours.expiry}: {off} ppm from ours, {self._tolerance} allowed"
        return None


def is_median_of_some(values: Sequence[int], value: int, spread: int, threshold: int) -> bool:
    """Whether some `threshold` or more of the ascending `values` have this median and spread.

    Only three of a round's places matter: the median and the two quarters that the spread is of. So it is enough to
    try all triples and to see whether there are values enough around them.
    """
    count = len(values)
    for size in range(threshold, count + 1):
        half, quarter = size >> 1, size >> 2
        above = size - 1 - quarter - half  # places from the median up to the upper quarter
        for mid in (place for place in range(half, count - (size - 1 - half)) if values[place] == value):
            lows, highs = range(quarter, mid - (half - quarter) + 1), range(mid + above, count - quarter)
            if any(spread_between(values[low], values[high], value) == spread for low, high in product(lows, highs)):
                return True
    return False


def difference_ppm(ours: SurfaceSlice, theirs: SurfaceSlice) -> int:
    """How far two slices are apart: the largest of the forward ratio's and the square roots of total variance."""
    from peersettle.pricing import decode  # brings numpy and scipy

    worst = abs(ours.forward_ratio - theirs.forward_ratio) / max(ours.forward_ratio, 1)
    mine, others = (
        decode(item.a, item.b, item.rho, item.m, item.sigma).total_variance(NODES) for item in (ours, theirs)
    )
    if mine.min() <= 0 or others.min() <= 0:
        return PPM
    worst = max(worst, float(abs((others / mine) ** 0.5 - 1).max()))
    return math.ceil(min(worst, 1.0) * PPM)
