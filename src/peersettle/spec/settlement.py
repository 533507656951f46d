"""What `Settlement.vy` does, call by call, check by check, in the contract's order.

Every function takes the state first, then the caller, then the call's arguments, and changes it. A call
that the contract would revert raises the `Reverted` of that reason, with the values, and changes nothing.

Not modelled: gas, and the limits on the length of lists (8 parties, 16 legs …), which the ABI decoder holds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from peersettle.errors import (
    BadApproval,
    BadLeg,
    BadMove,
    BadParties,
    BadSignature,
    BatchLength,
    Expired,
    LegPartyMissing,
    NetOrder,
    NotBalanced,
    NotNettable,
    OneLedgerOnly,
    Reverted,
    TooEarly,
    WrongChainId,
    WrongSubmitter,
    WrongTaker,
    WrongValue,
)
from peersettle.spec.chain import (
    State,
    as_received,
    at,
    int256,
    pay_native,
    require,
    whole_or_not_at_all,
)
from peersettle.spec.contract import PositionMove
from peersettle.spec.events import (
    EntrySkipped,
    NetSettled,
    NoticeGiven,
    SwapsCancelled,
    SwapSettled,
    TradeSettled,
)
from peersettle.spec.nonces import give_notice, use_swap, use_trade, used_swaps
from peersettle.spec.signatures import has_signed, has_signed_compact
from peersettle.spec.transfers import move, pull, pull_approved, transfer
from peersettle.trades import (
    NETTABLE,
    Approval,
    Leg,
    LegKind,
    Signature,
    Swap,
    Trade,
    scope,
    swap_digest,
    trade_digest,
)
from peersettle.types import ZERO_ADDRESS, Address, Hash32

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Entry:
    """One trade of a batch, with what `settle` takes for it."""

    trade: Trade
    signed: Sequence[bytes]
    approvals: Sequence[Approval] = ()


@dataclass(frozen=True)
class NetSwap:
    """A swap to be netted; its parties and tokens are indices into the call's own lists."""

    maker: int
    taker: int
    maker_token: int
    maker_amount: int
    taker_token: int
    taker_amount: int
    nonce: int
    deadline: int
    terms: Hash32
    maker_signature: Signature
    taker_signature: Signature


@dataclass(frozen=True)
class NetMove:
    """A transfer that settles nets; indices as in `NetSwap`."""

    giver: int
    receiver: int
    token: int
    amount: int


def nonreentrant(call: Callable[Concatenate[State, P], R]) -> Callable[Concatenate[State, P], R]:
    """A call that runs alone, and whole or not at all."""

    @wraps(call)
    def guarded(state: State, /, *args: P.args, **kwargs: P.kwargs) -> R:
        if state.locked:
            raise Reverted("a call within a call")
        with whole_or_not_at_all(state):
            state.locked = True
            answer = call(state, *args, **kwargs)
            state.locked = False
        return answer

    return guarded


# Swaps


@nonreentrant
def swap(state: State, caller: Address, swap: Swap, signature: Signature) -> None:
    """Take a maker's quote: the maker has signed, the taker sends."""
    require(swap.taker in (caller, ZERO_ADDRESS), WrongTaker, taker=swap.taker, caller=caller)
    require_in_time(state, swap.deadline)
    trade_hash = hash_swap(state, swap)
    require(has_signed_compact(state, swap.maker, trade_hash, signature), BadSignature, signer=swap.maker)
    use_swap(state, swap.maker, swap.nonce)
    exchange(state, swap, caller, trade_hash)


@nonreentrant
def swap_relayed(state: State, _caller: Address, swap: Swap, maker: Signature, taker: Signature) -> None:
    """Settle a swap that both have signed; anybody sends."""
    require_in_time(state, swap.deadline)
    trade_hash = hash_swap(state, swap)
    require(has_signed_compact(state, swap.maker, trade_hash, maker), BadSignature, signer=swap.maker)
    require(has_signed_compact(state, swap.taker, trade_hash, taker), BadSignature, signer=swap.taker)
    use_swap(state, swap.maker, swap.nonce)
    exchange(state, swap, swap.taker, trade_hash)


def exchange(state: State, swap: Swap, taker: Address, trade_hash: Hash32) -> None:
    """The taker pays first."""
    transfer(state, swap.taker_token, taker, swap.maker, swap.taker_amount)
    transfer(state, swap.maker_token, swap.maker, taker, swap.maker_amount)
    state.log.append(SwapSettled(trade_hash, swap.maker, taker))


@nonreentrant
def swap_approved(
    state: State, caller: Address, swap: Swap, maker: bytes, taker: bytes, approvals: Sequence[Approval] = ()
) -> None:
    """As `swap` when the taker sends (its signature is then ignored), else as `swap_relayed`.

    It takes signed approvals, and signatures of any form. The maker pays first: its leg is 0, the taker's 1.
    """
    require_in_time(state, swap.deadline)
    trade_hash = hash_swap(state, swap)
    require(has_signed(state, swap.maker, trade_hash, maker), BadSignature, signer=swap.maker)
    payer = caller if swap.taker == ZERO_ADDRESS else swap.taker
    require(payer == caller or has_signed(state, payer, trade_hash, taker), WrongTaker, taker=payer, caller=caller)
    use_swap(state, swap.maker, swap.nonce)
    left = list(approvals)
    makers_leg = erc20_leg(swap.maker, payer, swap.maker_token, swap.maker_amount)
    takers_leg = erc20_leg(payer, swap.maker, swap.taker_token, swap.taker_amount)
    for index, leg in enumerate((makers_leg, takers_leg)):
        if left and left[0].leg == index:
            pull_approved(state, leg, left.pop(0), trade_hash)
        else:
            pull(state, leg)
    require(not left, BadApproval, left=len(left))
    state.log.append(SwapSettled(trade_hash, swap.maker, payer))


def erc20_leg(giver: Address, receiver: Address, token: Address, amount: int) -> Leg:
    """One side of a swap as a leg."""
    return as_received(Leg, giver=giver, receiver=receiver, kind=LegKind.ERC20, token=token, id=0, amount=amount)


# Trades


@nonreentrant
def settle(
    state: State,
    caller: Address,
    trade: Trade,
    signed: Sequence[bytes],
    approvals: Sequence[Approval] = (),
    value: int = 0,
) -> Hash32:
    """Settle one trade, `value` wei attached; returns its hash.

    Signatures stand in the order of the parties; the caller's own is ignored.
    """
    pay_native(state, caller, state.settlement, value)
    require(state.now >= trade.valid_after, TooEarly, now=state.now, valid_after=trade.valid_after)
    require_in_time(state, trade.deadline)
    require(trade.submitter in (ZERO_ADDRESS, caller), WrongSubmitter, submitter=trade.submitter)
    require(len(signed) == len(trade.parties), BadParties, signed=len(signed), parties=len(trade.parties))
    trade_hash = hash_trade(state, trade)
    before = ZERO_ADDRESS
    for party, signature in zip(trade.parties, signed, strict=True):
        require(int(party, 16) > int(before, 16), BadParties, party=party, after=before)
        require(party != state.settlement, BadParties, party=party)
        signs = party == caller or has_signed(state, party, trade_hash, signature)
        require(signs, BadSignature, signer=party)
        before = party
    use_trade(state, trade.parties, trade.nonce_word, trade.nonce_mask)
    settle_legs(state, caller, trade, trade_hash, approvals, value)
    state.log.append(TradeSettled(trade_hash, scope(trade.parties)))
    return trade_hash


def settle_legs(
    state: State,
    caller: Address,
    trade: Trade,
    trade_hash: Hash32,
    approvals: Sequence[Approval],
    value: int,
) -> None:
    """Token and native legs one after the other, then all positions at once."""
    positions: list[PositionMove] = []
    ledger = ZERO_ADDRESS
    spent = 0
    left = list(approvals)
    for index, leg in enumerate(trade.legs):
        for party in (leg.giver, leg.receiver):
            require(party in trade.parties, LegPartyMissing, leg=index, party=party)
        if leg.kind == LegKind.POSITION:
            require(not positions or ledger == leg.token, OneLedgerOnly, leg=index, first=ledger)
            require(leg.amount % 2**64 != 0, BadLeg, leg=index)
            ledger = leg.token
            positions.append(position_move(leg))
        elif left and left[0].leg == index:
            pull_approved(state, leg, left.pop(0), trade_hash)
        else:
            spent += move(state, caller, leg)
    require(spent == value, WrongValue, sent=value, spent=spent)
    require(not left, BadApproval, left=len(left))
    if positions:
        at(state, ledger).settle_positions(state, state.settlement, trade_hash, positions)


def position_move(leg: Leg) -> PositionMove:
    """A position's `amount` holds receiver's sub-account (96 bits) | giver's (96) | lots (64)."""
    giver = int(leg.giver, 16) << 96 | leg.amount >> 64 & 2**96 - 1
    receiver = int(leg.receiver, 16) << 96 | leg.amount >> 160
    return PositionMove(giver, receiver, leg.id, leg.amount % 2**64)


def settle_batch(state: State, _caller: Address, entries: Sequence[Entry | None], gas_caps: Sequence[int]) -> int:
    """Settle independent trades; one that fails is skipped and reported. Returns a bit for each that settled.

    Settlement calls itself, so the caller counts for nobody: in a batch every party must have signed, and
    a trade that names a submitter fails. The batch takes no lock; each entry does. None is an entry that does
    not decode.
    """
    require(len(entries) == len(gas_caps), BatchLength, entries=len(entries), gas_caps=len(gas_caps))
    settled = 0
    for index, entry in enumerate(entries):
        try:
            if entry is None:
                raise Reverted("cannot be decoded")
            settle(state, state.settlement, entry.trade, entry.signed, entry.approvals)
            settled |= 1 << index
        except Reverted as refusal:
            state.log.append(EntrySkipped(index, refusal.values.get("reason", refusal.reason)))
    return settled


@nonreentrant
def settle_net(
    state: State,
    caller: Address,
    parties: Sequence[Address],
    tokens: Sequence[Address],
    swaps: Sequence[NetSwap],
    moves: Sequence[NetMove],
) -> None:
    """Settle many swaps, each signed by both sides with the netting bit, by moving only what remains.

    Every move goes from a debtor to a creditor of the token and shrinks both nets; in the end all are zero.
    The caller's own signatures are ignored.
    """
    require_ascending(parties)
    require_ascending(tokens)
    owed: defaultdict[tuple[int, int], int] = defaultdict(int)
    hashes = []
    for item in swaps:
        hashes.append(accept_net_swap(state, caller, parties, tokens, item))
        for debtor, creditor, index, amount in (
            (item.maker, item.taker, item.maker_token, item.maker_amount),
            (item.taker, item.maker, item.taker_token, item.taker_amount),
        ):
            owed[debtor, index] = int256(owed[debtor, index] + int256(amount))
            owed[creditor, index] = int256(owed[creditor, index] - amount)
    for step in moves:
        debit, credit = (step.giver, step.token), (step.receiver, step.token)
        within = int256(step.amount) <= owed[debit] and step.amount <= int256(-owed[credit])
        require(within, BadMove, move=step, owes=owed[debit], is_owed=-owed[credit])
        owed[debit] -= step.amount
        owed[credit] += step.amount
        giver, receiver = item_at(parties, step.giver), item_at(parties, step.receiver)
        token = item_at(tokens, step.token)
        at(state, token).allowance(giver, state.settlement)  # an ERC-721 has none, and its ids are no amounts
        transfer(state, token, giver, receiver, step.amount)
    open_nets = {entry: amount for entry, amount in owed.items() if amount}
    require(not open_nets, NotBalanced, open=open_nets)
    state.log.append(NetSettled(tuple(hashes)))


def accept_net_swap(
    state: State, caller: Address, parties: Sequence[Address], tokens: Sequence[Address], item: NetSwap
) -> Hash32:
    """Check one swap of a netting and use its nonce; nothing moves yet."""
    swap = as_received(
        Swap,
        maker=item_at(parties, item.maker),
        taker=item_at(parties, item.taker),
        maker_token=item_at(tokens, item.maker_token),
        maker_amount=item.maker_amount,
        taker_token=item_at(tokens, item.taker_token),
        taker_amount=item.taker_amount,
        nonce=item.nonce,
        deadline=item.deadline,
        terms=item.terms,
    )
    require(item.nonce >= NETTABLE, NotNettable, nonce=item.nonce)
    require_in_time(state, item.deadline)
    trade_hash = hash_swap(state, swap)
    for signer, signature in ((swap.maker, item.maker_signature), (swap.taker, item.taker_signature)):
        signs = signer == caller or has_signed_compact(state, signer, trade_hash, signature)
        require(signs, BadSignature, signer=signer)
    use_swap(state, swap.maker, item.nonce)
    return trade_hash


# Nonces


def cancel(state: State, caller: Address, word: int, mask: int) -> None:
    """Cancel the caller's own quotes in one nonce word, at once."""
    state.used_swaps[caller, word] = used_swaps(state, caller, word) | mask
    state.log.append(SwapsCancelled(caller, word, mask))


def cancel_trade(state: State, caller: Address, parties: Sequence[Address], word: int, mask: int) -> None:
    """Give notice, alone, that the bits will count as used 60 s from now."""
    effective_at = give_notice(state, caller, parties, word, mask)
    state.log.append(NoticeGiven(scope(tuple(parties)), caller, word, mask, effective_at))


# What every call checks


def require_in_time(state: State, deadline: int) -> None:
    """A message is good up to and including its deadline."""
    require(state.now <= deadline, Expired, now=state.now, deadline=deadline)


def hash_swap(state: State, message: Swap) -> Hash32:
    """What a swap's parties have signed."""
    require(state.chain_id == state.domain.chain_id, WrongChainId, chain_id=state.chain_id)
    return swap_digest(state.domain, message)


def hash_trade(state: State, message: Trade) -> Hash32:
    """What a trade's parties have signed."""
    require(state.chain_id == state.domain.chain_id, WrongChainId, chain_id=state.chain_id)
    return trade_digest(state.domain, message)


def require_ascending(addresses: Sequence[Address]) -> None:
    """Each address once, and none of them zero."""
    before = ZERO_ADDRESS
    for item in addresses:
        require(int(item, 16) > int(before, 16), NetOrder, item=item, after=before)
        before = item


def item_at(addresses: Sequence[Address], index: int) -> Address:
    """The element, if there is one; bounds checks give no reason."""
    if index >= len(addresses):
        raise Reverted("index out of range", index=index, length=len(addresses))
    return addresses[index]
