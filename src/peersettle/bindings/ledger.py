"""Ledger: margin accounts as the contract keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from peersettle.bindings.contract import Contract
from peersettle.chain.calls import Call
from peersettle.errors import InputError
from peersettle.risk.margin import Book
from peersettle.types import Account, Address, keccak

if TYPE_CHECKING:
    from peersettle.chain.client import BlockId

MAX_EXPIRING: Final = 16
EVERY_MARKET: Final = 2**64 - 1
TRADE_SCOPE: Final = 1
WITHDRAW_SCOPE: Final = 2
_SESSION: Final = 1 << 95


@dataclass(frozen=True, slots=True)
class Head:
    """An account's first word: cash in wad, the id of its books, and the markets that it is in."""

    cash: int
    book_id: int
    markets: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Health:
    """Equity and what margin asks for, wad. `unpriced` is worth that has no usable price now, at its last mark; the
    equity is without it."""

    equity: int
    maintenance: int
    initial: int
    unpriced: int = 0


class Ledger(Contract):
    """The Ledger contract of one deployment, or at one address. Methods that build a `Call` make no request."""

    name = "Ledger"
    field = "ledger"

    # Reading

    def head(self, account: Account, at: BlockId = "latest") -> Head:
        """Cash and markets of an account; zero and none for one that nobody has used."""
        cash, book_id, markets = self._view("head", account.id, at=at)
        return Head(cash, book_id, tuple(market for market in range(64) if markets >> market & 1))

    def book(self, account: Account, market: int, at: BlockId = "latest") -> Book:
        """Collateral and positions of an account in one market; empty for a market that it is not in."""
        return Book.unpack(*self._view("book", account.id, market, at=at))

    def health(self, account: Account, at: BlockId = "latest") -> Health:
        """Equity and margin at the present snapshots.

        Raises:
            StaleEpoch, StaleArray: a series of the account must be refreshed first.
        """
        return Health(*self._view("health", account.id, at=at))

    def open_interest(self, market: int, series: int, at: BlockId = "latest") -> int:
        """Lots held long, as many as are held short."""
        return int(self._view("open_interest", market, series, at=at)[0])

    # Moving out

    def withdraw(self, account: Account, token: Address, amount: int, receiver: Address | None = None) -> Call:
        """Take cash or collateral out, in token units, to the owner or where the owner says."""
        what = f"withdraw {amount} units of {token} from {account}"
        return self._call("withdraw", account.id, token, amount, receiver or account.owner, what=what)

    # Expiry

    def fix(self, market: int, day: int) -> Call:
        """Make the average price before an expiry its fixing; anybody's call."""
        return self._call("fix", market, day, what=f"fix day {day} of market {market}")

    def expire(self, accounts: Sequence[Account], markets: int = EVERY_MARKET) -> Call:
        """Settle what has expired and is fixed in up to 16 accounts; anybody's call.

        `markets` is the set of markets to look at, as bits: the fullest of accounts takes more than one call.

        Raises:
            InputError: no account, or more than 16.
        """
        if not 1 <= len(accounts) <= MAX_EXPIRING:
            raise InputError(f"give 1 to {MAX_EXPIRING} accounts to settle, not {len(accounts)}")
        return self._call(
            "expire", [item.id for item in accounts], markets, what=f"settle what expired in {len(accounts)} accounts"
        )

    # Session keys

    def grant(self, key: Address, account: Account, scopes: int, expires: int) -> Call:
        """Let a key act for one of the sender's accounts until a time in Unix seconds; zero scopes take it back."""
        what = f"grant {key} scopes {scopes} on {account}"
        return self._call("grant", key, account.sub_account, scopes, expires, what=what)


def session_sub_account(account: Account) -> int:
    """The sub-account by which a session key names an account in the legs that it signs."""
    return _SESSION | int.from_bytes(keccak(account.id.to_bytes(32, "big")), "big") & (_SESSION - 1)
