"""Signed approvals that a submitter brings for an ERC-20 leg, instead of a standing allowance."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from peersettle.errors import InvalidField
from peersettle.trades.messages import Leg
from peersettle.trades.signature import Signature
from peersettle.types import Address, Hash32, keccak, uint

PERMIT2_ADDRESS: Final = Address("0x000000000022D473030F116dDEE9F6B43aC78BA3")
"""Uniswap's Permit2, the same on every chain that has it."""


class ApprovalMethod(IntEnum):
    """How the giver has allowed one leg to be pulled."""

    ERC2612 = 1
    PERMIT2 = 2
    ERC3009 = 3


@dataclass(frozen=True, slots=True)
class Approval:
    """One signed approval, for the leg with index `leg`. `nonce` is Permit2's; the other methods ignore it."""

    leg: int
    method: ApprovalMethod
    amount: int
    nonce: int
    deadline: int
    signature: Signature

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "method", ApprovalMethod(self.method))
        except ValueError:
            raise InvalidField("method", self.method, "1 ERC-2612, 2 Permit2, 3 ERC-3009") from None
        for name in ("leg", "amount", "nonce", "deadline"):
            uint(getattr(self, name), name)

    def to_abi(self) -> tuple[Any, ...]:
        """The contract's `Approval` struct."""
        return (self.leg, int(self.method), self.amount, self.nonce, self.deadline, *self.signature.to_abi())


def permit_typed_data(
    token_domain: dict[str, Any], owner: Address, spender: Address, amount: int, nonce: int, deadline: int
) -> dict[str, Any]:
    """ERC-2612's `Permit`. `token_domain` is the token's EIP-712 domain, `nonce` its `nonces(owner)`."""
    return _message(
        token_domain,
        "Permit",
        {
            "Permit": "address owner,address spender,uint256 value,uint256 nonce,uint256 deadline",
        },
        {
            "owner": owner,
            "spender": spender,
            "value": str(amount),
            "nonce": str(nonce),
            "deadline": str(deadline),
        },
    )


def permit2_typed_data(
    chain_id: int,
    permit2: Address,
    settlement: Address,
    leg: Leg,
    trade_hash: Hash32,
    nonce: int,
    deadline: int,
) -> dict[str, Any]:
    """Permit2's `PermitWitnessTransferFrom` with the trade hash as witness: good for this trade only."""
    return _message(
        {"name": "Permit2", "chainId": chain_id, "verifyingContract": permit2},
        "PermitWitnessTransferFrom",
        {
            "PermitWitnessTransferFrom": (
                "TokenPermissions permitted,address spender,uint256 nonce,uint256 deadline,bytes32 tradeHash"
            ),
            "TokenPermissions": "address token,uint256 amount",
        },
        {
            "permitted": {"token": leg.token, "amount": str(leg.amount)},
            "spender": settlement,
            "nonce": str(nonce),
            "deadline": str(deadline),
            "tradeHash": "0x" + trade_hash.hex(),
        },
    )


def authorization_typed_data(
    token_domain: dict[str, Any], settlement: Address, leg: Leg, index: int, trade_hash: Hash32, deadline: int
) -> dict[str, Any]:
    """ERC-3009's `ReceiveWithAuthorization` for leg `index`; its nonce is keccak(trade hash, index)."""
    return _message(
        token_domain,
        "ReceiveWithAuthorization",
        {
            "ReceiveWithAuthorization": (
                "address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce"
            ),
        },
        {
            "from": leg.giver,
            "to": settlement,
            "value": str(leg.amount),
            "validAfter": "0",
            "validBefore": str(deadline),
            "nonce": "0x" + authorization_nonce(trade_hash, index).hex(),
        },
    )


def authorization_nonce(trade_hash: Hash32, index: int) -> Hash32:
    """The ERC-3009 nonce that binds an authorization to one leg of one trade."""
    return keccak(trade_hash + index.to_bytes(32, "big"))


_DOMAIN_FIELDS: Final = {
    "name": "string",
    "version": "string",
    "chainId": "uint256",
    "verifyingContract": "address",
    "salt": "bytes32",
}


def _message(domain: dict[str, Any], primary: str, types: dict[str, str], message: dict[str, Any]) -> dict[str, Any]:
    fields = {
        name: [{"name": f, "type": t} for t, f in (pair.split(" ") for pair in text.split(","))]
        for name, text in types.items()
    }
    fields["EIP712Domain"] = [{"name": n, "type": t} for n, t in _DOMAIN_FIELDS.items() if n in domain]
    return {"types": fields, "primaryType": primary, "domain": domain, "message": message}
