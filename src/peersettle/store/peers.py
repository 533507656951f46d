"""What is known of peers: who is banned, and their cards."""

from __future__ import annotations

from peersettle.store import rows
from peersettle.store.database import Database
from peersettle.store.records import BanRecord, CardRecord
from peersettle.store.tables import bans, cards


class Peers:
    """The peers that a store knows; `Store.peers` is one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ban(self, peer: str, until: float, why: str) -> None:
        """Do not hear this peer before `until`, in Unix seconds; in place of an earlier ban."""
        with self._database.transaction() as connection:
            rows.put(connection, bans, {"peer": peer, "until": until, "why": why})

    def unban(self, peer: str) -> None:
        """Hear this peer again."""
        with self._database.transaction() as connection:
            connection.execute(bans.delete().where(bans.c.peer == peer))

    def bans(self, at: float) -> list[BanRecord]:
        """The bans that hold at this time, the one that ends first first."""
        query = bans.select().where(bans.c.until > at).order_by(bans.c.until, bans.c.peer)
        with self._database.reading() as connection:
            return [BanRecord(*row) for row in connection.execute(query)]

    def put_card(self, peer: str, text: str, seen_at: float) -> None:
        """Keep a peer's card in place of its last."""
        with self._database.transaction() as connection:
            rows.put(connection, cards, {"peer": peer, "text": text, "seen_at": seen_at})

    def card(self, peer: str) -> CardRecord | None:
        """A peer's card; None where it has shown none."""
        with self._database.reading() as connection:
            row = rows.first(connection, cards, cards.c.peer == peer)
        return None if row is None else CardRecord(**row)

    def cards(self) -> list[CardRecord]:
        """Every card, the one seen last first."""
        with self._database.reading() as connection:
            return [CardRecord(*row) for row in connection.execute(cards.select().order_by(cards.c.seen_at.desc()))]
