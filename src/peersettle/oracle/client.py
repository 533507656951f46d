"""Speaking to reporters over HTTP: fetching reports, handing them over, asking for signatures."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import structlog

from peersettle.config import mask_url
from peersettle.errors import PeerSettleError, SourceError
from peersettle.jsons import read_json
from peersettle.reports import CoSigned, Feed, SignedReport, from_json
from peersettle.types import Address, address

if TYPE_CHECKING:
    import aiohttp

MAX_ANSWER: Final = 1 << 19
_log = structlog.get_logger("peersettle.oracle")


class ReportClient:
    """Asks reporters. Nothing that comes back is verified here: a `ReportBook` or `CoSigned.verify` does that.

    Every method raises `SourceError` when the reporter does not answer in `timeout` seconds, refuses, or answers
    nonsense. URLs are shown without what may be secret in them.
    """

    def __init__(self, session: aiohttp.ClientSession, *, timeout: float = 3.0) -> None:
        self._session, self._timeout = session, timeout

    async def fetch(self, url: str, feed: Feed, slot: int | None = None) -> list[SignedReport]:
        """The reports of one slot, by default of the newest that can make a round."""
        route = f"/v1/reports/{quote('0x' + feed.id.hex())}" + (f"?slot={slot}" if slot is not None else "")
        answer = await self._request("GET", url, route)
        reports = []
        for document in _list(answer, "reports", url):
            try:
                signed = from_json(document)
            except (PeerSettleError, TypeError, AttributeError) as error:
                raise SourceError(f"{mask_url(url)} sent no report: {error}", kind="malformed") from None
            if isinstance(signed, SignedReport):
                reports.append(signed)
        return reports

    async def fetch_all(self, urls: Iterable[str], feed: Feed, slot: int | None = None) -> list[SignedReport]:
        """What all of these have, asked at once. One that fails is logged and left out; never raises."""

        async def ask(url: str) -> list[SignedReport]:
            try:
                return await self.fetch(url, feed, slot)
            except SourceError as error:
                _log.warning("a reporter did not answer", feed=feed.name, why=error.message)
                return []

        answers = await asyncio.gather(*(ask(url) for url in urls))
        return [report for reports in answers for report in reports]

    async def push(self, url: str, reports: Iterable[SignedReport]) -> int:
        """Hand reports over; how many were new to it."""
        answer = await self._request("POST", url, "/v1/reports", [report.to_json() for report in reports])
        accepted = answer.get("accepted") if isinstance(answer, dict) else None
        return accepted if isinstance(accepted, int) else 0

    async def cosign(self, url: str, document: CoSigned) -> tuple[Address, bytes]:
        """A reporter's address and its signature under a batch or a surface."""
        answer = await self._request("POST", url, "/v1/cosign", document.to_json())
        try:
            return address(answer["reporter"], "reporter"), bytes.fromhex(str(answer["signature"]).removeprefix("0x"))
        except (PeerSettleError, KeyError, TypeError, ValueError):
            raise SourceError(f"{mask_url(url)} sent no signature", kind="malformed") from None

    async def would_cosign(self, url: str, document: CoSigned) -> Address:
        """The address of a reporter that would sign a batch or a surface; it signs nothing."""
        answer = await self._request("POST", url, "/v1/cosign?check=1", document.to_json())
        try:
            return address(answer["reporter"], "reporter")
        except (PeerSettleError, KeyError, TypeError):
            raise SourceError(f"{mask_url(url)} named no reporter", kind="malformed") from None

    async def _request(self, method: str, url: str, route: str, body: Any = None) -> Any:
        import aiohttp
        from yarl import URL

        shown = mask_url(url)
        limits = aiohttp.ClientTimeout(total=self._timeout)
        where = URL(url.rstrip("/") + route, encoded=True)
        try:
            async with self._session.request(method, where, json=body, timeout=limits, allow_redirects=False) as answer:
                data = bytearray()
                async for part in answer.content.iter_chunked(1 << 14):
                    data += part
                    if len(data) > MAX_ANSWER:
                        raise SourceError(f"{shown} answered more than {MAX_ANSWER} bytes", kind="too_long")
                if answer.status >= 300:
                    said = _said(bytes(data))
                    raise SourceError(f"{shown} refused with HTTP {answer.status}{said}", kind="refused")
                return read_json(bytes(data))
        except TimeoutError:
            raise SourceError(f"{shown} did not answer in {self._timeout:g} s", kind="timeout") from None
        except (aiohttp.ClientError, OSError) as error:
            raise SourceError(f"{shown} cannot be reached: {type(error).__name__}", kind="unavailable") from None
        except ValueError:
            raise SourceError(f"{shown} answered no JSON", kind="not_json") from None


def _list(answer: Any, name: str, url: str) -> list[Any]:
    found = answer.get(name) if isinstance(answer, dict) else None
    if not isinstance(found, list) or len(found) > 64:
        raise SourceError(f"{mask_url(url)} sent no list of {name}", kind="malformed")
    return found


def _said(data: bytes) -> str:
    try:
        answer = read_json(data)
        return f": {str(answer['refused'])[:200]}"
    except (ValueError, KeyError, TypeError):
        return ""
