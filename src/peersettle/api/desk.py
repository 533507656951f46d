"""What the routes share: the node, and how it is shown."""

from __future__ import annotations

import asyncio
import math
import time
from typing import TYPE_CHECKING, Final

from peersettle.api.assets import Assets
from peersettle.api.errors import NotFound
from peersettle.api.models import NegotiationView, RequestBody
from peersettle.api.views import Views
from peersettle.bindings.amounts import token_book
from peersettle.errors import NegotiationError
from peersettle.rfq import Negotiation, Request, Side, TakerState
from peersettle.rfq.messages import new_request_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from peersettle.node.node import Node
    from peersettle.risk.instruments import Market
    from peersettle.types import Address

_PREFIX: Final = 4


class ApiDesk:
    """A node as the API serves it. `named` are tokens by the names of the settings."""

    def __init__(
        self,
        node: Node,
        named: Mapping[str, Address] | None = None,
        *,
        request_life: int = 30,
        sub_account: int = 0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.node: Final = node
        self.request_life: Final = request_life
        self.sub_account: Final = sub_account
        self.now: Final = clock
        deployment = node.deployment
        book = token_book(node.chain, deployment, self._markets, named)
        self.assets: Final = Assets(book, deployment.cash or deployment.tokens.get("USDC"))
        self.views: Final = Views(self.assets, node.store, deployment.chain_id, node.signer.address)

    async def find(self, text: str) -> tuple[str, Negotiation]:
        """A negotiation by its key, or by the first digits of one that is not over.

        Raises:
            NotFound: there is none. NegotiationError: there are several.
        """
        live = self.node.engine.live()
        if text in live:
            return text, live[text]
        found = [key for key in live if len(text) >= _PREFIX and key.startswith(text)]
        if len(found) > 1:
            raise NegotiationError(f"several negotiations begin with {text}: give more digits")
        if found:
            return found[0], live[found[0]]
        if await asyncio.to_thread(self.node.store.negotiations.get, text) is None:
            raise NotFound(f"there is no negotiation {text}", key=text)
        return text, await asyncio.to_thread(self.node.engine.state, text)

    async def ours(self, text: str) -> tuple[str, TakerState]:
        """A request of ours.

        Raises:
            NotFound: there is none.
        """
        key, state = await self.find(text)
        if not isinstance(state, TakerState):
            raise NotFound(f"{key} is a request of a peer's, not of ours", key=key)
        return key, state

    async def view(self, key: str, state: Negotiation) -> NegotiationView:
        """A negotiation as it is shown."""
        return await asyncio.to_thread(self.views.negotiation, key, state, self.now())

    def build(self, body: RequestBody) -> Request:
        """The request that a program means. For threads: it may ask the chain.

        Raises:
            InputError: it cannot be meant.
        """
        items = tuple(self.assets.item(item) for item in body.wanted())
        return Request(
            request_id=new_request_id(),
            domain=self.node.domain,
            taker=self.node.signer.address,
            items=items,
            currency=self.assets.currency(body.currency, items),
            expires_at=math.ceil(self.now()) + (body.life or self.request_life),
            firm=body.firm,
            last_look=body.last_look,
            partial=body.partial,
            submitter=Side(body.submitter),
            sub_account=self.sub_account if body.sub_account is None else body.sub_account,
        )

    def peer_of(self, state: TakerState, text: str) -> str:
        """The peer that is meant: one that has answered, or any that we know.

        Raises:
            InvalidField: none is, or more than one.
        """
        if text in state.answers:
            return text
        makers = [
            peer
            for peer, answer in state.answers.items()
            if answer.offer is not None and answer.offer.maker.lower() == text.lower()
        ]
        return makers[0] if len(makers) == 1 else self.node.peers.find(text)

    def _markets(self) -> tuple[Market, ...]:
        return self.node.margin.markets if self.node.margin is not None else ()
