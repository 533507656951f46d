# pragma version 0.4.3
# pragma evm-version cancun
"""
@title PhantomToken
@license MIT
@notice Its fallback swallows every unknown call, so that permit and receiveWithAuthorization succeed and do nothing, as WETH9.
"""

from . import erc20

initializes: erc20

exports: (erc20.name, erc20.symbol, erc20.decimals, erc20.totalSupply, erc20.balanceOf, erc20.allowance, erc20.mint, erc20.approve)

@deploy
def __init__(name: String[32], symbol: String[16], decimals: uint8):
    erc20.__init__(name, symbol, decimals)

@external
def transfer(receiver: address, amount: uint256) -> bool:
    erc20._move(msg.sender, receiver, amount)
    return True


@external
def transferFrom(giver: address, receiver: address, amount: uint256) -> bool:
    erc20._spend(giver, msg.sender, amount)
    erc20._move(giver, receiver, amount)
    return True


@external
@payable
def deposit():
    erc20._mint(msg.sender, msg.value)


@external
def withdraw(amount: uint256):
    erc20._burn(msg.sender, amount)
    send(msg.sender, amount)


@external
@payable
def __default__():
    erc20._mint(msg.sender, msg.value)
