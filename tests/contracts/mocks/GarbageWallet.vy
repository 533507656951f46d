# pragma version 0.4.3
# pragma evm-version cancun
"""
@title GarbageWallet
@license MIT
@notice Answers isValidSignature, whatever was signed, in a way that careless callers take for yes, or choke on.
"""

MAX_SIZE: constant(uint256) = 131_072
MAGIC: constant(bytes32) = 0x1626ba7e00000000000000000000000000000000000000000000000000000000
WRONG: constant(bytes32) = 0xffffffff00000000000000000000000000000000000000000000000000000000
DIRTY: constant(bytes32) = 0x1626ba7e00000000000000000000000000000000000000000000000000000001

# The test helper's `GarbageMode` has the same values.
VALID: constant(uint256) = 0
WRONG_MAGIC: constant(uint256) = 1
DIRTY_MAGIC: constant(uint256) = 2
NOTHING: constant(uint256) = 3
SIXTY_FOUR_BYTES: constant(uint256) = 4     # the magic word and an empty one
REVERT: constant(uint256) = 5
HUGE: constant(uint256) = 6                 # the magic word and 100 kB
BURN_GAS: constant(uint256) = 7
ONE: constant(uint256) = 8                  # true, as an early draft of ERC-1271 had it

mode: public(uint256)


@deploy
def __init__(mode: uint256):
    self.mode = mode


@external
def set_mode(mode: uint256):
    self.mode = mode


@external
@view
@raw_return
def isValidSignature(digest: bytes32, signature: Bytes[1024]) -> Bytes[MAX_SIZE]:
    mode: uint256 = self.mode
    if mode == VALID:
        return abi_encode(MAGIC)
    if mode == WRONG_MAGIC:
        return abi_encode(WRONG)
    if mode == DIRTY_MAGIC:
        return abi_encode(DIRTY)
    if mode == NOTHING:
        return b""
    if mode == SIXTY_FOUR_BYTES:
        return abi_encode(MAGIC, empty(bytes32))
    if mode == HUGE:
        return slice(abi_encode(MAGIC, empty(bytes32[MAX_SIZE // 32 - 1])), 0, 100_000)
    if mode == ONE:
        return abi_encode(convert(1, uint256))
    assert mode != BURN_GAS, UNREACHABLE
    raise "garbage"


@external
@payable
def execute(target: address, data: Bytes[8192], amount: uint256 = 0):
    raw_call(target, data, value=amount)


@external
def onERC1155Received(operator: address, giver: address, id: uint256, amount: uint256, data: Bytes[1024]) -> bytes4:
    return 0xf23a6e61


@external
@payable
def __default__():
    pass
