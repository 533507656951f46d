"""`/v1/events`: what happens, as it happens; and `/v1/metrics`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse

from peersettle.api.desk import ApiDesk
from peersettle.api.views import as_event, change
from peersettle.node.hub import Listener
from peersettle.service.metrics import CONTENT_TYPE

HEARTBEAT: Final = 15.0
"""Seconds of silence after which a comment says that the stream is alive."""


def router(desk: ApiDesk, heartbeat: float = HEARTBEAT) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["node"])

    @routes.get(
        "/events",
        response_class=StreamingResponse,
        responses={200: {"content": {"text/event-stream": {}}, "description": "`change` events: a ChangeView each."}},
    )
    async def events() -> StreamingResponse:
        """Server-sent events from now on: one for each thing that happens to a negotiation.

        The stream ends where its reader does not keep up: read what is there again, and listen anew.
        """
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(_stream(desk, heartbeat), media_type="text/event-stream", headers=headers)

    @routes.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        """Counters, for Prometheus."""
        return Response(desk.node.metrics.text(), headers={"Content-Type": CONTENT_TYPE})

    return routes


async def _stream(desk: ApiDesk, heartbeat: float) -> AsyncIterator[bytes]:
    with desk.node.engine.hub.listen() as changes:
        yield b": listening\n\n"
        waiting = asyncio.ensure_future(_next(changes))
        try:
            while True:
                done, _ = await asyncio.wait((waiting,), timeout=heartbeat)
                if not done:
                    yield b": \n\n"
                    continue
                event = waiting.result()
                if event is None:
                    return
                waiting = asyncio.ensure_future(_next(changes))
                yield event
        finally:
            waiting.cancel()


async def _next(changes: Listener) -> bytes | None:
    async for each in changes:
        return as_event(change(each))
    return None
