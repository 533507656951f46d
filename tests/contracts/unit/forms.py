"""A signature in every form that settles, and in every form that must not."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from tests.contracts.unit.scene import Peer, Scene, peer

from peersettle.trades import Domain, Signature, Swap, Trade, swap_digest, trade_digest
from peersettle.trades.signature import ORDER
from peersettle.types import Hash32, checksummed, keccak

Form = Callable[[Signature], bytes]


def _raw(signature: Signature, v: int, s: int | None = None, r: int | None = None) -> bytes:
    words = (signature.r if r is None else r, signature.s if s is None else s)
    return b"".join(word.to_bytes(32, "big") for word in words) + bytes([v])


GOOD: Final[dict[str, Form]] = {
    "65 bytes, v 27 or 28": Signature.to_bytes,
    "65 bytes, v 0 or 1": lambda s: _raw(s, s.parity),
    "64 bytes, ERC-2098": Signature.to_compact,
}
BAD: Final[dict[str, Form]] = {
    "empty": lambda _: b"",
    "one byte": lambda _: b"\x1b",
    "63 bytes": lambda s: s.to_compact()[:63],
    "66 bytes": lambda s: s.to_bytes() + b"\0",
    "768 bytes": lambda s: s.to_bytes().ljust(768, b"\0"),
    "high s": lambda s: _raw(s, 28 - s.parity, ORDER - s.s),
    "high s, v 0 or 1": lambda s: _raw(s, 1 - s.parity, ORDER - s.s),
    "the other v": lambda s: _raw(s, 28 - s.parity),
    "the other parity in 64 bytes": lambda s: replace(s, parity=1 - s.parity).to_compact(),
    "v 2": lambda s: _raw(s, 2),
    "v 26": lambda s: _raw(s, 26),
    "v 29": lambda s: _raw(s, 29),
    "v 255": lambda s: _raw(s, 255),
    "r zero": lambda s: _raw(s, 27, r=0),
    "s zero": lambda s: _raw(s, 27, s=0),
    "all zero, v 27": lambda s: _raw(s, 27, 0, 0),
    "65 zeros": lambda _: bytes(65),
    "64 zeros": lambda _: bytes(64),
    "r beyond the order": lambda s: _raw(s, 27, r=ORDER + 1),
}
STRANGERS: Final = (
    "another key",
    "another chain",
    "another contract",
    "no chain",
    "a personal message",
    "the struct hash",
)


def by_stranger(scene: Scene, message: Swap | Trade, signer: Peer, how: str) -> Signature:
    """A well-formed signature that is not `signer`'s over this message here."""
    chain_id, settlement = scene.domain.chain_id, scene.domain.settlement
    digest = scene.digest(message)
    if how == "another key":
        return peer("stranger").sign(digest)
    if how == "a personal message":
        return signer.sign(keccak(b"\x19Ethereum Signed Message:\n32" + digest))
    if how == "the struct hash":
        return signer.sign(keccak(digest))
    elsewhere = {
        "another chain": Domain(chain_id + 1, settlement),
        "no chain": Domain(0, settlement),
        "another contract": Domain(chain_id, checksummed(bytes.fromhex(settlement[2:])[::-1])),
    }[how]
    return signer.sign(_digest(elsewhere, message))


def _digest(domain: Domain, message: Swap | Trade) -> Hash32:
    return swap_digest(domain, message) if isinstance(message, Swap) else trade_digest(domain, message)
