"""What `modules/shares.vy` does: the backstop's shares, an ERC-20 of 18 decimals."""

from __future__ import annotations

from dataclasses import dataclass, field

from peersettle.spec.backstop_events import Approval, Event, Transfer
from peersettle.spec.rollback import Kept
from peersettle.spec.snapshots import require
from peersettle.types import UINT256_MAX, ZERO_ADDRESS, Address


@dataclass(eq=False)
class Shares(Kept):
    """Who has them, and who may move them."""

    home: Address
    """The backstop: it holds what is about to leave."""
    log: list[Event]
    total: int = 0
    balances: dict[Address, int] = field(default_factory=dict)
    allowances: dict[tuple[Address, Address], int] = field(default_factory=dict)
    """(owner, spender) → shares; the largest number is without limit"""

    def balance(self, owner: Address) -> int:
        """An owner's."""
        return self.balances.get(owner, 0)

    def approve(self, owner: Address, spender: Address, amount: int) -> None:
        """Somebody may move so many."""
        self.allowances[owner, spender] = amount
        self.log.append(Approval(owner, spender, amount))

    def move(self, owner: Address, receiver: Address, amount: int) -> None:
        """As holders move them.

        Raises:
            Reverted: "receiver": nobody, or the backstop; "shares": the owner has fewer.
        """
        require(receiver not in (ZERO_ADDRESS, self.home), "receiver", receiver=receiver)
        self.shift(owner, receiver, amount)

    def spend(self, caller: Address, owner: Address, amount: int) -> None:
        """Use of what an owner lets the caller move.

        Raises:
            Reverted: "allowance".
        """
        allowed = self.allowances.get((owner, caller), 0)
        if owner == caller:
            return
        require(allowed >= amount, "allowance", allowed=allowed, needs=amount)
        if allowed != UINT256_MAX:
            self.allowances[owner, caller] = allowed - amount

    def shift(self, owner: Address, receiver: Address, amount: int) -> None:
        """To anybody.

        Raises:
            Reverted: "shares".
        """
        self._take(owner, amount)
        self.balances[receiver] = self.balance(receiver) + amount
        self.log.append(Transfer(owner, receiver, amount))

    def mint(self, receiver: Address, amount: int) -> None:
        """New ones.

        Raises:
            Reverted: "receiver".
        """
        require(receiver not in (ZERO_ADDRESS, self.home), "receiver", receiver=receiver)
        self.total += amount
        self.balances[receiver] = self.balance(receiver) + amount
        self.log.append(Transfer(ZERO_ADDRESS, receiver, amount))

    def burn(self, owner: Address, amount: int) -> None:
        """They are no more.

        Raises:
            Reverted: "shares".
        """
        self._take(owner, amount)
        self.total -= amount
        self.log.append(Transfer(owner, ZERO_ADDRESS, amount))

    def _take(self, owner: Address, amount: int) -> None:
        require(self.balance(owner) >= amount, "shares", has=self.balance(owner), needs=amount)
        self.balances[owner] = self.balance(owner) - amount
