"""The local HTTP API of one node, as a FastAPI application."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi

from peersettle.api.desk import ApiDesk
from peersettle.api.failures import handle_failures
from peersettle.api.guard import METRICS, OPEN, Guard
from peersettle.api.models import Failure, HealthView
from peersettle.api.routes import events, peers, records, requests

if TYPE_CHECKING:
    from peersettle.node.node import Node
    from peersettle.types import Address

_DESCRIPTION = """Ask peers for quotes, accept one, see it settle. For programs of the same machine: every request says
the node's token (`Authorization: Bearer …`). Keys are neither taken nor given."""


def create_app(
    node: Node,
    token: str,
    *,
    named: Mapping[str, Address] | None = None,
    hosts: Collection[str] = (),
    open_metrics: bool = False,
    request_life: int = 30,
    sub_account: int = 0,
    heartbeat: float = events.HEARTBEAT,
) -> FastAPI:
    """The API of a node that has been started.

    Args:
        token: what a program must say to be let in.
        named: tokens by the names of the settings, before those of the deployment.
        hosts: names beside 127.0.0.1, ::1 and localhost that a program may ask it by.
        open_metrics: metrics are for everybody who reaches it.
        request_life: seconds in which makers may answer, where a request does not say.
        sub_account: of our margin account, where a request does not say.
        heartbeat: seconds of silence after which a stream of events says that it is alive.
    """
    from peersettle import __version__

    app = FastAPI(
        title="PeerSettle node",
        version=__version__,
        description=_DESCRIPTION,
        docs_url=None,  # they load scripts from elsewhere
        redoc_url=None,
    )
    desk = ApiDesk(node, named, request_life=request_life, sub_account=sub_account)

    @app.get("/health", tags=["node"])
    async def health() -> HealthView:
        """Whether the node is there. Needs no token."""
        return HealthView(ok=True)

    failures: dict[int | str, dict[str, Any]] = {
        status: {"model": Failure, "description": what}
        for status, what in (
            (401, "The token is missing or wrong."),
            (404, "There is none."),
            (409, "It does not fit where the negotiation stands, or would not settle."),
            (422, "It cannot be meant."),
            (502, "A peer or the chain refuses."),
            (503, "The signer or the store fails."),
            (504, "A peer or the chain does not answer."),
        )
    }
    routes = APIRouter(prefix="/v1", responses=failures)
    for part in (peers.router(desk), requests.router(desk), records.router(desk), events.router(desk, heartbeat)):
        routes.include_router(part)
    app.include_router(routes)
    handle_failures(app)
    app.add_middleware(Guard, token=token, hosts=hosts, open_paths=(*OPEN, *([METRICS] if open_metrics else [])))
    _describe(app)
    return app


def _describe(app: FastAPI) -> None:
    """The OpenAPI document says how one is let in."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            found = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            found.setdefault("components", {})["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
            for path, methods in found["paths"].items():
                if path not in OPEN:
                    for method in methods.values():
                        method["security"] = [{"token": []}]
            app.openapi_schema = found
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]
