# pragma version 0.4.3
# pragma evm-version cancun
"""
@title SilentToken
@license MIT
@notice Returns nothing from transfer, transferFrom and approve, as USDT.
"""

from . import erc20

initializes: erc20

exports: (erc20.name, erc20.symbol, erc20.decimals, erc20.totalSupply, erc20.balanceOf, erc20.allowance, erc20.mint)

@deploy
def __init__(name: String[32], symbol: String[16], decimals: uint8):
    erc20.__init__(name, symbol, decimals)


@external
def transfer(receiver: address, amount: uint256):
    erc20._move(msg.sender, receiver, amount)


@external
def transferFrom(giver: address, receiver: address, amount: uint256):
    erc20._spend(giver, msg.sender, amount)
    erc20._move(giver, receiver, amount)


@external
def approve(spender: address, amount: uint256):
    erc20._approve(msg.sender, spender, amount)
