"""What `import peersettle` gives, name by name: a change here is a change for every user."""

import subprocess
import sys

import pytest

import peersettle

PUBLIC = [
    "Account",
    "Address",
    "Anvil",
    "Approval",
    "ApprovalMethod",
    "Chain",
    "Deployment",
    "Domain",
    "Feed",
    "Hash32",
    "KeySigner",
    "KeyStore",
    "Leg",
    "LegKind",
    "MarginDesk",
    "Netting",
    "NotSettleable",
    "Oracle",
    "Peer",
    "PeerSettleError",
    "Problem",
    "ProblemCode",
    "Quote",
    "RemoteSigner",
    "Report",
    "ReporterSet",
    "Reverted",
    "Round",
    "RpcWalletView",
    "Settings",
    "Settlement",
    "SettlementStatus",
    "SettlementTracker",
    "SignedReport",
    "SignedTrade",
    "Signer",
    "Store",
    "Swap",
    "Token",
    "Trade",
    "TransactionSender",
    "__version__",
    "check_swap",
    "check_trade",
    "connect",
    "deploy",
    "deploy_margin",
    "deploy_oracle",
    "embedded",
    "from_units",
    "fund",
    "load",
    "load_settings",
    "net",
    "random_nonce",
    "salted_terms",
    "sign_as",
    "sign_message",
    "to_units",
    "typed_data",
]

HEAVY = (
    "web3",
    "eth",
    "eth_account",
    "sqlalchemy",
    "pydantic",
    "typer",
    "rich",
    "coincurve",
    "numpy",
    "numba",
    "llvmlite",
    "scipy",
    "matplotlib",
    "aiohttp",
)


def test_the_public_names_are_these_and_no_others():
    assert sorted(peersettle.__all__) == PUBLIC
    assert dir(peersettle) == PUBLIC


@pytest.mark.parametrize("name", [name for name in PUBLIC if name != "__version__"])
def test_every_name_is_there_and_documented(name):
    value = getattr(peersettle, name)
    assert value is getattr(peersettle, name)
    assert value.__doc__


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'settle_everything'"):
        _ = peersettle.settle_everything


def test_importing_the_package_loads_nothing_heavy():
    code = f"import sys, peersettle; print([m for m in {HEAVY!r} if m in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "[]"
