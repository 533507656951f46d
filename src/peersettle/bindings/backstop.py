"""Backstop: the pool of those who bear what accounts cannot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from peersettle.bindings.contract import Contract
from peersettle.chain.calls import Call
from peersettle.types import Account, Address

if TYPE_CHECKING:
    from peersettle.chain.client import BlockId


@dataclass(frozen=True, slots=True)
class Leaving:
    """Shares that somebody has asked to leave with, and from when on, in Unix seconds."""

    shares: int
    ready_at: int


@dataclass(frozen=True, slots=True)
class Loan:
    """What an account owes (wad), and since when interest has not been added."""

    owed: int
    since: int


class Backstop(Contract):
    """The Backstop contract of one deployment, or at one address. Shares have 18 decimals, assets are in units of the
    settlement currency's token. Methods that build a `Call` make no request."""

    name = "Backstop"
    field = "backstop"

    @property
    def account(self) -> Account:
        """Its own account in the Ledger, whose cash is what is idle."""
        return Account(self.address)

    def inventory_account(self, slot: int) -> Account:
        """One that it has taken over."""
        return Account(self.address, slot)

    # Reading

    def capital(self, at: BlockId = "latest") -> int:
        """What is idle and not reserved, wad."""
        return int(self._view("capital", at=at)[0])

    def room(self, at: BlockId = "latest") -> int:
        """Cash that it may put behind one more account that it takes over, wad."""
        return int(self._view("room", at=at)[0])

    def valuations(self, at: BlockId = "latest") -> tuple[int, int]:
        """What the pool is worth at least and at most, wad.

        Raises:
            StaleEpoch, StaleArray: something that it has taken over must be refreshed first.
        """
        low, high = self._view("valuations", at=at)
        return int(low), int(high)

    def inventory(self, at: BlockId = "latest") -> tuple[int, ...]:
        """The sub-accounts that hold what it has taken over."""
        held = int(self._view("inventory", at=at)[0])
        return tuple(slot for slot in range(1, 9) if held >> slot & 1)

    def reserved(self, at: BlockId = "latest") -> int:
        """What is kept for shortfalls of all expiries, wad."""
        return int(self._view("reserved", at=at)[0])

    def lent(self, at: BlockId = "latest") -> int:
        """What all accounts owe, wad."""
        return int(self._view("lent", at=at)[0])

    def loan(self, account: Account, at: BlockId = "latest") -> Loan:
        """What one account owes."""
        return Loan(*self._view("loan", account.id, at=at))

    def shares(self, owner: Address, at: BlockId = "latest") -> int:
        """Shares of an owner, without those that it has asked to leave with."""
        return int(self._view("balanceOf", owner, at=at)[0])

    def total_shares(self, at: BlockId = "latest") -> int:
        """All shares."""
        return int(self._view("totalSupply", at=at)[0])

    def leaving(self, owner: Address, at: BlockId = "latest") -> Leaving:
        """What an owner has asked for."""
        return Leaving(*self._view("requests", owner, at=at)[0])

    def value_of(self, shares: int, at: BlockId = "latest") -> int:
        """What shares would get now, in token units, rounded down."""
        return int(self._view("convertToAssets", shares, at=at)[0])

    def most_to_redeem(self, owner: Address, at: BlockId = "latest") -> int:
        """Shares that an owner may leave with now."""
        return int(self._view("maxRedeem", owner, at=at)[0])

    # Coming and leaving

    def deposit(self, assets: int, receiver: Address) -> Call:
        """Bring cash from the sender's account in the Ledger (sub-account zero)."""
        return self._call("deposit", assets, receiver, what=f"bring {assets} units to the backstop")

    def request(self, shares: int) -> Call:
        """Ask to leave: in two days, for two days."""
        return self._call("request", shares, what=f"ask to leave the backstop with {shares} shares")

    def stay(self) -> Call:
        """Take what was asked for back."""
        return self._call("stay", what="stay in the backstop")

    def redeem(self, shares: int, receiver: Address, owner: Address) -> Call:
        """Leave; cash goes to the receiver's account in the Ledger."""
        return self._call("redeem", shares, receiver, owner, what=f"leave the backstop with {shares} shares")

    # Anybody's calls

    def collect(self, slot: int) -> Call:
        """Close an account that was taken over and has been sold."""
        return self._call("collect", slot, what=f"collect the backstop's account {slot}")

    def lapse(self, market: int, day: int) -> Call:
        """Free what was reserved for an expiry and not used."""
        return self._call("lapse", market, day, what=f"free the reserve of day {day} of market {market}")
