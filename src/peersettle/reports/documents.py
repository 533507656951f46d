"""Signed reports as documents that travel between reporters and to whoever submits them.

Whole numbers travel as decimal strings. A document of an unknown format, version or field is refused whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from peersettle.errors import InputError, InvalidDocument
from peersettle.jsons import bytes_of, list_of, once, read_json, whole_number
from peersettle.reports.feed import Feed
from peersettle.reports.messages import Batch, Observation, OracleDomain, Report, SurfaceReport, SurfaceSlice
from peersettle.reports.typed_data import digest, report_digest
from peersettle.trades.documents import verify_signature
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
        verify_signature("reporter", self.reporter, self.digest, self.signature)

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
            verify_signature("reporter", reporter, self.digest, signature)

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
        data = read_json(text.encode() if isinstance(text, str) else text, pairs=once)
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
    domain = OracleDomain(whole_number(data["chain_id"], "chain_id"), address(data["oracle"], "oracle"))
    observed_at = whole_number(data["observed_at"], "observed_at")
    if data["format"] == REPORT_FORMAT:
        report = Report(Feed.from_id(data["feed"]), whole_number(data["value"], "value"), observed_at)
        reporter = address(data["reporter"], "reporter")
        return SignedReport(domain, report, reporter, bytes_of(data["signature"], "signature", 65))
    if not isinstance(data["signatures"], dict):
        raise InvalidDocument("signatures: give an object of reporter and signature")
    signatures = {address(who, "signatures"): bytes_of(sig, "signature", 65) for who, sig in data["signatures"].items()}
    if len(signatures) != len(data["signatures"]):
        raise InvalidDocument("signatures: a reporter is there twice, in two spellings of its address")
    if data["format"] == SURFACE_FORMAT:
        slices = tuple(
            SurfaceSlice.from_packed(whole_number(word, "slices")) for word in list_of(data["slices"], "slices")
        )
        return CoSigned(domain, SurfaceReport(Feed.from_id(data["feed"]), slices, observed_at), signatures)
    feeds, words = list_of(data["feeds"], "feeds"), list_of(data["observations"], "observations")
    if len(feeds) != len(words):
        raise InvalidDocument(f"{len(feeds)} feeds and {len(words)} observations")
    numbers = [whole_number(word, "observations") for word in words]
    items = tuple(
        Observation(Feed.from_id(feed), word & (1 << 119) - 1, word >> 119)
        for feed, word in zip(feeds, numbers, strict=True)
    )
    return CoSigned(domain, Batch(items, observed_at), signatures)


def _head(domain: OracleDomain) -> dict[str, Any]:
    return {"version": VERSION, "chain_id": str(domain.chain_id), "oracle": domain.oracle}
