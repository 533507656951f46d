# pragma version 0.4.3
"""
@title Nobody's token moves but as its owner signed, or sent
@license MIT
@dev Bounds: two parties; trades of one leg, ERC-20 or ERC-721; batches of one trade; 64-byte signatures; standing allowances.
     A party is a plain key, a contract wallet that answers ERC-1271 arbitrarily, or any contract of the proof.
     ecrecover is an arbitrary function, so that it may even answer zero, or Settlement: no proof leans on cryptography.
"""

from peersettle.contracts.interfaces import ISettlement
from lib import cheats
from lib import world

initializes: world


struct Terms:
    word: uint256
    mask: uint256
    valid_after: uint256
    deadline: uint256
    submitter: address
    terms: bytes32


# The least and the greatest address that can be anybody's, beyond the precompiled contracts.
FIRST: constant(address) = 0x0000000000000000000000000000000000000100
LAST: constant(address) = 0xFFfFfFffFFfffFFfFFfFFFFFffFFFffffFfFFFfF


@deploy
def __init__():
    world.__init__()


@external
def check_swap_moves_what_maker_signed_and_taker_sent(
    sender: address, swap: ISettlement.Swap, maker: ISettlement.Signature
):
    self._assume_tokens(swap)
    cheats._send_as(sender)
    extcall ISettlement(world.SETTLEMENT).swap(swap, maker)
    cheats._prove(world._agreed(swap.maker, staticcall ISettlement(world.SETTLEMENT).hash_swap(swap), maker))
    cheats._prove(swap.taker == sender or swap.taker == empty(address))
    self._prove_exchanged(swap, sender)


@external
def check_swap_relayed_moves_what_both_signed(
    sender: address, swap: ISettlement.Swap, maker: ISettlement.Signature, taker: ISettlement.Signature
):
    self._assume_tokens(swap)
    cheats._send_as(sender)
    extcall ISettlement(world.SETTLEMENT).swap_relayed(swap, maker, taker)
    digest: bytes32 = staticcall ISettlement(world.SETTLEMENT).hash_swap(swap)
    cheats._prove(world._agreed(swap.maker, digest, maker))
    cheats._prove(world._agreed(swap.taker, digest, taker))
    self._prove_exchanged(swap, swap.taker)


@external
def check_swap_approved_moves_what_both_agreed(
    sender: address, swap: ISettlement.Swap, maker: ISettlement.Signature, taker: ISettlement.Signature
):
    self._assume_tokens(swap)
    cheats._send_as(sender)
    extcall ISettlement(world.SETTLEMENT).swap_approved(swap, world._bytes(maker), world._bytes(taker), [])
    digest: bytes32 = staticcall ISettlement(world.SETTLEMENT).hash_swap(swap)
    cheats._prove(world._agreed(swap.maker, digest, maker))
    payer: address = swap.taker
    if payer == empty(address):
        payer = sender
    cheats._prove(payer == sender or world._agreed(payer, digest, taker))
    self._prove_exchanged(swap, payer)


@external
def check_settle_needs_every_party(
    sender: address, party: address, first: bool, terms: Terms, signed: ISettlement.Signature, others: ISettlement.Signature
):
    trade: ISettlement.Trade = self._trade_with(party, first, terms, others)
    cheats._send_as(sender)
    digest: bytes32 = extcall ISettlement(world.SETTLEMENT).settle(trade, self._in_order(first, signed, others), [])
    cheats._prove(digest == staticcall ISettlement(world.SETTLEMENT).hash_trade(trade))
    cheats._prove(party == sender or world._agreed(party, digest, signed))
    cheats._prove(party != world.SETTLEMENT)
    cheats._prove(party != empty(address))


@external
def check_settle_keeps_to_the_terms(
    at: uint256, terms: Terms, signed_b: ISettlement.Signature
):
    trade: ISettlement.Trade = self._trade(world.P, world.Q, terms, [])
    cheats._assume(world._trade_word(world.P, world.Q, terms.word) < 2**255)
    world._assume_signed(world.Q, staticcall ISettlement(world.SETTLEMENT).hash_trade(trade), signed_b)
    cheats._at(at)
    cheats._send_as(world.P)
    extcall ISettlement(world.SETTLEMENT).settle(trade, [b"", world._bytes(signed_b)], [])
    cheats._prove(terms.valid_after <= at and at <= terms.deadline)
    cheats._prove(terms.submitter == empty(address) or terms.submitter == world.P)


@external
def check_settle_moves_legs_between_its_parties(
    terms: Terms, leg: ISettlement.Leg, signed_b: ISettlement.Signature
):
    cheats._assume(leg.kind == 0 and leg.token == world.TOKEN_A)
    self._settle_leg(terms, leg, signed_b)
    cheats._prove(world._is_only_move(world.TOKEN_A, leg.giver, leg.receiver, leg.amount))
    cheats._prove(leg.giver == world.P or leg.giver == world.Q)
    cheats._prove(leg.receiver == world.P or leg.receiver == world.Q)


@external
def check_batch_lends_nobody_an_identity(
    sender: address, party: address, first: bool, terms: Terms, signed: ISettlement.Signature, others: ISettlement.Signature
):
    trade: ISettlement.Trade = self._trade_with(party, first, terms, others)
    cheats._assume(self._batch(sender, trade, self._in_order(first, signed, others)) == 1)
    cheats._prove(world._agreed(party, staticcall ISettlement(world.SETTLEMENT).hash_trade(trade), signed))
    cheats._prove(party != world.SETTLEMENT)


@external
def check_settle_net_needs_both_sides(
    sender: address, swap: ISettlement.Swap, maker: ISettlement.Signature, taker: ISettlement.Signature
):
    cheats._assume(swap.maker_token == world.TOKEN_A and swap.taker_token == world.TOKEN_B)
    self._assume_no_tokens(swap.maker, swap.taker)
    cheats._assume(swap.maker_amount == 0 and swap.taker_amount == 0 and swap.deadline == 2**64)
    item: ISettlement.NetSwap = ISettlement.NetSwap(
        route=(2**64 << 32) | (1 << 24) | (0 << 16) | (1 << 8) | 0,
        maker_amount=0,
        taker_amount=0,
        nonce=swap.nonce,
        terms=swap.terms,
        maker_r=maker.r,
        maker_vs=maker.vs,
        taker_r=taker.r,
        taker_vs=taker.vs,
    )
    cheats._send_as(sender)
    extcall ISettlement(world.SETTLEMENT).settle_net([swap.maker, swap.taker], [world.TOKEN_A, world.TOKEN_B], [item], [])
    digest: bytes32 = staticcall ISettlement(world.SETTLEMENT).hash_swap(swap)
    cheats._prove(swap.maker == sender or world._agreed(swap.maker, digest, maker))
    cheats._prove(swap.taker == sender or world._agreed(swap.taker, digest, taker))
    cheats._prove(swap.nonce >> 255 == 1)


@external
def check_reach_swap_by_a_contract_wallet(sender: address, swap: ISettlement.Swap, maker: ISettlement.Signature):
    self._assume_tokens(swap)
    cheats._assume(swap.maker == world.WALLET)
    cheats._assume(not world._signed(swap.maker, staticcall ISettlement(world.SETTLEMENT).hash_swap(swap), maker))
    cheats._send_as(sender)
    extcall ISettlement(world.SETTLEMENT).swap(swap, maker)
    cheats._reached()


@external
def check_reach_settle_moves_a_leg(
    terms: Terms, leg: ISettlement.Leg, signed_b: ISettlement.Signature
):
    cheats._assume(leg.kind == 0 and leg.token == world.TOKEN_A)
    self._settle_leg(terms, leg, signed_b)
    cheats._reached()


@external
def check_reach_batch(
    sender: address, party: address, first: bool, terms: Terms, signed: ISettlement.Signature, others: ISettlement.Signature
):
    trade: ISettlement.Trade = self._trade_with(party, first, terms, others)
    cheats._assume(self._batch(sender, trade, self._in_order(first, signed, others)) == 1)
    cheats._reached()


@internal
def _settle_leg(terms: Terms, leg: ISettlement.Leg, signed_b: ISettlement.Signature):
    """
    @notice The first party sends, the second has signed.
    """
    trade: ISettlement.Trade = self._trade(world.P, world.Q, terms, [leg])
    cheats._assume(world._trade_word(world.P, world.Q, terms.word) < 2**255)
    world._assume_signed(world.Q, staticcall ISettlement(world.SETTLEMENT).hash_trade(trade), signed_b)
    cheats._send_as(world.P)
    extcall ISettlement(world.SETTLEMENT).settle(trade, [b"", world._bytes(signed_b)], [])


@internal
def _batch(sender: address, trade: ISettlement.Trade, signed: DynArray[Bytes[768], 2]) -> uint256:
    approvals: DynArray[ISettlement.Approval, 1] = []
    entry: Bytes[4096] = slice(abi_encode(trade, signed, approvals), 0, 25 * 32)
    cheats._send_as(sender)
    return extcall ISettlement(world.SETTLEMENT).settle_batch([entry], [1_000_000])


@internal
def _trade_with(
    party: address, first: bool, terms: Terms, others: ISettlement.Signature
) -> ISettlement.Trade:
    """
    @notice A trade of any party with another, who has signed and stands at the far end of the order. No notices.
    """
    cheats._assume(party != world.TOKEN_A and party != world.TOKEN_B)
    other: address = FIRST
    trade: ISettlement.Trade = self._trade(FIRST, party, terms, [])
    if first:
        other = LAST
        trade = self._trade(party, LAST, terms, [])
    cheats._assume(world._trade_word(trade.parties[0], trade.parties[1], terms.word) < 2**255)
    world._assume_signed(other, staticcall ISettlement(world.SETTLEMENT).hash_trade(trade), others)
    return trade


@internal
@pure
def _in_order(first: bool, signed: ISettlement.Signature, others: ISettlement.Signature) -> DynArray[Bytes[768], 2]:
    if first:
        return [world._bytes(signed), world._bytes(others)]
    return [world._bytes(others), world._bytes(signed)]


@internal
@pure
def _trade(a: address, b: address, terms: Terms, legs: DynArray[ISettlement.Leg, 16]) -> ISettlement.Trade:
    return ISettlement.Trade(
        parties=[a, b],
        legs=legs,
        nonce_word=terms.word,
        nonce_mask=terms.mask,
        valid_after=terms.valid_after,
        deadline=terms.deadline,
        submitter=terms.submitter,
        terms=terms.terms,
    )


@internal
def _assume_tokens(swap: ISettlement.Swap):
    cheats._assume(swap.maker_token == world.TOKEN_A and swap.taker_token == world.TOKEN_B)
    self._assume_no_tokens(swap.maker, swap.taker)


@internal
def _assume_no_tokens(a: address, b: address):
    """
    @notice A token answers no ERC-1271, and as a party would only double the paths.
    """
    cheats._assume(a != world.TOKEN_A)
    cheats._assume(a != world.TOKEN_B)
    cheats._assume(b != world.TOKEN_A)
    cheats._assume(b != world.TOKEN_B)


@internal
@view
def _exchanged(swap: ISettlement.Swap, taker: address) -> bool:
    if not world._is_only_move(world.TOKEN_A, swap.maker, taker, swap.maker_amount):
        return False
    return world._is_only_move(world.TOKEN_B, taker, swap.maker, swap.taker_amount)


@internal
def _prove_exchanged(swap: ISettlement.Swap, taker: address):
    cheats._prove(self._exchanged(swap, taker))
