"""What `modules/expiries.vy` does: what is paid and collected after an expiry, exact in any order of calls.

A payer's leg pays into the pot of its series, in whole lots: from the account's cash, then in kind, then by a loan. A
receiver takes its part when all have paid, or after a day what is there. What insolvent payers cannot pay is the
series' shortfall: the backstop covers what it has reserved for the expiry, the rest falls on that series' receivers
alone, pro rata. Money and units of the underlying are in wad.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from peersettle.spec.accounts import Accounts
from peersettle.spec.ledger_events import Settled
from peersettle.spec.requirements import UNIT
from peersettle.spec.risk import Risk
from peersettle.spec.risk_arrays import Kind
from peersettle.spec.rollback import Kept
from peersettle.spec.snapshots import expiry_of
from peersettle.types import WAD

PATIENCE: Final = 86_400
"""Seconds after a fixing, when receivers take what is there, and shortfalls are covered."""


class Backstop(Protocol):
    """Those who bear what accounts cannot. The pool's idle cash is the cash of an account of its own."""

    account: int

    def capital(self) -> int:
        """What the pool is worth at least, wad."""
        ...

    def lend(self, account: int, wanted: int, now: int) -> int:
        """How much of what an account lacks the pool lends it, at most what is wanted, wad."""
        ...

    def accrue(self, account: int, now: int) -> int:
        """The interest on an account's loan since it was last asked for, wad; from now on it is owed, too."""
        ...

    def repaid(self, account: int, amount: int) -> None:
        """An account has paid back, wad."""
        ...

    def reserve(self, market: int, day: int, now: int) -> int:
        """What the pool keeps ready for all shortfalls of an expiry, wad; asked at the first."""
        ...

    def release(self, market: int, day: int, wanted: int) -> int:
        """What of this, which the pool has, its reserve still has, too, wad. It is taken out of the pool's cash."""
        ...


@dataclass(eq=False)
class SimplePool(Kept):
    """A backstop reduced to limits: how much one account may owe, and what is reserved for each expiry, wad."""

    account: int
    worth: int = 0
    loan_limit: int = 0
    reserve_limit: int = 0
    loans: dict[int, int] = field(default_factory=dict)
    reserved: dict[tuple[int, int], int] = field(default_factory=dict)
    released: dict[tuple[int, int], int] = field(default_factory=dict)

    def capital(self) -> int:
        """What it was told that it is worth."""
        return self.worth

    def lend(self, account: int, wanted: int, _now: int) -> int:
        """Up to the limit."""
        owed = self.loans.get(account, 0)
        granted = min(wanted, max(self.loan_limit - owed, 0))
        self.loans[account] = owed + granted
        return granted

    def accrue(self, _account: int, _now: int) -> int:
        """No interest."""
        return 0

    def repaid(self, account: int, amount: int) -> None:
        """So much less is owed."""
        self.loans[account] = self.loans.get(account, 0) - amount

    def reserve(self, market: int, day: int, _now: int) -> int:
        """The limit, whatever else is reserved."""
        self.reserved[market, day] = self.reserve_limit
        return self.reserve_limit

    def release(self, market: int, day: int, wanted: int) -> int:
        """All of it, counted."""
        self.released[market, day] = self.released.get((market, day), 0) + wanted
        return wanted


@dataclass(frozen=True)
class Pot:
    """What has been paid for one series, and what has been taken out. None of a wei is ever on both sides."""

    payers: int
    """Lots that have not paid."""
    receivers: int
    """Lots that have not been taken out."""
    cash: int = 0
    cash_taken: int = 0
    units: int = 0
    """Of the underlying: what payers had of it themselves."""
    units_taken: int = 0
    shortfall: int = 0
    covered: bool = False


@dataclass(frozen=True)
class Taken:
    """What a position has taken out of the pot already, a lot."""

    cash: int = 0
    units: int = 0


@dataclass(frozen=True)
class Leg:
    """A position that is being settled."""

    account: int
    market: int
    series: int
    lots: int
    payment: int
    """What a lot pays."""
    price: int


@dataclass(eq=False)
class Expiries(Kept):
    """Pots and reserves, and the accounts that pay and collect."""

    accounts: Accounts
    risk: Risk
    backstop: Backstop
    open_interest: dict[tuple[int, int], int] = field(default_factory=dict)
    """(market, series) → lots held long; it stays as it was at the expiry"""
    pots: dict[tuple[int, int], Pot] = field(default_factory=dict)
    """(market, series) → pot; absent until the first leg comes"""
    taken: dict[tuple[tuple[int, int], int], Taken] = field(default_factory=dict)
    """(book key, series) → taken"""
    reserves: dict[tuple[int, int], int] = field(default_factory=dict)
    """(market, day) → what the backstop keeps ready"""
    shortfalls: dict[tuple[int, int], int] = field(default_factory=dict)
    """(market, day) → of all its series"""

    def fix(self, market: int, day: int, now: int) -> int:
        """The average price before an expiry becomes its fixing, wad.

        Raises:
            Reverted: "market", "fixed", "unexpired", or why the Oracle has no average.
        """
        return self.risk.fix(market, day, now)

    # Cash

    def credit(self, account: int, amount: int, now: int) -> None:
        """Cash for an account; what it owes the backstop is repaid first.

        Raises:
            Reverted: "amount".
        """
        self.accrue(account, now)
        owed = max(-self.accounts.cash(account), 0)
        self.accounts.pay(account, amount)
        self.repay(account, min(amount, owed))

    def accrue(self, account: int, now: int) -> None:
        """The interest on a debt is owed, too."""
        if self.accounts.cash(account) < 0:
            self.charge(account, now)

    def charge(self, account: int, now: int) -> None:
        """Take the interest on an account's loan, which may just have been repaid, from its cash."""
        self.accounts.pay(account, -self.backstop.accrue(account, now))

    def repay(self, account: int, amount: int) -> None:
        """The account has paid already; the pool gets it back."""
        if amount != 0:
            self.accounts.pay(self.backstop.account, amount)
            self.backstop.repaid(account, amount)

    def spendable(self, account: int) -> int:
        """The account's cash, never less than nothing."""
        return max(self.accounts.cash(account), 0)

    # Settling

    def settle_book(self, account: int, market: int, caller: int, pays: bool, now: int) -> list[Settled]:
        """Settle what has expired and is fixed in one book, oldest first: what it pays, or what it receives and what is
        worth nothing. Each position that gets smaller pays the caller the market's charge, or what cash it has left; of
        one that cannot pay all that it owes, nobody takes a fee before those to whom it is owed."""
        done = []
        sheet: tuple[int, int] | None = None
        for series, held in reversed(self.accounts.book(account, market).positions):
            day = series >> 22
            price = self.risk.fixing(market, day)
            if now < expiry_of(day) or price == 0:
                continue
            payment, long_receives = self.per_lot(market, series, price)
            leg = Leg(account, market, series, abs(held), payment, price)
            if pays != (payment != 0 and (held > 0) != long_receives):
                continue
            closed, solvent = leg.lots, True
            if pays:
                sheet = sheet or self.sheet(account, now)
                solvent = sheet[0] >= sheet[1]
                closed = self.pay_in(leg, *sheet, now)
            elif payment != 0:
                closed = self.collect(leg, now)
            if closed == 0:
                continue
            self.accounts.add(account, market, series, -closed if held > 0 else closed)
            if caller != account and solvent:
                charge = self.risk.markets[market].parameters.position_charge * UNIT
                tip = min(charge, self.spendable(account))
                self.accounts.pay(account, -tip)
                self.credit(caller, tip, now)
            done.append(Settled(account, market, series, closed, price))
        return done

    def per_lot(self, market: int, series: int, price: int) -> tuple[int, bool]:
        """What a lot pays, rounded down, and whether its long side receives it."""
        terms = self.risk.markets[market].terms
        gain = price - (series >> 2) % 2**20 * terms.tick
        if series & 3 == Kind.PUT:
            gain = -gain
        if series & 3 != Kind.FORWARD:
            gain = max(gain, 0)
        return abs(gain) * terms.lot // WAD, gain > 0

    def sheet(self, account: int, now: int) -> tuple[int, int]:
        """All that an account has and all that it owes."""
        cash = self.accounts.cash(account)
        assets, liabilities = max(cash, 0), max(-cash, 0)
        for market in self.accounts.head(account).markets:
            has, owes = self.risk.sides(market, self.accounts.book(account, market), now)
            assets += has - min(has, self.received(account, market, now))
            liabilities += owes
        return assets, liabilities

    def received(self, account: int, market: int, now: int) -> int:
        """What of a book's receivables has been taken already."""
        received, key = 0, self.accounts.key(account, market)
        for series, held in self.accounts.book(account, market).positions:
            already = self.taken.get((key, series))
            if already is not None and now >= expiry_of(series >> 22):
                price = self.risk.fixing(market, series >> 22)
                payment, _ = self.per_lot(market, series, price)
                received += abs(held) * min(payment, already.cash + already.units * price // WAD)
        return received

    def is_late(self, market: int, series: int, now: int) -> bool:
        """Whether a day has passed since the fixing."""
        return now >= self.risk.fixed_at(market, series >> 22) + PATIENCE

    def pay_in(self, leg: Leg, assets: int, liabilities: int, now: int) -> int:
        """A payer's leg pays for as many lots as it can; who owes more than it has pays the same share of everything.
        Returns how many."""
        day = leg.series >> 22
        solvent = assets >= liabilities
        share = leg.payment if solvent else leg.payment * assets // liabilities
        pot = self.pot(leg)
        cash = units = 0
        paid = leg.lots
        if share != 0:
            paid = min(leg.lots, self.spendable(leg.account) // share)
            self.accounts.pay(leg.account, -paid * share)
            in_kind, units = self.pay_in_kind(leg, leg.lots - paid, share, now)
            paid += in_kind
            cash = (paid - in_kind) * share
            if paid < leg.lots and solvent:
                borrowed = self.borrow(leg.account, share, leg.lots - paid, now)
                cash += borrowed * share
                paid += borrowed
        missing = 0
        if share < leg.payment and not self.is_late(leg.market, leg.series, now):
            missing = paid * (leg.payment - share)
            whole = self.shortfalls.get((leg.market, day), 0)
            if whole == 0 and missing != 0:
                self.reserves[leg.market, day] = self.backstop.reserve(leg.market, day, now)
            self.shortfalls[leg.market, day] = whole + missing
        self.pots[leg.market, leg.series] = replace(
            pot,
            payers=pot.payers - paid,
            cash=pot.cash + cash,
            units=pot.units + units,
            shortfall=pot.shortfall + missing,
        )
        return paid

    def pay_in_kind(self, leg: Leg, lots: int, share: int, now: int) -> tuple[int, int]:
        """Pay for lots with collateral of the market, at the lower of fixing and spot, rounded up. Returns for how
        many, and the units. Without a usable spot price nobody pays so."""
        spot = self.risk.spot(leg.market, now)
        if lots == 0 or spot == 0:
            return 0, 0
        each = -(-share * WAD // min(spot, leg.price))
        paid = min(lots, self.accounts.book(leg.account, leg.market).collateral // each)
        self.accounts.add_collateral(leg.account, leg.market, -paid * each)
        return paid, paid * each

    def borrow(self, account: int, payment: int, lots: int, now: int) -> int:
        """Pay for as many lots as the account's cash and a loan are enough for. Returns how many."""
        own = self.spendable(account)
        granted = self.backstop.lend(account, lots * payment - own, now)
        lent = min(granted, self.spendable(self.backstop.account))
        paid = (own + lent) // payment
        drawn = max(paid * payment - own, 0)
        self.accounts.pay(self.backstop.account, -drawn)
        self.accounts.pay(account, -paid * payment)
        if drawn < granted:
            self.backstop.repaid(account, granted - drawn)
        return paid

    def collect(self, leg: Leg, now: int) -> int:
        """A receiver takes its part of what is in the pot. Returns the lots that are done: all or none."""
        place, key = (leg.market, leg.series), self.accounts.key(leg.account, leg.market)
        late = self.is_late(leg.market, leg.series, now)
        pot = self.pot(leg)
        if late and pot.shortfall != 0 and not pot.covered:
            pot = self.cover(leg, pot)
        done = pot.payers == 0 and (pot.shortfall == 0 or pot.covered)
        if not done and not late:
            return 0
        total = self.open_interest[place]
        each = Taken(pot.cash // total, pot.units // total)
        already = self.taken.pop((key, leg.series), Taken())
        cash, units = leg.lots * (each.cash - already.cash), leg.lots * (each.units - already.units)
        self.credit(leg.account, cash, now)
        self.accounts.add_collateral(leg.account, leg.market, units)
        pot = replace(pot, cash_taken=pot.cash_taken + cash, units_taken=pot.units_taken + units)
        if not done:
            self.taken[key, leg.series] = each
            self.pots[place] = pot
            return 0
        pot = replace(pot, receivers=pot.receivers - leg.lots)
        if pot.receivers == 0:
            # Less than one wei a lot is left over.
            self.credit(self.backstop.account, pot.cash - pot.cash_taken, now)
            pot = replace(pot, cash_taken=pot.cash)
        self.pots[place] = pot
        return leg.lots

    def cover(self, leg: Leg, pot: Pot) -> Pot:
        """What the backstop has reserved for an expiry makes good its shortfalls, all in the same proportion."""
        expiry = leg.market, leg.series >> 22
        cover = pot.shortfall
        if self.shortfalls[expiry] > self.reserves[expiry]:
            cover = pot.shortfall * self.reserves[expiry] // self.shortfalls[expiry]
        cover = self.backstop.release(*expiry, min(cover, self.spendable(self.backstop.account)))
        self.accounts.pay(self.backstop.account, -cover)
        return replace(pot, cash=pot.cash + cover, covered=True)

    def pot(self, leg: Leg) -> Pot:
        """A series' pot: before anybody has paid, as many lots on either side as were held."""
        held = self.open_interest.get((leg.market, leg.series), 0)
        return self.pots.get((leg.market, leg.series), Pot(held, held))
