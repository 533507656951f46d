"""What peers say to each other while they negotiate, as frozen values that cannot be built wrong.

A document is never sent: whoever reads an offer builds the swap or trade from the request and the offer's few numbers
(`rfq.terms`), and checks the signature against that. So nothing can be hidden in one.

Whole numbers are in smallest units; times are Unix seconds by the clock of whoever says them.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from peersettle.errors import InvalidField
from peersettle.trades import Domain, LegKind
from peersettle.types import ZERO_ADDRESS, ZERO_HASH, Address, Hash32, address, hash32, uint

WHOLE: Final = 10_000
"""All of what was asked for; parts are in basis points of it."""
MAX_ITEMS: Final = 15
"""A trade has at most 16 legs, and one is the price's."""
MAX_ALTERNATIVES: Final = 8
MAX_TEXT: Final = 500
MAX_LIFE: Final = 86_400
"""Seconds that an offer may be open, or be settled after it is made."""
MAX_REQUEST_LIFE: Final = 3_600
"""Seconds that a maker keeps a request."""
MAX_OFFERS: Final = 64
"""Of one peer to one request."""
_ID: Final = re.compile("[0-9a-f]{32}")
_CODE: Final = re.compile("[a-z][a-z_]{0,31}")


class Side(StrEnum):
    """Who asks, and who answers."""

    TAKER = "taker"
    MAKER = "maker"

    @property
    def other(self) -> Side:
        """The one across."""
        return Side.MAKER if self is Side.TAKER else Side.TAKER


@dataclass(frozen=True, slots=True)
class Asset:
    """Something that a leg can move. `token` is the ledger for a position; `id` as in `trades.Leg`."""

    kind: LegKind
    token: Address
    id: int = 0

    def __post_init__(self) -> None:
        try:
            kind = LegKind(self.kind)
        except ValueError:
            raise InvalidField("kind", self.kind, "leg kinds are 0 to 5") from None
        _set(self, kind=kind, token=address(self.token, "token"), id=uint(self.id, "id"))
        if (kind is LegKind.NATIVE) != (self.token == ZERO_ADDRESS):
            raise InvalidField("token", self.token, "zero for the native asset, and for nothing else")


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that is asked for: so much of an asset, to the taker or from it. Lots, for a position."""

    asset: Asset
    amount: int
    to_taker: bool

    def __post_init__(self) -> None:
        bits = 64 if self.asset.kind is LegKind.POSITION else 256
        if uint(self.amount, "amount", bits) == 0:
            raise InvalidField("amount", self.amount, "must not be zero")


@dataclass(frozen=True, slots=True)
class Request:
    """What a taker wants, and how. The price is what it pays for all items together, in the currency."""

    request_id: str
    domain: Domain
    taker: Address
    items: tuple[Item, ...]
    currency: Asset
    expires_at: int
    """Answers that come later are not looked at."""
    firm: bool = True
    """Ask for a signed offer at once, not for an indication first."""
    last_look: bool = False
    """The maker may still say no after an acceptance, and signs only then."""
    partial: bool = False
    """A part would do, too."""
    submitter: Side = Side.TAKER
    """Who sends the transaction; the other does where this one does not."""
    sub_account: int = 0
    """The taker's, for positions."""
    terms: Hash32 = ZERO_HASH
    """Of what else was agreed; it becomes part of what is signed."""

    def __post_init__(self) -> None:
        _check_id(self.request_id)
        _set(
            self,
            taker=address(self.taker, "taker"),
            items=tuple(self.items),
            submitter=Side(self.submitter),
            expires_at=uint(self.expires_at, "expires_at", 64),
            sub_account=uint(self.sub_account, "sub_account", 95),
            terms=hash32(self.terms, "terms"),
        )
        if self.taker == ZERO_ADDRESS:
            raise InvalidField("taker", self.taker, "must not be the zero address")
        if not 1 <= len(self.items) <= MAX_ITEMS:
            raise InvalidField("items", len(self.items), f"1 to {MAX_ITEMS}")
        if self.currency.kind not in (LegKind.ERC20, LegKind.ERC20_EXACT, LegKind.POSITION):
            raise InvalidField("currency", self.currency.kind.name, "prices are in an ERC-20 or in a ledger's cash")
        assets = [item.asset for item in self.items]
        if self.currency in assets or len(set(assets)) != len(assets):
            raise InvalidField("items", len(assets), "each asset once, and none of them the currency")
        if len({asset.token for asset in (*assets, self.currency) if asset.kind is LegKind.POSITION}) > 1:
            raise InvalidField("items", "positions", "all positions must be on one ledger")


@dataclass(frozen=True, slots=True)
class Ask:
    """Taker to maker: make your indication firm."""

    request_id: str

    def __post_init__(self) -> None:
        _check_id(self.request_id)


@dataclass(frozen=True, slots=True)
class Indication:
    """Maker to taker: about this. It binds nobody. The taker pays `price`; below zero it gets it."""

    request_id: str
    price: int
    part: int = WHOLE
    """In basis points of what was asked for."""

    def __post_init__(self) -> None:
        _check_id(self.request_id)
        _check_price(self.price)
        _check_part(self.part)


@dataclass(frozen=True, slots=True)
class Decline:
    """Maker to taker: no price. `code` is one word for a program, `text` for people."""

    request_id: str
    code: str
    text: str = ""

    def __post_init__(self) -> None:
        _check_id(self.request_id)
        _check_reason(self.code, self.text)


@dataclass(frozen=True, slots=True)
class Alternative:
    """A part of what was asked for, at a price, signed by the maker, or not yet where it has a last look.

    All alternatives of an offer have one nonce: the chain settles at most one of them.
    """

    price: int
    nonce: int
    deadline: int
    """Until when the chain settles it."""
    part: int = WHOLE
    sub_account: int = 0
    """The maker's, for positions."""
    signature: bytes = b""

    def __post_init__(self) -> None:
        _check_price(self.price)
        _check_part(self.part)
        uint(self.nonce, "nonce")
        uint(self.deadline, "deadline", 64)
        uint(self.sub_account, "sub_account", 95)
        if len(self.signature) not in (0, 64, 65):
            raise InvalidField("signature", f"{len(self.signature)} bytes", "64, 65 or none")


@dataclass(frozen=True, slots=True)
class Offer:
    """Maker to taker: firm. A higher `number` takes the place of a lower one."""

    request_id: str
    number: int
    maker: Address
    alternatives: tuple[Alternative, ...]
    expires_at: int
    """Until when it can be accepted."""

    def __post_init__(self) -> None:
        _check_id(self.request_id)
        _set(
            self,
            number=uint(self.number, "number", 32),
            maker=address(self.maker, "maker"),
            alternatives=tuple(self.alternatives),
            expires_at=uint(self.expires_at, "expires_at", 64),
        )
        if not 1 <= len(self.alternatives) <= MAX_ALTERNATIVES:
            raise InvalidField("alternatives", len(self.alternatives), f"1 to {MAX_ALTERNATIVES}")
        if len({item.nonce for item in self.alternatives}) != 1:
            raise InvalidField("alternatives", "nonces", "all must have one nonce, so that at most one settles")
        if len({item.part for item in self.alternatives}) != len(self.alternatives):
            raise InvalidField("alternatives", "parts", "each part once")


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Taker to maker: this alternative, with the taker's signature over it; without, where a last look comes first."""

    request_id: str
    number: int
    choice: int
    signature: bytes

    def __post_init__(self) -> None:
        _check_id(self.request_id)
        uint(self.number, "number", 32)
        uint(self.choice, "choice", 8)
        if self.signature:
            _check_signature(self.signature)


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Maker to taker: agreed, with the maker's signature."""

    request_id: str
    number: int
    choice: int
    signature: bytes

    def __post_init__(self) -> None:
        _check_id(self.request_id)
        uint(self.number, "number", 32)
        uint(self.choice, "choice", 8)
        _check_signature(self.signature)


@dataclass(frozen=True, slots=True)
class Rejection:
    """Maker to taker: that acceptance does not count: too late, or the last look said no."""

    request_id: str
    number: int
    code: str
    text: str = ""

    def __post_init__(self) -> None:
        _check_id(self.request_id)
        uint(self.number, "number", 32)
        _check_reason(self.code, self.text)


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """Maker to taker: please do not accept this offer any more; where it is signed, the maker cancels it on chain."""

    request_id: str
    number: int

    def __post_init__(self) -> None:
        _check_id(self.request_id)
        uint(self.number, "number", 32)


@dataclass(frozen=True, slots=True)
class Cancellation:
    """Taker to maker: I do not want it any more."""

    request_id: str

    def __post_init__(self) -> None:
        _check_id(self.request_id)


@dataclass(frozen=True, slots=True)
class Submission:
    """Either to the other: I have sent this transaction."""

    request_id: str
    tx_hash: str

    def __post_init__(self) -> None:
        _check_id(self.request_id)
        hash32(self.tx_hash, "tx_hash")


@dataclass(frozen=True, slots=True)
class Trouble:
    """Either to the other: what we have agreed cannot be settled now, and why."""

    request_id: str
    code: str
    text: str

    def __post_init__(self) -> None:
        _check_id(self.request_id)
        _check_reason(self.code, self.text)


Message: TypeAlias = (
    Request
    | Ask
    | Indication
    | Decline
    | Offer
    | Acceptance
    | Confirmation
    | Rejection
    | Withdrawal
    | Cancellation
    | Submission
    | Trouble
)


def new_request_id() -> str:
    """32 hex digits that nobody else has."""
    return secrets.token_hex(16)


def shown(text: str) -> str:
    """A text as a reason may have it: on one line, printable, not too long."""
    return "".join(c if c.isprintable() else " " for c in text)[:MAX_TEXT]


def _set(instance: object, **fields: object) -> None:
    for name, value in fields.items():
        object.__setattr__(instance, name, value)


def _check_id(value: object) -> None:
    if not isinstance(value, str) or _ID.fullmatch(value) is None:
        raise InvalidField("request_id", value, "give 32 hex digits, lower case")


def _check_price(value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 2**255:
        raise InvalidField("price", value, "give a whole number, below 2**255 either way")


def _check_part(value: int) -> None:
    if not 0 < uint(value, "part", 16) <= WHOLE:
        raise InvalidField("part", value, f"1 to {WHOLE} basis points")


def _check_signature(value: bytes) -> None:
    if len(value) not in (64, 65):
        raise InvalidField("signature", f"{len(value)} bytes", "give 64 or 65 bytes")


def _check_reason(code: object, text: object) -> None:
    if not isinstance(code, str) or _CODE.fullmatch(code) is None:
        raise InvalidField("code", code, "one word in small letters")
    if not isinstance(text, str) or len(text) > MAX_TEXT or not text.isprintable():
        # It is shown at a terminal: nothing that moves a cursor, and nothing that is no character.
        raise InvalidField("text", text, f"printable text of at most {MAX_TEXT} characters")
