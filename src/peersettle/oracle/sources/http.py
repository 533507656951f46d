"""Prices from any JSON document behind a URL."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Literal

from peersettle.errors import SourceError
from peersettle.jsons import read_json
from peersettle.oracle.sources.base import Adjustment, Sample, decimal_from
from peersettle.service.clock import Clock

if TYPE_CHECKING:
    import aiohttp

MAX_BODY: Final = 1 << 18
_TEXT_TYPES: Final = ("text/json", "text/plain", "text/javascript", "application/javascript")
_PER_SECOND: Final = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}

TimeUnit = Literal["s", "ms", "us", "ns", "iso"]


class HttpTicker:
    """One price out of a JSON answer.

    Args:
        path: keys and list indices joined by dots; `*` stands for the only member of an object or list.
        time_path: where the answer says when the price was so; without it, the moment of the answer counts.
    """

    def __init__(
        self,
        name: str,
        source_class: str,
        url: str,
        path: str,
        *,
        session: aiohttp.ClientSession,
        clock: Clock,
        time_path: str | None = None,
        time_unit: TimeUnit = "s",
        adjustment: Adjustment | None = None,
        max_age: int = 60,
        timeout: float = 5.0,
        max_body: int = MAX_BODY,
    ) -> None:
        self.name = name
        self.source_class = source_class
        self.max_age = max_age
        self._url, self._path = url, path
        self._time_path, self._time_unit = time_path, time_unit
        self._adjustment = adjustment or Adjustment()
        self._session, self._clock = session, clock
        self._timeout, self._max_body = timeout, max_body

    async def observe(self, at: int) -> Sample:  # noqa: ARG002 - a venue knows only its present
        """The price now.

        Raises:
            SourceError: no answer in time, not status 200, not JSON, too long, or no number where the path leads.
        """
        document = parse_json(await self._body())
        value = decimal_from(lookup(document, self._path), f"{self._path} of {self.name}")
        observed_at = int(self._clock.now())
        if self._time_path is not None:
            observed_at = unix_seconds(lookup(document, self._time_path), self._time_unit)
        return Sample(self._adjustment.apply(value), observed_at)

    async def _body(self) -> bytes:
        import aiohttp

        limits = aiohttp.ClientTimeout(total=self._timeout)
        headers = {"Accept": "application/json"}
        try:
            async with self._session.get(self._url, timeout=limits, headers=headers, allow_redirects=False) as answer:
                if answer.status != 200:
                    raise SourceError(
                        f"{self.name} answered HTTP {answer.status}",
                        kind="http_status",
                        status=answer.status,
                        retry_after=_seconds(answer.headers.get("Retry-After", "")),
                    )
                if not is_json_type(answer.headers.get("Content-Type", "")):
                    raise SourceError(f"{self.name} answered {answer.content_type}, not JSON", kind="content_type")
                body = bytearray()
                async for part in answer.content.iter_chunked(1 << 14):
                    body += part
                    if len(body) > self._max_body:
                        raise SourceError(f"{self.name} answered more than {self._max_body} bytes", kind="too_long")
                return bytes(body)
        except TimeoutError:
            raise SourceError(f"{self.name} did not answer in {self._timeout:g} s", kind="timeout") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:  # their text may have the URL, and that a key
            raise SourceError(f"{self.name} cannot be read: {type(error).__name__}", kind="unavailable") from None

    def __repr__(self) -> str:
        return f"<HttpTicker {self.name}>"  # the URL may carry a key


def is_json_type(header: str) -> bool:
    """Whether a content type may be JSON. HTML never is; plain text is, where it parses."""
    kind = header.partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json") or kind in _TEXT_TYPES


def parse_json(body: bytes) -> Any:
    """JSON with every number as an exact decimal.

    Raises:
        SourceError: no JSON.
    """
    try:
        return read_json(body, Decimal)
    except ValueError:
        raise SourceError("the answer is not JSON", kind="not_json") from None


def lookup(document: Any, path: str) -> Any:
    """What a path leads to.

    Raises:
        SourceError: nothing there, or `*` where there is not exactly one member.
    """
    for step in path.split("."):
        found = _member(document, step)
        if found is None:
            raise SourceError(f"the answer has nothing at {path} ({step})", kind="no_such_field")
        document = found
    return document


def _member(document: Any, step: str) -> Any:
    if step == "*" and isinstance(document, dict | list) and len(document) == 1:
        return next(iter(document.values())) if isinstance(document, dict) else document[0]
    if isinstance(document, dict):
        return document.get(step)
    if isinstance(document, list) and step.isascii() and step.isdigit() and len(step) < 7:
        return document[int(step)] if int(step) < len(document) else None
    return None


def unix_seconds(value: object, unit: TimeUnit) -> int:
    """A time of an answer in Unix seconds, rounded down.

    Raises:
        SourceError: no time.
    """
    if unit == "iso":
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            raise SourceError(f"{str(value)[:40]!r} is no ISO time", kind="not_a_time") from None
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    number = decimal_from(value, "the time")
    if not number.is_finite() or not 0 <= number < 10**24:
        raise SourceError(f"{str(value)[:40]!r} is no time", kind="not_a_time")
    return int(number) // _PER_SECOND[unit]


def _seconds(header: str) -> int:
    return int(header) if header.isascii() and header.isdigit() and len(header) < 7 else 0
