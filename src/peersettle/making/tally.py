"""What we hold and have promised, kept as things happen: the one thing of this room that changes.

Whoever runs a strategy tells it what the chain says is ours (`hold`), each offer that goes out (`offer`), what was
accepted (`agree`), what came to nothing (`drop`) and what was settled (`settle`); and, each time that prices have
changed, the new book (`revalue`). Sums are kept in whole numbers, so that what is taken back leaves nothing behind.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from types import MappingProxyType
from typing import Final, TypeVar

from peersettle.making.book import Book, Inventory, Promise, Range, Risks
from peersettle.making.pricing import worths
from peersettle.making.strategy import No
from peersettle.rfq.messages import Asset
from peersettle.types import Address

Key = TypeVar("Key", bound=Hashable)

_NO_RISK: Final = (0, 0)
_NOTHING: Final = Range(0, 0, 0)


class _Ranges(dict[Key, Range]):
    """Sums by key. One that has come to nothing is not kept."""

    def settled(self, key: Key, change: int) -> None:
        """Count what is certain."""
        held, low, high = self.get(key, _NOTHING)
        self._put(key, held + change, low + change, high + change)

    def promised(self, key: Key, change: int, *, is_agreed: bool, sign: int) -> None:
        """Count what may come or not (sign 1), or take it back (-1)."""
        held, low, high = self.get(key, _NOTHING)
        self._put(
            key,
            held + (sign * change if is_agreed else 0),
            low + sign * min(change, 0),
            high + sign * max(change, 0),
        )

    def _put(self, key: Key, held: int, low: int, high: int) -> None:
        if held or low or high:
            self[key] = Range(held, low, high)
        else:
            self.pop(key, None)


class Tally:
    """Holdings, live offers and agreed trades, summed. Not for use on several threads at once."""

    def __init__(self) -> None:
        self._amounts: dict[Asset, int] = {}
        self._promises: dict[Hashable, tuple[Promise, bool]] = {}
        self._holdings: _Ranges[Asset] = _Ranges()
        self._deltas: _Ranges[int] = _Ranges()
        self._vegas: _Ranges[int] = _Ranges()
        self._exposures: defaultdict[Address, int] = defaultdict(int)
        self._own: dict[Asset, tuple[int, tuple[int, int]]] = {}
        """Each holding's market and risk, as it is in the sums."""
        self._unvalued: dict[int, str] = {}
        self._book: Book | None = None
        self._view: Inventory | None = None

    # What happens

    def hold(self, asset: Asset, amount: int) -> None:
        """We have this much of an asset, settled: smallest units, or lots, negative for a short."""
        change = amount - self._amounts.get(asset, 0)
        if not change:
            return
        self._amounts[asset] = amount
        if not amount:
            del self._amounts[asset]
        self._holdings.settled(asset, change)
        if self._book is not None:
            self._value(asset, self._book)
        self._view = None

    def offer(self, key: Hashable, promise: Promise) -> None:
        """An offer is out; it takes the place of what was promised under this key. Indications promise nothing."""
        self._put(key, promise, agreed=False)

    def agree(self, key: Hashable, promise: Promise) -> None:
        """A trade is agreed, and will be settled; it takes the place of the offer under this key."""
        self._put(key, promise, agreed=True)

    def drop(self, key: Hashable) -> None:
        """An offer has expired or was withdrawn, or a trade will not be settled. Twice is once."""
        found = self._promises.pop(key, None)
        if found is not None:
            self._count(*found, sign=-1)

    def settle(self, key: Hashable) -> None:
        """A trade is settled: what it changes is held from now on. Where balances are read from the chain anyway, use
        `drop` and `hold`.
        """
        found = self._promises.get(key)
        if found is None:
            return
        self.drop(key)
        for asset, change in found[0].changes.items():
            self.hold(asset, self._amounts.get(asset, 0) + change)

    def revalue(self, book: Book) -> None:
        """Delta and vega of all holdings, at a book's prices. What is promised keeps those of its own time."""
        self._book = book
        for asset in list(self._own):
            self._forget(asset)
        self._unvalued.clear()
        self._view = None
        by_market: defaultdict[int, list[Asset]] = defaultdict(list)
        for asset in self._amounts:
            market = _living_market(asset, book)
            if market is not None:
                by_market[market].append(asset)
        for market, assets in by_market.items():
            self._value_all(market, assets, book)

    # What comes of it

    @property
    def promised(self) -> Mapping[Hashable, Promise]:
        """Live offers and unsettled trades, by key."""
        return MappingProxyType({key: promise for key, (promise, _) in self._promises.items()})

    def inventory(self) -> Inventory:
        """The sums now, to be put into a book; the same object as long as nothing has changed."""
        if self._view is None:
            self._view = self._made()
        return self._view

    def inventory_without(self, key: Hashable) -> Inventory:
        """As `inventory`, but for what is promised under a key: to quote anew what is to take its place."""
        found = self._promises.get(key)
        if found is None:
            return self.inventory()
        self._count(*found, sign=-1)
        view = self._made()
        self._count(*found, sign=1)
        return view

    # Inside

    def _made(self) -> Inventory:
        return Inventory(
            MappingProxyType(dict(self._holdings)),
            MappingProxyType(
                {
                    market: Risks(self._deltas.get(market, _NOTHING), self._vegas.get(market, _NOTHING))
                    for market in {*self._deltas, *self._vegas}
                }
            ),
            MappingProxyType(dict(self._unvalued)),
            MappingProxyType(dict(self._exposures)),
            sum(self._exposures.values()),
            is_valued=self._book is not None or not self._amounts,
        )

    def _put(self, key: Hashable, promise: Promise, *, agreed: bool) -> None:
        self.drop(key)
        self._promises[key] = promise, agreed
        self._count(promise, agreed, sign=1)

    def _count(self, promise: Promise, agreed: bool, *, sign: int) -> None:
        for asset, change in promise.changes.items():
            self._holdings.promised(asset, change, is_agreed=agreed, sign=sign)
        for market, (delta, vega) in promise.risks.items():
            self._deltas.promised(market, delta, is_agreed=agreed, sign=sign)
            self._vegas.promised(market, vega, is_agreed=agreed, sign=sign)
        self._exposures[promise.taker] += sign * promise.notional
        if not self._exposures[promise.taker]:
            del self._exposures[promise.taker]
        self._view = None

    def _value(self, asset: Asset, book: Book) -> None:
        self._forget(asset)
        market = _living_market(asset, book)
        if market is not None and asset in self._amounts:
            self._value_all(market, [asset], book)

    def _value_all(self, market: int, assets: Iterable[Asset], book: Book) -> None:
        found = worths([(asset, self._amounts[asset]) for asset in assets], book)
        if isinstance(found, No):
            self._unvalued[market] = found.text
            return
        for worth in found:
            self._own[worth.asset] = market, (worth.delta, worth.vega)
            self._deltas.settled(market, worth.delta)
            self._vegas.settled(market, worth.vega)

    def _forget(self, asset: Asset) -> None:
        market, (delta, vega) = self._own.pop(asset, (0, _NO_RISK))
        self._deltas.settled(market, -delta)
        self._vegas.settled(market, -vega)


def _living_market(asset: Asset, book: Book) -> int | None:
    """The market whose risk an asset has; none once it has expired."""
    instrument = book.instrument(asset.id) if book.market_of(asset) is not None and asset.token == book.ledger else None
    return None if instrument is not None and instrument.expiry <= book.now else book.market_of(asset)
