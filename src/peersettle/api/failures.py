"""Failures as JSON: what was wrong and what to do next; never a traceback, never what was sent."""

from __future__ import annotations

from typing import Any, Final

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from peersettle import errors
from peersettle.api.errors import NotFound
from peersettle.errors import PeerSettleError
from peersettle.errors.peers import NegotiationError, NetworkError, PeerUnreachable

_STATUS: Final[tuple[tuple[type[PeerSettleError], int], ...]] = (
    (NotFound, 404),
    (errors.InputError, 422),
    (NegotiationError, 409),
    (errors.SignatureError, 409),
    (errors.NotSettleable, 409),
    (errors.KeyStoreError, 503),
    (errors.SignerError, 503),
    (errors.StoreError, 503),
    (PeerUnreachable, 504),
    (NetworkError, 502),
    (errors.Reverted, 409),
    (errors.RpcUnavailable, 504),
    (errors.ChainError, 502),
)
_log = structlog.get_logger("peersettle.api")


def handle_failures(app: FastAPI) -> None:
    """Answer every failure as JSON with a fitting status."""
    app.add_exception_handler(PeerSettleError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


def status_of(error: PeerSettleError) -> int:
    """The HTTP status that an error has."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


async def _ours(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, PeerSettleError)
    return JSONResponse(_plain(error.to_json()), status_of(error))


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    said = []
    for item in error.errors():
        where = ".".join(str(part) for part in item["loc"][1:]) or str(item["loc"][0])
        said.append(f"{where}: {item['msg'].removeprefix('Value error, ')}")
    return JSONResponse({"error": "InputError", "message": "; ".join(said)}, 422)


async def _http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return JSONResponse(
        {"error": "NotFound" if error.status_code == 404 else "HttpError", "message": str(error.detail)},
        error.status_code,
        error.headers,
    )


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    _log.error("a request failed", path=request.url.path, exc_info=error)
    kind = type(error).__name__
    return JSONResponse({"error": "Unexpected", "message": f"unexpected {kind}; the node's log has more"}, 500)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(inner) for inner in value]
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)
