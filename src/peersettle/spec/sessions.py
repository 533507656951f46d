"""What `modules/sessions.vy` does: another key acts for an account, for a while and within limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from peersettle.spec.rollback import Kept
from peersettle.spec.snapshots import require
from peersettle.types import Address, keccak

SESSION: Final = 2**95
"""The bit of a sub-account that names a grant."""
TRADE: Final = 1
WITHDRAW: Final = 2


@dataclass(frozen=True)
class Grant:
    """What a key may do for an account, until when."""

    account: int
    scopes: int = 0
    expires: int = 0


@dataclass(eq=False)
class Sessions(Kept):
    """All grants."""

    grants: dict[int, Grant] = field(default_factory=dict)
    """By the account as the key names it: its own address << 96 | `slot_of` the granting account."""

    def grant(self, account: int, key: Address, scopes: int, expires: int) -> int:
        """Let a key act for an account until a time; zero scopes take the grant back. Returns the sub-account by which
        the key names it.

        Raises:
            Reverted: "scope", "session".
        """
        require(scopes <= TRADE | WITHDRAW and expires < 2**64, "scope", scopes=scopes, expires=expires)
        slot = slot_of(account)
        named = int(key, 16) << 96 | slot
        require(self.grants.get(named, Grant(account)).account == account, "session", key=key)
        self.grants[named] = Grant(account, scopes, expires)
        return slot

    def resolve(self, account: int, scope: int, now: int) -> int:
        """The account meant: itself, or the one that has granted its owner this scope.

        Raises:
            Reverted: "session", "session expired".
        """
        if account & SESSION == 0:
            return account
        granted = self.grants.get(account, Grant(0))
        require(granted.scopes & scope != 0, "session", account=account)
        require(now < granted.expires, "session expired", account=account, expires=granted.expires)
        return granted.account


def slot_of(account: int) -> int:
    """The sub-account by which a session key names an account."""
    return SESSION | int.from_bytes(keccak(account.to_bytes(32, "big")), "big") % SESSION
