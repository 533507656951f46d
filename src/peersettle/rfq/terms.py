"""From a request and an offer's numbers to what both sides sign, the same way on both sides."""

from __future__ import annotations

from typing import Final

from peersettle.errors import InvalidField, SignatureError
from peersettle.rfq.messages import WHOLE, Alternative, Asset, Request, Side
from peersettle.trades import Document, Leg, LegKind, Quote, Signature, SignedTrade, Swap, Trade, recover
from peersettle.types import Address

_PLAIN: Final = LegKind.ERC20


def document_of(request: Request, maker: Address, alternative: Alternative) -> Document:
    """What an alternative stands for, with the maker's signature where it has one.

    One ERC-20 against another is a swap, which costs least gas; everything else is a trade. Amounts of a part are
    exact, or the part cannot be had.

    Raises:
        InvalidField: the part is no whole amount of an item, the nonce is not allowed, or a party deals with itself.
    """
    amounts = [_part(item.amount, alternative.part) for item in request.items]
    price = alternative.price
    first = request.items[0]
    is_swap = (
        len(amounts) == 1
        and first.asset.kind is _PLAIN
        and request.currency.kind is _PLAIN
        and (price > 0 if first.to_taker else price < 0)
    )
    if is_swap:
        item = (first.asset.token, amounts[0])
        paid = (request.currency.token, abs(price))
        given, taken = (item, paid) if first.to_taker else (paid, item)
        swap = Swap(
            maker=maker,
            taker=request.taker,
            maker_token=given[0],
            maker_amount=given[1],
            taker_token=taken[0],
            taker_amount=taken[1],
            nonce=alternative.nonce,
            deadline=alternative.deadline,
            terms=request.terms,
        )
        return Quote(request.domain, swap, maker_signature=alternative.signature)
    if maker == request.taker:
        raise InvalidField("maker", maker, "must differ from the taker")
    legs = [
        _leg(request, maker, alternative, item.asset, amount, to_taker=item.to_taker)
        for item, amount in zip(request.items, amounts, strict=True)
    ]
    if price:
        legs.append(_leg(request, maker, alternative, request.currency, abs(price), to_taker=price < 0))
    trade = Trade(
        parties=(maker, request.taker),
        legs=tuple(legs),
        nonce_word=alternative.nonce >> 8,
        nonce_mask=1 << (alternative.nonce & 255),
        valid_after=0,
        deadline=alternative.deadline,
        terms=request.terms,
    )
    signed = {maker: alternative.signature} if alternative.signature else {}
    return SignedTrade(request.domain, trade, signed)


def signed_by(document: Document, request: Request, side: Side, signature: bytes) -> Document:
    """The document with one side's signature in its place."""
    if isinstance(document, SignedTrade):
        (maker,) = (party for party in document.trade.parties if party != request.taker)
        return document.with_signature(request.taker if side is Side.TAKER else maker, signature)
    if side is Side.TAKER:
        return Quote(document.domain, document.swap, document.maker_signature, signature, document.approvals)
    return Quote(document.domain, document.swap, signature, document.taker_signature, document.approvals)


def is_signature_of(document: Document, party: Address, signature: bytes) -> bool:
    """Whether a party's own key made this signature over the document. A contract wallet's is not judged here."""
    try:
        return recover(document.digest, Signature.from_bytes(signature)) == party
    except SignatureError:
        return False


def _part(amount: int, part: int) -> int:
    whole, rest = divmod(amount * part, WHOLE)
    if rest:
        raise InvalidField("part", part, f"{part} of {WHOLE} of {amount} is no whole amount")
    return whole


def _leg(
    request: Request, maker: Address, alternative: Alternative, asset: Asset, amount: int, *, to_taker: bool
) -> Leg:
    giver, receiver = (maker, request.taker) if to_taker else (request.taker, maker)
    if asset.kind is not LegKind.POSITION:
        return Leg(giver, receiver, asset.kind, asset.token, asset.id, amount)
    subs = (alternative.sub_account, request.sub_account)
    mine, theirs = subs if to_taker else subs[::-1]
    return Leg.position(
        giver, receiver, asset.token, asset.id, amount, giver_sub_account=mine, receiver_sub_account=theirs
    )
