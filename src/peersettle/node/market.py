"""What a strategy may know, kept up to date from the chain and from negotiations."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import structlog

from peersettle.bindings import Token, ask
from peersettle.bindings.oracle import Reading
from peersettle.errors import ChainError
from peersettle.making import Book, No, Price, Spot, Tally, TokenView, promise_of, value
from peersettle.making.book import CASH_UNITS, COLLATERAL_UNITS, Promise
from peersettle.pricing import Surface
from peersettle.rfq import Alternative, Asset, MakerState, Offered, Request
from peersettle.risk.instruments import CASH_ID, SERIES_BITS, expiry, next_day
from peersettle.trades import LegKind
from peersettle.types import WAD, ZERO_ADDRESS, Account, Address

if TYPE_CHECKING:
    from peersettle.bindings import MarginDesk
    from peersettle.bindings.statements import Listing
    from peersettle.chain.client import Chain
    from peersettle.node.hub import Change
    from peersettle.service.clock import Clock

PRICES_EVERY: Final = 1.0
SURFACES_EVERY: Final = 15.0
_NEAR: Final = 10
"""Days of which each has its slice; later ones have one a week."""
_FAR: Final = 400
_DAY: Final = 86_400
_log = structlog.get_logger("peersettle.node")


class MarketDesk:
    """The book of one account. `book` and `note` are for the loop; what asks the chain runs in threads.

    Args:
        tokens: by symbol.
        margin: the margin accounts, whose markets have prices; without them only the currency is worth something.
    """

    def __init__(
        self,
        chain: Chain,
        tokens: Mapping[str, Address],
        account: Account,
        *,
        currency: Address | None,
        margin: MarginDesk | None = None,
        clock: Clock,
    ) -> None:
        self._chain = chain
        self._tokens = dict(tokens)
        self._account = account
        self._currency = currency
        self._margin = margin
        self._clock = clock
        self._tally = Tally()
        self._counted: dict[str, str] = {}
        self._book = Book(clock.now(), {})

    async def start(self) -> None:
        """Read everything once.

        Raises:
            ChainError: the node does not answer.
        """
        await asyncio.to_thread(self._read_tokens)
        await self._refresh(surfaces=True)

    async def run(self) -> None:
        """Read again and again, until cancelled. Where the node does not answer, prices grow old, which strategies
        see."""
        since_surfaces = self._clock.now()
        while True:
            await self._clock.sleep(PRICES_EVERY)
            surfaces = self._clock.now() - since_surfaces >= SURFACES_EVERY
            try:
                await self._refresh(surfaces=surfaces)
            except ChainError as error:
                _log.warning("prices could not be read", why=error.message)
            except Exception:
                _log.exception("prices could not be read")
            else:
                since_surfaces = self._clock.now() if surfaces else since_surfaces

    def book(self) -> Book:
        """What is known now."""
        return replace(self._book, now=self._clock.now(), inventory=self._tally.inventory())

    def reserve(self, key: str, request: Request, offered: Offered) -> None:
        """Count an offer that is about to be made."""
        promise = self._promise(request, offered.alternatives)
        if promise is not None:
            self._tally.offer(key, promise)
            self._counted[key] = "offered"

    def drop(self, key: str) -> None:
        """It was not made after all."""
        self._tally.drop(key)
        self._counted.pop(key, None)

    def note(self, change: Change) -> None:
        """Count what a negotiation promises: all alternatives, since the taker may settle any until one is in a block.
        What is in a block is read from the chain."""
        try:
            self._note(change)
        except Exception:  # counting must not keep a negotiation from going on
            _log.exception("a promise could not be counted", key=change.key)

    def _note(self, change: Change) -> None:
        state = change.state
        if not isinstance(state, MakerState) or state.offer is None:
            return
        counted = "over" if state.is_over or state.status == "settled" else "agreed" if state.deal else "offered"
        if self._counted.get(change.key) == counted:
            return
        self._counted[change.key] = counted
        if counted == "over":
            self._tally.drop(change.key)
            if state.is_over:
                del self._counted[change.key]
            return
        promise = self._promise(state.request, state.offer.alternatives)
        if promise is None:
            return
        if state.deal is not None:
            self._tally.agree(change.key, promise)
        else:
            self._tally.offer(change.key, promise)

    # Inside

    def _promise(self, request: Request, alternatives: Sequence[Alternative]) -> Promise | None:
        valuation = value(request, self.book())
        if isinstance(valuation, No):
            return None
        return promise_of(request, [Price(item.price, item.part) for item in alternatives], valuation)

    async def _refresh(self, *, surfaces: bool) -> None:
        spots, found, holdings, room = await asyncio.to_thread(self._read, surfaces)
        self._book = replace(
            self._book,
            spots=spots,
            surfaces=self._book.surfaces if found is None else found,
            margin_room=room,
            now=self._clock.now(),
        )
        for asset, amount in holdings.items():
            self._tally.hold(asset, amount)
        self._tally.revalue(self.book())

    def _listings(self) -> tuple[Listing, ...]:
        return self._margin.listings if self._margin is not None else ()

    def _read_tokens(self) -> None:
        of_market = {item.terms.token: item.number for item in self._listings() if item.terms.token != ZERO_ADDRESS}
        views = {}
        for symbol, token in self._tokens.items():
            decimals = Token(self._chain, token).decimals()
            if decimals is not None:
                views[token] = TokenView(symbol, decimals, of_market.get(token), token == self._currency)
        self._book = replace(
            self._book,
            tokens=views,
            markets={item.number: item.market for item in self._listings()},
            ledger=self._margin.ledger.address if self._margin else None,
        )

    def _read(self, surfaces: bool) -> tuple[dict[int, Spot], dict[int, Surface] | None, dict[Asset, int], int | None]:
        return self._spots(), self._surfaces() if surfaces else None, self._holdings(), self._room()

    def _spots(self) -> dict[int, Spot]:
        if self._margin is None:
            return {}
        found = {}
        questions = [self._margin.oracle.question("read", bytes(item.terms.spot_feed)) for item in self._listings()]
        for item, answer in zip(self._listings(), ask(self._chain, questions) if questions else [], strict=True):
            if answer is not None:
                reading = Reading(*answer[0])
                if reading.observed_at:
                    found[item.number] = Spot(reading.value, reading.observed_at, not reading.candidate)
        return found

    def _surfaces(self) -> dict[int, Surface]:
        if self._margin is None:
            return {}
        expiries = _expiries(self._chain.now())
        found = {item.number: self._margin.oracle.surface(item.surface_feed, expiries) for item in self._listings()}
        return {number: surface for number, surface in found.items() if surface is not None}

    def _holdings(self) -> dict[Asset, int]:
        owner = self._account.owner
        held: dict[Asset, int] = {}
        for token in self._book.tokens:
            held[Asset(LegKind.ERC20, token)] = Token(self._chain, token).balance(owner)
        if self._margin is None:
            return held
        ledger = self._margin.ledger.address
        head = self._margin.ledger.head(self._account)
        held[Asset(LegKind.POSITION, ledger, CASH_ID)] = head.cash * CASH_UNITS // WAD
        for number in head.markets:
            book = self._margin.ledger.book(self._account, number)
            base = number << SERIES_BITS
            if book.collateral:
                held[Asset(LegKind.POSITION, ledger, base)] = book.collateral * COLLATERAL_UNITS // WAD
            for series, lots in book.positions:
                held[Asset(LegKind.POSITION, ledger, base | series)] = lots
        return held

    def _room(self) -> int | None:
        if self._margin is None:
            return None
        try:
            health = self._margin.ledger.health(self._account)
        except ChainError:
            return None  # it must be refreshed first
        return int(health.equity) - int(health.initial)


def _expiries(now: int) -> list[int]:
    """Every day for a while, then Fridays."""
    first = next_day(now)
    days = (day for day in range(first, first + _FAR) if day < first + _NEAR or _is_friday(expiry(day)))
    return [expiry(day) for day in days]


def _is_friday(time: int) -> bool:
    return (time // _DAY + 4) % 7 == 5
