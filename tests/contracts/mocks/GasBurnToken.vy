# pragma version 0.4.3
# pragma evm-version cancun
"""
@title GasBurnToken
@license MIT
@notice Uses up all the gas that it is given, in transfers while armed, and always in permit and every other unknown call.
"""

from . import erc20

initializes: erc20

exports: (erc20.name, erc20.symbol, erc20.decimals, erc20.totalSupply, erc20.balanceOf, erc20.allowance, erc20.mint, erc20.approve)

armed: public(bool)


@deploy
def __init__(name: String[32], symbol: String[16], decimals: uint8):
    erc20.__init__(name, symbol, decimals)
    self.armed = True


@external
def set_armed(armed: bool):
    self.armed = armed


@external
def transfer(receiver: address, amount: uint256) -> bool:
    assert not self.armed, UNREACHABLE
    erc20._move(msg.sender, receiver, amount)
    return True


@external
def transferFrom(giver: address, receiver: address, amount: uint256) -> bool:
    assert not self.armed, UNREACHABLE
    erc20._spend(giver, msg.sender, amount)
    erc20._move(giver, receiver, amount)
    return True


@external
def __default__():
    raise UNREACHABLE
