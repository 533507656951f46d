# pragma version 0.4.3
# pragma evm-version cancun
"""
@title The bookkeeping that every ERC-20 mock shares
@license MIT
@notice Balances and allowances; how a transfer answers or misbehaves is the token's own affair.
"""

event Transfer:
    giver: indexed(address)
    receiver: indexed(address)
    amount: uint256


event Approval:
    owner: indexed(address)
    spender: indexed(address)
    amount: uint256


name: public(immutable(String[32]))
symbol: public(immutable(String[16]))
decimals: public(immutable(uint8))

balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])
totalSupply: public(uint256)


@deploy
def __init__(_name: String[32], _symbol: String[16], _decimals: uint8):
    name = _name
    symbol = _symbol
    decimals = _decimals


@external
def mint(receiver: address, amount: uint256):
    self._mint(receiver, amount)


@external
def approve(spender: address, amount: uint256) -> bool:
    self._approve(msg.sender, spender, amount)
    return True


@internal
def _mint(receiver: address, amount: uint256):
    self.balanceOf[receiver] += amount
    self.totalSupply += amount
    log Transfer(giver=empty(address), receiver=receiver, amount=amount)


@internal
def _burn(giver: address, amount: uint256):
    assert self.balanceOf[giver] >= amount, "ERC20: burn amount exceeds balance"
    self.balanceOf[giver] -= amount
    self.totalSupply -= amount
    log Transfer(giver=giver, receiver=empty(address), amount=amount)


@internal
def _approve(owner: address, spender: address, amount: uint256):
    self.allowance[owner][spender] = amount
    log Approval(owner=owner, spender=spender, amount=amount)


@internal
def _spend(owner: address, spender: address, amount: uint256):
    allowed: uint256 = self.allowance[owner][spender]
    if allowed != max_value(uint256):
        assert allowed >= amount, "ERC20: transfer amount exceeds allowance"
        self.allowance[owner][spender] = allowed - amount


@internal
def _move(giver: address, receiver: address, amount: uint256):
    assert receiver != empty(address), "ERC20: transfer to the zero address"
    assert self.balanceOf[giver] >= amount, "ERC20: transfer amount exceeds balance"
    self.balanceOf[giver] -= amount
    self.balanceOf[receiver] += amount
    log Transfer(giver=giver, receiver=receiver, amount=amount)
