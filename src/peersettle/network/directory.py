"""Who is who: the cards that peers have shown, and the names that the configuration gives them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from peersettle.errors import InvalidField
from peersettle.network.identity import Card
from peersettle.network.transport import Contact

MAX_CARDS: Final = 4_096
"""As identities cost nothing to make: the cards that end first make room, never those of configured peers."""


class Directory:
    """Cards by peer. They have been verified; times are passed in."""

    def __init__(self, names: Mapping[str, Contact]) -> None:
        self._names = dict(names)
        self._configured = {contact.peer: contact for contact in names.values()}
        self._cards: dict[str, Card] = {}

    def add(self, card: Card, now: float) -> None:
        """Take up a card, unless a later one of the same peer is here."""
        known = self._cards.get(card.peer)
        if known is not None and known.issued_at > card.issued_at:
            return
        self._cards[card.peer] = card
        if len(self._cards) > MAX_CARDS:
            self._cards = {peer: each for peer, each in self._cards.items() if each.expires_at > now}
        while len(self._cards) > MAX_CARDS:
            strangers = (peer for peer in self._cards if peer not in self._configured)
            del self._cards[min(strangers, key=lambda peer: self._cards[peer].expires_at)]

    def card(self, peer: str, now: float) -> Card | None:
        """A peer's card that holds."""
        card = self._cards.get(peer)
        return card if card is not None and card.expires_at > now else None

    def cards(self, now: float) -> tuple[Card, ...]:
        """Every card that holds."""
        return tuple(card for card in self._cards.values() if card.expires_at > now)

    def contact(self, peer: str) -> Contact:
        """How to reach a peer, as far as is known. The configuration comes first: nobody else says it wrongly."""
        configured = self._configured.get(peer, Contact(peer))
        card = self._cards.get(peer)
        shown = card.listens if card is not None else ()
        return Contact(peer, tuple(dict.fromkeys((*configured.addresses, *shown))))

    def named(self) -> tuple[Contact, ...]:
        """The peers of the configuration."""
        return tuple(self._configured.values())

    def find(self, text: str, now: float) -> str:
        """The peer that is meant by an identity, a name or a chain address.

        Raises:
            InvalidField: none is, or more than one.
        """
        if text in self._names:
            return self._names[text].peer
        if text in self._configured or self.card(text, now) is not None:
            return text
        found = [card.peer for card in self.cards(now) if text.lower() in map(str.lower, card.accounts)]
        if len(found) == 1:
            return found[0]
        if found:
            raise InvalidField("peer", text, f"several peers speak for it, so name one: {', '.join(sorted(found))}")
        names = ", ".join(sorted(self._names)) or "none"
        raise InvalidField(
            "peer",
            text,
            f"no peer that we have heard of; give its identity, an address it speaks for, or one of: {names}",
        )
