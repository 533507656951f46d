"""`/v1/trades`, `/v1/export`, `/v1/positions`: what was done, and what we have."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from peersettle.api.desk import ApiDesk
from peersettle.api.holdings import positions
from peersettle.api.models import PositionsView, TradeView

_TYPES = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}


def router(desk: ApiDesk) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["records"])
    chain_id = desk.node.deployment.chain_id

    @routes.get("/trades")
    async def trades(
        limit: Annotated[int, Query(ge=1, le=1_000)] = 100, skip: Annotated[int, Query(ge=0)] = 0
    ) -> list[TradeView]:
        """Signed quotes and trades, newest first, with their settlement and negotiation."""

        def read() -> list[TradeView]:
            records = desk.node.store.trades(chain_id=chain_id)[skip : skip + limit]
            return [desk.views.trade(record) for record in records]

        return await asyncio.to_thread(read)

    @routes.get("/export/trades", response_class=Response)
    async def export(format: Annotated[Literal["csv", "parquet"], Query()] = "csv") -> Response:
        """Every trade as a file."""
        from peersettle.store import export_trades

        def write() -> bytes:
            with tempfile.TemporaryDirectory() as directory:
                path = Path(directory) / f"trades.{format}"
                export_trades(desk.node.store, path, chain_id=chain_id)
                return path.read_bytes()

        headers = {"Content-Disposition": f'attachment; filename="trades.{format}"'}
        return Response(await asyncio.to_thread(write), headers=headers, media_type=_TYPES[format])

    @routes.get("/positions")
    async def show_positions(
        sub_account: Annotated[
            list[int] | None, Query(description="Which margin accounts; else as [node] says.")
        ] = None,
    ) -> PositionsView:
        """Tokens in our wallet, and what our margin accounts hold and need."""
        return await asyncio.to_thread(positions, desk, sub_account or [desk.sub_account])

    return routes
