# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Token
@license MIT
@notice A well-behaved token with signed approvals, as USDC: ERC-20, ERC-2612 and ERC-3009.
"""

from . import erc20
from . import signed_approvals

initializes: erc20
initializes: signed_approvals[erc20 := erc20]

exports: (erc20.name, erc20.symbol, erc20.decimals, erc20.totalSupply, erc20.balanceOf, erc20.allowance, erc20.mint, erc20.approve)
exports: (signed_approvals.permit, signed_approvals.nonces, signed_approvals.version, signed_approvals.DOMAIN_SEPARATOR)
exports: (signed_approvals.cancelAuthorization, signed_approvals.authorizationState)


@deploy
def __init__(name: String[32], symbol: String[16], decimals: uint8):
    erc20.__init__(name, symbol, decimals)
    signed_approvals.__init__(name)


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
def transferWithAuthorization(
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
        signed_approvals.TRANSFER_TYPE, giver, receiver, amount, valid_after, valid_before, nonce, v, r, s
    )
    erc20._move(giver, receiver, amount)


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
    erc20._move(giver, receiver, amount)
