"""Nonces for quotes: none is given out twice, whatever happens to the process."""

from __future__ import annotations

import secrets
import threading
from typing import Final

import sqlalchemy as sa

from peersettle.errors import InvalidField
from peersettle.store.database import Database
from peersettle.store.tables import nonce_words
from peersettle.types import address, uint

BITS: Final = 255
"""Nonces of a word, 0 .. 254: no trade may use bit 255."""
BLOCK: Final = 4
"""Words that are written as given out at once: a quote costs no write, a restart skips at most so many."""
_FIRST: Final = 2**63 - 2**40
"""Below this a maker's first word is drawn, so that programs that share a key share no word, and none overflows."""


class Nonces:
    """Counts each maker's nonces, up from a random word."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._left: dict[tuple[int, str], tuple[int, int]] = {}
        """The next nonce, and the word before which the written block ends."""

    def reserve(self, chain_id: int, maker: str, count: int = 1) -> int:
        """As `Store.reserve_nonces`."""
        if not 1 <= uint(count, "count") <= BITS:
            raise InvalidField("count", count, f"1 to {BITS}, since they are of one word")
        key = uint(chain_id, "chain_id", 63), address(maker, "maker")
        with self._lock:
            nonce, end = self._left.get(key, (0, 0))
            if (nonce & 255) + count > BITS:
                nonce = ((nonce >> 8) + 1) << 8
            if nonce >> 8 >= end:
                word = self._block(*key)
                nonce, end = word << 8, word + BLOCK
            self._left[key] = (nonce + count, end)
            return nonce

    def _block(self, chain_id: int, maker: str) -> int:
        where = sa.and_(nonce_words.c.chain_id == chain_id, nonce_words.c.maker == maker)
        with self._database.transaction() as connection:
            word = connection.scalar(sa.select(nonce_words.c.next_word).where(where))
            if word is None:
                word = secrets.randbelow(_FIRST)
                row = {"chain_id": chain_id, "maker": maker, "next_word": word + BLOCK}
                connection.execute(nonce_words.insert().values(**row))
            else:
                connection.execute(nonce_words.update().where(where).values(next_word=word + BLOCK))
        return int(word)
