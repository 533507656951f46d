"""Signatures as wallets make them for the mocks, hashed by eth-account and so independently of them."""

from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount

WITNESS_TYPE = "bytes32 tradeHash)TokenPermissions(address token,uint256 amount)"
_AUTHORIZATION = "address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce"
_PERMIT2 = "TokenPermissions permitted,address spender,uint256 nonce,uint256 deadline,bytes32 tradeHash"
_FIELDS = {
    "Permit": "address owner,address spender,uint256 value,uint256 nonce,uint256 deadline",
    "ReceiveWithAuthorization": _AUTHORIZATION,
    "TransferWithAuthorization": _AUTHORIZATION,
    "CancelAuthorization": "address authorizer,bytes32 nonce",
    "PermitWitnessTransferFrom": _PERMIT2,
    "TokenPermissions": "address token,uint256 amount",
}


def _sign(signer: LocalAccount, domain: dict, primary: str, values: tuple, *nested: str) -> bytes:
    types = {
        kind: [dict(zip(("type", "name"), field.split(), strict=True)) for field in _FIELDS[kind].split(",")]
        for kind in (primary, *nested)
    }
    message = dict(zip((field["name"] for field in types[primary]), values, strict=True))
    return bytes(Account.sign_typed_data(signer.key, domain, types, message).signature)


def sign_for_token(signer: LocalAccount, token: Any, primary: str, *values: object) -> bytes:
    """A message of the mock `Token`: `Permit`, `…WithAuthorization` or `CancelAuthorization`, 65 bytes."""
    domain = {"name": token.name(), "version": "2", "chainId": 1, "verifyingContract": token.address}
    return _sign(signer, domain, primary, values)


def sign_for_permit2(
    signer: LocalAccount,
    permit2: str,
    token: str,
    amount: int,
    spender: str,
    nonce: int,
    deadline: int,
    trade_hash: bytes,
) -> bytes:
    """A Permit2 transfer with the trade hash as witness, 65 bytes; `permit2` and `token` are addresses."""
    domain = {"name": "Permit2", "chainId": 1, "verifyingContract": permit2}
    values = ({"token": token, "amount": amount}, spender, nonce, deadline, trade_hash)
    return _sign(signer, domain, "PermitWitnessTransferFrom", values, "TokenPermissions")


def sign_digest(signer: LocalAccount, digest: bytes) -> bytes:
    """A digest as it is, 65 bytes."""
    return bytes(Account.unsafe_sign_hash(digest, signer.key).signature)


def vrs(signature: bytes) -> tuple[int, bytes, bytes]:
    """The 65 bytes as `permit` takes them."""
    return signature[64], signature[:32], signature[32:64]


def compact(signature: bytes) -> bytes:
    """The 65 bytes in 64, by ERC-2098."""
    parity = signature[64] - 27
    return signature[:32] + bytes([signature[32] | parity << 7]) + signature[33:64]
