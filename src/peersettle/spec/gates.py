"""What `modules/gates.vy` does: whether an account may do what it did.

Equity and what it must cover are in wad, of all the account's markets together.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from peersettle.risk.assessments import Assessment
from peersettle.spec.accounts import NO_BOOK, Accounts
from peersettle.spec.requirements import BEYOND, UNUSABLE
from peersettle.spec.risk import Risk
from peersettle.spec.rollback import Kept
from peersettle.spec.snapshots import require

NONE: Final = -(2**127)


@dataclass(frozen=True)
class Health:
    """Of an account: what all its markets say together."""

    equity: int
    maintenance: int = 0
    initial: int = 0
    requirement: int = 0
    candidate_loss: int = 0
    unpriced: int = 0
    """What has worth at its last mark, and no price now; equity is without it."""
    status: int = 0
    traded_status: int = 0
    """Of the markets that were just traded."""

    def plus(self, assessment: Assessment, traded: bool) -> Health:
        """With one more market. What cannot be priced counts against the account only."""
        unpriced = max(assessment.worth, 0) if assessment.status & UNUSABLE else 0
        return Health(
            equity=self.equity + assessment.worth - unpriced,
            maintenance=self.maintenance + assessment.maintenance,
            initial=self.initial + assessment.initial,
            requirement=self.requirement + assessment.requirement,
            candidate_loss=self.candidate_loss + assessment.candidate_loss,
            unpriced=self.unpriced + unpriced,
            status=self.status | assessment.status,
            traded_status=self.traded_status | (assessment.status if traded else 0),
        )

    @property
    def spare(self) -> int:
        """What there is beyond initial margin at the confirmed price and at a candidate; NONE when that lies beyond the
        scenarios."""
        return NONE if self.status & BEYOND else self.equity - self.initial - self.candidate_loss

    def is_good(self) -> bool:
        """Initial margin is there, and what was traded has a price."""
        return self.spare >= 0 and not self.traded_status & UNUSABLE


@dataclass(eq=False)
class Gates(Kept):
    """Judges the accounts of a Ledger."""

    accounts: Accounts
    risk: Risk

    def evaluate(self, account: int, now: int, traded: Iterable[int] = ()) -> Health:
        """The account's health; what it now needs in the traded markets is counted into their open risk.

        Raises:
            Reverted: "epoch", "array": Risk must be refreshed first; "market".
        """
        health = Health(self.accounts.cash(account))
        for market in self.accounts.head(account).markets:
            book = self.accounts.book(account, market)
            if market in traded:
                assessment, counted = self.risk.commit(market, book, now)
                self.accounts.put(account, market, counted)
            else:
                assessment = self.risk.assess(market, book, now)
            health = health.plus(assessment, market in traded)
        return health

    def assess(self, account: int, markets: Iterable[int], now: int) -> list[Assessment]:
        """An account's books in these markets; an empty one is worth and asks for nothing."""
        return [self.risk.assess(market, self.accounts.book(account, market), now) for market in markets]

    def gate(self, account: int, now: int) -> None:
        """After a withdrawal: initial margin, unless there is nothing that needs any.

        Raises:
            Reverted: "candidate", "margin", and what `evaluate` raises.
        """
        if not self.accounts.is_plain(account):
            health = self.evaluate(account, now)
            require(not health.status & BEYOND, "candidate", health=health)
            require(health.is_good(), "margin", health=health)

    def sweep(self, account: int, markets: Iterable[int]) -> None:
        """Books without positions leave their market's open risk; empty ones leave the account."""
        for market in markets:
            book = self.accounts.book(account, market)
            if book.positions:
                continue
            if book.requirement or book.addition:
                book = self.risk.forget(market, book)
                self.accounts.put(account, market, book)
            if book == NO_BOOK:
                self.accounts.leave(account, market)
