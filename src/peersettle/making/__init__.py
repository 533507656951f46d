"""Making and taking prices: strategies, what they may know, the built-in one, and the choice among answers. Pure.

A part is loaded when it is first asked for: settings are read without numpy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from peersettle.making.book import Book, Inventory, Promise, Range, Risks, Spot, TokenView
    from peersettle.making.loading import load_strategy
    from peersettle.making.policy import Policy
    from peersettle.making.pricing import Ages, Valuation, divides, promise_of, to_price, value
    from peersettle.making.selection import Candidate, Requirement, best, candidates, ranked
    from peersettle.making.spread import SpreadStrategy
    from peersettle.making.strategy import Answer, Inquiry, No, Price, Quotation, Strategy
    from peersettle.making.tally import Tally

_HOME: Final = {
    "book": (
        "Book",
        "Inventory",
        "Promise",
        "Range",
        "Risks",
        "Spot",
        "TokenView",
    ),
    "loading": ("load_strategy",),
    "policy": ("Policy",),
    "pricing": (
        "Ages",
        "Valuation",
        "divides",
        "promise_of",
        "to_price",
        "value",
    ),
    "selection": (
        "Candidate",
        "Requirement",
        "best",
        "candidates",
        "ranked",
    ),
    "spread": ("SpreadStrategy",),
    "strategy": (
        "Answer",
        "Inquiry",
        "No",
        "Price",
        "Quotation",
        "Strategy",
    ),
    "tally": ("Tally",),
}
_MODULE: Final = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    # what a strategy is
    "Strategy",
    "Inquiry",
    "Price",
    "Quotation",
    "No",
    "Answer",
    # what it may know
    "Book",
    "Spot",
    "TokenView",
    "Range",
    "Risks",
    "Inventory",
    "Promise",
    "Tally",
    # what things are worth
    "value",
    "Valuation",
    "Ages",
    "to_price",
    "divides",
    "promise_of",
    # the built-in one, and others
    "SpreadStrategy",
    "Policy",
    "load_strategy",
    # the taker's choice
    "Candidate",
    "Requirement",
    "candidates",
    "ranked",
    "best",
]


def __getattr__(name: str) -> Any:
    """Load a part when it is first asked for."""
    if name not in _MODULE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULE[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
