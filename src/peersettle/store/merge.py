"""Two copies of one document become one that has the signatures of both."""

from __future__ import annotations

from dataclasses import replace

from peersettle.errors import StoreError
from peersettle.trades.approvals import Approval
from peersettle.trades.documents import Document, Quote, dump, load


def merged(kept: str, given: str) -> str:
    """The document with the signatures of both copies; where both have one, the given copy's.

    Raises:
        StoreError: they are documents of different messages.
        InvalidDocument: one is no document.
    """
    old, new = load(kept), load(given)
    if old.digest != new.digest:
        raise StoreError(f"the document is of 0x{new.digest.hex()}, not of 0x{old.digest.hex()}")
    return dump(_joined(old, new))


def _joined(old: Document, new: Document) -> Document:
    approvals = tuple({a.leg: a for a in (*old.approvals, *new.approvals)}.values())
    approvals = tuple(sorted(approvals, key=_leg))
    if isinstance(old, Quote):
        assert isinstance(new, Quote)
        return replace(
            old,
            maker_signature=new.maker_signature or old.maker_signature,
            taker_signature=new.taker_signature or old.taker_signature,
            approvals=approvals,
        )
    assert not isinstance(new, Quote)
    given = {party: signature for party, signature in new.signatures.items() if signature}
    return replace(old, signatures={**old.signatures, **given}, approvals=approvals)


def _leg(approval: Approval) -> int:
    return approval.leg


def parties(text: str) -> tuple[str, ...]:
    """Who is in a document: maker and taker of a quote, or the parties of a trade."""
    document = load(text)
    if isinstance(document, Quote):
        return document.swap.maker, document.swap.taker
    return document.trade.parties
