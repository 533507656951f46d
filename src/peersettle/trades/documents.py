"""Signed messages as documents: a quote or a trade with its signatures, in a JSON form that one can mail.

Whole numbers travel as decimal strings, since JSON readers lose digits beyond 2**53. A document of an unknown format,
version or field is refused whole.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from peersettle.errors import InputError, InvalidDocument, SignatureError
from peersettle.jsons import bytes_of, list_of, once, whole_number
from peersettle.trades.approvals import Approval
from peersettle.trades.messages import Domain, Leg, Swap, Trade
from peersettle.trades.signature import Signature, recover
from peersettle.trades.typed_data import swap_digest, trade_digest
from peersettle.types import ZERO_ADDRESS, Address, Hash32

VERSION: Final = 1
QUOTE_FORMAT: Final = "peersettle.quote"
TRADE_FORMAT: Final = "peersettle.trade"


@dataclass(frozen=True, slots=True)
class Quote:
    """A swap with its signatures: firm once the maker has signed, relayable once the taker has, too."""

    domain: Domain
    swap: Swap
    maker_signature: bytes = b""
    taker_signature: bytes = b""
    approvals: tuple[Approval, ...] = ()

    @property
    def digest(self) -> Hash32:
        """What maker and taker sign."""
        return swap_digest(self.domain, self.swap)

    @property
    def kind(self) -> str:
        """As records name it."""
        return "quote"

    @property
    def message(self) -> Swap:
        """What is signed."""
        return self.swap

    @property
    def deadline(self) -> int:
        """Until when it can settle, in Unix seconds."""
        return self.swap.deadline

    def role_of(self, party: Address) -> str:
        """What a party is in it: maker, taker (of an open quote, anybody else), or relayer."""
        if party == self.swap.maker:
            return "maker"
        return "taker" if party == self.swap.taker or self.swap.is_open else "relayer"

    def verify(self) -> None:
        """Check that maker and, if it has signed, taker made their signatures with their own keys.

        A contract wallet's signature can only be judged by the chain: use the pre-flight check for those.

        Raises:
            SignatureError: a missing maker's signature, or one that another key made over these fields.
        """
        verify_signature("maker", self.swap.maker, self.digest, self.maker_signature)
        if self.taker_signature and self.swap.taker != ZERO_ADDRESS:
            verify_signature("taker", self.swap.taker, self.digest, self.taker_signature)

    def to_json(self) -> dict[str, Any]:
        """The document, JSON-ready."""
        return {
            "format": QUOTE_FORMAT,
            "version": VERSION,
            **_domain_json(self.domain),
            "swap": _fields_json(self.swap),
            "maker_signature": _hex(self.maker_signature),
            "taker_signature": _hex(self.taker_signature),
            "approvals": [_approval_json(a) for a in self.approvals],
        }


@dataclass(frozen=True, slots=True)
class SignedTrade:
    """A trade with the signatures collected so far, by party."""

    domain: Domain
    trade: Trade
    signatures: Mapping[Address, bytes] = field(default_factory=lambda: MappingProxyType({}))
    approvals: tuple[Approval, ...] = ()

    def __post_init__(self) -> None:
        for party in self.signatures:
            if party not in self.trade.parties:
                raise InvalidDocument(f"{party} has signed but is no party of the trade", party=party)
        object.__setattr__(self, "signatures", MappingProxyType(dict(self.signatures)))
        object.__setattr__(self, "approvals", tuple(sorted(self.approvals, key=lambda a: a.leg)))

    @property
    def digest(self) -> Hash32:
        """What every party signs."""
        return trade_digest(self.domain, self.trade)

    @property
    def kind(self) -> str:
        """As records name it."""
        return "trade"

    @property
    def message(self) -> Trade:
        """What is signed."""
        return self.trade

    @property
    def deadline(self) -> int:
        """Until when it can settle, in Unix seconds."""
        return self.trade.deadline

    def role_of(self, party: Address) -> str:
        """What a party is in it: party, or relayer."""
        return "party" if party in self.trade.parties else "relayer"

    @property
    def missing(self) -> tuple[Address, ...]:
        """Parties that have not signed yet."""
        return tuple(party for party in self.trade.parties if not self.signatures.get(party))

    def with_signature(self, party: Address, signature: bytes) -> SignedTrade:
        """The same trade with one more signature."""
        return replace(self, signatures={**self.signatures, party: signature})

    def in_order(self) -> list[bytes]:
        """The signatures in the order of the parties, as `settle` takes them; empty where there is none."""
        return [self.signatures.get(party, b"") for party in self.trade.parties]

    def verify(self) -> None:
        """Check every signature that is there. As `Quote.verify`."""
        for party, signature in self.signatures.items():
            verify_signature("party", party, self.digest, signature)

    def to_json(self) -> dict[str, Any]:
        """The document, JSON-ready."""
        return {
            "format": TRADE_FORMAT,
            "version": VERSION,
            **_domain_json(self.domain),
            "trade": {
                **_fields_json(self.trade),
                "parties": list(self.trade.parties),
                "legs": [_fields_json(leg) for leg in self.trade.legs],
            },
            "signatures": {party: _hex(signature) for party, signature in self.signatures.items()},
            "approvals": [_approval_json(a) for a in self.approvals],
        }


Document: TypeAlias = Quote | SignedTrade


def verify_signature(role: str, signer: Address, digest: Hash32, signature: bytes) -> None:
    """Check an ECDSA signature.

    Raises:
        SignatureError: missing, malformed, or made by another key, or over other content.
    """
    if not signature:
        raise SignatureError(f"the {role} {signer} has not signed", signer=signer)
    recovered = recover(digest, Signature.from_bytes(signature))
    if recovered != signer:
        raise SignatureError(
            f"the {role} is {signer}, but this signature over these fields is {recovered}'s: something was changed "
            "after signing, or it is for another chain or contract",
            signer=signer,
            recovered=recovered,
        )


def dump(document: Document) -> str:
    """The document as JSON text."""
    return json.dumps(document.to_json(), indent=2) + "\n"


def load(text: str | bytes) -> Document:
    """A document from its JSON text. Signatures are not judged here; call `verify`.

    Raises:
        InvalidDocument: not JSON, another format or version, a missing, unknown or invalid field.
    """
    raw = text.encode(errors="replace") if isinstance(text, str) else text
    if raw.count(b"[") + raw.count(b"{") > _MAX_BRACKETS:
        raise InvalidDocument("not a document: nested deeper, or longer, than any trade")
    try:
        data = json.loads(text, object_pairs_hook=once)
    except InvalidDocument:
        raise
    except (ValueError, RecursionError) as error:
        raise InvalidDocument(f"not JSON: {error}") from None
    if not isinstance(data, dict) or data.get("format") not in (QUOTE_FORMAT, TRADE_FORMAT):
        found = data.get("format") if isinstance(data, dict) else type(data).__name__
        raise InvalidDocument(f"format is {found!r}; expected {QUOTE_FORMAT!r} or {TRADE_FORMAT!r}")
    if type(data.get("version")) is not int or data["version"] != VERSION:
        raise InvalidDocument(f"version is {data.get('version')!r}; this program reads version {VERSION}")
    try:
        return _quote(data) if data["format"] == QUOTE_FORMAT else _trade(data)
    except InvalidDocument:
        raise
    except (InputError, SignatureError) as error:
        raise InvalidDocument(str(error)) from error


_MAX_BRACKETS: Final = 100
"""A trade of 16 legs with 16 approvals has fewer; a reader's stack is not to be had by nesting."""
_COMMON: Final = {"format", "version", "chain_id", "settlement", "approvals"}


def _quote(data: dict[str, Any]) -> Quote:
    _only(data, {*_COMMON, "swap", "maker_signature", "taker_signature"}, "quote")
    return Quote(
        _domain(data),
        Swap(**_decoded(data["swap"], Swap, "swap")),
        bytes_of(data["maker_signature"], "maker_signature"),
        bytes_of(data["taker_signature"], "taker_signature"),
        _approvals(data["approvals"]),
    )


def _trade(data: dict[str, Any]) -> SignedTrade:
    _only(data, {*_COMMON, "trade", "signatures"}, "trade")
    fields = _decoded(data["trade"], Trade, "trade")
    fields["legs"] = tuple(Leg(**_decoded(leg, Leg, "leg")) for leg in list_of(fields["legs"], "legs"))
    fields["parties"] = tuple(list_of(fields["parties"], "parties"))
    if not isinstance(data["signatures"], dict):
        raise InvalidDocument("signatures: give an object of party and signature")
    return SignedTrade(
        _domain(data),
        Trade(**fields),
        {Address(party): bytes_of(signature, party) for party, signature in data["signatures"].items()},
        _approvals(data["approvals"]),
    )


def _domain(data: dict[str, Any]) -> Domain:
    return Domain(data["chain_id"], data["settlement"])


def _domain_json(domain: Domain) -> dict[str, Any]:
    return {"chain_id": domain.chain_id, "settlement": domain.settlement}


def _approvals(items: object) -> tuple[Approval, ...]:
    approvals = []
    for item in list_of(items, "approvals"):
        fields = _decoded(item, Approval, "approval")
        fields["signature"] = Signature.from_bytes(bytes_of(fields["signature"], "signature"))
        approvals.append(Approval(**fields))
    return tuple(sorted(approvals, key=lambda a: a.leg))


def _approval_json(approval: Approval) -> dict[str, Any]:
    return {**_fields_json(approval), "signature": _hex(approval.signature.to_bytes())}


def _fields_json(value: Any) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name in value.__dataclass_fields__:
        item = getattr(value, name)
        if isinstance(item, bytes):
            result[name] = _hex(item)
        elif isinstance(item, int):
            result[name] = str(int(item))
        else:
            result[name] = item
    return result


def _decoded(data: object, kind: type, where: str) -> dict[str, Any]:
    """The fields of a dataclass from JSON: decimal strings become whole numbers where the dataclass wants them."""
    if not isinstance(data, dict):
        raise InvalidDocument(f"{where}: give an object")
    fields: dict[str, Any] = kind.__dataclass_fields__  # type: ignore[attr-defined]
    _only(data, set(fields), where)
    result = dict(data)
    for name, spec in fields.items():
        if str(spec.type) in ("int", "LegKind", "ApprovalMethod"):
            result[name] = whole_number(data[name], f"{where}.{name}")
    return result


def _only(data: dict[str, Any], names: set[str], where: str) -> None:
    missing, unknown = names - set(data), set(data) - names
    if missing or unknown:
        said = [f"lacks {', '.join(sorted(missing))}"] if missing else []
        said += [f"has unknown {', '.join(sorted(unknown))}"] if unknown else []
        raise InvalidDocument(f"{where} {' and '.join(said)}")


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
