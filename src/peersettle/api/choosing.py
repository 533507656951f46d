"""The taker's choice among the quotes that a node shows, and whether what was chosen has come far enough. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import TypeAlias

from peersettle.api.errors import CameToNothing, NotYet
from peersettle.api.models import NegotiationView, QuoteView, Until
from peersettle.errors import InvalidField
from peersettle.making.selection import Candidate, Requirement, ranked
from peersettle.rfq.messages import WHOLE

Amount: TypeAlias = int | str | Decimal


def choose(
    quotes: Sequence[QuoteView],
    limit: Amount | None = None,
    *,
    minimum_part: int = WHOLE,
    preference: Sequence[str] = (),
) -> QuoteView | None:
    """The best of these that can be accepted, within a limit as `Peer.best` takes it; None where there is none."""
    if limit is not None:
        try:
            most = Fraction(str(limit))
        except ValueError:
            raise InvalidField("limit", limit, "give a number") from None
        quotes = [quote for quote in quotes if _is_within(quote, most)]
    by_candidate = {
        Candidate(quote.peer, int(quote.price_units), quote.expires_at, quote.part, quote.number, quote.choice): quote
        for quote in quotes
        if quote.is_open
    }
    order = ranked(by_candidate, Requirement(minimum_part=minimum_part, preference=tuple(preference)), 0.0)
    return by_candidate[order[0]] if order else None


def reached(found: NegotiationView, wait: str) -> NegotiationView:
    """A negotiation that was accepted, where it has come as far as one has waited for.

    Raises:
        CameToNothing, NotYet: as `Peer.accept`.
    """
    deal = found.deal
    if deal is None and found.status != "last_look":
        raise CameToNothing(f"the maker did not agree: {found.note or found.status}", key=found.key)
    if deal is not None and (deal.phase in ("expired", "failed") or (found.is_over and deal.phase != "final")):
        raise CameToNothing(f"it has not settled: {deal.problem or deal.phase}", key=found.key)
    if not _is_reached(found, Until(wait)):
        said = f": {deal.problem}" if deal is not None and deal.problem else ""
        raise NotYet(
            f"it is {found.status}, not yet {wait}{said}",
            key=found.key,
            status=found.status,
            next_step=f"it goes on; see peersettle quotes {found.key}",
        )
    return found


def _is_reached(found: NegotiationView, until: Until) -> bool:
    deal = found.deal
    if deal is None:
        return False
    match until:
        case Until.AGREED:
            return True
        case Until.INCLUDED:
            return deal.phase in ("settled", "final")
        case Until.SAFE:
            return deal.phase == "final" or (deal.phase == "settled" and deal.settlement in ("safe", "finalized"))
    return deal.phase == "final"


def _is_within(quote: QuoteView, limit: Fraction) -> bool:
    price = Fraction(quote.price)
    if quote.quantity is None:
        return price * WHOLE <= limit * quote.part
    of_all = limit * Fraction(quote.quantity)
    return price <= of_all if quote.side == "buy" else -price >= of_all
