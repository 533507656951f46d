# pragma version 0.4.3
# pragma evm-version cancun
"""
@title FalseToken
@license MIT
@notice Answers false where others revert, as the first ERC-20 tokens (BAT, ZRX).
"""

from . import erc20

initializes: erc20

exports: (erc20.name, erc20.symbol, erc20.decimals, erc20.totalSupply, erc20.balanceOf, erc20.allowance, erc20.mint, erc20.approve)

@deploy
def __init__(name: String[32], symbol: String[16], decimals: uint8):
    erc20.__init__(name, symbol, decimals)


@external
def transfer(receiver: address, amount: uint256) -> bool:
    if erc20.balanceOf[msg.sender] < amount:
        return False
    erc20._move(msg.sender, receiver, amount)
    return True


@external
def transferFrom(giver: address, receiver: address, amount: uint256) -> bool:
    if erc20.balanceOf[giver] < amount or erc20.allowance[giver][msg.sender] < amount:
        return False
    erc20._spend(giver, msg.sender, amount)
    erc20._move(giver, receiver, amount)
    return True
