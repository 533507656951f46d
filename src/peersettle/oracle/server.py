"""What a reporter serves over HTTP. There is no key and no command in it: only reports, and signatures under batches.

GET  /v1/reports                 the newest reports of every feed
GET  /v1/reports/{feed}?slot=    of one feed, by id (0x…) or name (ETH%2FUSD); without `slot` the newest round
POST /v1/reports                 take a peer's reports: one document, or a list of at most 64
POST /v1/cosign                  sign a batch or a surface, when it agrees with what we hold; ?check=1 only says whether
GET  /metrics, /health
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog
from aiohttp import web

from peersettle.errors import PeerSettleError
from peersettle.jsons import read_json
from peersettle.oracle.book import GARBAGE, Refusal, ReportBook
from peersettle.oracle.cosign import CoSigner
from peersettle.oracle.gate import Gate
from peersettle.oracle.metrics import Metrics
from peersettle.reports import CoSigned, Feed, SignedReport, from_json
from peersettle.service.clock import Clock
from peersettle.service.http import HttpService

MAX_BODY: Final = 1 << 17
MAX_DOCUMENTS: Final = 64
_log = structlog.get_logger("peersettle.oracle")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ReportServer(HttpService):
    """Serves a book. `cosigner` may be missing: then nothing is co-signed."""

    def __init__(
        self,
        book: ReportBook,
        *,
        clock: Clock,
        metrics: Metrics,
        cosigner: CoSigner | None = None,
        gate: Gate | None = None,
    ) -> None:
        self._book, self._clock, self._metrics = book, clock, metrics
        self._cosigner, self._gate = cosigner, gate or Gate(clock)
        self._signing = asyncio.Lock()

    def app(self) -> web.Application:
        """The routes."""
        app = web.Application(client_max_size=MAX_BODY, middlewares=[self._guard])
        app.router.add_get("/v1/reports", self._all_reports)
        app.router.add_get("/v1/reports/{feed:.+}", self._feed_reports)
        app.router.add_post("/v1/reports", self._take_reports)
        app.router.add_post("/v1/cosign", self._cosign)
        app.router.add_get("/metrics", self._metrics.show)
        app.router.add_get("/health", self._health)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        peer = request.remote or "unknown"
        if wait := self._gate.admit(peer):
            status = 403 if self._gate.is_banned(peer) else 429
            answer = {"refused": "banned" if status == 403 else "too many requests", "retry_after": wait}
            return web.json_response(answer, status=status, headers={"Retry-After": str(wait)})
        try:
            return await handler(request)
        except web.HTTPRequestEntityTooLarge:
            self._garbage(peer)
            return web.json_response({"refused": f"at most {MAX_BODY} bytes"}, status=413)

    async def _all_reports(self, _: web.Request) -> web.Response:
        return web.json_response({"feeds": [self._held(feed, None) for feed in self._book.feeds.values()]})

    async def _feed_reports(self, request: web.Request) -> web.Response:
        feed = self._book.feed(request.match_info["feed"])
        if feed is None:
            return web.json_response({"refused": "no such feed here"}, status=404)
        text = request.query.get("slot")
        if text is not None and not (text.isascii() and text.isdigit() and len(text) < 12):
            return web.json_response({"refused": "slot: give Unix seconds"}, status=400)
        return web.json_response(self._held(feed, int(text) if text is not None else None))

    async def _take_reports(self, request: web.Request) -> web.Response:
        peer = request.remote or "unknown"
        documents = await _body(request)
        listed = documents if isinstance(documents, list) else [documents]
        if documents is None or len(listed) > MAX_DOCUMENTS:
            self._refuse(peer, Refusal.MALFORMED)
            return web.json_response({"refused": f"give 1 to {MAX_DOCUMENTS} reports as JSON"}, status=400)
        refused: Counter[str] = Counter()
        accepted = 0
        for document in listed:
            if self._gate.is_banned(peer):
                break
            refusal = self._take(document)
            if refusal is None:
                accepted += 1
            else:
                refused[str(refusal)] += 1
                self._refuse(peer, refusal)
        if self._gate.is_banned(peer):
            return web.json_response({"accepted": accepted, "refused": "banned"}, status=403)
        return web.json_response({"accepted": accepted, "refused": dict(refused)})

    async def _cosign(self, request: web.Request) -> web.Response:
        peer = request.remote or "unknown"
        document = _document(await _body(request))
        if not isinstance(document, CoSigned):
            self._garbage(peer)
            return web.json_response({"refused": "give a batch or a surface"}, status=400)
        if self._cosigner is None:
            return web.json_response({"refused": "this reporter signs no batches"}, status=403)
        if request.query.get("check") == "1":
            if problem := self._problem(self._cosigner, document):
                return web.json_response({"refused": problem}, status=409)
            return web.json_response({"reporter": self._cosigner.address})
        async with self._signing:  # a remote signer may take its time; one after the other keeps the journal in order
            signature, problem = await self._signature(self._cosigner, document)
        self._metrics.cosigned.labels("refused" if problem else "signed").inc()
        if problem:
            _log.warning("not co-signed", peer=peer, why=problem)
            return web.json_response({"refused": problem}, status=409)
        return web.json_response({"reporter": self._cosigner.address, "signature": "0x" + signature.hex()})

    async def _signature(self, cosigner: CoSigner, document: CoSigned) -> tuple[bytes, str]:
        if problem := self._problem(cosigner, document):
            return b"", problem
        try:
            return await asyncio.to_thread(cosigner.sign, document), ""
        except PeerSettleError as error:
            return b"", error.message

    def _problem(self, cosigner: CoSigner, document: CoSigned) -> str:
        try:
            document.verify()
            return cosigner.refusal(document, self._clock.now()) or ""
        except PeerSettleError as error:
            return error.message

    async def _health(self, _: web.Request) -> web.Response:
        now, feeds, healthy = self._clock.now(), [], True
        for feed in self._book.feeds.values():
            slot = self._book.newest(feed)
            count = len(self._book.reports(feed, slot)) if slot is not None else 0
            good = slot is not None and now - slot <= 3 * feed.slot and count >= self._book.reporters.threshold
            healthy = healthy and good
            feeds.append({"feed": feed.name, "slot": slot, "reports": count, "healthy": good})
        answer = {"healthy": healthy, "threshold": self._book.reporters.threshold, "feeds": feeds}
        return web.json_response(answer, status=200 if healthy else 503)

    def _held(self, feed: Feed, slot: int | None) -> dict[str, Any]:
        chosen = self._book.newest(feed) if slot is None else slot
        reports = self._book.reports(feed, chosen) if chosen is not None else []
        return {
            "feed": "0x" + feed.id.hex(),
            "name": feed.name,
            "slot": chosen,
            "reports": [report.to_json() for report in reports],
        }

    def _take(self, data: Any) -> Refusal | None:
        signed = _document(data)
        if not isinstance(signed, SignedReport):
            return Refusal.MALFORMED
        refusal = self._book.accept(signed, self._clock.now())
        if refusal is None:
            self._metrics.accepted.labels(signed.report.feed.name).inc()
        elif refusal is Refusal.EQUIVOCATION:
            held = self._book.reports(signed.report.feed, signed.report.observed_at)
            first = [report.to_json() for report in held if report.reporter == signed.reporter]
            _log.error("a reporter signed two values for one slot", evidence=[*first, signed.to_json()])
        return refusal

    def _refuse(self, peer: str, refusal: Refusal) -> None:
        self._metrics.refused.labels(str(refusal)).inc()
        if refusal in GARBAGE:
            self._garbage(peer)

    def _garbage(self, peer: str) -> None:
        if self._gate.garbage(peer):
            self._metrics.bans.inc()
            _log.warning("peer banned: it keeps sending garbage", peer=peer)


async def _body(request: web.Request) -> Any:
    """The JSON of a request, None where it is none."""
    data = await request.read()
    try:
        return read_json(data)
    except ValueError:
        return None


def _document(data: Any) -> SignedReport | CoSigned | None:
    if not isinstance(data, dict):
        return None
    try:
        return from_json(data)
    except (PeerSettleError, TypeError):
        return None
