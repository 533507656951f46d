# pragma version 0.4.3
"""
@title Who signed a digest
@license MIT
@notice ECDSA first (low s, never the zero address), then ERC-1271. In that order a plain key that has delegated
        its code under EIP-7702 goes on signing as before.
"""

HALF_ORDER: constant(uint256) = 57896044618658097711785492504343953926418782139537452191302581570759080747168
S_MASK: constant(uint256) = 2**255 - 1
MAGIC: constant(bytes32) = 0x1626ba7e00000000000000000000000000000000000000000000000000000000


@internal
@pure
def _recover(digest: bytes32, r: bytes32, vs: bytes32) -> address:
    """
    @notice The address that made a compact (ERC-2098) signature; zero when there is none or s is high.
    """
    s: uint256 = convert(vs, uint256) & S_MASK
    if s > HALF_ORDER:
        return empty(address)
    return ecrecover(digest, unsafe_add(convert(vs, uint256) >> 255, 27), convert(r, uint256), s)


@internal
@view
def _accepts(signer: address, digest: bytes32, signature: Bytes[768]) -> bool:
    """
    @notice ERC-1271: the exact first word or no. A hostile signer can neither revert the caller nor flood its memory.
    """
    if not signer.is_contract:
        return False
    success: bool = False
    answer: Bytes[32] = b""
    success, answer = raw_call(
        signer,
        abi_encode(digest, signature, method_id=method_id("isValidSignature(bytes32,bytes)")),
        max_outsize=32,
        is_static_call=True,
        revert_on_failure=False,
    )
    return success and len(answer) == 32 and convert(answer, bytes32) == MAGIC


@internal
@view
def _signed_compact(signer: address, digest: bytes32, r: bytes32, vs: bytes32) -> bool:
    if signer == empty(address):
        return False
    if self._recover(digest, r, vs) == signer:
        return True
    v: uint256 = unsafe_add(convert(vs, uint256) >> 255, 27)
    s: bytes32 = convert(convert(vs, uint256) & S_MASK, bytes32)
    return self._accepts(signer, digest, concat(r, s, convert(convert(v, uint8), bytes1)))


@internal
@view
def _signed(signer: address, digest: bytes32, signature: Bytes[768]) -> bool:
    """
    @notice Accepts r|vs (64 bytes), r|s|v (65 bytes, v one of 0, 1, 27, 28), or whatever the signer's ERC-1271 accepts.
    """
    if signer == empty(address):
        return False
    size: uint256 = len(signature)
    if size == 64:
        if self._recover(digest, convert(slice(signature, 0, 32), bytes32), convert(slice(signature, 32, 32), bytes32)) == signer:
            return True
    elif size == 65:
        v: uint256 = convert(slice(signature, 64, 1), uint256)
        if v < 2:
            v = unsafe_add(v, 27)
        s: uint256 = convert(slice(signature, 32, 32), uint256)
        if (v == 27 or v == 28) and s <= HALF_ORDER:
            if ecrecover(digest, v, convert(slice(signature, 0, 32), uint256), s) == signer:
                return True
    return self._accepts(signer, digest, signature)
