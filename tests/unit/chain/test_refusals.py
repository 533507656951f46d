"""Every shape in which nodes and libraries report a refusal, for every reason of ours."""

import json
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_tester.exceptions import TransactionFailed
from web3.exceptions import ContractLogicError, Web3RPCError

from peersettle.chain import decode_revert
from peersettle.chain.reverts import is_revert, reason_of
from peersettle.errors import NonceUsed, Reverted, TokenReverted
from peersettle.types import keccak

REASONS = {kind.reason: kind for kind in Reverted.__subclasses__() if kind.reason}


def error_string(reason: str) -> bytes:
    return bytes.fromhex("08c379a0") + encode(["string"], [reason])


def rpc(error: dict[str, Any]) -> Web3RPCError:
    response: Any = {"jsonrpc": "2.0", "id": 1, "error": error}
    return Web3RPCError(json.dumps(error), rpc_response=response)


def shapes(reason: str) -> list[object]:
    data = error_string(reason)
    text = "0x" + data.hex()
    said = f"execution reverted: {reason}"
    return [
        data,
        text,
        {"code": 3, "message": said, "data": text},  # geth, anvil, reth, Erigon
        {
            "code": -32015,
            "message": "VM execution error.",
            "data": f"Reverted {text}",
        },  # Nethermind, OpenEthereum
        {"code": -32603, "message": "error", "data": {"message": said, "data": text}},  # Hardhat
        {"code": -32000, "message": said},
        rpc({"code": 3, "message": said, "data": text}),
        rpc({"code": -32000, "message": said}),
        ContractLogicError(said, data=text),
        ContractLogicError(said),
        TransactionFailed(said),
        TransactionFailed(f"execution reverted: {data!r}"),
        TransactionFailed(data),
        f"VM Exception while processing transaction: reverted with reason string '{reason}'",
    ]


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_is_recognised_in_every_shape(reason: str) -> None:
    for shape in shapes(reason):
        assert type(decode_revert(shape)) is REASONS[reason], shape
        assert is_revert(shape) or isinstance(shape, (str, bytes)), shape


def test_a_decoded_refusal_decodes_to_itself() -> None:
    error = decode_revert(error_string("nonce"), tx_hash="0x01")
    assert type(decode_revert(error)) is NonceUsed
    assert error.values == {"tx_hash": "0x01"}
    assert reason_of(error) == "nonce"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (bytes.fromhex("4e487b71") + encode(["uint256"], [0x11]), "panic 0x11, arithmetic overflow"),
        (bytes.fromhex("4e487b71") + encode(["uint256"], [0x99]), "panic 0x99, of an unknown kind"),
        (keccak(b"InvalidNonce()")[:4], "InvalidNonce()"),
        (keccak(b"SignatureExpired(uint256)")[:4] + encode(["uint256"], [7]), "SignatureExpired(7)"),
        (bytes.fromhex("deadbeef"), "custom error 0xdeadbeef"),
        (bytes.fromhex("08c379a0") + b"cut", "custom error 0x08c379a0637574"),
    ],
)
def test_what_is_not_ours_keeps_what_was_said(data: bytes, said: str) -> None:
    error = decode_revert(data)
    assert type(error) is TokenReverted
    assert error.values["reason"] == said


@pytest.mark.parametrize(
    "cause",
    [
        b"",
        "0x",
        {"code": 3, "message": "execution reverted", "data": "0x"},
        {"code": -32000, "message": "out of gas"},
        {"code": -32003, "message": "EVM error InvalidFEOpcode, invalid opcode"},
        TransactionFailed("execution reverted: b''"),
        ContractLogicError("execution reverted"),
        ContractLogicError("execution reverted, no data"),
    ],
)
def test_a_refusal_without_a_reason_is_one(cause: object) -> None:
    assert type(decode_revert(cause)) is Reverted


def test_a_node_s_own_trouble_is_no_refusal() -> None:
    for message in ("header not found", "insufficient funds for gas", "nonce too low", "rate limit"):
        assert not is_revert(rpc({"code": -32000, "message": message}))
    assert not is_revert(OSError("gone"))
