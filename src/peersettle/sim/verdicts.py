"""What must hold in every replay, checked while it runs: how often, and how near it came to not holding."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Final

from peersettle.sim.actors import Actor
from peersettle.sim.venue import Venue
from peersettle.spec.snapshots import expiry_of
from peersettle.types import WAD

_MOST_EXAMPLES: Final = 5


@dataclass
class Verdict:
    """One invariant. `worst` is the largest value seen, in the unit that `measure` names."""

    name: str
    statement: str
    measure: str
    checks: int = 0
    violations: int = 0
    worst: float | None = None
    examples: list[str] = field(default_factory=list)

    def check(self, holds: bool, value: float, where: str) -> None:
        """Count one check; `value` is what is measured, larger being worse."""
        self.checks += 1
        self.worst = value if self.worst is None else max(self.worst, value)
        if not holds:
            self.broken(f"{where}: {self.measure} {value:.6g}", counted=True)

    def broken(self, where: str, counted: bool = False) -> None:
        """Count a violation."""
        self.checks += 0 if counted else 1
        self.violations += 1
        if len(self.examples) < _MOST_EXAMPLES:
            self.examples.append(where)

    @property
    def holds(self) -> bool:
        """It was never broken."""
        return self.violations == 0

    def to_json(self) -> dict[str, Any]:
        """For reports."""
        return {
            "name": self.name,
            "statement": self.statement,
            "holds": self.holds,
            "checks": self.checks,
            "violations": self.violations,
            "measure": self.measure,
            "worst": self.worst,
            "examples": self.examples,
        }


class Verdicts:
    """All of them, over one venue."""

    def __init__(self, venue: Venue, holders: tuple[Actor, ...]) -> None:
        self._venue, self._holders = venue, holders
        self._fixed: list[int] = []
        self.zero_sum = Verdict(
            "zero sum", "The lots of every series add up to zero over all accounts.", "lots missing"
        )
        self.cash = Verdict(
            "cash conserved",
            "Cash held is what accounts have, and what was paid at expiries and not collected yet.",
            "wei missing",
        )
        self.collateral = Verdict(
            "collateral conserved", "So is the underlying that was brought as collateral.", "wei missing"
        )
        self.floor = Verdict(
            "price floor",
            "A solvent account keeps at least half of the equity that is sold, stays solvent, and its ratio rises.",
            "largest share of sold equity lost",
        )
        self.cover = Verdict(
            "cover", "Whoever takes over an insolvent account makes it no worse.", "equity lost by an insolvent account"
        )
        self.unhealthy = Verdict(
            "only the unhealthy",
            "An auction begins only below maintenance, and a second implementation agrees to the wei.",
            "highest equity over maintenance",
        )
        self.haircuts = Verdict(
            "haircuts are the shortfall",
            "What the receivers of an expiry miss is what its payers could not pay, less the backstop's cover.",
            "wei a lot unexplained",
        )
        self.flat = Verdict(
            "flat depositors lose nothing", "Who holds no position has, to the wei, what it brought.", "wei changed"
        )
        self.backstop = Verdict("backstop never below zero", "Idle cash of the backstop is never negative.", "wei owed")
        self.agreement = Verdict(
            "specification and contracts agree",
            "Every outcome, balance, book, health, price and epoch is the same on the chain.",
            "differences",
        )

    def all(self) -> list[Verdict]:
        """In the order of a report; agreement only where there is a chain."""
        found = [
            self.zero_sum,
            self.cash,
            self.collateral,
            self.floor,
            self.cover,
            self.unhealthy,
            self.haircuts,
            self.flat,
            self.backstop,
        ]
        agreement = self._venue.agreement
        if agreement is not None:
            one = self.agreement
            one.checks, one.violations, one.worst = (
                agreement.checks,
                agreement.differences,
                float(agreement.differences),
            )
            one.examples = [agreement.first] if agreement.first else []
            found.append(one)
        return found

    def fixed(self, day: int) -> None:
        """An expiry has its price."""
        self._fixed.append(day)

    def look(self, when: str) -> None:
        """Check all that can be checked at any moment."""
        ledger, pool = self._venue.ledger, self._venue.backstop
        totals: dict[int, list[int]] = defaultdict(lambda: [0, 0])
        units = 0
        for book in ledger.accounts.books.values():
            units += book.collateral
            for series, lots in book.positions:
                totals[series][lots < 0] += abs(lots)
        for series, (long, short) in totals.items():
            self._zero_sum(series, long, short, when)
        pots = ledger.expiries.pots.values()
        owed = sum(max(head.cash, 0) for head in ledger.accounts.heads.values())
        owed += sum(pot.cash - pot.cash_taken for pot in pots)
        held = ledger.held.get(ledger.cash, 0) * ledger.cash_scale
        self.cash.check(owed == held, abs(owed - held), when)
        units += sum(pot.units - pot.units_taken for pot in pots)
        brought = sum(amount for token, amount in ledger.held.items() if token != ledger.cash)
        self.collateral.check(units == brought, abs(units - brought), when)
        idle = ledger.accounts.cash(pool.account)
        self.backstop.check(idle >= 0, max(-idle, 0), when)
        for one in self._holders:
            changed = abs(ledger.accounts.cash(one.account) - one.cash)
            changed += abs(ledger.accounts.book(one.account, 0).collateral - one.collateral)
            self.flat.check(changed == 0, changed, f"{one.name} {when}")

    def _zero_sum(self, series: int, long: int, short: int, when: str) -> None:
        risk = self._venue.ledger.risk
        day = series >> 22
        if day in risk.fixings.get(0, {}):
            payment, long_receives = self._venue.ledger.expiries.per_lot(0, series, risk.fixing(0, day))
            pot = self._venue.ledger.expiries.pots.get((0, series))
            if payment == 0:
                return  # each side may leave when it likes: nothing is owed
            if pot is not None:
                wanted = (pot.receivers, pot.payers) if long_receives else (pot.payers, pot.receivers)
                missing = abs(long - wanted[0]) + abs(short - wanted[1])
                self.zero_sum.check(missing == 0, missing, f"series {series} {when}")
                return
        self.zero_sum.check(long == short, abs(long - short), f"series {series} {when}")

    def settled(self, when: str) -> None:
        """Check every expiry all of whose payers have paid what they could."""
        expiries, risk = self._venue.ledger.expiries, self._venue.ledger.risk
        for day in self._fixed:
            price = risk.fixing(0, day)
            places = [(place, pot) for place, pot in expiries.pots.items() if place[1] >> 22 == day]
            if any(pot.payers or pot.receivers for _, pot in places):
                continue
            missing = lots = in_kind = 0
            for (_, series), pot in places:
                payment, _ = expiries.per_lot(0, series, price)
                total = expiries.open_interest[0, series]
                missing += total * payment - pot.cash
                in_kind += pot.units * price // WAD
                lots += total
            shortfall, covered = self.shortfall(day)
            wanted = shortfall - covered
            # What was paid in kind is worth at least what it paid for.
            off = max(missing - in_kind - wanted, wanted - missing, 0) if in_kind else abs(missing - wanted)
            self.haircuts.check(off <= lots, off / max(lots, 1), f"expiry {expiry_of(day)} {when}")

    def shortfall(self, day: int) -> tuple[int, int]:
        """What payers of an expiry could not pay, and what of it the backstop has covered; wad."""
        ledger, kept = self._venue.ledger.expiries, self._venue.backstop.reserves.get((0, day))
        unused = kept.amount if kept else 0
        return ledger.shortfalls.get((0, day), 0), ledger.reserves.get((0, day), 0) - unused
