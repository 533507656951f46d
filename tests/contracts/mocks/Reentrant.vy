# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Reentrant
@license MIT
@notice Makes a stored call whenever it is called: as a token hook, as an ERC-1155 receiver, or when it gets ETH. As a party, its ERC-1271 accepts everything.
"""

from . import armed

initializes: armed

exports: (armed.arm, armed.fired, armed.last_success, armed.last_answer)


@external
@payable
def execute(target: address, data: Bytes[8192], amount: uint256 = 0):
    raw_call(target, data, value=amount)


@external
@view
def isValidSignature(digest: bytes32, signature: Bytes[1024]) -> bytes4:
    return 0x1626ba7e


@external
def onERC1155Received(operator: address, giver: address, id: uint256, amount: uint256, data: Bytes[1024]) -> bytes4:
    armed._fire()
    return 0xf23a6e61


@external
@payable
def __default__():
    armed._fire()
