# pragma version 0.4.3
# pragma optimize gas
# pragma evm-version cancun
"""
@title DemoToken
@license MIT
@notice An ERC-20 with signed approvals (ERC-2612) for a first try and for test networks: anybody can mint any amount,
        so it is worth nothing and must never be taken for money.
@dev How do you stop this? Nobody can, and nobody need: it has no owner, and nothing depends on it.
"""

HALF_ORDER: constant(uint256) = 57896044618658097711785492504343953926418782139537452191302581570759080747168
DOMAIN_TYPEHASH: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
PERMIT_TYPEHASH: constant(bytes32) = keccak256(
    "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
)

version: public(constant(String[1])) = "1"

name: public(immutable(String[32]))
symbol: public(immutable(String[16]))
decimals: public(immutable(uint8))
DOMAIN_SEPARATOR: public(immutable(bytes32))


event Transfer:
    sender: indexed(address)
    receiver: indexed(address)
    amount: uint256


event Approval:
    owner: indexed(address)
    spender: indexed(address)
    amount: uint256


totalSupply: public(uint256)
balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])
nonces: public(HashMap[address, uint256])


@deploy
def __init__(_name: String[32], _symbol: String[16], _decimals: uint8):
    name = _name
    symbol = _symbol
    decimals = _decimals
    DOMAIN_SEPARATOR = keccak256(
        abi_encode(DOMAIN_TYPEHASH, keccak256(_name), keccak256(version), chain.id, self)
    )


@external
def mint(receiver: address, amount: uint256):
    """
    @notice Make tokens from nothing. Anybody may.
    """
    assert receiver != empty(address), "receiver"
    self.totalSupply += amount
    self.balanceOf[receiver] += amount
    log Transfer(sender=empty(address), receiver=receiver, amount=amount)


@external
def transfer(receiver: address, amount: uint256) -> bool:
    self._move(msg.sender, receiver, amount)
    return True


@external
def transferFrom(owner: address, receiver: address, amount: uint256) -> bool:
    """
    @notice Move `amount` of `owner`'s under its allowance; an allowance of 2**256 - 1 is never used up.
    """
    allowed: uint256 = self.allowance[owner][msg.sender]
    if allowed != max_value(uint256):
        assert allowed >= amount, "allowance"
        self.allowance[owner][msg.sender] = unsafe_sub(allowed, amount)
    self._move(owner, receiver, amount)
    return True


@external
def approve(spender: address, amount: uint256) -> bool:
    self._approve(msg.sender, spender, amount)
    return True


@external
def permit(owner: address, spender: address, amount: uint256, deadline: uint256, v: uint8, r: bytes32, s: bytes32):
    """
    @notice ERC-2612: an approval by signature, valid up to and including `deadline`.
    """
    assert block.timestamp <= deadline, "deadline"
    assert convert(s, uint256) <= HALF_ORDER, "permit"
    nonce: uint256 = self.nonces[owner]
    message: bytes32 = keccak256(abi_encode(PERMIT_TYPEHASH, owner, spender, amount, nonce, deadline))
    signer: address = ecrecover(keccak256(concat(b"\x19\x01", DOMAIN_SEPARATOR, message)), v, r, s)
    assert signer != empty(address) and signer == owner, "permit"
    self.nonces[owner] = nonce + 1
    self._approve(owner, spender, amount)


@external
@view
def eip712Domain() -> (bytes1, String[32], String[1], uint256, address, bytes32, DynArray[uint256, 1]):
    """
    @notice ERC-5267: how to rebuild the domain of what is signed here.
    """
    return 0x0f, name, version, chain.id, self, empty(bytes32), []


@internal
def _move(owner: address, receiver: address, amount: uint256):
    assert receiver != empty(address), "receiver"
    held: uint256 = self.balanceOf[owner]
    assert held >= amount, "balance"
    self.balanceOf[owner] = unsafe_sub(held, amount)
    self.balanceOf[receiver] = unsafe_add(self.balanceOf[receiver], amount)
    log Transfer(sender=owner, receiver=receiver, amount=amount)


@internal
def _approve(owner: address, spender: address, amount: uint256):
    self.allowance[owner][spender] = amount
    log Approval(owner=owner, spender=spender, amount=amount)
