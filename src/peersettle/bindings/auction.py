"""Auction: the sale of accounts that have too little margin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from peersettle.bindings.contract import Contract
from peersettle.chain.calls import Call
from peersettle.types import WAD, Account

if TYPE_CHECKING:
    from peersettle.chain.client import BlockId

DURATION: Final = 600
"""Seconds from the beginning to the last price, and from insolvency to the most that the backstop pays."""
LIFE: Final = 1_800
"""Seconds after which an auction has lapsed, and must begin anew."""
ANY_PRICE: Final = 2**255 - 1


@dataclass(frozen=True, slots=True)
class AuctionState:
    """What is going on with an account; all zero when nothing is. Times in Unix seconds, `lowest` in wad."""

    started_at: int
    insolvent_at: int
    lowest: int
    run_off: bool

    def is_live(self, now: int) -> bool:
        """Whether a bid takes part in it, rather than begin a new one."""
        return self.started_at != 0 and (self.run_off or now <= self.started_at + LIFE)


@dataclass(frozen=True, slots=True)
class AuctionQuote:
    """What a bid would get now. All in wad: `most` is the largest fraction on sale, zero when the account has enough
    and `WAD` when all of it may be taken over; `paid` and `fee` are for a unit of maintenance requirement relieved."""

    equity: int
    maintenance: int
    initial: int
    most: int
    paid: int
    fee: int

    def price(self, fraction: int = WAD) -> int:
        """About what a bidder pays for a fraction, wad; below zero, what the backstop pays. Lots are rounded."""
        return (self.equity - self.maintenance * self.paid // WAD) * fraction // WAD


class Auction(Contract):
    """The Auction contract of one deployment, or at one address. Methods that build a `Call` make no request."""

    name = "Auction"
    field = "auction"

    # Reading

    def auction(self, account: Account, at: BlockId = "latest") -> AuctionState:
        """The state of an account's auction."""
        return AuctionState(*self._view("auction", account.id, at=at)[0])

    def quote(self, account: Account, at: BlockId = "latest") -> AuctionQuote:
        """What a bid would get now; where none has begun, as if it began.

        Raises:
            StaleEpoch, StaleArray: a series of the account must be refreshed first.
        """
        return AuctionQuote(*self._view("quote", account.id, at=at)[0])

    # Anybody's calls

    def start(self, account: Account) -> Call:
        """Begin an auction, or note that the account has become insolvent or has come back."""
        return self._call("start", account.id, what=f"start the auction of {account}")

    def end(self, account: Account) -> Call:
        """End the auction of an account that has enough again, or whose time is up."""
        return self._call("end", account.id, what=f"end the auction of {account}")

    def rescue(self, account: Account) -> Call:
        """Have the backstop take over what nobody wants."""
        return self._call("rescue", account.id, what=f"have the backstop take over {account}")

    def run_off(self, account: Account) -> Call:
        """Bar an insolvent account for which the backstop has no room from trading."""
        return self._call("run_off", account.id, what=f"put {account} into run-off")

    # The bidder's calls

    def bid(
        self, account: Account, sub_account: int, most: int = WAD - 1, least: int = 0, limit: int = ANY_PRICE
    ) -> Call:
        """Buy up to a fraction (wad) of an account into one of the sender's, for at most `limit` (wad; below zero, at
        least so much paid)."""
        what = f"bid for {most / WAD:.4f} of {account}"
        return self._call("bid", account.id, sub_account, most, least, limit, what=what)

    def take_over(self, account: Account, sub_account: int, limit: int = ANY_PRICE) -> Call:
        """Buy a whole account into one of the sender's that has nothing but cash."""
        return self._call("take_over", account.id, sub_account, limit, what=f"take over {account}")
