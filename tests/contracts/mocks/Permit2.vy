# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Permit2
@license MIT
@notice Stands in for Uniswap's Permit2: same domain, hashes, checks, errors and order. Like it, takes silence from an address without code for a transfer.
"""

from . import recovery

interface ERC1271:
    def isValidSignature(digest: bytes32, signature: Bytes[1024]) -> bytes4: view


struct TokenPermissions:
    token: address
    amount: uint256


struct PermitTransferFrom:
    permitted: TokenPermissions
    nonce: uint256
    deadline: uint256


struct SignatureTransferDetails:
    receiver: address
    amount: uint256


event UnorderedNonceInvalidation:
    owner: indexed(address)
    word: uint256
    mask: uint256


DOMAIN_TYPE: constant(bytes32) = keccak256("EIP712Domain(string name,uint256 chainId,address verifyingContract)")
PERMISSIONS_TYPE: constant(bytes32) = keccak256("TokenPermissions(address token,uint256 amount)")
WITNESS_STUB: constant(
    String[107]
) = "PermitWitnessTransferFrom(TokenPermissions permitted,address spender,uint256 nonce,uint256 deadline,"
MAGIC: constant(bytes4) = 0x1626ba7e

nonceBitmap: public(HashMap[address, HashMap[uint256, uint256]])


@external
@view
def DOMAIN_SEPARATOR() -> bytes32:
    return self._domain_separator()


@external
def invalidateUnorderedNonces(word: uint256, mask: uint256):
    self.nonceBitmap[msg.sender][word] |= mask
    log UnorderedNonceInvalidation(owner=msg.sender, word=word, mask=mask)


@external
def permitWitnessTransferFrom(
    permit: PermitTransferFrom,
    details: SignatureTransferDetails,
    owner: address,
    witness: bytes32,
    witness_type: String[256],
    signature: Bytes[1024],
):
    if block.timestamp > permit.deadline:
        raw_revert(abi_encode(permit.deadline, method_id=method_id("SignatureExpired(uint256)")))
    if details.amount > permit.permitted.amount:
        raw_revert(abi_encode(permit.permitted.amount, method_id=method_id("InvalidAmount(uint256)")))
    self._use_nonce(owner, permit.nonce)
    permissions: bytes32 = keccak256(abi_encode(PERMISSIONS_TYPE, permit.permitted.token, permit.permitted.amount))
    message: bytes32 = keccak256(
        abi_encode(
            keccak256(concat(WITNESS_STUB, witness_type)), permissions, msg.sender, permit.nonce, permit.deadline, witness
        )
    )
    self._check_signature(owner, keccak256(concat(x"1901", self._domain_separator(), message)), signature)
    success: bool = False
    answer: Bytes[32] = b""
    success, answer = raw_call(
        permit.permitted.token,
        abi_encode(
            owner, details.receiver, details.amount, method_id=method_id("transferFrom(address,address,uint256)")
        ),
        max_outsize=32,
        revert_on_failure=False,
    )
    said_yes: bool = len(answer) == 32 and convert(answer, uint256) == 1
    assert success and (said_yes or len(answer) == 0), "TRANSFER_FROM_FAILED"


@internal
@view
def _domain_separator() -> bytes32:
    return keccak256(abi_encode(DOMAIN_TYPE, keccak256("Permit2"), chain.id, self))


@internal
def _use_nonce(owner: address, nonce: uint256):
    used: uint256 = self.nonceBitmap[owner][nonce >> 8]
    bit: uint256 = 1 << (nonce & 255)
    if used & bit != 0:
        raw_revert(method_id("InvalidNonce()"))
    self.nonceBitmap[owner][nonce >> 8] = used | bit


@internal
@view
def _check_signature(owner: address, digest: bytes32, signature: Bytes[1024]):
    """
    @notice An owner with code is asked by ERC-1271 and nothing else, even when a plain key has delegated its code (EIP-7702).
    """
    if owner.is_contract:
        if staticcall ERC1271(owner).isValidSignature(digest, signature) != MAGIC:
            raw_revert(method_id("InvalidContractSignature()"))
        return
    if len(signature) != 64 and len(signature) != 65:
        raw_revert(method_id("InvalidSignatureLength()"))
    signer: address = recovery._recover(digest, signature)
    if signer == empty(address):
        raw_revert(method_id("InvalidSignature()"))
    if signer != owner:
        raw_revert(method_id("InvalidSigner()"))
