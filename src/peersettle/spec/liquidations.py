"""What `modules/liquidations.vy` does: what changes hands when an account is sold, for the Auction and the backstop.

They decide who is sold and at what price. Nothing here moves a token, and everything is zero-sum: what a bidder gets
the victim had, what a victim is paid the bidder had.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum

from peersettle.spec.accounts import Accounts
from peersettle.spec.contract import PositionMove
from peersettle.spec.expiries import Expiries
from peersettle.spec.gates import Gates, Health
from peersettle.spec.movements import Movements
from peersettle.spec.rollback import Kept
from peersettle.spec.snapshots import require
from peersettle.types import Address


class Happened(IntEnum):
    """What an account did in this transaction."""

    TRADED = 1
    SOLD = 2


@dataclass(eq=False)
class Liquidations(Kept):
    """Of a Ledger; its `Ledger.shift` and the others are these."""

    auction: Address
    accounts: Accounts
    expiries: Expiries
    gates: Gates
    movements: Movements
    happened: dict[int, Happened] = field(default_factory=dict)
    """By account; a transaction begins without any."""

    def shift(self, caller: Address, victim: int, moves: Sequence[PositionMove], now: int) -> None:
        """As `Ledger.shift`."""
        self.begin(caller, victim, now)
        for move in moves:
            self.movements.shift(move, now)

    def swap(self, caller: Address, victim: int, bidder: int, now: int) -> None:
        """As `Ledger.swap`."""
        self.begin(caller, victim, now)
        heads = self.accounts.heads
        sold, spare = self.accounts.head(victim), self.accounts.head(bidder)
        require(not spare.markets and not spare.run_off, "markets", markets=spare.markets)
        require(min(spare.cash, spare.cash + sold.cash) >= 0, "cash", has=spare.cash, gets=sold.cash)
        heads[victim], heads[bidder] = replace(spare, cash=0), replace(sold, cash=0)
        self.accounts.pay(bidder, spare.cash + sold.cash)
        if sold.cash < 0:
            # The loan is the victim's until it is repaid: now, by the bidder.
            self.accounts.pay(victim, sold.cash)
            self.expiries.credit(victim, -sold.cash, now)

    def recount(self, caller: Address, account: int, now: int) -> Health:
        """As `Ledger.recount`."""
        require(caller == self.auction, "auction", caller=caller)
        self.gates.sweep(account, self.accounts.head(account).markets)
        return self.gates.evaluate(account, now, self.accounts.head(account).markets)

    def bar(self, caller: Address, account: int) -> None:
        """As `Ledger.bar`."""
        require(caller == self.auction, "auction", caller=caller)
        head = self.accounts.head(account)
        self.accounts.heads[account] = replace(head, run_off=not head.run_off)

    def pay(self, caller: Address, giver: int, receiver: int, amount: int, now: int) -> None:
        """As `Ledger.pay`."""
        is_auction = caller == self.auction
        require(is_auction or int(caller, 16) << 96 == self.expiries.backstop.account, "auction", caller=caller)
        self.accounts.pay(giver, -amount)
        require(self.accounts.cash(giver) >= 0, "cash", cash=self.accounts.cash(giver))
        self.expiries.credit(receiver, amount, now)
        if not is_auction:
            self.gates.gate(giver, now)

    def begin(self, caller: Address, victim: int, now: int) -> None:
        """An account is sold, and owes its interest up to now.

        Raises:
            Reverted: "auction", "traded".
        """
        require(caller == self.auction, "auction", caller=caller)
        require(self.happened.get(victim) != Happened.TRADED, "traded", account=victim)
        self.happened[victim] = Happened.SOLD
        self.expiries.accrue(victim, now)

    def trade(self, account: int) -> None:
        """Who was sold in this transaction, or is in run-off, does not trade.

        Raises:
            Reverted: "liquidation".
        """
        is_free = self.happened.get(account) != Happened.SOLD and not self.accounts.head(account).run_off
        require(is_free, "liquidation", account=account)
        self.happened[account] = Happened.TRADED
