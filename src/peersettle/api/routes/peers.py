"""`/v1/status` and `/v1/peers`."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Response

from peersettle.api.desk import ApiDesk
from peersettle.api.models import BanBody, PeerView, StatusView
from peersettle.errors import InvalidField
from peersettle.network import Card


def router(desk: ApiDesk) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["node"])
    peers = desk.node.peers

    def shown(peer: str, card: Card | None) -> PeerView:
        return PeerView(
            peer=peer,
            accounts=list(card.accounts) if card else [],
            addresses=list(card.listens) if card else [],
            expires_at=card.expires_at if card else 0,
            banned_until=peers.limits.banned_until(peer, desk.now()),
        )

    def known(text: str) -> str:
        banned = peers.limits.dump(desk.now())
        return text if text in banned else peers.find(text)

    @routes.get("/status")
    async def status() -> StatusView:
        """Who and where the node is, and what it does."""
        block = await asyncio.to_thread(desk.node.chain.block)
        return {**desk.node.status(), "block": block.number, "block_time": block.timestamp}

    @routes.get("/peers")
    async def list_peers() -> list[PeerView]:
        """Peers whose card holds, and those that are banned."""
        cards = {card.peer: card for card in peers.known()}
        banned = peers.limits.dump(desk.now())
        return [shown(peer, cards.get(peer)) for peer in sorted({*cards, *banned})]

    @routes.post("/peers/{peer}/ban", status_code=204, response_class=Response)
    async def ban(peer: str, body: BanBody) -> None:
        """Do not hear a peer any more; kept over a restart."""
        try:
            found = known(peer)
        except InvalidField:
            if "/" in peer or peer.startswith("0x"):
                raise
            found = peer  # one that we have not heard of yet
        peers.ban(found, body.seconds)
        until = peers.limits.banned_until(found, desk.now())
        if until is not None:
            await asyncio.to_thread(desk.node.store.peers.ban, found, until, body.why)

    @routes.post("/peers/{peer}/unban", status_code=204, response_class=Response)
    async def unban(peer: str) -> None:
        """Hear a peer again."""
        found = known(peer)
        peers.unban(found)
        await asyncio.to_thread(desk.node.store.peers.unban, found)

    return routes
