"""Prices from contracts: an AggregatorV3 feed, and the time-weighted price of a Uniswap v3 style pool."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final, Protocol, TypeVar

from peersettle.chain.artifacts import decode, encode, selector
from peersettle.errors import ChainError, InputError, SourceError
from peersettle.oracle.sources.base import EXACT, Adjustment, Sample
from peersettle.types import Address

_DECIMALS: Final = selector("decimals()")
_LATEST: Final = selector("latestRoundData()")
_OBSERVE: Final = selector("observe(uint32[])")
TICK_BASE: Final = Decimal("1.0001")
MAX_TICK: Final = 887_272

T = TypeVar("T")


class Caller(Protocol):
    """What we need of a chain; `peersettle.chain.Chain` is one."""

    def call(self, to: Address, data: bytes) -> bytes:
        """What a call would return."""
        ...

    def block(self) -> Any:
        """The head of the latest block, with its `timestamp`."""
        ...


class _OneThread:
    """Runs a blocking read in a thread, never two at once: a node that hangs must not eat all threads."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._running: asyncio.Future[Any] | None = None

    async def run(self, work: Callable[[], T]) -> T:
        if self._running is not None and not self._running.done():
            raise SourceError(f"{self._name}: the node has not answered the last question yet", kind="timeout")
        task = asyncio.ensure_future(asyncio.to_thread(work))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._running = task
        try:
            return await asyncio.shield(task)
        except (ChainError, InputError) as error:
            raise SourceError(f"{self._name}: {type(error).__name__}: {error}", kind="unavailable") from None


class AggregatorFeed:
    """A contract with AggregatorV3Interface. Its answer's own time counts, so a feed that stopped goes stale."""

    def __init__(
        self,
        name: str,
        contract: Address,
        *,
        chain: Caller,
        source_class: str = "aggregator",
        adjustment: Adjustment | None = None,
        max_age: int = 3_900,
    ) -> None:
        self.name, self.source_class, self.max_age = name, source_class, max_age
        self._contract, self._chain = contract, chain
        self._adjustment = adjustment or Adjustment()
        self._decimals: int | None = None
        self._thread = _OneThread(name)

    async def observe(self, at: int) -> Sample:  # noqa: ARG002 - the contract knows only its latest round
        """The latest answer.

        Raises:
            SourceError: the node does not answer, there is no such contract, the round is not complete or was
                answered in an earlier one, or the answer is not positive.
        """
        return await self._thread.run(self._read)

    def _read(self) -> Sample:
        if self._decimals is None:
            (decimals,) = decode(["uint8"], self._chain.call(self._contract, _DECIMALS))
            if decimals > 36:
                raise SourceError(f"{self.name} has {decimals} decimals", kind="not_a_number")
            self._decimals = decimals
        data = self._chain.call(self._contract, _LATEST)
        round_id, answer, _started, updated_at, answered_in = decode(
            ["uint80", "int256", "uint256", "uint256", "uint80"], data
        )
        if updated_at == 0:
            raise SourceError(f"{self.name}: round {round_id} is not complete", kind="incomplete_round")
        if 0 < answered_in < round_id:  # zero where a feed does not tell
            raise SourceError(f"{self.name}: round {round_id} was answered in round {answered_in}", kind="stale_round")
        if answer <= 0:
            raise SourceError(f"{self.name} answers {answer}", kind="not_positive")
        value = EXACT.scaleb(EXACT.create_decimal(answer), -self._decimals)
        return Sample(self._adjustment.apply(value), min(updated_at, 2**53))


class TwapPool:
    """The geometric mean price of token0 in token1 over the last `window` seconds of a pool.

    The pool adds up `tick * seconds`, and a tick counts for the time that it lasted: what happens and is undone inside
    one block lasts no time, and tokens sent to the pool move no tick. A price held for s of the window's w seconds
    weighs s / w of the mean tick.
    """

    def __init__(
        self,
        name: str,
        pool: Address,
        *,
        chain: Caller,
        decimals0: int,
        decimals1: int,
        window: int = 1_800,
        source_class: str = "amm",
        adjustment: Adjustment | None = None,
        max_age: int = 60,
    ) -> None:
        self.name, self.source_class, self.max_age = name, source_class, max_age
        self._pool, self._chain, self._window = pool, chain, window
        self._shift = decimals0 - decimals1
        self._adjustment = adjustment or Adjustment()
        self._thread = _OneThread(name)

    async def observe(self, at: int) -> Sample:  # noqa: ARG002 - the pool counts back from the latest block
        """The mean price up to the latest block.

        Raises:
            SourceError: the node does not answer, there is no such pool, or its memory is shorter than the window.
        """
        return await self._thread.run(self._read)

    def _read(self) -> Sample:
        head = self._chain.block()
        data = _OBSERVE + encode(["uint32[]"], [[self._window, 0]])
        cumulatives, _ = decode(["int56[]", "uint160[]"], self._chain.call(self._pool, data))
        if len(cumulatives) != 2:
            raise SourceError(f"{self.name} gave {len(cumulatives)} observations for 2", kind="not_a_number")
        price = mean_price(cumulatives, self._window)
        return Sample(self._adjustment.apply(EXACT.scaleb(price, self._shift)), int(head.timestamp))


def mean_price(cumulatives: Sequence[int], window: int) -> Decimal:
    """1.0001 to the mean tick, in token units: the geometric time-weighted price between two tick cumulatives.

    The mean tick is kept as an exact fraction and not rounded to a whole tick.

    Raises:
        SourceError: beyond the range that a pool can have.
    """
    moved = cumulatives[1] - cumulatives[0]
    if abs(moved) > MAX_TICK * window:
        raise SourceError(f"a mean tick of {moved // window} is none that a pool can have", kind="not_a_number")
    tick = EXACT.divide(Decimal(moved), Decimal(window))
    return EXACT.exp(EXACT.multiply(EXACT.ln(TICK_BASE), tick))
