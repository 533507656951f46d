# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Wallet
@license MIT
@notice A contract wallet of one owner, as Safe or Argent: signs by ERC-1271 with the owner's 64- or 65-byte signature.
"""

from . import recovery

MAGIC: constant(bytes4) = 0x1626ba7e
INVALID: constant(bytes4) = 0xffffffff

OWNER: immutable(address)


@deploy
def __init__(owner: address):
    OWNER = owner


@external
@view
def owner() -> address:
    return OWNER


@external
@view
def isValidSignature(digest: bytes32, signature: Bytes[1024]) -> bytes4:
    if recovery._recover(digest, signature) == OWNER:
        return MAGIC
    return INVALID


@external
@payable
def execute(target: address, data: Bytes[8192], amount: uint256 = 0):
    assert msg.sender == OWNER, "owner"
    raw_call(target, data, value=amount)


@external
def onERC1155Received(operator: address, giver: address, id: uint256, amount: uint256, data: Bytes[1024]) -> bytes4:
    return 0xf23a6e61


@external
@payable
def __default__():
    pass
