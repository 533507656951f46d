"""What the API takes and gives, for both of its ends.

Amounts are decimal text in people's units, since JSON readers lose digits; `_units` are smallest units. Times are Unix
seconds. What is paid is positive, what is got negative, seen by the taker.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from peersettle.rfq.messages import MAX_ITEMS

Quantity = Annotated[Decimal, Field(gt=0, allow_inf_nan=False)]
Side = Literal["buy", "sell"]


class Until(StrEnum):
    """What a program can wait for."""

    ANSWERED = "answered"
    AGREED = "agreed"
    INCLUDED = "included"
    SAFE = "safe"
    FINALIZED = "finalized"


class View(BaseModel):
    """What the node tells."""

    model_config = ConfigDict(frozen=True)


class Body(BaseModel):
    """What the node is told. A field that is not known is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


# Told


class ItemBody(Body):
    """One thing that is asked for."""

    asset: str = Field(description="An instrument, a token by name or address, `cash`, or `ETH collateral`.")
    side: Side = Field(description="`buy`: to us; `sell`: from us.")
    quantity: Quantity = Field(description="In people's units.")


class RequestBody(Body):
    """A request for quotes: one thing, or several `items` at one price together."""

    asset: str | None = Field(default=None, description="As in an item, where there is one.")
    side: Side | None = None
    quantity: Quantity | None = None
    items: list[ItemBody] = Field(default_factory=list, max_length=MAX_ITEMS, description="Instead of the three.")
    currency: str | None = Field(
        default=None, description="Of the price: a token, or `cash`. Usually cash for positions, else USDC."
    )
    peers: list[str] = Field(default_factory=list, max_length=256, description="Names, addresses or peer identities.")
    life: int | None = Field(default=None, gt=0, le=86_400, description="Seconds in which makers may answer.")
    firm: bool = Field(default=True, description="Signed offers at once, not indications first.")
    last_look: bool = Field(default=False, description="Makers may still say no after an acceptance.")
    partial: bool = Field(default=False, description="A part would do, too.")
    submitter: Literal["taker", "maker"] = Field(default="taker", description="Who sends the transaction.")
    sub_account: int | None = Field(default=None, ge=0, lt=2**95, description="Ours; else as [node] says.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        one = (self.asset, self.side, self.quantity)
        if self.items and any(value is not None for value in one):
            raise ValueError("give asset, side and quantity, or items, not both")
        if not self.items and any(value is None for value in one):
            raise ValueError("give asset, side and quantity, or items")
        return self

    def wanted(self) -> list[ItemBody]:
        """All that is asked for."""
        if self.items:
            return self.items
        return [ItemBody.model_validate({"asset": self.asset, "side": self.side, "quantity": self.quantity})]


class FirmBody(Body):
    """Whose indication is to become firm."""

    peer: str


class AcceptBody(Body):
    """Exactly one alternative of one offer: what was seen is what is signed."""

    peer: str
    number: int = Field(ge=0, description="Of the offer.")
    choice: int = Field(default=0, ge=0, description="Which of its alternatives.")


class BanBody(Body):
    """For how long a peer is not to be heard."""

    seconds: float | None = Field(default=None, gt=0, description="As [network] says, where not given.")
    why: str = Field(default="by hand", max_length=200)


# Telling


class Failure(BaseModel):
    """Why something was not done."""

    model_config = ConfigDict(extra="allow")

    error: str = Field(description="The kind, as in the reference of errors.")
    message: str


class HealthView(View):
    """That the node is there."""

    ok: bool


class PeerView(View):
    """A peer, as its card and our configuration have it."""

    peer: str
    accounts: list[str] = Field(description="Chain addresses that it speaks for.")
    addresses: list[str] = Field(description="Where it listens.")
    expires_at: int = Field(description="Until when its card holds.")
    banned_until: float | None


class ItemView(View):
    """One thing that is asked for."""

    asset: str
    side: Side
    quantity: str


class QuoteView(View):
    """One alternative of one peer's offer, or its indication."""

    key: str = Field(description="Of the request.")
    peer: str
    maker: str | None = Field(description="The address that signs; an indication has none.")
    price: str = Field(description="What the taker pays for this part; below zero it gets it.")
    price_units: str
    currency: str
    per_unit: str | None = Field(description="Price of one, rounded to 12 digits; where one thing is asked for.")
    part: int = Field(description="In basis points of everything that was asked for.")
    quantity: str | None = Field(description="Of this part; where one thing is asked for.")
    side: Side | None
    number: int
    choice: int
    firm: bool
    signed: bool = Field(description="By the maker; otherwise it has the last word.")
    expires_at: int = Field(description="Until when it can be accepted.")
    deadline: int | None = Field(description="Until when the chain settles it.")
    is_open: bool = Field(description="It can be accepted now.")


class DeclineView(View):
    """A peer that gives no price."""

    peer: str
    code: str
    text: str


class DealView(View):
    """What both have signed."""

    phase: str
    digest: str
    peer: str
    gives: list[str] = Field(description="What we give.")
    gets: list[str]
    deadline: int
    tx_hash: str | None
    settlement: str | None = Field(description="pending, included, safe, finalized, reverted or dropped.")
    problem: str


class NegotiationView(View):
    """A request and all that came of it."""

    key: str
    request_id: str
    side: Literal["taker", "maker"] = Field(description="Ours.")
    status: str
    is_over: bool
    taker: str
    items: list[ItemView]
    currency: str
    expires_at: int
    firm: bool
    last_look: bool
    partial: bool
    submitter: str
    peers: list[str] = Field(description="Who was asked by name; everybody, when it is empty.")
    quotes: list[QuoteView] = Field(description="Those that can be accepted first, the best first.")
    declines: list[DeclineView]
    deal: DealView | None
    note: str


class SummaryView(View):
    """A negotiation in a list."""

    key: str
    side: str
    peer: str
    status: str
    is_over: bool
    digest: str | None
    created_at: float
    updated_at: float


class TradeView(View):
    """A document of the record, how far it has settled, and the negotiation that it came from."""

    digest: str
    kind: str
    role: str
    parties: list[str]
    gives: list[str]
    gets: list[str]
    status: str | None = Field(description="Of its settlement; null where none was tried.")
    tx_hash: str | None
    block_number: int | None
    error: str | None
    key: str | None
    peer: str | None
    created_at: int
    updated_at: int


class HoldingView(View):
    """So much of something."""

    asset: str
    amount: str


class AccountView(View):
    """A margin account. Money is settlement currency; null where it cannot be told before a refresh."""

    account: str
    cash: str
    holdings: list[HoldingView] = Field(description="Positions, negative when short, and collateral.")
    equity: str | None
    initial: str | None
    maintenance: str | None


class PositionsView(View):
    """What our address has: tokens in the wallet, and margin accounts."""

    owner: str
    balances: list[HoldingView]
    accounts: list[AccountView]


class ChangeView(View):
    """What `/v1/events` tells: something has happened to a negotiation."""

    key: str
    side: str
    status: str
    is_over: bool
    event: str = Field(description="What happened: received, offered, accepted, submitted, seen …")
    message: str | None = Field(description="What a peer said: offer, decline, confirmation …")
    peer: str | None
    at: float


StatusView = dict[str, Any]
"""As the node says: peer, addresses, account, chain, contract, time up, negotiations, peers."""
