"""A program's end of the API: `async with peersettle.connect() as peer:`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TypeVar

import aiohttp
from pydantic import TypeAdapter

from peersettle import errors
from peersettle.api.choosing import Amount, choose, reached
from peersettle.api.errors import CameToNothing, NoNode, NotFound, Unauthorised
from peersettle.api.models import (
    ChangeView,
    NegotiationView,
    PeerView,
    PositionsView,
    QuoteView,
    SummaryView,
    TradeView,
    Until,
)
from peersettle.api.token import read_token, token_path
from peersettle.errors import InputError, PeerSettleError
from peersettle.rfq.messages import WHOLE

if TYPE_CHECKING:
    from peersettle.config import Settings

T = TypeVar("T")

_TIMEOUT: Final = 30.0
_LONGEST_WAIT: Final = 50.0
"""Seconds that one question waits for: below what the node allows."""
_LARGEST_LINE: Final = 1 << 20
_LOOK_EVERY: Final = 0.02
_KIN: Final[dict[str, type[PeerSettleError]]] = {
    "InvalidField": InputError,
    "NotFound": NotFound,
    "NotSettleable": CameToNothing,  # checked before it was signed
}
"""What is built from parts, or is not the errors' own, by what it is told as."""
_START: Final = "start one: peersettle node --key NAME"


@dataclass(frozen=True, slots=True)
class Quotes(Sequence[QuoteView]):
    """The answers to one request: what can be accepted first, the best first."""

    negotiation: NegotiationView

    @property
    def key(self) -> str:
        """Of the request."""
        return self.negotiation.key

    def __getitem__(self, index: Any) -> Any:
        return self.negotiation.quotes[index]

    def __len__(self) -> int:
        return len(self.negotiation.quotes)

    def __iter__(self) -> Iterator[QuoteView]:
        return iter(self.negotiation.quotes)


def connect(url: str | None = None, token: str | None = None, config: str | Path | Settings | None = None) -> Peer:
    """A node of this machine: `async with connect() as peer`.

    Args:
        url: where it listens; else as the settings say.
        token: what it lets in; else from its file.
        config: settings, or their file; else the usual ones.

    Raises:
        ConfigError: the settings cannot be used. NoNode: there is no token, so that no node was started here.
    """
    if url is None or token is None:
        settings = _settings(config)
        url = url or settings.node.url
        if token is None:
            try:
                token = read_token(token_path(settings))
            except NoNode as error:
                raise NoNode(error.message, url=url, next_step=_START) from None
    return Peer(url, token)


class Peer:
    """Our node, by its API. Use it in `async with`, or `close` it; it belongs to one asyncio loop.

    Every method raises:
        NoNode: it does not answer. Unauthorised: it does not take the token. InputError, NegotiationError, ChainError
        and others: what the node says, as its own error.
    """

    def __init__(self, url: str, token: str) -> None:
        self.url: Final = url.rstrip("/")
        self._token = token
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Hang up. May be called twice."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    # Asking

    async def request(
        self,
        asset: str | None = None,
        side: Literal["buy", "sell"] | None = None,
        quantity: Amount | None = None,
        *,
        items: Sequence[Mapping[str, Any]] = (),
        currency: str | None = None,
        peers: Sequence[str] | None = None,
        wait: float = 2.0,
        life: int | None = None,
        firm: bool = True,
        last_look: bool = False,
        partial: bool = False,
        submitter: Literal["taker", "maker"] = "taker",
        sub_account: int | None = None,
    ) -> Quotes:
        """Ask for quotes, and wait until all who were asked have answered, or for `wait` seconds.

        `peers` are names, addresses or identities; without any everybody is asked, and all that the node knows are
        waited for. `items` are several things at one price, each with asset, side and quantity.
        """
        asked = await self.ask(
            asset,
            side,
            quantity,
            items=items,
            currency=currency,
            peers=peers,
            life=life,
            firm=firm,
            last_look=last_look,
            partial=partial,
            submitter=submitter,
            sub_account=sub_account,
        )
        return Quotes(await self.wait(asked.key, Until.ANSWERED, wait))

    async def ask(
        self,
        asset: str | None = None,
        side: Literal["buy", "sell"] | None = None,
        quantity: Amount | None = None,
        *,
        items: Sequence[Mapping[str, Any]] = (),
        peers: Sequence[str] | None = None,
        **how: Any,
    ) -> NegotiationView:
        """As `request`, but wait for nothing."""
        body: dict[str, Any] = {name: value for name, value in how.items() if value is not None}
        if items:
            body["items"] = [{**item, "quantity": str(item["quantity"])} for item in items]
        if asset is not None or not items:
            body |= {"asset": asset, "side": side, "quantity": None if quantity is None else str(quantity)}
        return await self._post("/v1/requests", {**body, "peers": list(peers or ())}, NegotiationView)

    async def wait(
        self, key: str, until: Until | str = Until.ANSWERED, seconds: float = 2.0, *, answers: int | None = None
    ) -> NegotiationView:
        """A negotiation when it is as far as this, when it is over, or after so many seconds.

        With `answers`, so many peers' answers are enough.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while True:
            begun = loop.time()
            left = min(max(end - begun, 0.0), _LONGEST_WAIT)
            query = {"until": str(Until(until)), "wait": f"{left:.3f}"}
            if answers is not None:
                query["answers"] = str(answers)
            found = await self._get(f"/v1/requests/{key}", NegotiationView, query, patience=left)
            if found.is_over or loop.time() < begun + left or loop.time() >= end:  # an early answer is what we wait for
                return found

    async def get(self, key: str) -> NegotiationView:
        """A negotiation as it is now."""
        return await self._get(f"/v1/requests/{key}", NegotiationView)

    async def requests(self, **query: Any) -> list[SummaryView]:
        """Negotiations, the one that changed last first; `limit`, `before`, `side`, `status`, `is_over` choose."""
        return await self._get("/v1/requests", list[SummaryView], {k: _query(v) for k, v in query.items()})

    async def firm(self, quote: QuoteView, wait: float = 2.0) -> Quotes:
        """Ask for a signed offer in place of an indication, and wait for it so many seconds."""
        await self._post(f"/v1/requests/{quote.key}/firm", {"peer": quote.peer}, NegotiationView)
        loop = asyncio.get_running_loop()
        end = loop.time() + wait
        while True:
            found = await self.get(quote.key)
            if _is_firm(found, quote.peer) or loop.time() >= end:
                return Quotes(found)
            await asyncio.sleep(_LOOK_EVERY)

    # Accepting

    def best(
        self,
        quotes: Sequence[QuoteView],
        limit: Amount | None = None,
        *,
        minimum_part: int = WHOLE,
        preference: Sequence[str] = (),
    ) -> QuoteView:
        """The best quote that can be accepted, by price for each unit.

        `limit` is the most to pay, or the least to get, for each unit; of several things, for all of them together.

        Raises:
            InputError: there is none.
        """
        found = choose(quotes, limit, minimum_part=minimum_part, preference=preference)
        if found is None:
            within = "" if limit is None else f" within {limit}"
            raise InputError(f"none of {len(quotes)} quotes can be accepted{within}", next_step="ask again")
        return found

    async def accept(
        self,
        quote: QuoteView,
        wait: Literal["agreed", "included", "safe", "finalized"] | None = "included",
        timeout: float = 120.0,
    ) -> NegotiationView:
        """Accept exactly this quote, and wait until its trade is as far as `wait`; None waits for nothing.

        Raises:
            CameToNothing: the maker says no, or it cannot settle any more.
            NotYet: it is not as far within `timeout` seconds. It goes on.
        """
        body = {"peer": quote.peer, "number": quote.number, "choice": quote.choice}
        found = await self._post(f"/v1/requests/{quote.key}/accept", body, NegotiationView)
        if wait is None:
            return found
        return reached(await self.wait(quote.key, wait, timeout), wait)

    async def cancel(self, key: str | QuoteView | Quotes) -> NegotiationView:
        """Want it no more."""
        name = key if isinstance(key, str) else key.key
        return await self._post(f"/v1/requests/{name}/cancel", {}, NegotiationView)

    # What there is

    async def status(self) -> dict[str, Any]:
        """Who and where the node is, and what it does."""
        return await self._get("/v1/status", dict[str, Any])

    async def peers(self) -> list[PeerView]:
        """Peers that the node knows."""
        return await self._get("/v1/peers", list[PeerView])

    async def ban(self, peer: str, seconds: float | None = None) -> None:
        """Do not hear a peer."""
        await self._call("POST", f"/v1/peers/{peer}/ban", body={"seconds": seconds})

    async def unban(self, peer: str) -> None:
        """Hear it again."""
        await self._call("POST", f"/v1/peers/{peer}/unban", body={})

    async def trades(self, limit: int = 100, skip: int = 0) -> list[TradeView]:
        """Signed quotes and trades, newest first."""
        return await self._get("/v1/trades", list[TradeView], {"limit": str(limit), "skip": str(skip)})

    async def export_trades(self, format: Literal["csv", "parquet"] = "csv") -> bytes:
        """Every trade, as a file's content."""
        return await self._call("GET", "/v1/export/trades", query={"format": format})

    async def positions(self, sub_accounts: Sequence[int] = ()) -> PositionsView:
        """Tokens in the wallet, and these margin accounts; without any, the one that `[node]` names."""
        query = [("sub_account", str(number)) for number in sub_accounts]
        return await self._get("/v1/positions", PositionsView, query)

    async def events(self) -> AsyncIterator[ChangeView]:
        """What happens to negotiations, from now on, until the node stops."""
        try:
            async with self._open().get(
                f"{self.url}/v1/events", headers=self._headers(), timeout=aiohttp.ClientTimeout(connect=_TIMEOUT)
            ) as response:
                if response.status != 200:
                    raise _error(response.status, await response.read(), self.url)
                async for line in response.content:
                    if line.startswith(b"data: "):
                        yield ChangeView.model_validate_json(line[6:])
        except (aiohttp.ClientError, TimeoutError) as error:
            raise self._absent(error) from error

    # Inside

    async def _get(self, path: str, kind: type[T], query: Any = None, *, patience: float = 0.0) -> T:
        return TypeAdapter(kind).validate_json(await self._call("GET", path, query=query, patience=patience))

    async def _post(self, path: str, body: Mapping[str, Any], kind: type[T]) -> T:
        return TypeAdapter(kind).validate_json(await self._call("POST", path, body=body))

    async def _call(
        self, method: str, path: str, *, query: Any = None, body: Any = None, patience: float = 0.0
    ) -> bytes:
        try:
            async with self._open().request(
                method,
                self.url + path,
                params=query,
                json=body,
                headers=self._headers(),
                timeout=aiohttp.ClientTimeout(_TIMEOUT + patience),
            ) as response:
                content = await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise self._absent(error) from error
        if response.status >= 400:
            raise _error(response.status, content, self.url)
        return content

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            # A proxy of the environment must not see the token.
            self._session = aiohttp.ClientSession(trust_env=False, read_bufsize=_LARGEST_LINE)
        return self._session

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"}

    def _absent(self, error: Exception) -> NoNode:
        why = str(error) or type(error).__name__
        return NoNode(f"no node answers at {self.url}: {why}", url=self.url, next_step=_START)


def _is_firm(found: NegotiationView, peer: str) -> bool:
    declined = any(each.peer == peer for each in found.declines)
    return found.is_over or declined or any(quote.firm and quote.peer == peer for quote in found.quotes)


def _query(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _settings(config: str | Path | Settings | None) -> Settings:
    from peersettle.config import load_settings

    if config is None or isinstance(config, str | Path):
        return load_settings(Path(config) if config is not None else None).settings
    return config


def _error(status: int, content: bytes, url: str) -> PeerSettleError:
    """The error that the node has said, as our own of the same kind."""
    try:
        data = dict(json.loads(content))
        name, message = str(data.pop("error")), str(data.pop("message"))
    except (ValueError, TypeError, KeyError):
        return NoNode(f"what answers at {url} is no node of ours: HTTP {status}", url=url, next_step=_START)
    if status == 401:
        return Unauthorised(message, url=url, next_step="is another node of yours listening there?")
    kind = _KIN.get(name) or getattr(errors, name, None)
    if not (isinstance(kind, type) and issubclass(kind, PeerSettleError)):
        kind = PeerSettleError
    made: PeerSettleError = kind(message, **data)
    return made
