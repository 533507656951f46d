# pragma version 0.4.3
# pragma evm-version cancun
"""
@title FeeToken
@license MIT
@notice Takes a fee out of what arrives, as PAXG and STA.
"""

from . import erc20
from . import signed_approvals

initializes: erc20
initializes: signed_approvals[erc20 := erc20]

exports: (erc20.name, erc20.symbol, erc20.decimals, erc20.totalSupply, erc20.balanceOf, erc20.allowance, erc20.mint, erc20.approve)
exports: (signed_approvals.permit, signed_approvals.nonces, signed_approvals.version, signed_approvals.DOMAIN_SEPARATOR)
exports: (signed_approvals.cancelAuthorization, signed_approvals.authorizationState)

fee: public(uint256)    # basis points of the amount sent


@deploy
def __init__(name: String[32], symbol: String[16], decimals: uint8):
    erc20.__init__(name, symbol, decimals)
    signed_approvals.__init__(name)


@external
def set_fee(basis_points: uint256):
    assert basis_points <= 10_000, "fee"
    self.fee = basis_points


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
    fee: uint256 = amount * self.fee // 10_000
    erc20._move(giver, receiver, amount - fee)
    erc20._burn(giver, fee)
