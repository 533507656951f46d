"""Which chain addresses a peer speaks for: each has signed so, and the transport proves who the peer is.

A card that is stolen or replayed is worth nothing: it names a peer, and whoever shows it must prove to be that one.
Where the peer listens is not signed by the addresses, so that it may change without a wallet being asked; a wrong
address leads to a peer that cannot prove to be the one sought.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any, Final

from peersettle.errors import InvalidField, ProtocolError, SignatureError
from peersettle.network.transport import Contact
from peersettle.rfq import Codec
from peersettle.signing import Signer, sign_typed
from peersettle.trades import Domain, Signature, recover
from peersettle.types import Address, Hash32, address, keccak, uint

NAME: Final = "PeerSettle peer"
VERSION: Final = "1"
DOMAIN_TYPE: Final = "EIP712Domain(string name,string version,uint256 chainId)"
SPEAKER_TYPE: Final = "Speaker(address account,string peer,uint64 issuedAt,uint64 expiresAt)"

MAX_ACCOUNTS: Final = 16
MAX_LISTENS: Final = 8
LIFE: Final = 24 * 3600
"""Seconds that a card holds for."""
MAX_LIFE: Final = 90 * 24 * 3600
EARLY: Final = 60
"""Seconds that a card may be from the future, since clocks differ."""

_DOMAIN_TYPEHASH: Final = keccak(DOMAIN_TYPE.encode())
_SPEAKER_TYPEHASH: Final = keccak(SPEAKER_TYPE.encode())
_PEER: Final = re.compile("[0-9A-Za-z_-]{1,100}")
_LISTEN: Final = re.compile("/[!-~]{1,199}")


@dataclass(frozen=True, slots=True)
class Claim:
    """A chain address, and its signature that the card's peer speaks for it."""

    account: Address
    signature: bytes

    def __post_init__(self) -> None:
        object.__setattr__(self, "account", address(self.account, "account"))
        if len(self.signature) != 65:
            raise InvalidField("signature", f"{len(self.signature)} bytes", "give 65 bytes")


@dataclass(frozen=True, slots=True)
class Card:
    """Who a peer is, on one chain. Times are Unix seconds.

    Raises:
        InvalidField: a field is malformed. Signatures are not checked: `verify` does.
    """

    peer: str
    chain_id: int
    listens: tuple[str, ...]
    issued_at: int
    expires_at: int
    claims: tuple[Claim, ...]

    def __post_init__(self) -> None:
        if _PEER.fullmatch(self.peer) is None:
            raise InvalidField("peer", self.peer[:120], "a peer's identity is 1 to 100 letters, digits, - and _")
        uint(self.chain_id, "chain_id", 64)
        uint(self.issued_at, "issued_at", 64)
        if not 0 < uint(self.expires_at, "expires_at", 64) - self.issued_at <= MAX_LIFE:
            raise InvalidField("expires_at", self.expires_at, f"after issued_at, by at most {MAX_LIFE} s")
        if len(self.listens) > MAX_LISTENS or not all(map(_LISTEN.fullmatch, self.listens)):
            raise InvalidField("listens", self.listens, f"at most {MAX_LISTENS} multiaddresses")
        if not 1 <= len(self.claims) <= MAX_ACCOUNTS or len(set(self.accounts)) != len(self.claims):
            raise InvalidField("claims", len(self.claims), f"1 to {MAX_ACCOUNTS} different addresses")

    @property
    def accounts(self) -> tuple[Address, ...]:
        """The chain addresses that it speaks for."""
        return tuple(claim.account for claim in self.claims)

    @property
    def contact(self) -> Contact:
        """How to reach it."""
        return Contact(self.peer, self.listens)

    def speaks_for(self, account: Address) -> bool:
        """Whether a message of this peer may name this address."""
        return account in self.accounts

    def verify(self, peer: str, chain_id: int, now: float) -> None:
        """Check that it is this peer's, for this chain and time, and that every address has signed.

        Raises:
            ProtocolError: it is not.
        """
        if self.peer != peer:
            raise ProtocolError(f"{peer} shows the card of {self.peer}", peer=peer)
        if self.chain_id != chain_id:
            raise ProtocolError(f"the card is for chain {self.chain_id}, we are on {chain_id}", peer=peer)
        if not self.issued_at - EARLY <= now < self.expires_at:
            raise ProtocolError(
                f"the card holds from {self.issued_at} to {self.expires_at}; our clock says {now:.0f}", peer=peer
            )
        for claim in self.claims:
            _check(claim, speaker_digest(self, claim.account))

    def to_json(self) -> dict[str, Any]:
        """JSON-ready."""
        return _CODEC.encode(self)

    @classmethod
    def from_json(cls, data: object) -> Card:
        """From parsed JSON.

        Raises:
            InvalidDocument: it is none.
        """
        card = _CODEC.decode(data)
        assert isinstance(card, Card)
        return card


_CODEC: Final = Codec.of(Card)


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom we speak for, and where signatures count. `life` is how many seconds our cards hold.

    Raises:
        InvalidField: no signer, or too many.
    """

    domain: Domain
    signers: tuple[Signer, ...]
    life: int = LIFE

    def __post_init__(self) -> None:
        if not 1 <= len(self.signers) <= MAX_ACCOUNTS:
            raise InvalidField("signers", len(self.signers), f"1 to {MAX_ACCOUNTS}")

    @property
    def topic(self) -> str:
        """Where everybody who settles by the same contract listens."""
        return f"peersettle/1/{self.domain.chain_id}/{self.domain.settlement.lower()}"

    def card(self, contact: Contact, now: float) -> Card:
        """A fresh card, signed by every address.

        Raises:
            SignerError: a signer refused.
        """
        issued_at = int(now)
        unsigned = Card(
            contact.peer,
            self.domain.chain_id,
            contact.addresses[:MAX_LISTENS],
            issued_at,
            issued_at + self.life,
            tuple(Claim(signer.address, bytes(65)) for signer in self.signers),
        )
        return replace(unsigned, claims=tuple(_claims(unsigned, self.signers)))


def speaker_digest(card: Card, account: Address) -> Hash32:
    """What an address signs so that the card's peer speaks for it. Source: EIP-712."""
    separator = keccak(
        _DOMAIN_TYPEHASH + keccak(NAME.encode()) + keccak(VERSION.encode()) + card.chain_id.to_bytes(32, "big")
    )
    message = keccak(
        _SPEAKER_TYPEHASH
        + bytes(12)
        + bytes.fromhex(account[2:])
        + keccak(card.peer.encode())
        + card.issued_at.to_bytes(32, "big")
        + card.expires_at.to_bytes(32, "big")
    )
    return keccak(b"\x19\x01" + separator + message)


def speaker_typed_data(card: Card, account: Address) -> dict[str, Any]:
    """The same in the form of `eth_signTypedData_v4`: what a wallet shows. JSON-ready."""
    return {
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"},
                {"name": "version", "type": "string"},
                {"name": "chainId", "type": "uint256"},
            ],
            "Speaker": [
                {"name": "account", "type": "address"},
                {"name": "peer", "type": "string"},
                {"name": "issuedAt", "type": "uint64"},
                {"name": "expiresAt", "type": "uint64"},
            ],
        },
        "primaryType": "Speaker",
        "domain": {"name": NAME, "version": VERSION, "chainId": card.chain_id},
        "message": {
            "account": account,
            "peer": card.peer,
            "issuedAt": str(card.issued_at),
            "expiresAt": str(card.expires_at),
        },
    }


def _claims(card: Card, signers: Iterable[Signer]) -> Iterable[Claim]:
    for signer in signers:
        account = signer.address
        shown = partial(speaker_typed_data, card, account)
        yield Claim(account, sign_typed(signer, speaker_digest(card, account), shown))


@lru_cache(maxsize=4_096)  # cards come again with every announcement
def _signed_by(digest: Hash32, signature: bytes) -> Address | None:
    try:
        return recover(digest, Signature.from_bytes(signature))
    except SignatureError:
        return None


def _check(claim: Claim, digest: Hash32) -> None:
    signed_by = _signed_by(digest, claim.signature)
    if signed_by != claim.account:
        raise ProtocolError(
            f"{claim.account} has not signed that this peer speaks for it: the signature is {signed_by or 'no one'}'s",
            account=claim.account,
        )
