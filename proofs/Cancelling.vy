# pragma version 0.4.3
"""
@title Only a party cancels, and alone only with a minute's notice
@license MIT
@dev Bounds: trades of two parties, whose names matter only where it is said who may. The state is any in which a notice implies the flag (bit 255) of its word, which
     `check_*_keeps_notices_flagged` proves of every reachable state: nothing else writes to trades' bits
     (`Nonces: check_*_keeps_used_bits`).
"""

from peersettle.contracts.interfaces import ISettlement
from lib import cheats
from lib import world

initializes: world


struct Notice:
    sender: address
    at: uint256
    mask: uint256


# A word of two parties' trades.
struct Word:
    a: address
    b: address
    index: uint256


NOTICE_PERIOD: constant(uint256) = 60
FLAG: constant(uint256) = 2**255
SOME_WORD: constant(uint256) = 7


@deploy
def __init__():
    world.__init__()


@external
def check_cancel_touches_only_its_senders_word(
    sender: address, word: uint256, mask: uint256, maker: address, watched: uint256
):
    before: uint256 = world._used_swaps(maker, watched)
    cheats._send_as(sender)
    extcall ISettlement(world.SETTLEMENT).cancel(word, mask)
    if maker == sender and watched == word:
        cheats._prove(world._used_swaps(maker, watched) == before | mask)
    else:
        cheats._prove(world._used_swaps(maker, watched) == before)


@external
def check_cancel_trade_needs_a_party(word: Word, notice: Notice):
    self._give(word, notice)
    cheats._prove(notice.sender == word.a or notice.sender == word.b)


@external
def check_notice_waits_a_minute(by_first: bool, mask: uint256, at: uint64, waited: uint8):
    cheats._assume(convert(waited, uint256) < NOTICE_PERIOD)
    later: uint256 = convert(at, uint256) + convert(waited, uint256)
    word: Word = self._word(SOME_WORD)
    self._assume_flagged(word, word.a)
    self._assume_flagged(word, word.b)
    cheats._at(later)
    without: uint256 = world._used_trades(word.a, word.b, word.index)
    sender: address = word.b
    if by_first:
        sender = word.a
    self._give(word, Notice(sender=sender, at=convert(at, uint256), mask=mask))
    cheats._at(later)
    cheats._prove(world._used_trades(word.a, word.b, word.index) & ~(without | FLAG) == 0)


@external
def check_notice_takes_effect_whatever_the_other_does(
    mask: uint256, others: uint256, at: uint64, between: uint64, waited: uint64
):
    answered: uint256 = convert(at, uint256) + convert(between, uint256)
    later: uint256 = answered + convert(waited, uint256)
    cheats._assume(later >= convert(at, uint256) + NOTICE_PERIOD)
    word: Word = self._word(SOME_WORD)
    self._give(word, Notice(sender=word.a, at=convert(at, uint256), mask=mask))
    self._give(word, Notice(sender=word.b, at=answered, mask=others))
    cheats._at(later)
    cheats._prove(world._used_trades(word.a, word.b, word.index) & mask == mask)


@external
def check_cancel_trade_keeps_notices_flagged(index: uint256, notice: Notice, watched_index: uint256, party: address):
    word: Word = self._word(index)
    watched: Word = self._word(watched_index)
    self._assume_flagged(watched, party)
    self._give(word, notice)
    cheats._prove(self._is_flagged(watched, party))


@external
def check_settle_keeps_notices_flagged(
    index: uint256, at: uint256, mask: uint256, watched_index: uint256, party: address
):
    word: Word = self._word(index)
    watched: Word = self._word(watched_index)
    self._assume_flagged(watched, party)
    cheats._at(at)
    trade: ISettlement.Trade = ISettlement.Trade(
        parties=[word.a, word.b],
        legs=[],
        nonce_word=word.index,
        nonce_mask=mask,
        valid_after=0,
        deadline=max_value(uint256),
        submitter=empty(address),
        terms=empty(bytes32),
    )
    signature: ISettlement.Signature = empty(ISettlement.Signature)
    world._assume_signed(word.b, staticcall ISettlement(world.SETTLEMENT).hash_trade(trade), signature)
    cheats._send_as(word.a)
    extcall ISettlement(world.SETTLEMENT).settle(trade, [b"", world._bytes(signature)], [])
    cheats._prove(self._is_flagged(watched, party))


@external
def check_reach_notice_in_effect(sender: address, mask: uint256, at: uint64):
    later: uint256 = convert(at, uint256) + NOTICE_PERIOD
    word: Word = self._word(SOME_WORD)
    self._assume_flagged(word, word.a)
    self._assume_flagged(word, word.b)
    cheats._at(later)
    cheats._assume(world._used_trades(word.a, word.b, word.index) == 0)
    self._give(word, Notice(sender=sender, at=convert(at, uint256), mask=mask))
    cheats._at(later)
    cheats._assume(world._used_trades(word.a, word.b, word.index) != FLAG)
    cheats._reached()


@internal
@pure
def _word(index: uint256) -> Word:
    return Word(a=world.P, b=world.Q, index=index)


@internal
def _give(word: Word, notice: Notice):
    cheats._at(notice.at)
    cheats._send_as(notice.sender)
    extcall ISettlement(world.SETTLEMENT).cancel_trade([word.a, word.b], word.index, notice.mask)


@internal
def _is_flagged(word: Word, party: address) -> bool:
    mask: uint256 = 0
    effective_at: uint256 = 0
    mask, effective_at = world._notice(word.a, word.b, word.index, party)
    # Without branches: each would double the paths.
    return (convert(mask == 0, uint256) | (world._trade_word(word.a, word.b, word.index) >> 255)) == 1


@internal
def _assume_flagged(word: Word, party: address):
    cheats._assume(self._is_flagged(word, party))
