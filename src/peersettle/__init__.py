"""PeerSettle: settle trades with a peer, with no one in between.

The public API is what `__all__` names, and what the modules `peersettle.errors`, `peersettle.trades`,
`peersettle.reports`, `peersettle.pricing`, `peersettle.signing`, `peersettle.chain`, `peersettle.bindings`,
`peersettle.oracle`, `peersettle.store` and `peersettle.api` name in theirs. `connect` reaches a node of ours, and
`peersettle.chain.connect` a chain.
A part is loaded when it is first asked for, so that `import peersettle` is instant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from peersettle.api import Peer, connect
    from peersettle.bindings import MarginDesk, Oracle, Settlement, Token
    from peersettle.chain import (
        Anvil,
        Chain,
        Deployment,
        RpcWalletView,
        SettlementTracker,
        TransactionSender,
        deploy,
        deploy_margin,
        deploy_oracle,
        embedded,
        fund,
    )
    from peersettle.config import Settings, load_settings
    from peersettle.errors import NotSettleable, PeerSettleError, Reverted
    from peersettle.reports import Feed, Report, ReporterSet, Round, SignedReport
    from peersettle.signing import KeySigner, KeyStore, RemoteSigner, Signer, sign_as, sign_message
    from peersettle.store import SettlementStatus, Store
    from peersettle.trades import (
        Approval,
        ApprovalMethod,
        Domain,
        Leg,
        LegKind,
        Netting,
        Problem,
        ProblemCode,
        Quote,
        SignedTrade,
        Swap,
        Trade,
        check_swap,
        check_trade,
        load,
        net,
        random_nonce,
        salted_terms,
        typed_data,
    )
    from peersettle.types import Account, Address, Hash32, from_units, to_units

    __version__: str

_HOME = {
    "api": ("Peer", "connect"),
    "bindings": ("MarginDesk", "Oracle", "Settlement", "Token"),
    "chain": (
        "Anvil",
        "Chain",
        "Deployment",
        "RpcWalletView",
        "SettlementTracker",
        "TransactionSender",
        "deploy",
        "deploy_margin",
        "deploy_oracle",
        "embedded",
        "fund",
    ),
    "config": ("Settings", "load_settings"),
    "errors": ("NotSettleable", "PeerSettleError", "Reverted"),
    "reports": ("Feed", "Report", "ReporterSet", "Round", "SignedReport"),
    "signing": ("KeySigner", "KeyStore", "RemoteSigner", "Signer", "sign_as", "sign_message"),
    "store": ("SettlementStatus", "Store"),
    "trades": (
        "Approval",
        "ApprovalMethod",
        "Domain",
        "Leg",
        "LegKind",
        "Netting",
        "Problem",
        "ProblemCode",
        "Quote",
        "SignedTrade",
        "Swap",
        "Trade",
        "check_swap",
        "check_trade",
        "load",
        "net",
        "random_nonce",
        "salted_terms",
        "typed_data",
    ),
    "types": ("Account", "Address", "Hash32", "from_units", "to_units"),
}
_MODULE = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "__version__",
    # what is agreed
    "Address",
    "Domain",
    "Hash32",
    "Leg",
    "LegKind",
    "Swap",
    "Trade",
    "from_units",
    "random_nonce",
    "salted_terms",
    "to_units",
    "typed_data",
    # what is signed
    "Approval",
    "ApprovalMethod",
    "KeySigner",
    "KeyStore",
    "Quote",
    "RemoteSigner",
    "SignedTrade",
    "Signer",
    "load",
    "sign_as",
    "sign_message",
    # what is checked
    "Problem",
    "ProblemCode",
    "RpcWalletView",
    "check_swap",
    "check_trade",
    # who trades
    "Peer",
    "connect",
    # what is settled
    "Anvil",
    "Chain",
    "Deployment",
    "Netting",
    "Settlement",
    "SettlementStatus",
    "SettlementTracker",
    "Store",
    "Token",
    "TransactionSender",
    "deploy",
    "embedded",
    "fund",
    "net",
    # what prices are
    "Feed",
    "Oracle",
    "Report",
    "ReporterSet",
    "Round",
    "SignedReport",
    "deploy_oracle",
    # what margin accounts are
    "Account",
    "MarginDesk",
    "deploy_margin",
    # settings and errors
    "NotSettleable",
    "PeerSettleError",
    "Reverted",
    "Settings",
    "load_settings",
]


def __getattr__(name: str) -> Any:
    """Load a part when it is first asked for."""
    if name == "__version__":
        from importlib.metadata import version

        return version("peersettle")
    if name not in _MODULE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{_MODULE[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
