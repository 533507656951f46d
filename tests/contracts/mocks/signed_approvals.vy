# pragma version 0.4.3
# pragma evm-version cancun
"""
@title ERC-2612 and ERC-3009 for the mocks that have them
@license MIT
@notice Judges the signatures, as USDC does; how an authorized transfer moves or misbehaves is the token's own affair.
"""

from . import erc20

uses: erc20

HALF_ORDER: constant(uint256) = 57896044618658097711785492504343953926418782139537452191302581570759080747168
DOMAIN_TYPE: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
PERMIT_TYPE: constant(bytes32) = keccak256(
    "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
)
TRANSFER_TYPE: constant(bytes32) = keccak256(
    "TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
)
RECEIVE_TYPE: constant(bytes32) = keccak256(
    "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
)
CANCEL_TYPE: constant(bytes32) = keccak256("CancelAuthorization(address authorizer,bytes32 nonce)")

version: public(constant(String[1])) = "2"
DOMAIN_SEPARATOR: public(immutable(bytes32))

nonces: public(HashMap[address, uint256])
authorizationState: public(HashMap[address, HashMap[bytes32, bool]])


@deploy
def __init__(name: String[32]):
    DOMAIN_SEPARATOR = keccak256(
        abi_encode(DOMAIN_TYPE, keccak256(name), keccak256(version), chain.id, self)
    )


@external
def permit(owner: address, spender: address, amount: uint256, deadline: uint256, v: uint8, r: bytes32, s: bytes32):
    assert block.timestamp <= deadline, "permit is expired"
    nonce: uint256 = self.nonces[owner]
    self.nonces[owner] = nonce + 1
    self._check_signature(owner, keccak256(abi_encode(PERMIT_TYPE, owner, spender, amount, nonce, deadline)), v, r, s)
    erc20._approve(owner, spender, amount)


@external
def cancelAuthorization(authorizer: address, nonce: bytes32, v: uint8, r: bytes32, s: bytes32):
    assert not self.authorizationState[authorizer][nonce], "authorization is used or canceled"
    self._check_signature(authorizer, keccak256(abi_encode(CANCEL_TYPE, authorizer, nonce)), v, r, s)
    self.authorizationState[authorizer][nonce] = True


@internal
def _use_authorization(
    message_type: bytes32,
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
    assert message_type != RECEIVE_TYPE or receiver == msg.sender, "caller must be the payee"
    assert block.timestamp > valid_after, "authorization is not yet valid"
    assert block.timestamp < valid_before, "authorization is expired"
    assert not self.authorizationState[giver][nonce], "authorization is used or canceled"
    message: bytes32 = keccak256(abi_encode(message_type, giver, receiver, amount, valid_after, valid_before, nonce))
    self._check_signature(giver, message, v, r, s)
    self.authorizationState[giver][nonce] = True


@internal
@view
def _check_signature(signer: address, message: bytes32, v: uint8, r: bytes32, s: bytes32):
    assert convert(s, uint256) <= HALF_ORDER, "invalid signature 's' value"
    recovered: address = ecrecover(keccak256(concat(x"1901", DOMAIN_SEPARATOR, message)), v, r, s)
    assert recovered != empty(address) and recovered == signer, "invalid signature"
