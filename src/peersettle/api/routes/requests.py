"""`/v1/requests`: asking, waiting, accepting, cancelling."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Query

from peersettle.api.desk import ApiDesk
from peersettle.api.models import (
    AcceptBody,
    FirmBody,
    NegotiationView,
    RequestBody,
    SummaryView,
    Until,
)
from peersettle.api.views import summary
from peersettle.api.waiting import enough, wait_for

MOST_SECONDS = 60
"""That one request waits."""


def router(desk: ApiDesk) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/requests", tags=["requests"])
    engine = desk.node.engine

    @routes.post("", status_code=201)
    async def ask(body: RequestBody) -> NegotiationView:
        """Ask for quotes: peers by name, or everybody. Answers come later: wait for them by the key."""
        request = await asyncio.to_thread(desk.build, body)
        peers = tuple(dict.fromkeys(desk.node.peers.find(peer) for peer in body.peers))
        key = await engine.request(request, peers)
        return await desk.view(*await desk.find(key))

    @routes.get("")
    async def list_requests(
        limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
        before: Annotated[float | None, Query(description="Changed before this time.")] = None,
        side: Annotated[Literal["taker", "maker"] | None, Query(description="Ours.")] = None,
        status: str | None = None,
        is_over: bool | None = None,
    ) -> list[SummaryView]:
        """Negotiations, the one that changed last first."""
        found = await asyncio.to_thread(
            desk.node.store.negotiations.list,
            limit=limit,
            before=before,
            side=side,
            chain_id=desk.node.deployment.chain_id,
            status=status,
            is_over=is_over,
        )
        return [summary(record) for record in found]

    @routes.get("/{key}")
    async def show(
        key: str,
        until: Annotated[Until, Query(description="Wait until it is as far.")] = Until.ANSWERED,
        wait: Annotated[float, Query(ge=0, le=MOST_SECONDS, description="Seconds at most.")] = 0,
        answers: Annotated[int | None, Query(ge=1, description="So many peers are enough; else all asked.")] = None,
    ) -> NegotiationView:
        """A negotiation with its quotes: at once, or when it is as far as one waits for."""
        found, state = await desk.find(key)
        if wait:
            asked = {card.peer for card in desk.node.peers.known()}
            is_enough = enough(until, lambda now: desk.views.settlement(now.deal) if now.deal else None, answers, asked)
            state = await wait_for(engine, found, state, is_enough, wait, reads_store=until is Until.SAFE)
        return await desk.view(found, state)

    @routes.post("/{key}/firm")
    async def firm(key: str, body: FirmBody) -> NegotiationView:
        """Ask a peer to make its indication a signed offer."""
        found, state = await desk.ours(key)
        await engine.want_firm(found, desk.peer_of(state, body.peer))
        return await desk.view(*await desk.find(found))

    @routes.post("/{key}/accept")
    async def accept(key: str, body: AcceptBody) -> NegotiationView:
        """Sign one alternative, tell its maker, and settle it. What is signed is exactly what the quote shows."""
        found, state = await desk.ours(key)
        after = await engine.accept(found, desk.peer_of(state, body.peer), body.number, body.choice)
        return await desk.view(found, after)

    @routes.post("/{key}/cancel")
    async def cancel(key: str) -> NegotiationView:
        """Want it no more; where it is a peer's request, withdraw our offer."""
        found, _ = await desk.find(key)
        await engine.cancel(found)
        return await desk.view(*await desk.find(found))

    return routes
