"""Typed wrappers of the contracts: calls are built without a request, views ask the chain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from peersettle.bindings.aggregator_source import AggregatorSource
    from peersettle.bindings.auction import ANY_PRICE, Auction, AuctionQuote, AuctionState
    from peersettle.bindings.backstop import Backstop, Leaving, Loan
    from peersettle.bindings.ledger import Head, Health, Ledger, session_sub_account
    from peersettle.bindings.margin import MarginDesk, Plan
    from peersettle.bindings.multicall import Question, ask, together
    from peersettle.bindings.oracle import GRID, HistoryEntry, Oracle, Reading, Running, bundle
    from peersettle.bindings.parameters import Parameters, Proposal
    from peersettle.bindings.risk import Risk
    from peersettle.bindings.settlement import RawProblem, Settlement
    from peersettle.bindings.statements import Listing, Statement
    from peersettle.bindings.token import Token
    from peersettle.chain.calls import Call

_HOME = {
    "ANY_PRICE": "peersettle.bindings.auction",
    "AggregatorSource": "peersettle.bindings.aggregator_source",
    "Auction": "peersettle.bindings.auction",
    "AuctionQuote": "peersettle.bindings.auction",
    "AuctionState": "peersettle.bindings.auction",
    "Backstop": "peersettle.bindings.backstop",
    "Call": "peersettle.chain.calls",
    "GRID": "peersettle.bindings.oracle",
    "Head": "peersettle.bindings.ledger",
    "Health": "peersettle.bindings.ledger",
    "HistoryEntry": "peersettle.bindings.oracle",
    "Leaving": "peersettle.bindings.backstop",
    "Ledger": "peersettle.bindings.ledger",
    "Listing": "peersettle.bindings.statements",
    "Loan": "peersettle.bindings.backstop",
    "MarginDesk": "peersettle.bindings.margin",
    "Oracle": "peersettle.bindings.oracle",
    "Parameters": "peersettle.bindings.parameters",
    "Plan": "peersettle.bindings.margin",
    "Proposal": "peersettle.bindings.parameters",
    "Question": "peersettle.bindings.multicall",
    "RawProblem": "peersettle.bindings.settlement",
    "Reading": "peersettle.bindings.oracle",
    "Risk": "peersettle.bindings.risk",
    "Running": "peersettle.bindings.oracle",
    "Settlement": "peersettle.bindings.settlement",
    "Statement": "peersettle.bindings.statements",
    "Token": "peersettle.bindings.token",
    "ask": "peersettle.bindings.multicall",
    "bundle": "peersettle.bindings.oracle",
    "session_sub_account": "peersettle.bindings.ledger",
    "together": "peersettle.bindings.multicall",
}

__all__ = [
    "ANY_PRICE",
    "AggregatorSource",
    "Auction",
    "AuctionQuote",
    "AuctionState",
    "Backstop",
    "Call",
    "GRID",
    "Head",
    "Health",
    "HistoryEntry",
    "Leaving",
    "Ledger",
    "Listing",
    "Loan",
    "MarginDesk",
    "Oracle",
    "Parameters",
    "Plan",
    "Proposal",
    "Question",
    "RawProblem",
    "Reading",
    "Risk",
    "Running",
    "Settlement",
    "Statement",
    "Token",
    "ask",
    "bundle",
    "session_sub_account",
    "together",
]


def __getattr__(name: str) -> Any:
    """Load a part when it is first asked for."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOME[name]), name)
