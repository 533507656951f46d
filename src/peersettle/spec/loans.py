"""What `modules/loans.vy` does: cash for accounts that owe more after an expiry than they have, in wad.

Bounded for one account and for all together, at simple interest that the Ledger adds to the account's debt whenever it
touches it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from peersettle.spec.rollback import Kept
from peersettle.types import WAD

YEAR: Final = 365 * 86_400
RATE: Final = 2 * 10**17
"""A year's interest on one."""
ACCOUNT_PART: Final = 20
"""One account borrows at most a 20th of what is idle and lent."""
TOTAL_PART: Final = 4
"""All together a quarter."""


@dataclass(frozen=True)
class Loan:
    """What an account owes, and since when no interest has been added."""

    owed: int = 0
    since: int = 0


@dataclass(eq=False)
class Loans(Kept):
    """All of them."""

    loans: dict[int, Loan] = field(default_factory=dict)
    lent: int = 0
    """What all accounts owe."""
    lent_since: int = 0
    """The sum of what each owes times since when."""

    def loan(self, account: int) -> Loan:
        """An account's."""
        return self.loans.get(account, Loan())

    def accrue(self, account: int, now: int) -> int:
        """Add the interest since the last time, rounded up; what was added."""
        loan = self.loan(account)
        if loan.owed == 0 or loan.since == now:
            return 0
        interest = -(-loan.owed * RATE * (now - loan.since) // (WAD * YEAR))
        self._keep(account, Loan(loan.owed + interest, now))
        return interest

    def lend(self, account: int, wanted: int, free: int, now: int) -> int:
        """How much of what is wanted an account gets, when so much cash is idle and not reserved. Parts round down."""
        owed, pool = self.loan(account).owed, free + self.lent
        granted = min(wanted, free, max(pool // ACCOUNT_PART - owed, 0), max(pool // TOTAL_PART - self.lent, 0))
        self._keep(account, Loan(owed + granted, now))
        return granted

    def repaid(self, account: int, amount: int) -> None:
        """So much less is owed, and never less than nothing."""
        loan = self.loan(account)
        self._keep(account, replace(loan, owed=loan.owed - min(amount, loan.owed)))

    def interest(self, now: int) -> int:
        """On all loans, not added yet, rounded down."""
        return (self.lent * now - self.lent_since) * RATE // (WAD * YEAR)

    def _keep(self, account: int, loan: Loan) -> None:
        before = self.loan(account)
        self.loans[account] = loan
        self.lent += loan.owed - before.owed
        self.lent_since += loan.owed * loan.since - before.owed * before.since
