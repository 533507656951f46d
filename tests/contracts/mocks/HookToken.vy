# pragma version 0.4.3
# pragma evm-version cancun
"""
@title HookToken
@license MIT
@notice Calls the giver's hook before and the receiver's hook after balances change, as ERC-777 (imBTC).
"""

from . import erc20
from . import signed_approvals

initializes: erc20
initializes: signed_approvals[erc20 := erc20]

exports: (erc20.name, erc20.symbol, erc20.decimals, erc20.totalSupply, erc20.balanceOf, erc20.allowance, erc20.mint, erc20.approve)
exports: (signed_approvals.permit, signed_approvals.nonces, signed_approvals.version, signed_approvals.DOMAIN_SEPARATOR)
exports: (signed_approvals.cancelAuthorization, signed_approvals.authorizationState)


interface Hook:
    def tokens_to_send(operator: address, giver: address, receiver: address, amount: uint256): nonpayable
    def tokens_received(operator: address, giver: address, receiver: address, amount: uint256): nonpayable


hooks: public(HashMap[address, address])


@deploy
def __init__(name: String[32], symbol: String[16], decimals: uint8):
    erc20.__init__(name, symbol, decimals)
    signed_approvals.__init__(name)


@external
def set_hook(account: address, hook: address):
    self.hooks[account] = hook


@external
def transfer(receiver: address, amount: uint256) -> bool:
    self._move(msg.sender, receiver, amount)
    return True


@external
def transferFrom(giver: address, receiver: address, amount: uint256) -> bool:
    erc20._spend(giver, msg.sender, amount)
    self._move(giver, receiver, amount)
    return True


@external
def receiveWithAuthorization(
    giver: address,
    receiver: address,
    amount: uint256,
    valid_after: uint256,
    valid_before: uint256,
    nonce: bytes32,
    v: uint8,
    r: bytes32,
    s: bytes32,
):
    signed_approvals._use_authorization(
        signed_approvals.RECEIVE_TYPE, giver, receiver, amount, valid_after, valid_before, nonce, v, r, s
    )
    self._move(giver, receiver, amount)


@internal
def _move(giver: address, receiver: address, amount: uint256):
    if self.hooks[giver] != empty(address):
        extcall Hook(self.hooks[giver]).tokens_to_send(msg.sender, giver, receiver, amount)
    erc20._move(giver, receiver, amount)
    if self.hooks[receiver] != empty(address):
        extcall Hook(self.hooks[receiver]).tokens_received(msg.sender, giver, receiver, amount)
