"""The parts of the chain room that need no chain."""

import json
import subprocess
import sys
from dataclasses import replace
from importlib import resources
from typing import Any

import pytest

import peersettle.bindings
import peersettle.chain
import peersettle.store
from peersettle.chain import FeePolicy, Fees, artifact, settled_in
from peersettle.chain.artifacts import encode
from peersettle.chain.calls import Log, Receipt
from peersettle.chain.fees import bumped_fees, current_fees
from peersettle.chain.outcomes import Broadcast, broadcast
from peersettle.chain.transport import is_passing, shown_url
from peersettle.errors import InputError, RpcError
from peersettle.types import Address, Hash32

SETTLEMENT, OTHER = Address("0x" + "11" * 20), Address("0x" + "22" * 20)


@pytest.mark.parametrize("room", [peersettle.chain, peersettle.bindings, peersettle.store])
def test_the_public_names_are_all_there(room: Any) -> None:
    for name in room.__all__:
        assert getattr(room, name) is not None
    with pytest.raises(AttributeError):
        _ = room.nothing_of_that_name


def test_importing_the_rooms_loads_no_heavy_library() -> None:
    code = (
        "import sys, peersettle.chain, peersettle.bindings, peersettle.store\n"
        "heavy = 'web3', 'eth', 'eth_tester', 'eth_abi', 'sqlalchemy', 'requests'\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_selectors_are_the_compiler_s() -> None:
    for name in ("Settlement", "SettlementCheck", "DemoToken"):
        file = resources.files("peersettle") / "contracts" / "artifacts" / f"{name}.json"
        listed = {
            signature.partition("(")[0]: int(selector, 16)
            for signature, selector in json.loads(file.read_text())["method_identifiers"].items()
        }
        found = {f: int.from_bytes(function.selector, "big") for f, function in artifact(name).functions.items()}
        assert found == listed


def test_an_unknown_artifact_names_the_remedy() -> None:
    with pytest.raises(InputError, match="make artifacts"):
        artifact("Unknown")


def test_an_answer_of_another_type_is_refused() -> None:
    with pytest.raises(InputError):
        artifact("Settlement").functions["used_swaps"].decode(b"short")


POLICY = FeePolicy()


@pytest.mark.parametrize("old", [1, 7, 8, 9, 10**9, 10**9 + 1, 10**20])
def test_a_bump_is_never_below_an_eighth_more(old: int) -> None:
    bumped = bumped_fees(Fees(old, old), Fees(1, 1), POLICY)
    assert bumped is not None
    assert bumped.tip is not None
    assert min(bumped.cap, bumped.tip) * 8 >= old * 9
    legacy = bumped_fees(Fees(old, None), Fees(1, None), POLICY)
    assert legacy is not None
    assert legacy.cap * 8 >= old * 9


def test_a_bump_follows_the_market_and_stops_at_the_limit() -> None:
    assert bumped_fees(Fees(100, 10), Fees(500, 50), POLICY) == Fees(500, 50)
    limited = replace(POLICY, max_fee=120)
    assert bumped_fees(Fees(100, 10), Fees(500, 50), limited) == Fees(120, 50)
    assert bumped_fees(Fees(110, 10), Fees(500, 50), limited) is None


def test_a_tip_is_never_above_the_cap() -> None:
    class Node:
        def block(self, _at: str) -> Any:
            return type("Head", (), {"base_fee": 10})()

        def suggested_tip(self) -> int:
            return 10**9

    fees = current_fees(Node(), replace(POLICY, max_fee=10**6))  # type: ignore[arg-type]
    assert fees == Fees(10**6, 10**6)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://rpc.example/v3/secret", "https://rpc.example"),
        ("https://user:secret@rpc.example:8545/?key=secret", "https://rpc.example:8545"),
        ("http://127.0.0.1:8545", "http://127.0.0.1:8545"),
        ("/run/geth.ipc", "/run/geth.ipc"),
    ],
)
def test_a_url_is_shown_without_what_may_be_a_key(url: str, shown: str) -> None:
    assert shown_url(url) == shown


def test_a_refusal_that_says_try_again_is_not_tried_again() -> None:
    assert is_passing({"code": -32000, "message": "header not found"})
    assert not is_passing({"code": 3, "message": "execution reverted: try again"})
    assert not is_passing({"code": -32000, "message": "execution reverted: too many requests"})
    assert not is_passing(None)


class Refusing:
    """A node that refuses a transaction, which it may know all the same."""

    url = "node"

    def __init__(self, error: Exception, knows: bool) -> None:
        self.error, self.known = error, knows

    def send_raw(self, _raw: bytes) -> str:
        raise self.error

    def knows(self, _tx_hash: str) -> bool:
        return self.known


@pytest.mark.parametrize(
    ("said", "known", "outcome"),
    [
        ("already known", False, Broadcast.TAKEN),  # geth
        ("AlreadyKnown, transaction with the same hash is in the pool", False, Broadcast.TAKEN),  # Nethermind
        ("Known transaction", False, Broadcast.TAKEN),  # Besu
        ("transaction already imported", False, Broadcast.TAKEN),  # anvil
        ("nonce too low: next nonce 5, tx nonce 4", False, Broadcast.NONCE_USED),
        ("nonce too low: next nonce 5, tx nonce 4", True, Broadcast.TAKEN),
        ("Invalid transaction nonce: Expected 1, but got 0", False, Broadcast.NONCE_USED),  # py-evm
        ("replacement transaction underpriced", False, Broadcast.OCCUPIED),
        ("transaction underpriced: gas tip cap 0", False, Broadcast.UNDERPRICED),
        ("max fee per gas less than block base fee: address 0x…", False, Broadcast.UNDERPRICED),
        ("FeeTooLow, MaxFeePerGas too low", False, Broadcast.UNDERPRICED),
        ("exceeds block gas limit", False, Broadcast.REFUSED),
    ],
)
def test_what_nodes_say_to_a_transaction_is_understood(said: str, known: bool, outcome: Broadcast) -> None:
    node = Refusing(RpcError(f"refused: {said}", detail=said), known)
    entry = type("Entry", (), {"raw": b"", "tx_hash": "0x01"})()
    assert broadcast(node, entry) == (outcome, said)  # type: ignore[arg-type]


def receipt(*logs: Log) -> Receipt:
    return Receipt("0x01", 1, "0x02", True, OTHER, 1, 1, logs, None)


def word(value: int) -> Hash32:
    return Hash32(value.to_bytes(32, "big"))


def test_only_settlement_s_own_events_settle() -> None:
    events = artifact("Settlement").events
    swap = Log(SETTLEMENT, (events["SwapSettled"], word(5), word(6), word(7)), b"")
    trade = Log(SETTLEMENT, (events["TradeSettled"], word(8), word(9)), b"")
    nets = Log(SETTLEMENT, (events["NetSettled"],), encode(["bytes32[]"], [[word(1), word(2)]]))
    forged = replace(swap, address=OTHER)
    done = settled_in(receipt(forged, swap, trade, nets, Log(SETTLEMENT, (), b"")), SETTLEMENT)
    assert done.digests == (word(5), word(8), word(1), word(2))


@pytest.mark.parametrize(
    ("reason", "said"), [("nonce", "nonce"), ("x" * 80, "x" * 32 + "…"), ("é" * 40, "é" * 16 + "…")]
)
def test_a_reason_cut_by_the_contract_is_read_as_far_as_it_goes(reason: str, said: str) -> None:
    events = artifact("Settlement").events
    answer = (bytes.fromhex("08c379a0") + encode(["string"], [reason]))[:100]
    log = Log(SETTLEMENT, (events["EntrySkipped"], word(3)), encode(["bytes"], [answer]))
    [skipped] = settled_in(receipt(log), SETTLEMENT).skipped
    assert skipped.entry == 3
    assert (skipped.error.reason or skipped.error.values["reason"]) == said
