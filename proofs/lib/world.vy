# pragma version 0.4.3
"""
@title What every proof starts from
@license MIT
@notice Settlement in any state, two tokens that record what they are asked to move, and a contract wallet that answers anything.
"""

from peersettle.contracts.interfaces import ISettlement
from . import cheats


interface Token:
    def count() -> uint256: view
    def moves(index: uint256) -> Move: view


interface Wallet:
    def answers(digest: bytes32) -> bytes32: view


struct Move:
    giver: address
    receiver: address
    amount: uint256


HALF_ORDER: constant(uint256) = 57896044618658097711785492504343953926418782139537452191302581570759080747168
MAGIC: constant(bytes32) = 0x1626ba7e00000000000000000000000000000000000000000000000000000000
TOP_BIT: constant(uint256) = 2**255
USED_TRADES: constant(bytes32) = 0x0000000000000000000000000000000000000000000000000000000000000001
NOTICES: constant(bytes32) = 0x0000000000000000000000000000000000000000000000000000000000000002

# Two parties, for proofs in which names do not matter; P stands below Q.
P: constant(address) = 0x00000000000000000000000000000000000000B1
Q: constant(address) = 0x00000000000000000000000000000000000000b2
RELAYER: constant(address) = 0x00000000000000000000000000000000000000C1     # somebody else

SETTLEMENT: immutable(address)
TOKEN_A: immutable(address)     # below TOKEN_B
TOKEN_B: immutable(address)
WALLET: immutable(address)


@deploy
def __init__():
    TOKEN_A = raw_create(cheats._code("Token.sol:Token"))
    TOKEN_B = raw_create(cheats._code("Token.sol:Token"))
    WALLET = raw_create(cheats._code("Wallet.sol:Wallet"))
    # The recorder stands in for Permit2 too.
    SETTLEMENT = raw_create(cheats._code("Settlement.sol:Settlement"), TOKEN_A)
    assert convert(TOKEN_A, uint256) < convert(TOKEN_B, uint256)
    cheats._from_any_state(SETTLEMENT)
    cheats._from_any_state(WALLET)


# Who agreed


@internal
@pure
def _signed(party: address, digest: bytes32, signature: ISettlement.Signature) -> bool:
    """
    @notice Whether the party's key made the signature. All that the prover knows of ecrecover is that it is a function.
    """
    s: uint256 = convert(signature.vs, uint256) & (TOP_BIT - 1)
    v: uint256 = 27 + (convert(signature.vs, uint256) >> 255)
    if party == empty(address) or s > HALF_ORDER:
        return False
    return ecrecover(digest, v, convert(signature.r, uint256), s) == party


@internal
@view
def _agreed(party: address, digest: bytes32, signature: ISettlement.Signature) -> bool:
    """
    @notice Whether the party signed: by its key, or by what its contract answers.
    """
    if party == WALLET:
        if staticcall Wallet(WALLET).answers(digest) == MAGIC:
            return True
    return self._signed(party, digest, signature)


@internal
def _assume_signed(party: address, digest: bytes32, signature: ISettlement.Signature):
    cheats._assume(self._signed(party, digest, signature))


@internal
@pure
def _bytes(signature: ISettlement.Signature) -> Bytes[768]:
    return concat(signature.r, signature.vs)


# What moved


@internal
@view
def _moves(token: address) -> uint256:
    return staticcall Token(token).count()


@internal
@view
def _move(token: address, index: uint256) -> Move:
    return staticcall Token(token).moves(index)


@internal
@view
def _is_only_move(token: address, giver: address, receiver: address, amount: uint256) -> bool:
    move: Move = staticcall Token(token).moves(0)
    return staticcall Token(token).count() == 1 and move.giver == giver and move.receiver == receiver and move.amount == amount


# What counts as used


@internal
@view
def _used_swaps(maker: address, word: uint256) -> uint256:
    return staticcall ISettlement(SETTLEMENT).used_swaps(maker, word)


@internal
@view
def _used_trades(a: address, b: address, word: uint256) -> uint256:
    return staticcall ISettlement(SETTLEMENT).used_trades([a, b], word)


# What lies beneath, where asking Settlement would take too many paths. Slots as in Settlement's storage layout.


@internal
def _trade_word(a: address, b: address, word: uint256) -> uint256:
    return cheats._load(SETTLEMENT, self._slot(self._slot(USED_TRADES, keccak256(abi_encode(a, b))), convert(word, bytes32)))


@internal
def _notice(a: address, b: address, word: uint256, party: address) -> (uint256, uint256):
    """
    @return The mask of the party's notice and when it takes effect.
    """
    slot: bytes32 = self._slot(self._slot(NOTICES, keccak256(abi_encode(a, b))), convert(word, bytes32))
    slot = self._slot(slot, convert(convert(party, uint256), bytes32))
    return cheats._load(SETTLEMENT, slot), cheats._load(SETTLEMENT, convert(convert(slot, uint256) + 1, bytes32))


@internal
@pure
def _slot(mapping: bytes32, key: bytes32) -> bytes32:
    return keccak256(concat(mapping, key))
