"""Moving one leg from its giver to its receiver. Nothing is ever pulled from anybody but the leg's giver."""

from __future__ import annotations

from contextlib import suppress

from peersettle.errors import (
    BadApproval,
    BadLeg,
    InexactTransfer,
    NativeNotSender,
    Reverted,
    TransferFailed,
    UnknownKind,
)
from peersettle.spec.chain import State, at, pay_native, require, uint256, whole_or_not_at_all
from peersettle.trades import Approval, ApprovalMethod, Leg, LegKind
from peersettle.trades.approvals import authorization_nonce
from peersettle.types import ZERO_ADDRESS, Address, Hash32


def transfer(state: State, token: Address, giver: Address, receiver: Address, amount: int) -> None:
    """Pull an ERC-20. A token that returns nothing passes; one that returns false does not."""
    answer = at(state, token).transfer_from(state, state.settlement, giver, receiver, amount)
    require(answer is not False, TransferFailed, token=token)


def pull(state: State, leg: Leg) -> None:
    """An ERC-20 leg under the standing allowance; an exact one must deliver to the unit."""
    require(leg.id == 0, BadLeg, leg=leg)
    before = balance_before(state, leg)
    transfer(state, leg.token, leg.giver, leg.receiver, leg.amount)
    require_exact(state, leg, before)


def pull_approved(state: State, leg: Leg, approval: Approval, trade_hash: Hash32) -> None:
    """An ERC-20 leg under an approval that the submitter brought for it."""
    require(leg.kind <= LegKind.ERC20_EXACT, BadApproval, leg=leg)
    require(leg.id == 0, BadLeg, leg=leg)
    before = balance_before(state, leg)
    if approval.method == ApprovalMethod.ERC2612:
        transfer_by_permit(state, leg, approval)
    elif approval.method == ApprovalMethod.PERMIT2:
        transfer_by_permit2(state, leg, approval, trade_hash)
    elif approval.method == ApprovalMethod.ERC3009:
        transfer_by_authorization(state, leg, approval, trade_hash)
    else:
        raise BadApproval(method=approval.method)
    require_exact(state, leg, before)


def transfer_by_permit(state: State, leg: Leg, approval: Approval) -> None:
    """ERC-2612, best effort: whoever used the permit first has set the allowance already."""
    with suppress(Reverted), whole_or_not_at_all(state):
        at(state, leg.token).permit(
            state, leg.giver, state.settlement, approval.amount, approval.deadline, approval.signature
        )
    transfer(state, leg.token, leg.giver, leg.receiver, leg.amount)


def transfer_by_permit2(state: State, leg: Leg, approval: Approval, trade_hash: Hash32) -> None:
    """Permit2 with the trade hash as witness. It takes silence from an address without code for success."""
    require(leg.token in state.contracts, TransferFailed, token=leg.token)
    at(state, state.permit2).permit_witness_transfer_from(
        state,
        caller=state.settlement,
        token=leg.token,
        permitted=approval.amount,
        nonce=approval.nonce,
        deadline=approval.deadline,
        receiver=leg.receiver,
        amount=leg.amount,
        owner=leg.giver,
        witness=trade_hash,
        signature=approval.signature,
    )


def transfer_by_authorization(state: State, leg: Leg, approval: Approval, trade_hash: Hash32) -> None:
    """ERC-3009: the tokens pass through Settlement, so what comes must be what goes."""
    held = at(state, leg.token).balance_of(state.settlement)
    at(state, leg.token).receive_with_authorization(
        state,
        caller=state.settlement,
        giver=leg.giver,
        amount=leg.amount,
        valid_before=approval.deadline,
        nonce=authorization_nonce(trade_hash, approval.leg),
        signature=approval.signature,
    )
    answer = at(state, leg.token).transfer(state, state.settlement, leg.receiver, leg.amount)
    require(answer is not False, TransferFailed, token=leg.token)
    left = at(state, leg.token).balance_of(state.settlement)
    require(left == held, InexactTransfer, token=leg.token, before=held, after=left)


def move(state: State, caller: Address, leg: Leg) -> int:
    """One token or native leg without an approval. Returns the native amount it used.

    The fields that a kind does not use must be zero: what a wallet shows is then all there is.
    """
    if leg.kind <= LegKind.ERC20_EXACT:
        pull(state, leg)
    elif leg.kind == LegKind.ERC721:
        require(leg.amount == 1, BadLeg, leg=leg)
        at(state, leg.token).transfer_from(state, state.settlement, leg.giver, leg.receiver, leg.id)
        owner = at(state, leg.token).owner_of(leg.id)
        require(owner == leg.receiver, TransferFailed, token=leg.token, owner=owner)
    elif leg.kind == LegKind.ERC1155:
        before = at(state, leg.token).balance_of_id(leg.receiver, leg.id)
        at(state, leg.token).safe_transfer_from(state, state.settlement, leg.giver, leg.receiver, leg.id, leg.amount)
        after = at(state, leg.token).balance_of_id(leg.receiver, leg.id)
        require(after == uint256(before + leg.amount), InexactTransfer, leg=leg, before=before, after=after)
    else:
        require(leg.kind == LegKind.NATIVE, UnknownKind, kind=int(leg.kind))
        own = leg.giver == caller and leg.token == ZERO_ADDRESS and leg.id == 0
        require(own, NativeNotSender, giver=leg.giver, caller=caller)
        pay_native(state, state.settlement, leg.receiver, leg.amount)
        if leg.receiver in state.contracts:
            at(state, leg.receiver).accept_native()
        return leg.amount
    return 0


def balance_before(state: State, leg: Leg) -> int:
    """What the receiver of an exact leg has; of no interest for others."""
    return at(state, leg.token).balance_of(leg.receiver) if leg.kind == LegKind.ERC20_EXACT else 0


def require_exact(state: State, leg: Leg, before: int) -> None:
    """An exact leg must have delivered its amount."""
    if leg.kind == LegKind.ERC20_EXACT:
        after = at(state, leg.token).balance_of(leg.receiver)
        require(after == uint256(before + leg.amount), InexactTransfer, leg=leg, before=before, after=after)
