# ruff: noqa: ARG002 - a refusal has no use for its arguments
"""Every call that Settlement ever makes to other contracts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from peersettle.errors import Reverted
from peersettle.trades import Signature
from peersettle.types import Address, Hash32

if TYPE_CHECKING:
    from peersettle.spec.chain import State


@dataclass(frozen=True)
class PositionMove:
    """What a ledger gets for a position leg. An account is an owner's address << 96 | a sub-account."""

    giver: int
    receiver: int
    series: int
    lots: int


@dataclass
class Contract:
    """A contract that refuses everything, without a reason. Others implement what they have.

    A method that gives None instead of a value returned no data at all.
    """

    # ERC-20; an ERC-721 has the same `transferFrom` and `balanceOf`

    def balance_of(self, owner: Address) -> int:
        """`balanceOf(address)`."""
        raise Reverted

    def allowance(self, owner: Address, spender: Address) -> int:
        """`allowance(address,address)`."""
        raise Reverted

    def transfer(self, state: State, caller: Address, receiver: Address, amount: int) -> bool | None:
        """`transfer(address,uint256)`."""
        raise Reverted

    def transfer_from(
        self, state: State, caller: Address, giver: Address, receiver: Address, amount: int
    ) -> bool | None:
        """`transferFrom(address,address,uint256)`."""
        raise Reverted

    def permit(
        self, state: State, owner: Address, spender: Address, amount: int, deadline: int, signature: Signature
    ) -> None:
        """ERC-2612."""
        raise Reverted

    def receive_with_authorization(
        self,
        state: State,
        caller: Address,
        giver: Address,
        amount: int,
        valid_before: int,
        nonce: Hash32,
        signature: Signature,
    ) -> None:
        """ERC-3009, valid after 0, received by the caller."""
        raise Reverted

    # ERC-721

    def owner_of(self, id: int) -> Address:
        """`ownerOf(uint256)`."""
        raise Reverted

    # ERC-1155

    def balance_of_id(self, owner: Address, id: int) -> int:
        """`balanceOf(address,uint256)`."""
        raise Reverted

    def safe_transfer_from(
        self, state: State, caller: Address, giver: Address, receiver: Address, id: int, amount: int
    ) -> None:
        """`safeTransferFrom(address,address,uint256,uint256,bytes)`."""
        raise Reverted

    # Permit2

    def permit_witness_transfer_from(
        self,
        state: State,
        caller: Address,
        token: Address,
        permitted: int,
        nonce: int,
        deadline: int,
        receiver: Address,
        amount: int,
        owner: Address,
        witness: Hash32,
        signature: Signature,
    ) -> None:
        """`permitWitnessTransferFrom` with a trade hash as witness."""
        raise Reverted

    # Ledger

    def settle_positions(
        self, state: State, caller: Address, trade_hash: Hash32, moves: Sequence[PositionMove]
    ) -> None:
        """`IPositionLedger.settle_positions`."""
        raise Reverted

    # Wallet

    def is_valid_signature(self, digest: Hash32, signature: bytes) -> bool:
        """ERC-1271: whether the answer is exactly the magic word."""
        raise Reverted

    def accept_erc1155(self) -> None:
        """`onERC1155Received`."""
        raise Reverted

    def accept_native(self) -> None:
        """A plain payment of the native asset."""
        raise Reverted
