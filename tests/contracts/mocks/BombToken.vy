# pragma version 0.4.3
# pragma evm-version cancun
"""
@title BombToken
@license MIT
@notice Reverts with a payload so large that a caller who copies it runs out of gas (a return bomb).
"""

from . import erc20

initializes: erc20

exports: (erc20.name, erc20.symbol, erc20.decimals, erc20.totalSupply, erc20.balanceOf, erc20.allowance, erc20.mint, erc20.approve)

MAX_SIZE: constant(uint256) = 131_072

size: public(uint256)           # bytes that a transfer reverts with; zero: transfers work
permit_size: public(uint256)    # bytes that `permit` and every other unknown call revert with


@deploy
def __init__(name: String[32], symbol: String[16], decimals: uint8):
    erc20.__init__(name, symbol, decimals)
    self.size = 100_000


@external
def set_size(size: uint256):
    self.size = size


@external
def set_permit_size(size: uint256):
    self.permit_size = size


@external
def transfer(receiver: address, amount: uint256) -> bool:
    if self.size != 0:
        self._explode(self.size)
    erc20._move(msg.sender, receiver, amount)
    return True


@external
def transferFrom(giver: address, receiver: address, amount: uint256) -> bool:
    if self.size != 0:
        self._explode(self.size)
    erc20._spend(giver, msg.sender, amount)
    erc20._move(giver, receiver, amount)
    return True


@external
def __default__():
    self._explode(self.permit_size)


@internal
def _explode(size: uint256):
    payload: Bytes[MAX_SIZE] = slice(abi_encode(empty(uint256[MAX_SIZE // 32])), 0, size)
    raw_revert(payload)
