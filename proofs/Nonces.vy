# pragma version 0.4.3
"""
@title A nonce bit is used once, and stays used
@license MIT
@notice From any state, for any sender, at any time: what counted as used before a call counts as used after it and ever
        after, and what a call settles was unused before it.
@dev Bounds: trades of two parties and no legs, batches of one trade, netting of one swap and no moves. Tokens do not call back.
"""

from peersettle.contracts.interfaces import ISettlement
from lib import cheats
from lib import world

initializes: world


struct Call:
    sender: address
    at: uint256


# Some word of some two parties, and one party's notice in it.
struct WatchedTrade:
    a: address
    b: address
    word: uint256
    party: address


struct Stored:
    bits: uint256
    mask: uint256
    effective_at: uint256


struct TwoPartyTrade:
    a: address
    b: address
    word: uint256
    mask: uint256


@deploy
def __init__():
    world.__init__()


# What is used stays used


@external
def check_swap_keeps_used_bits(
    call: Call, whose: address, in_word: uint256, watched: WatchedTrade, swap: ISettlement.Swap, maker: ISettlement.Signature
):
    before: Stored = self._stored(watched)
    used: uint256 = world._used_swaps(whose, in_word)
    self._swap(call.sender, swap, maker)
    cheats._prove(world._used_swaps(whose, in_word) & used == used)
    self._prove_untouched(watched, before)


@external
def check_swap_relayed_keeps_used_bits(
    call: Call, whose: address, in_word: uint256, watched: WatchedTrade, swap: ISettlement.Swap, maker: ISettlement.Signature, taker: ISettlement.Signature
):
    before: Stored = self._stored(watched)
    used: uint256 = world._used_swaps(whose, in_word)
    self._swap_relayed(call.sender, swap, maker, taker)
    cheats._prove(world._used_swaps(whose, in_word) & used == used)
    self._prove_untouched(watched, before)


@external
def check_swap_approved_keeps_used_bits(
    call: Call, whose: address, in_word: uint256, watched: WatchedTrade, swap: ISettlement.Swap, maker: ISettlement.Signature, taker: ISettlement.Signature
):
    before: Stored = self._stored(watched)
    used: uint256 = world._used_swaps(whose, in_word)
    self._swap_approved(call.sender, swap, maker, taker)
    cheats._prove(world._used_swaps(whose, in_word) & used == used)
    self._prove_untouched(watched, before)


@external
def check_settle_net_keeps_used_bits(
    call: Call, whose: address, in_word: uint256, watched: WatchedTrade, swap: ISettlement.Swap, maker: ISettlement.Signature, taker: ISettlement.Signature
):
    before: Stored = self._stored(watched)
    used: uint256 = world._used_swaps(whose, in_word)
    self._settle_net(call.sender, swap, maker, taker)
    cheats._prove(world._used_swaps(whose, in_word) & used == used)
    self._prove_untouched(watched, before)


@external
def check_cancel_keeps_used_bits(
    call: Call, whose: address, in_word: uint256, watched: WatchedTrade, word: uint256, mask: uint256
):
    before: Stored = self._stored(watched)
    used: uint256 = world._used_swaps(whose, in_word)
    cheats._send_as(call.sender)
    extcall ISettlement(world.SETTLEMENT).cancel(word, mask)
    cheats._prove(world._used_swaps(whose, in_word) & used == used)
    self._prove_untouched(watched, before)


@external
def check_settle_keeps_used_bits(
    at: uint256, later: uint256, word: uint256, mask: uint256, a: ISettlement.Signature, b: ISettlement.Signature
):
    trade: TwoPartyTrade = TwoPartyTrade(a=world.P, b=world.Q, word=word, mask=mask)
    cheats._assume(later >= at)
    cheats._at(at)
    used: uint256 = world._used_trades(trade.a, trade.b, trade.word)
    self._settle(trade, a, b)
    cheats._at(later)
    cheats._prove(world._used_trades(trade.a, trade.b, trade.word) & used == used)


@external
def check_settle_touches_no_other_bits(
    at: uint256, whose: address, in_word: uint256, watched: WatchedTrade, word: uint256, mask: uint256, a: ISettlement.Signature, b: ISettlement.Signature
):
    trade: TwoPartyTrade = TwoPartyTrade(a=world.P, b=world.Q, word=word, mask=mask)
    cheats._assume(watched.a != trade.a or watched.b != trade.b or watched.word != trade.word)
    before: Stored = self._stored(watched)
    used: uint256 = world._used_swaps(whose, in_word)
    self._settle(trade, a, b)
    cheats._prove(world._used_swaps(whose, in_word) == used)
    self._prove_untouched(watched, before)


@external
def check_settle_batch_keeps_used_bits(
    at: uint256, later: uint256, word: uint256, mask: uint256, a: ISettlement.Signature, b: ISettlement.Signature
):
    trade: TwoPartyTrade = TwoPartyTrade(a=world.P, b=world.Q, word=word, mask=mask)
    cheats._assume(later >= at)
    cheats._at(at)
    used: uint256 = world._used_trades(trade.a, trade.b, trade.word)
    cheats._assume(self._settle_batch(trade, a, b) == 1)
    cheats._at(later)
    cheats._prove(world._used_trades(trade.a, trade.b, trade.word) & used == used)


@external
def check_deep_settle_batch_touches_no_other_bits(
    at: uint256, whose: address, in_word: uint256, watched: WatchedTrade, word: uint256, mask: uint256, a: ISettlement.Signature, b: ISettlement.Signature
):
    trade: TwoPartyTrade = TwoPartyTrade(a=world.P, b=world.Q, word=word, mask=mask)
    cheats._assume(watched.a != trade.a or watched.b != trade.b or watched.word != trade.word)
    before: Stored = self._stored(watched)
    used: uint256 = world._used_swaps(whose, in_word)
    cheats._assume(self._settle_batch(trade, a, b) == 1)
    cheats._prove(world._used_swaps(whose, in_word) == used)
    self._prove_untouched(watched, before)


@external
def check_cancel_trade_keeps_used_bits(
    call: Call, later: uint256, word: uint256, mask: uint256
):
    trade: TwoPartyTrade = TwoPartyTrade(a=world.P, b=world.Q, word=word, mask=mask)
    cheats._assume(later >= call.at)
    cheats._at(call.at)
    used: uint256 = world._used_trades(trade.a, trade.b, trade.word)
    cheats._send_as(call.sender)
    extcall ISettlement(world.SETTLEMENT).cancel_trade([trade.a, trade.b], trade.word, trade.mask)
    cheats._at(later)
    cheats._prove(world._used_trades(trade.a, trade.b, trade.word) & used == used)


@external
def check_cancel_trade_touches_no_other_bits(
    call: Call, whose: address, in_word: uint256, watched: WatchedTrade, word: uint256, mask: uint256
):
    trade: TwoPartyTrade = TwoPartyTrade(a=world.P, b=world.Q, word=word, mask=mask)
    cheats._assume(watched.a != trade.a or watched.b != trade.b or watched.word != trade.word)
    before: Stored = self._stored(watched)
    used: uint256 = world._used_swaps(whose, in_word)
    cheats._send_as(call.sender)
    extcall ISettlement(world.SETTLEMENT).cancel_trade([trade.a, trade.b], trade.word, trade.mask)
    cheats._prove(world._used_swaps(whose, in_word) == used)
    self._prove_untouched(watched, before)


# What is used cannot be used again


@external
def check_swap_uses_an_unused_bit(call: Call, swap: ISettlement.Swap, maker: ISettlement.Signature):
    before: uint256 = world._used_swaps(swap.maker, swap.nonce >> 8)
    self._swap(call.sender, swap, maker)
    self._prove_used_now(swap, before)


@external
def check_swap_relayed_uses_an_unused_bit(
    call: Call, swap: ISettlement.Swap, maker: ISettlement.Signature, taker: ISettlement.Signature
):
    before: uint256 = world._used_swaps(swap.maker, swap.nonce >> 8)
    self._swap_relayed(call.sender, swap, maker, taker)
    self._prove_used_now(swap, before)


@external
def check_swap_approved_uses_an_unused_bit(
    call: Call, swap: ISettlement.Swap, maker: ISettlement.Signature, taker: ISettlement.Signature
):
    before: uint256 = world._used_swaps(swap.maker, swap.nonce >> 8)
    self._swap_approved(call.sender, swap, maker, taker)
    self._prove_used_now(swap, before)


@external
def check_settle_net_uses_an_unused_bit(
    call: Call, swap: ISettlement.Swap, maker: ISettlement.Signature, taker: ISettlement.Signature
):
    before: uint256 = world._used_swaps(swap.maker, swap.nonce >> 8)
    self._settle_net(call.sender, swap, maker, taker)
    self._prove_used_now(swap, before)


@external
def check_settle_uses_unused_bits(at: uint256, word: uint256, mask: uint256, a: ISettlement.Signature, b: ISettlement.Signature):
    trade: TwoPartyTrade = TwoPartyTrade(a=world.P, b=world.Q, word=word, mask=mask)
    cheats._at(at)
    before: uint256 = world._used_trades(trade.a, trade.b, trade.word)
    self._settle(trade, a, b)
    cheats._prove(before & trade.mask == 0)
    cheats._prove(trade.mask != 0)
    cheats._prove(world._used_trades(trade.a, trade.b, trade.word) == before | trade.mask)


# Witnesses: each must be reached


@external
def check_reach_swap(call: Call, swap: ISettlement.Swap, maker: ISettlement.Signature):
    self._swap(call.sender, swap, maker)
    cheats._reached()


@external
def check_reach_swap_relayed(
    call: Call, swap: ISettlement.Swap, maker: ISettlement.Signature, taker: ISettlement.Signature
):
    self._swap_relayed(call.sender, swap, maker, taker)
    cheats._reached()


@external
def check_reach_swap_approved(
    call: Call, swap: ISettlement.Swap, maker: ISettlement.Signature, taker: ISettlement.Signature
):
    self._swap_approved(call.sender, swap, maker, taker)
    cheats._reached()


@external
def check_reach_settle_net(
    call: Call, swap: ISettlement.Swap, maker: ISettlement.Signature, taker: ISettlement.Signature
):
    self._settle_net(call.sender, swap, maker, taker)
    cheats._reached()


@external
def check_reach_settle_beside_a_notice(
    at: uint256, word: uint256, mask: uint256, a: ISettlement.Signature, b: ISettlement.Signature
):
    trade: TwoPartyTrade = TwoPartyTrade(a=world.P, b=world.Q, word=word, mask=mask)
    cheats._at(at)
    before: uint256 = world._used_trades(trade.a, trade.b, trade.word)
    cheats._assume(before > 2**255)
    self._settle(trade, a, b)
    cheats._reached()


@external
def check_reach_settle_batch(at: uint256, word: uint256, mask: uint256, a: ISettlement.Signature, b: ISettlement.Signature):
    trade: TwoPartyTrade = TwoPartyTrade(a=world.P, b=world.Q, word=word, mask=mask)
    cheats._assume(self._settle_batch(trade, a, b) == 1)
    cheats._reached()


# The calls: every party has signed by its key (a contract that answers for one is asked by a static call, which writes nothing)


@internal
def _assume_signed(swap: ISettlement.Swap, maker: ISettlement.Signature):
    cheats._assume(swap.maker_token == world.TOKEN_A and swap.taker_token == world.TOKEN_B)
    world._assume_signed(swap.maker, staticcall ISettlement(world.SETTLEMENT).hash_swap(swap), maker)


@internal
def _swap(sender: address, swap: ISettlement.Swap, maker: ISettlement.Signature):
    self._assume_signed(swap, maker)
    cheats._send_as(sender)
    extcall ISettlement(world.SETTLEMENT).swap(swap, maker)


@internal
def _swap_relayed(sender: address, swap: ISettlement.Swap, maker: ISettlement.Signature, taker: ISettlement.Signature):
    self._assume_signed(swap, maker)
    world._assume_signed(swap.taker, staticcall ISettlement(world.SETTLEMENT).hash_swap(swap), taker)
    cheats._send_as(sender)
    extcall ISettlement(world.SETTLEMENT).swap_relayed(swap, maker, taker)


@internal
def _swap_approved(sender: address, swap: ISettlement.Swap, maker: ISettlement.Signature, taker: ISettlement.Signature):
    self._assume_signed(swap, maker)
    world._assume_signed(swap.taker, staticcall ISettlement(world.SETTLEMENT).hash_swap(swap), taker)
    cheats._send_as(sender)
    extcall ISettlement(world.SETTLEMENT).swap_approved(swap, world._bytes(maker), world._bytes(taker), [])


@internal
def _settle_net(sender: address, swap: ISettlement.Swap, maker: ISettlement.Signature, taker: ISettlement.Signature):
    """
    @notice The maker is the first party, the taker the second; a swap of nothing needs no moves.
    """
    cheats._assume(swap.maker_amount == 0 and swap.taker_amount == 0 and swap.deadline == 2**64)
    self._assume_signed(swap, maker)
    world._assume_signed(swap.taker, staticcall ISettlement(world.SETTLEMENT).hash_swap(swap), taker)
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


@internal
@view
def _trade(trade: TwoPartyTrade) -> ISettlement.Trade:
    return ISettlement.Trade(
        parties=[trade.a, trade.b],
        legs=[],
        nonce_word=trade.word,
        nonce_mask=trade.mask,
        valid_after=0,
        deadline=max_value(uint256),
        submitter=empty(address),
        terms=empty(bytes32),
    )


@internal
def _assume_both_signed(trade: TwoPartyTrade, a: ISettlement.Signature, b: ISettlement.Signature):
    digest: bytes32 = staticcall ISettlement(world.SETTLEMENT).hash_trade(self._trade(trade))
    world._assume_signed(trade.a, digest, a)
    world._assume_signed(trade.b, digest, b)


@internal
def _settle(trade: TwoPartyTrade, a: ISettlement.Signature, b: ISettlement.Signature):
    self._assume_both_signed(trade, a, b)
    cheats._send_as(world.RELAYER)
    extcall ISettlement(world.SETTLEMENT).settle(self._trade(trade), [world._bytes(a), world._bytes(b)], [])


@internal
def _settle_batch(trade: TwoPartyTrade, a: ISettlement.Signature, b: ISettlement.Signature) -> uint256:
    self._assume_both_signed(trade, a, b)
    signed: DynArray[Bytes[768], 2] = [world._bytes(a), world._bytes(b)]
    approvals: DynArray[ISettlement.Approval, 1] = []
    entry: Bytes[4096] = slice(abi_encode(self._trade(trade), signed, approvals), 0, 25 * 32)
    cheats._send_as(world.RELAYER)
    return extcall ISettlement(world.SETTLEMENT).settle_batch([entry], [1_000_000])


# Before and after


@internal
def _stored(watched: WatchedTrade) -> Stored:
    mask: uint256 = 0
    effective_at: uint256 = 0
    mask, effective_at = world._notice(watched.a, watched.b, watched.word, watched.party)
    return Stored(bits=world._trade_word(watched.a, watched.b, watched.word), mask=mask, effective_at=effective_at)


@internal
def _prove_untouched(watched: WatchedTrade, before: Stored):
    after: Stored = self._stored(watched)
    cheats._prove(after.bits == before.bits)
    cheats._prove(after.mask == before.mask)
    cheats._prove(after.effective_at == before.effective_at)


@internal
@view
def _bit(swap: ISettlement.Swap) -> uint256:
    return 1 << (swap.nonce & 255)


@internal
def _prove_used_now(swap: ISettlement.Swap, before: uint256):
    cheats._prove(before & self._bit(swap) == 0)
    cheats._prove(world._used_swaps(swap.maker, swap.nonce >> 8) == before | self._bit(swap))
