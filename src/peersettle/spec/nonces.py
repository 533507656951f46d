"""A bit once used stays used: a swap's bits are the maker's own, a trade's those of its set of parties."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from peersettle.errors import BadNonceMask, LegPartyMissing, NonceUsed
from peersettle.spec.chain import Notice, State, require
from peersettle.trades import scope
from peersettle.types import Address

NOTICE_PERIOD: Final = 60
NOTICE_FLAG: Final = 1 << 255


def use_swap(state: State, maker: Address, nonce: int) -> None:
    """Use one of the maker's own bits."""
    word, bit = nonce >> 8, 1 << (nonce & 255)
    used = used_swaps(state, maker, word)
    require(used & bit == 0, NonceUsed, maker=maker, nonce=nonce)
    state.used_swaps[maker, word] = used | bit


def use_trade(state: State, parties: Sequence[Address], word: int, mask: int) -> None:
    """Use every bit of the mask, all of them unused, in a word of the set of parties."""
    require(0 < mask < NOTICE_FLAG, BadNonceMask, mask=mask)
    used = used_trades(state, parties, word)
    require(used & mask == 0, NonceUsed, word=word, mask=mask, used=used & mask)
    state.used_trades[scope(tuple(parties)), word] = used | mask


def used_swaps(state: State, maker: Address, word: int) -> int:
    """The maker's used and cancelled bits in a word."""
    return state.used_swaps.get((maker, word), 0)


def used_trades(state: State, parties: Sequence[Address], word: int) -> int:
    """The parties' used bits in a word, with every notice in effect. Bit 255: notices were given."""
    key = scope(tuple(parties))
    used = state.used_trades.get((key, word), 0)
    if used & NOTICE_FLAG:
        for party in parties:
            notice = state.notices.get((key, word, party), Notice(0, 0))
            if state.now >= notice.effective_at:
                used |= notice.mask
    return used


def give_notice(state: State, caller: Address, parties: Sequence[Address], word: int, mask: int) -> int:
    """Let the bits count as used from the returned time on.

    A later notice in the same word restarts the caller's own earlier one, if that is still running, and
    nobody else's.
    """
    require(0 < mask < NOTICE_FLAG, BadNonceMask, mask=mask)
    require(caller in parties, LegPartyMissing, party=caller)
    key = scope(tuple(parties))
    used = used_trades(state, parties, word)
    running = state.notices.get((key, word, caller), Notice(0, 0)).mask & ~used
    effective_at = state.now + NOTICE_PERIOD
    state.used_trades[key, word] = used | NOTICE_FLAG
    state.notices[key, word, caller] = Notice(running | mask, effective_at)
    return effective_at
