# pragma version 0.4.3
"""
@title What reporters sign: EIP-712 domain and message hashes
@license MIT
@dev Valid on the chain it was deployed on only: after a fork that changes the chain id nothing hashes.
"""

DOMAIN_TYPEHASH: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
REPORT_TYPEHASH: constant(bytes32) = keccak256("Report(bytes32 feed,int256 value,uint64 observedAt)")
BATCH_TYPEHASH: constant(bytes32) = keccak256("Batch(bytes items,uint64 observedAt)")
SURFACE_TYPEHASH: constant(bytes32) = keccak256("Surface(bytes32 feed,uint256[] slices,uint64 observedAt)")
NAME: constant(String[17]) = "PeerSettle Oracle"
VERSION: constant(String[1]) = "1"

DOMAIN_SEPARATOR: immutable(bytes32)
CHAIN_ID: immutable(uint256)


@deploy
def __init__():
    CHAIN_ID = chain.id
    DOMAIN_SEPARATOR = keccak256(abi_encode(DOMAIN_TYPEHASH, keccak256(NAME), keccak256(VERSION), chain.id, self))


@external
@view
def eip712Domain() -> (bytes1, String[17], String[1], uint256, address, bytes32, DynArray[uint256, 1]):
    """
    @notice ERC-5267: how to rebuild the domain of everything that is signed here.
    """
    return 0x0f, NAME, VERSION, CHAIN_ID, self, empty(bytes32), []


@internal
@view
def _digest(struct_hash: bytes32) -> bytes32:
    return keccak256(concat(b"\x19\x01", DOMAIN_SEPARATOR, struct_hash))


@internal
@view
def _hash_batch(items_hash: bytes32, observed_at: uint256) -> bytes32:
    return self._digest(keccak256(abi_encode(BATCH_TYPEHASH, items_hash, observed_at)))


@internal
@view
def _hash_surface(feed: bytes32, observed_at: uint256, slices: DynArray[uint256, 16]) -> bytes32:
    slices_hash: bytes32 = keccak256(slice(abi_encode(slices, ensure_tuple=False), 32, 32 * len(slices)))
    return self._digest(keccak256(abi_encode(SURFACE_TYPEHASH, feed, slices_hash, observed_at)))
