"""Signed documents as files: read, verified on the chain where need be, written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from peersettle.errors import InputError, InvalidDocument, SignatureError
from peersettle.trades import Document, Leg, Quote, SignedTrade, WalletView, load
from peersettle.trades.documents import dump, verify_signature
from peersettle.types import ZERO_ADDRESS, Address

STRANGER: Final = Address("0x000000000000000000000000000000000000dEaD")
"""Stands for the unknown taker of an open quote."""


def read_document(path: Path) -> Document:
    """The document in a file.

    Raises:
        InvalidDocument: the file cannot be read, or holds none.
    """
    try:
        return load(path.read_bytes())
    except OSError as error:
        raise InvalidDocument(
            f"cannot read {path}: {error.strerror}", next_step="give the path of a signed quote or trade"
        ) from None


def write_document(path: Path, document: Document) -> Path:
    """Write a document; a file that holds another one is left alone.

    Raises:
        InputError: the file holds something else, or cannot be written.
    """
    if path.exists() and _digest(path) != document.digest:
        raise InputError(f"{path} holds something else; it is left as it is", next_step="give another --out FILE")
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(dump(document))
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise InputError(f"cannot write {path}: {error.strerror}") from None
    return path


def taker_of(quote: Quote, party: Address) -> Address:
    """The taker; of an open quote `party`, or a stranger where that is the maker."""
    if not quote.swap.is_open:
        return quote.swap.taker
    return STRANGER if party == quote.swap.maker else party


def legs_of(document: Document, party: Address) -> tuple[Leg, ...]:
    """The legs, as `party` has them before it: who is not the maker would take an open quote."""
    if isinstance(document, SignedTrade):
        return document.trade.legs
    return document.swap.legs(taker_of(document, party))


def signatures(document: Document) -> dict[Address, bytes]:
    """Who has signed what, by address."""
    if isinstance(document, SignedTrade):
        return {party: signature for party, signature in document.signatures.items() if signature}
    swap = document.swap
    given = {swap.maker: document.maker_signature, swap.taker: document.taker_signature}
    return {party: signature for party, signature in given.items() if signature and party != ZERO_ADDRESS}


def verify(document: Document, view: WalletView) -> None:
    """Check every signature, a contract wallet's by asking it; a quote must have its maker's.

    Raises:
        SignatureError: one is missing, malformed or another's.
    """
    given = signatures(document)
    if isinstance(document, Quote):
        given.setdefault(document.swap.maker, b"")
    for party, signature in given.items():
        try:
            verify_signature("signer", party, document.digest, signature)
        except SignatureError:
            if not (view.has_code(party) and view.accepts(party, document.digest, signature)):
                raise


def missing_signatures(document: Document) -> tuple[Address, ...]:
    """Who has still to sign; for an open quote the zero address stands for its taker."""
    if isinstance(document, SignedTrade):
        return document.missing
    swap = document.swap
    pairs = (swap.maker, document.maker_signature), (swap.taker, document.taker_signature)
    return tuple(party for party, signature in pairs if not signature)


def _digest(path: Path) -> bytes | None:
    try:
        return load(path.read_bytes()).digest
    except (OSError, InvalidDocument):
        return None
