"""A margin account at one moment, with all that its numbers come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from peersettle.reports import Feed
from peersettle.risk.instruments import Market
from peersettle.risk.margin import Health, MarginAccount, Snapshot, health
from peersettle.risk.parameters import MarketTerms
from peersettle.types import Account


@dataclass(frozen=True, slots=True)
class Listing:
    """One market as it is listed; names of its instruments begin with the symbol of its spot feed."""

    market: Market
    terms: MarketTerms

    @property
    def number(self) -> int:
        """As contracts number it."""
        return self.market.number

    @property
    def spot_feed(self) -> Feed:
        """The Oracle's feed of the underlying."""
        return Feed.from_id(self.terms.spot_feed)

    @property
    def surface_feed(self) -> Feed:
        """The Oracle's feed of its volatility surface."""
        return Feed.from_id(self.terms.surface_feed)


@dataclass(frozen=True, slots=True)
class Statement:
    """An account at one moment, with the snapshots of its markets as they would be after what is due is refreshed.

    A market that was never refreshed has no snapshot. `refreshed` counts the series that would be, by market.
    """

    account: Account
    time: int
    margin: MarginAccount
    snapshots: Mapping[int, Snapshot]
    refreshed: Mapping[int, int] = field(default_factory=dict)

    def health(self) -> Health | None:
        """Equity and margin as the Ledger has them; None while a market of the account was never refreshed."""
        if any(number not in self.snapshots for number in self.margin.books):
            return None
        return health(self.margin, self.snapshots)
