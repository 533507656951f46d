# pragma version 0.4.3
# pragma evm-version cancun
"""
@title MultisigWallet
@license MIT
@notice A contract wallet of two owners: valid only with both 65-byte signatures, in the owners' order (130 bytes). Either may execute.
"""

from . import recovery

MAGIC: constant(bytes4) = 0x1626ba7e
INVALID: constant(bytes4) = 0xffffffff

OWNERS: immutable(address[2])


@deploy
def __init__(first: address, second: address):
    OWNERS = [first, second]


@external
@view
def owners() -> address[2]:
    return OWNERS


@external
@view
def isValidSignature(digest: bytes32, signature: Bytes[1024]) -> bytes4:
    if len(signature) != 130:
        return INVALID
    if recovery._recover(digest, slice(signature, 0, 65)) != OWNERS[0]:
        return INVALID
    if recovery._recover(digest, slice(signature, 65, 65)) != OWNERS[1]:
        return INVALID
    return MAGIC


@external
@payable
def execute(target: address, data: Bytes[8192], amount: uint256 = 0):
    assert msg.sender in OWNERS, "owner"
    raw_call(target, data, value=amount)


@external
def onERC1155Received(operator: address, giver: address, id: uint256, amount: uint256, data: Bytes[1024]) -> bytes4:
    return 0xf23a6e61


@external
@payable
def __default__():
    pass
