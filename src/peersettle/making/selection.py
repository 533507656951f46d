"""The taker's choice among several makers' answers. Pure: whoever asks, waits and accepts is elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from peersettle.errors import InvalidField
from peersettle.rfq.messages import WHOLE, Offer
from peersettle.types import uint


@dataclass(frozen=True, slots=True)
class Candidate:
    """One thing that could be accepted: the taker pays `price` for a part; below zero it gets it."""

    peer: str
    price: int
    expires_at: float
    part: int = WHOLE
    number: int = 0
    """Of the offer, and which of its alternatives: what an acceptance names."""
    choice: int = 0

    @property
    def rate(self) -> Fraction:
        """The price as if it were for the whole."""
        return Fraction(self.price * WHOLE, self.part)


@dataclass(frozen=True, slots=True)
class Requirement:
    """What a taker will have.

    Args:
        limit_price: the most that it pays for the whole, and that share of it for a part; below zero, the least that it
            gets. None takes any price.
        minimum_part: in basis points of what was asked for.
        larger_first: a larger part goes before a better price; otherwise the price for each unit decides, and makers
            that widen with size will mostly win with their smallest part.
        preference: peers, the best first, of those whose prices are equal; others come after them.
        excluded: peers whose answers are not looked at.
        spare: seconds that an answer must still be good for.

    Raises:
        InvalidField: a field does not fit its rule.
    """

    limit_price: int | None = None
    minimum_part: int = WHOLE
    larger_first: bool = False
    preference: tuple[str, ...] = ()
    excluded: frozenset[str] = frozenset()
    spare: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "preference", tuple(self.preference))
        object.__setattr__(self, "excluded", frozenset(self.excluded))
        if not 0 < uint(self.minimum_part, "minimum_part", 16) <= WHOLE:
            raise InvalidField("minimum_part", self.minimum_part, f"1 to {WHOLE} basis points")
        if not self.spare >= 0:
            raise InvalidField("spare", self.spare, "give zero seconds or more")

    def refusal(self, candidate: Candidate, at: float) -> str | None:
        """Why a candidate cannot be taken; None when it can."""
        if candidate.peer in self.excluded:
            return "the peer is excluded"
        if candidate.part < self.minimum_part:
            return f"it is for {candidate.part} of {WHOLE}; at least {self.minimum_part} must be"
        if self.limit_price is not None and candidate.price * WHOLE > self.limit_price * candidate.part:
            share = self.limit_price * candidate.part // WHOLE
            return f"its price is {candidate.price}, beyond the limit of {share} for {candidate.part} of {WHOLE}"
        if at + self.spare >= candidate.expires_at:
            left = candidate.expires_at - at
            return f"it expired {-left:g} s ago" if left <= 0 else f"it is good for {left:g} s more only"
        return None


def candidates(peer: str, offer: Offer) -> tuple[Candidate, ...]:
    """Every alternative of a peer's offer."""
    return tuple(
        Candidate(peer, alternative.price, offer.expires_at, alternative.part, offer.number, choice)
        for choice, alternative in enumerate(offer.alternatives)
    )


def ranked(offers: Iterable[Candidate], want: Requirement, at: float) -> list[Candidate]:
    """Those that can be taken at a time, the best first.

    By price for each unit (or by part first, see `larger_first`), then the larger part, then the taker's preference,
    then what is good for longer, then the peer's name, so that the order in which answers came decides nothing.
    """
    places = {peer: place for place, peer in reversed(list(enumerate(want.preference)))}

    def order(item: Candidate) -> tuple[object, ...]:
        by_size, by_price = -item.part, item.rate
        first = (by_size, by_price) if want.larger_first else (by_price, by_size)
        rest = (places.get(item.peer, len(places)), -item.expires_at, item.peer, -item.number, item.choice)
        return (*first, *rest)

    return sorted((item for item in offers if want.refusal(item, at) is None), key=order)


def best(offers: Iterable[Candidate], want: Requirement, at: float) -> Candidate | None:
    """The one to accept; None where none can be taken."""
    return next(iter(ranked(offers, want, at)), None)
