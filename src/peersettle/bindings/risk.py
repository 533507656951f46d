"""Risk: snapshots, risk arrays and requirements. What its words mean is `peersettle.risk`'s to say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from peersettle.bindings.contract import Contract
from peersettle.chain.calls import Call
from peersettle.errors import InputError
from peersettle.risk.margin import Assessment, Book

if TYPE_CHECKING:
    from peersettle.chain.client import BlockId

MAX_REFRESHED: Final = 32


class Risk(Contract):
    """The Risk contract of one deployment, or at one address. Methods that build a `Call` make no request."""

    name = "Risk"
    field = "risk"

    def refresh(self, market: int, series: Sequence[int]) -> Call:
        """Begin a new epoch when it is due, and compute these series, up to 32; anybody's call.

        Raises:
            InputError: more than 32.
        """
        if len(series) > MAX_REFRESHED:
            raise InputError(f"a refresh takes {MAX_REFRESHED} series, not {len(series)}")
        ordered = sorted(series, reverse=True)  # those of one expiry side by side
        return self._call("refresh", market, ordered, what=f"refresh {len(ordered)} series of market {market}")

    def snapshot(self, market: int, at: BlockId = "latest") -> tuple[int, int, int]:
        """The three words of the market's present epoch; zeros for one that was never refreshed."""
        state, terms, ones = self._view("snapshot", market, at=at)
        return state, terms, ones

    def array(self, market: int, series: int, at: BlockId = "latest") -> int:
        """The word of a series; zero when it was never computed."""
        return int(self._view("array", market, series, at=at)[0])

    def slice(self, market: int, day: int, at: BlockId = "latest") -> int:
        """The word of one expiry; zero when it was never asked for."""
        return int(self._view("slice", market, day, at=at)[0])

    def spot(self, market: int, at: BlockId = "latest") -> int:
        """The confirmed price, wad; zero when it is too old."""
        return int(self._view("spot", market, at=at)[0])

    def assess(self, market: int, book: Book, at: BlockId = "latest") -> Assessment:
        """What a book is worth and asks for.

        Raises:
            StaleEpoch, StaleArray: it must be refreshed first. UnknownMarket: the market never was.
        """
        return Assessment(*self._view("assess", market, *book.pack(), at=at)[0])

    def fixing(self, market: int, day: int, at: BlockId = "latest") -> int:
        """The price at which an expiry settles, wad; zero when there is none yet."""
        return int(self._view("fixing", market, day, at=at)[0])
