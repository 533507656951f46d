# pragma version 0.4.3
# pragma evm-version cancun
"""
@title recovery
@license MIT
@notice The signer of a 65-byte r|s|v or a 64-byte ERC-2098 signature; zero when there is none.
"""

S_MASK: constant(uint256) = 2**255 - 1


@internal
@pure
def _recover(digest: bytes32, signature: Bytes[1024]) -> address:
    if len(signature) != 64 and len(signature) != 65:
        return empty(address)
    r: uint256 = convert(slice(signature, 0, 32), uint256)
    s: uint256 = convert(slice(signature, 32, 32), uint256)
    if len(signature) == 65:
        return ecrecover(digest, convert(slice(signature, 64, 1), uint256), r, s)
    return ecrecover(digest, (s >> 255) + 27, r, s & S_MASK)
