"""Everything between us and a chain: connecting, sending, deploying, decoding refusals, following settlements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from peersettle.chain.anvil import Anvil, find_anvil
    from peersettle.chain.artifacts import Artifact, Function, artifact
    from peersettle.chain.calls import Block, Call, Log, Receipt, Sent
    from peersettle.chain.client import BlockId, Chain, advance_time, connect, fund
    from peersettle.chain.deployments import DIRECTORY, DemoToken, Deployment, deploy, deploy_oracle
    from peersettle.chain.events import Settled, SkippedEntry, settled_in
    from peersettle.chain.fees import FeePolicy, Fees
    from peersettle.chain.margin_contracts import deploy_margin
    from peersettle.chain.pyevm import embedded
    from peersettle.chain.reverts import decode_revert
    from peersettle.chain.sender import TransactionSender
    from peersettle.chain.tracker import Change, Finality, SettlementTracker
    from peersettle.chain.views import RpcWalletView

_HOME = {
    "anvil": ("Anvil", "find_anvil"),
    "artifacts": ("Artifact", "Function", "artifact"),
    "calls": ("Block", "Call", "Log", "Receipt", "Sent"),
    "client": ("BlockId", "Chain", "advance_time", "connect", "fund"),
    "deployments": ("DIRECTORY", "DemoToken", "Deployment", "deploy", "deploy_oracle"),
    "pyevm": ("embedded",),
    "margin_contracts": ("deploy_margin",),
    "events": ("Settled", "SkippedEntry", "settled_in"),
    "fees": ("FeePolicy", "Fees"),
    "reverts": ("decode_revert",),
    "sender": ("TransactionSender",),
    "tracker": ("Change", "Finality", "SettlementTracker"),
    "views": ("RpcWalletView",),
}
_MODULE = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    # a chain
    "BlockId",
    "Chain",
    "connect",
    "embedded",
    "Anvil",
    "find_anvil",
    "fund",
    "advance_time",
    # sending
    "Block",
    "Call",
    "FeePolicy",
    "Fees",
    "Log",
    "Receipt",
    "Sent",
    "TransactionSender",
    "decode_revert",
    # contracts
    "Artifact",
    "DIRECTORY",
    "DemoToken",
    "Deployment",
    "Function",
    "artifact",
    "deploy",
    "deploy_margin",
    "deploy_oracle",
    # settlements
    "Change",
    "Finality",
    "RpcWalletView",
    "Settled",
    "SettlementTracker",
    "SkippedEntry",
    "settled_in",
]


def __getattr__(name: str) -> Any:
    """Load a part when it is first asked for, since web3 and py-evm take seconds to import."""
    if name not in _MODULE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_MODULE[name]}"), name)
