"""What a document moves from and to a party, in human units."""

from __future__ import annotations

from dataclasses import dataclass

from peersettle.bindings.amounts import TokenBook, leg_text
from peersettle.cli.documents import legs_of
from peersettle.trades import Document
from peersettle.types import Address


@dataclass(frozen=True, slots=True)
class Flow:
    """One thing that a party gives or gets."""

    gives: bool
    counterparty: Address
    text: str


def flows(document: Document, party: Address, book: TokenBook) -> tuple[Flow, ...]:
    """What a party gives and gets, in human units. A stranger is taken for an open quote's taker."""
    legs = legs_of(document, party)
    gives = [Flow(True, leg.receiver, leg_text(leg, book)) for leg in legs if leg.giver == party]
    gets = [Flow(False, leg.giver, leg_text(leg, book)) for leg in legs if leg.receiver == party]
    return (*gives, *gets)
