"""ECDSA over secp256k1 as Ethereum uses it: low s, recoverable. libsecp256k1 does the work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import coincurve

from peersettle.errors import SignatureError
from peersettle.types import Address, Hash32, checksummed, keccak

ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
HALF_ORDER: Final = ORDER // 2


@dataclass(frozen=True, slots=True)
class Signature:
    """One ECDSA signature; `parity` is 0 or 1 (v - 27)."""

    r: int
    s: int
    parity: int

    @classmethod
    def from_bytes(cls, data: bytes) -> Signature:
        """Read r|vs (64 bytes, ERC-2098) or r|s|v (65 bytes, v one of 0, 1, 27, 28).

        Raises:
            SignatureError: another length or v, zero or out-of-range r or s, or a high s.
        """
        r = int.from_bytes(data[:32], "big")
        if len(data) == 64:
            vs = int.from_bytes(data[32:], "big")
            s, parity = vs & (2**255 - 1), vs >> 255
        elif len(data) == 65:
            s, parity = int.from_bytes(data[32:64], "big"), data[64] - 27 if data[64] >= 27 else data[64]
        else:
            raise SignatureError(f"a signature has 64 or 65 bytes, this one {len(data)}")
        if parity not in (0, 1):
            raise SignatureError(f"v is {data[64]}; it must be 0, 1, 27 or 28")
        if not 0 < r < ORDER or not 0 < s <= HALF_ORDER:
            raise SignatureError("r or s is out of range, or s is high")
        return cls(r, s, parity)

    @property
    def vs(self) -> int:
        """The parity in the top bit, s below it."""
        return self.parity << 255 | self.s

    def to_bytes(self) -> bytes:
        """r|s|v with v 27 or 28: the form that every wallet reads."""
        return self.r.to_bytes(32, "big") + self.s.to_bytes(32, "big") + bytes([27 + self.parity])

    def to_compact(self) -> bytes:
        """r|vs, 64 bytes (ERC-2098): the cheapest form in calldata."""
        return self.r.to_bytes(32, "big") + self.vs.to_bytes(32, "big")

    def to_abi(self) -> tuple[bytes, bytes]:
        """The contract's `Signature` struct."""
        return self.r.to_bytes(32, "big"), self.vs.to_bytes(32, "big")


def sign_digest(key: coincurve.PrivateKey, digest: Hash32) -> Signature:
    """Sign a 32-byte digest; deterministic (RFC 6979), low s."""
    data = key.sign_recoverable(digest, hasher=None)
    return Signature(int.from_bytes(data[:32], "big"), int.from_bytes(data[32:64], "big"), data[64])


def recover(digest: Hash32, signature: Signature) -> Address:
    """The address whose key made `signature` over `digest`.

    Raises:
        SignatureError: no key can have made it.
    """
    data = signature.r.to_bytes(32, "big") + signature.s.to_bytes(32, "big") + bytes([signature.parity])
    try:
        public = coincurve.PublicKey.from_signature_and_message(data, digest, hasher=None)
    except Exception as error:
        raise SignatureError("no key can have made this signature") from error
    return checksummed(keccak(public.format(compressed=False)[1:])[-20:])
