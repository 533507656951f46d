"""What `modules/movements.vy` does: every move is zero-sum, of cash, collateral, or lots that have not expired."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from peersettle.spec.accounts import COLLATERAL_UNIT, LOT_LIMIT, Accounts
from peersettle.spec.contract import PositionMove
from peersettle.spec.expiries import Expiries
from peersettle.spec.rollback import Kept
from peersettle.spec.snapshots import expiry_of, require

CASH_UNIT: Final = 10**12
"""A move's unit of cash, wad."""
CASH: Final = 2**42
"""What a move of cash names in the place of a series."""


@dataclass(eq=False)
class Movements(Kept):
    """Moves between the accounts of a Ledger."""

    accounts: Accounts
    expiries: Expiries

    def apply(self, account: int, item: int, amount: int) -> int:
        """Add to one balance of an account. Returns by how much its long side of a series grew.

        Raises:
            Reverted: "amount", "markets", "collateral", "lots", "full".
        """
        market, series = item >> 36, item % 2**36
        if item == CASH:
            self.accounts.pay(account, amount * CASH_UNIT)
            return 0
        self.accounts.enter(account, market)
        if series == 0:
            self.accounts.add_collateral(account, market, amount * COLLATERAL_UNIT)
            return 0
        return self.accounts.add(account, market, series, amount)

    def shift(self, move: PositionMove, now: int) -> None:
        """Move cash, collateral or lots of a series from one account to another.

        Raises:
            Reverted: "series", "matured", "lots", "market", and what `apply` raises.
        """
        market, series = move.series >> 36, move.series % 2**36
        if series != 0:
            require(series & 3 != 3 and (series >> 2) % 2**20 != 0, "series", series=series)
            require(now < expiry_of(series >> 22), "matured", series=series)
            require(move.lots < LOT_LIMIT, "lots", lots=move.lots)
        require(move.series <= CASH, "market", market=market)
        grown = self.apply(move.giver, move.series, -move.lots) + self.apply(move.receiver, move.series, move.lots)
        if grown != 0:
            held = self.expiries.open_interest.get((market, series), 0)
            self.expiries.open_interest[market, series] = held + grown
