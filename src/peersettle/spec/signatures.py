"""Who signed a digest: ECDSA first, then ERC-1271, so that a key with delegated code signs as before."""

from __future__ import annotations

from peersettle.errors import Reverted
from peersettle.spec.chain import State, ecrecover
from peersettle.trades import Signature
from peersettle.trades.signature import HALF_ORDER
from peersettle.types import ZERO_ADDRESS, Address, Hash32


def has_signed(state: State, signer: Address, digest: Hash32, signature: bytes) -> bool:
    """r|vs (64 bytes) or r|s|v (65; v 0, 1, 27, 28), low s; or whatever the signer's ERC-1271 accepts."""
    if signer == ZERO_ADDRESS:
        return False
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
    v = 0
    if len(signature) == 64:
        v, s = 27 + (s >> 255), s & 2**255 - 1
    elif len(signature) == 65:
        v = signature[64] + 27 if signature[64] < 2 else signature[64]
    if s <= HALF_ORDER and ecrecover(digest, v, r, s) == signer:
        return True
    return accepts(state, signer, digest, signature)


def has_signed_compact(state: State, signer: Address, digest: Hash32, signature: Signature) -> bool:
    """As `has_signed`, for the compact form; a contract wallet is given it as r|s|v."""
    if signer == ZERO_ADDRESS:
        return False
    v = 27 + signature.parity
    if signature.s <= HALF_ORDER and ecrecover(digest, v, signature.r, signature.s) == signer:
        return True
    return accepts(state, signer, digest, signature.to_bytes())


def accepts(state: State, signer: Address, digest: Hash32, signature: bytes) -> bool:
    """ERC-1271. A signer without code, and one that fails or answers anything else, has not signed."""
    if signer not in state.contracts:
        return False
    try:
        return state.contracts[signer].is_valid_signature(digest, signature)
    except Reverted:
        return False
