"""Signed reports as documents that travel between reporters and to whoever submits them.

Whole numbers travel as decimal strings. A document of an unknown format, version or field is refused whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from peersettle.errors import InputError, InvalidDocument, SignatureError
from peersettle.reports.feed import Feed
from peersettle.reports.jsons import read_json
from peersettle.reports.messages import Batch, Observation, OracleDomain, Report, SurfaceReport, SurfaceSlice
from peersettle.reports.typed_data import digest, report_digest
from peersettle.trades.signature import Signature, recover
from peersettle.types import Address, Hash32, address

VERSION: Final = 1
REPORT_FORMAT: Final = "peersettle.report"
BATCH_FORMAT: Final = "peersettle.oracle-batch"
SURFACE_FORMAT: Final = "peersettle.oracle-surface"


@dataclass(frozen=True, slots=True)
class SignedReport:
    """One reporter's report. `verify` tells whether its key made the signature."""

    domain: OracleDomain
    report: Report
    reporter: Address
    signature: bytes

    def __post_init__(self) -> None:
        object.__setattr__(self, "reporter", address(self.reporter, "reporter"))

    @property
    def digest(self) -> Hash32:
        """What the reporter signed."""
        return report_digest(self.domain, self.report)

    def verify(self) -> None:
        """Check that the reporter's key made the signature over exactly this.

        Raises:
            SignatureError: it did not.
        """
        _verify(self.reporter, self.digest, self.signature)

    def to_json(self) -> dict[str, Any]:
        """The document, JSON-ready."""
        return {
            "format": REPORT_FORMAT,
            **_head(self.domain),
            "feed": "0x" + self.report.feed.id.hex(),
            "value": str(self.report.value),
            "observed_at": str(self.report.observed_at),
            "reporter": self.reporter,
            "signature": "0x" + self.signature.hex(),
        }


@dataclass(frozen=True, slots=True)
class CoSigned:
    """A batch or a surface with the signatures collected so far, by reporter: all sign the same digest."""

    domain: OracleDomain
    message: Batch | SurfaceReport
    signatures: Mapping[Address, bytes]

    def __post_init__(self) -> None:
        object.__setattr__(self, "signatures", MappingProxyType(dict(self.signatures)))

    @property
    def digest(self) -> Hash32:
        """What each reporter signs."""
        return digest(self.domain, self.message)

    def verify(self) -> None:
        """Check every signature that is there.

        Raises:
            SignatureError: one was made by another key, or over something else.
        """
        for reporter, signature in self.signatures.items():
            _verify(reporter, self.digest, signature)

    def to_json(self) -> dict[str, Any]:
        """The document, JSON-ready."""
        if isinstance(self.message, Batch):
            kind = BATCH_FORMAT
            body: dict[str, Any] = {
                "feeds": ["0x" + item.feed.id.hex() for item in self.message.observations],
                "observations": [str(item.packed) for item in self.message.observations],
            }
        else:
            kind = SURFACE_FORMAT
            body = {
                "feed": "0x" + self.message.feed.id.hex(),
                "slices": [str(item.packed) for item in self.message.slices],
            }
        signatures = {reporter: "0x" + signature.hex() for reporter, signature in self.signatures.items()}
        observed_at = str(self.message.observed_at)
        return {"format": kind, **_head(self.domain), **body, "observed_at": observed_at, "signatures": signatures}


def load_document(text: str | bytes) -> SignedReport | CoSigned:
    """Read a signed report, batch or surface from JSON. Signatures are not checked: `verify` does.

    Raises:
        InvalidDocument: not one of them, or a field is missing, unknown, there twice or malformed.
    """
    try:
        data = read_json(text.encode() if isinstance(text, str) else text, pairs=_once)
    except ValueError as error:
        raise InvalidDocument(f"this is no JSON document of ours: {error}") from None
    if not isinstance(data, dict):
        raise InvalidDocument("this is no document: give a JSON object")
    return from_json(data)


def from_json(data: Mapping[str, Any]) -> SignedReport | CoSigned:
    """As `load_document`, from parsed JSON."""
    fields = {
        REPORT_FORMAT: {"feed", "value", "reporter", "signature"},
        BATCH_FORMAT: {"feeds", "observations", "signatures"},
        SURFACE_FORMAT: {"feed", "slices", "signatures"},
    }.get(str(data.get("format")))
    if fields is None:
        known = ", ".join((REPORT_FORMAT, BATCH_FORMAT, SURFACE_FORMAT))
        raise InvalidDocument(f"format is {data.get('format')!r}: known are {known}")
    if type(data.get("version")) is not int or data["version"] != VERSION:
        raise InvalidDocument(f"version is {data.get('version')!r}: this program reads {VERSION}")
    wanted = fields | {"format", "version", "chain_id", "oracle", "observed_at"}
    if missing := wanted - set(data):
        raise InvalidDocument(f"the document lacks {', '.join(sorted(missing))}")
    if unknown := set(data) - wanted:
        raise InvalidDocument(f"the document has unknown {', '.join(sorted(map(str, unknown)))}")
    try:
        return _document(data)
    except InputError as error:
        raise InvalidDocument(f"{data['format']}: {error.message}", **error.values) from None


def _document(data: Mapping[str, Any]) -> SignedReport | CoSigned:
    domain = OracleDomain(_number(data["chain_id"], "chain_id"), address(data["oracle"], "oracle"))
    observed_at = _number(data["observed_at"], "observed_at")
    if data["format"] == REPORT_FORMAT:
        report = Report(Feed.from_id(data["feed"]), _number(data["value"], "value"), observed_at)
        reporter = address(data["reporter"], "reporter")
        return SignedReport(domain, report, reporter, _bytes(data["signature"], "signature"))
    if not isinstance(data["signatures"], dict):
        raise InvalidDocument("signatures: give an object of reporter and signature")
    signatures = {address(who, "signatures"): _bytes(sig, "signature") for who, sig in data["signatures"].items()}
    if len(signatures) != len(data["signatures"]):
        raise InvalidDocument("signatures: a reporter is there twice, in two spellings of its address")
    if data["format"] == SURFACE_FORMAT:
        slices = tuple(SurfaceSlice.from_packed(_number(word, "slices")) for word in _list(data["slices"], "slices"))
        return CoSigned(domain, SurfaceReport(Feed.from_id(data["feed"]), slices, observed_at), signatures)
    feeds, words = _list(data["feeds"], "feeds"), _list(data["observations"], "observations")
    if len(feeds) != len(words):
        raise InvalidDocument(f"{len(feeds)} feeds and {len(words)} observations")
    numbers = [_number(word, "observations") for word in words]
    items = tuple(
        Observation(Feed.from_id(feed), word & (1 << 119) - 1, word >> 119)
        for feed, word in zip(feeds, numbers, strict=True)
    )
    return CoSigned(domain, Batch(items, observed_at), signatures)


def _verify(reporter: Address, digest: Hash32, signature: bytes) -> None:
    made_by = recover(digest, Signature.from_bytes(signature))
    if made_by != reporter:
        raise SignatureError(
            f"the signature over 0x{digest.hex()} is {made_by}'s, not the reporter {reporter}'s",
            reporter=reporter,
            made_by=made_by,
        )


def _head(domain: OracleDomain) -> dict[str, Any]:
    return {"version": VERSION, "chain_id": str(domain.chain_id), "oracle": domain.oracle}


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a field is there twice")
    return result


def _number(value: object, field: str) -> int:
    if not isinstance(value, str) or not value.isascii() or not value.isdigit() or len(value) > 78:
        raise InvalidDocument(f"{field} is {value!r}: give a whole number as a decimal string")
    return int(value)


def _list(value: object, field: str) -> list[Any]:
    if not isinstance(value, list):
        raise InvalidDocument(f"{field}: give a list")
    return value


def _bytes(value: object, field: str) -> bytes:
    if isinstance(value, str) and value.startswith("0x") and len(value) <= 132:
        try:
            return bytes.fromhex(value[2:])
        except ValueError:
            pass
    raise InvalidDocument(f"{field}: give at most 65 bytes as 0x and hex digits")
