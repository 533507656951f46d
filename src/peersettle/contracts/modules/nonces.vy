# pragma version 0.4.3
"""
@title Nonces: a bit once used stays used
@license MIT
@notice A swap's bits are the maker's own. A trade's bits belong to the set of its parties, so one write protects them all.
@dev Bit 255 of a trade word says that a party has given notice in it; only then are the notices read, so that trades
     without one pay nothing for the possibility.
"""

from ..interfaces import ISettlement

NOTICE_PERIOD: constant(uint256) = 60
NOTICE_FLAG: constant(uint256) = 2**255


struct Notice:
    mask: uint256
    effective_at: uint256


used_swaps: public(HashMap[address, HashMap[uint256, uint256]])     # maker -> word -> bits
used_trades: HashMap[bytes32, HashMap[uint256, uint256]]            # scope -> word -> bits
notices: HashMap[bytes32, HashMap[uint256, HashMap[address, Notice]]]


@internal
def _use_swap(maker: address, nonce: uint256):
    used: uint256 = self.used_swaps[maker][nonce >> 8]
    bit: uint256 = 1 << (nonce & 255)
    assert used & bit == 0, "nonce"
    self.used_swaps[maker][nonce >> 8] = used | bit


@internal
def _use_trade(scope: bytes32, parties: DynArray[address, 8], word: uint256, mask: uint256):
    assert mask != 0 and mask < NOTICE_FLAG, "mask"
    used: uint256 = self._settled_bits(scope, parties, word)
    assert used & mask == 0, "nonce"
    self.used_trades[scope][word] = used | mask


@internal
@view
def _settled_bits(scope: bytes32, parties: DynArray[address, 8], word: uint256) -> uint256:
    """
    @notice The word with every notice that has taken effect folded in.
    """
    used: uint256 = self.used_trades[scope][word]
    if used >= NOTICE_FLAG:
        for party: address in parties:
            notice: Notice = self.notices[scope][word][party]
            if block.timestamp >= notice.effective_at:
                used |= notice.mask
    return used


@internal
def _give_notice(scope: bytes32, parties: DynArray[address, 8], party: address, word: uint256, mask: uint256) -> uint256:
    """
    @notice From `effective_at` on, the bits count as used. A party's later notice in the same word restarts its own earlier one
            that is still running, and nobody else's.
    """
    assert mask != 0 and mask < NOTICE_FLAG, "mask"
    assert party in parties, "party"
    used: uint256 = self._settled_bits(scope, parties, word)
    notice: Notice = self.notices[scope][word][party]
    effective_at: uint256 = block.timestamp + NOTICE_PERIOD
    self.used_trades[scope][word] = used | NOTICE_FLAG
    self.notices[scope][word][party] = Notice(mask=(notice.mask & ~used) | mask, effective_at=effective_at)
    return effective_at


@external
def cancel(word: uint256, mask: uint256):
    """
    @notice Cancel the sender's own quotes (swaps) in one nonce word, at once.
    """
    self.used_swaps[msg.sender][word] |= mask
    log ISettlement.SwapsCancelled(maker=msg.sender, nonce_word=word, nonce_mask=mask)
