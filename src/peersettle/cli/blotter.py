"""The rows of `peersettle trades`: the local record, brought up to date with the chain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from peersettle.bindings.amounts import leg_text
from peersettle.bindings.settling import ENDED, is_used
from peersettle.cli.desk import Desk
from peersettle.cli.documents import STRANGER, legs_of
from peersettle.errors import ChainError
from peersettle.store import TradeRecord
from peersettle.trades import Document, Quote, load


@dataclass(frozen=True, slots=True)
class Row:
    """One document. `status` is its settlement's, else open, expired, retired, or "unknown" offline."""

    digest: str
    kind: str
    role: str
    summary: str
    status: str
    block_number: int | None
    tx_hash: str | None
    error: str | None
    parties: tuple[str, ...]
    deadline: int
    created_at: int
    updated_at: int

    def to_json(self) -> dict[str, Any]:
        """For scripts."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def rows(desk: Desk, digest: str | None = None) -> tuple[list[Row], list[str]]:
    """Every document of this chain, or one; and what could not be found out.

    The record is shown as it is where the chain does not answer.
    """
    warnings: list[str] = []
    online = _refresh(desk, digest, warnings)
    chain_id = desk.chain.chain_id if online else None
    records = [r for r in desk.store.trades(chain_id=chain_id) if digest in (None, r.digest)]
    return [_row(desk, record, online) for record in records], warnings


def _refresh(desk: Desk, digest: str | None, warnings: list[str]) -> bool:
    try:
        here = desk.domain
        unsettled = [
            load(desk.store.get_document(record.digest).text)
            for record in desk.store.trades(chain_id=here.chain_id)
            if (record.status is None or record.status in ENDED) and digest in (None, record.digest)
        ]
        warnings += desk.settling.discover([document for document in unsettled if document.domain == here])
        desk.tracker.poll()
    except ChainError as error:
        warnings.append(f"as of the last look: {error.message}")
        return False
    return True


def _row(desk: Desk, record: TradeRecord, online: bool) -> Row:
    document = load(desk.store.get_document(record.digest).text)
    online = online and document.domain == desk.domain
    return Row(
        digest=record.digest,
        kind=record.kind,
        role=record.role,
        summary=_summary(desk, document) if online else "",
        status=str(record.status) if record.status else _unsettled(desk, document) if online else "unknown",
        block_number=record.block_number,
        tx_hash=record.tx_hash,
        error=record.error,
        parties=record.parties,
        deadline=document.deadline,
        created_at=record.created_at,
        updated_at=record.updated_at,
    )


def _summary(desk: Desk, document: Document) -> str:
    moves = [leg_text(leg, desk.tokens) for leg in legs_of(document, STRANGER)]
    between = " for " if isinstance(document, Quote) else " + "
    return between.join(moves) or "nothing moves: cancels"


def _unsettled(desk: Desk, document: Document) -> str:
    view = desk.view()
    if is_used(document, view):
        return "retired"
    return "expired" if view.now > document.deadline else "open"
