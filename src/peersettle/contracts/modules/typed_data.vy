# pragma version 0.4.3
"""
@title EIP-712 domain and message hashes
@license MIT
@dev Valid on the chain it was deployed on only: after a fork that changes the chain id nothing hashes.
"""

from ..interfaces import ISettlement

DOMAIN_TYPEHASH: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
SWAP_TYPEHASH: constant(bytes32) = keccak256(
    "Swap(address maker,address taker,address makerToken,uint256 makerAmount,address takerToken,uint256 takerAmount,uint256 nonce,uint256 deadline,bytes32 terms)"
)
LEG_TYPEHASH: constant(bytes32) = keccak256(
    "Leg(address from,address to,uint8 kind,address token,uint256 id,uint256 amount)"
)
TRADE_TYPEHASH: constant(bytes32) = keccak256(
    "Trade(address[] parties,Leg[] legs,uint256 nonceWord,uint256 nonceMask,uint256 validAfter,uint256 deadline,address submitter,bytes32 terms)Leg(address from,address to,uint8 kind,address token,uint256 id,uint256 amount)"
)
NAME: constant(String[10]) = "PeerSettle"
VERSION: constant(String[1]) = "1"

DOMAIN_SEPARATOR: immutable(bytes32)
CHAIN_ID: immutable(uint256)


@deploy
def __init__():
    CHAIN_ID = chain.id
    DOMAIN_SEPARATOR = keccak256(abi_encode(DOMAIN_TYPEHASH, keccak256(NAME), keccak256(VERSION), chain.id, self))


@external
@view
def eip712Domain() -> (bytes1, String[10], String[1], uint256, address, bytes32, DynArray[uint256, 1]):
    """
    @notice ERC-5267: how to rebuild the domain of everything that is signed here.
    """
    return 0x0f, NAME, VERSION, CHAIN_ID, self, empty(bytes32), []


@internal
@view
def _digest(struct_hash: bytes32) -> bytes32:
    assert chain.id == CHAIN_ID, "chain"
    return keccak256(concat(b"\x19\x01", DOMAIN_SEPARATOR, struct_hash))


@internal
@view
def _hash_swap(swap: ISettlement.Swap) -> bytes32:
    return self._digest(keccak256(abi_encode(SWAP_TYPEHASH, swap)))


@internal
@pure
def _scope(parties: DynArray[address, 8]) -> bytes32:
    """
    @notice The set of parties as one word, keccak of the padded addresses: EIP-712's hash of `parties` and the key of their nonces.
    """
    packed: Bytes[320] = abi_encode(parties, ensure_tuple=False)
    return keccak256(slice(packed, 32, 32 * len(parties)))


@internal
@view
def _hash_trade(trade: ISettlement.Trade, scope: bytes32) -> bytes32:
    hashes: bytes32[16] = empty(bytes32[16])
    index: uint256 = 0
    for leg: ISettlement.Leg in trade.legs:
        hashes[index] = keccak256(abi_encode(LEG_TYPEHASH, leg))
        index = unsafe_add(index, 1)
    legs: bytes32 = keccak256(slice(abi_encode(hashes), 0, 32 * index))
    return self._digest(
        keccak256(
            abi_encode(
                TRADE_TYPEHASH,
                scope,
                legs,
                trade.nonce_word,
                trade.nonce_mask,
                trade.valid_after,
                trade.deadline,
                trade.submitter,
                trade.terms,
            )
        )
    )
