"""What `modules/accounts.vy` keeps: cash, collateral and positions, whatever words they are packed in.

An account is its owner's address << 96 | a sub-account. Cash and collateral are in wad, positions in lots. Nothing
is changed in place but the two tables, so a copy of them is a copy of everything.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from peersettle.spec.requirements import Book
from peersettle.spec.rollback import Kept
from peersettle.spec.snapshots import require

MAX_POSITIONS: Final = 32
MAX_MARKETS: Final = 8
LOT_LIMIT: Final = 2**27
MOST_COLLATERAL: Final = 2**94
MOST_CASH: Final = 2**127
COLLATERAL_UNIT: Final = 10**9
"""A move's unit of collateral, wad."""
NO_BOOK: Final = Book()


@dataclass(frozen=True)
class Head:
    """An account: its cash, the number of its books (zero before it has any), and its markets, ascending."""

    cash: int = 0
    book: int = 0
    markets: tuple[int, ...] = ()
    run_off: bool = False
    """Nobody has wanted it and it is below zero: it does not trade."""


@dataclass(eq=False)
class Accounts(Kept):
    """All of them. What was never written is an empty head or book."""

    heads: dict[int, Head] = field(default_factory=dict)
    books: dict[tuple[int, int], Book] = field(default_factory=dict)
    """(number, market) → book; an account's number never changes"""
    opened: int = 0

    def head(self, account: int) -> Head:
        """An account's head."""
        return self.heads.get(account, Head())

    def cash(self, account: int) -> int:
        """An account's cash, wad; less than zero is a loan."""
        return self.head(account).cash

    def key(self, account: int, market: int) -> tuple[int, int]:
        """Where an account's book in a market is kept."""
        return self.head(account).book, market

    def book(self, account: int, market: int) -> Book:
        """An account's book in a market."""
        return self.books.get(self.key(account, market), NO_BOOK)

    def put(self, account: int, market: int, book: Book) -> None:
        """Keep a book."""
        self.books[self.key(account, market)] = book

    def is_flat(self, account: int, markets: tuple[int, ...]) -> bool:
        """Whether an account has no positions in any of these markets."""
        return not any(self.book(account, market).positions for market in markets)

    def is_plain(self, account: int) -> bool:
        """Who has no positions and no debts needs no price."""
        return self.cash(account) >= 0 and self.is_flat(account, self.head(account).markets)

    # Changing

    def pay(self, account: int, amount: int) -> None:
        """Add cash, or take it away; the caller judges what may become negative.

        Raises:
            Reverted: "amount": the balance would not fit 128 bits.
        """
        cash = self.cash(account) + amount
        require(-MOST_CASH <= cash < MOST_CASH, "amount", account=account, cash=cash)
        self.heads[account] = replace(self.head(account), cash=cash)

    def enter(self, account: int, market: int) -> None:
        """Make a market one of the account's.

        Raises:
            Reverted: "markets": it is in eight others.
        """
        head = self.head(account)
        if market in head.markets:
            return
        require(len(head.markets) < MAX_MARKETS, "markets", account=account, markets=head.markets)
        if head.book == 0:
            self.opened += 1
            head = replace(head, book=self.opened)
        self.heads[account] = replace(head, markets=tuple(sorted((*head.markets, market))))

    def leave(self, account: int, market: int) -> None:
        """An empty book is no market of the account any more."""
        head = self.head(account)
        self.heads[account] = replace(head, markets=tuple(other for other in head.markets if other != market))

    def add_collateral(self, account: int, market: int, amount: int) -> None:
        """Add collateral of one of the account's markets, or take it away; wad.

        Raises:
            Reverted: "collateral": there is less; "amount": more than 2**94.
        """
        book = self.book(account, market)
        collateral = book.collateral + amount
        require(collateral >= 0, "collateral", has=book.collateral, needs=-amount)
        require(collateral < MOST_COLLATERAL, "amount", collateral=collateral)
        self.put(account, market, replace(book, collateral=collateral))

    def add(self, account: int, market: int, series: int, lots: int) -> int:
        """Change one position. Returns by how many lots the account's long side of the series grew.

        Raises:
            Reverted: "lots": 2**27 or more of either sign; "full": a 33rd position.
        """
        book = self.book(account, market)
        positions = dict(book.positions)
        before = positions.pop(series, 0)
        after = before + lots
        require(abs(after) < LOT_LIMIT, "lots", series=series, lots=after)
        require(before != 0 or after == 0 or len(positions) < MAX_POSITIONS, "full", positions=len(positions))
        if after != 0:
            positions[series] = after
        self.put(account, market, replace(book, positions=tuple(sorted(positions.items(), reverse=True))))
        return max(after, 0) - max(before, 0)
