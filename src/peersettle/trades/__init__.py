"""What peers sign: swaps, trades and their legs; hashing, signing, netting and the pre-flight check. Pure."""

from peersettle.trades.approvals import Approval, ApprovalMethod
from peersettle.trades.check import Problem, ProblemCode, WalletView, check_swap, check_trade
from peersettle.trades.documents import Document, Quote, SignedTrade, load
from peersettle.trades.messages import (
    NETTABLE,
    Domain,
    Leg,
    LegKind,
    Swap,
    Trade,
    random_nonce,
    salted_terms,
)
from peersettle.trades.netting import NetMove, Netting, net
from peersettle.trades.signature import Signature, recover, sign_digest
from peersettle.trades.typed_data import domain_separator, scope, swap_digest, trade_digest, typed_data

__all__ = [
    # messages
    "Domain",
    "Leg",
    "LegKind",
    "Swap",
    "Trade",
    "NETTABLE",
    "random_nonce",
    "salted_terms",
    # hashes and signatures
    "Signature",
    "domain_separator",
    "recover",
    "scope",
    "sign_digest",
    "swap_digest",
    "trade_digest",
    "typed_data",
    # documents
    "Approval",
    "ApprovalMethod",
    "Document",
    "Quote",
    "SignedTrade",
    "load",
    # netting
    "NetMove",
    "Netting",
    "net",
    # pre-flight
    "Problem",
    "ProblemCode",
    "WalletView",
    "check_swap",
    "check_trade",
]
