# pragma version 0.4.3
"""
@title Shares: an ERC-20 of 18 decimals
@license MIT
"""

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


@external
@pure
def decimals() -> uint8:
    return 18


@external
def transfer(receiver: address, amount: uint256) -> bool:
    self._move(msg.sender, receiver, amount)
    return True


@external
def transferFrom(owner: address, receiver: address, amount: uint256) -> bool:
    self._spend(owner, amount)
    self._move(owner, receiver, amount)
    return True


@external
def approve(spender: address, amount: uint256) -> bool:
    self.allowance[msg.sender][spender] = amount
    log Approval(owner=msg.sender, spender=spender, amount=amount)
    return True


@internal
def _spend(owner: address, amount: uint256):
    """
    @notice Of what an owner lets the caller use; the largest number is without limit.
    """
    if owner != msg.sender:
        allowed: uint256 = self.allowance[owner][msg.sender]
        assert allowed >= amount, "allowance"
        if allowed != max_value(uint256):
            self.allowance[owner][msg.sender] = allowed - amount


@internal
def _move(owner: address, receiver: address, amount: uint256):
    assert receiver != empty(address) and receiver != self, "receiver"
    self._shift(owner, receiver, amount)


@internal
def _shift(owner: address, receiver: address, amount: uint256):
    assert self.balanceOf[owner] >= amount, "shares"
    self.balanceOf[owner] -= amount
    self.balanceOf[receiver] += amount
    log Transfer(sender=owner, receiver=receiver, amount=amount)


@internal
def _mint(receiver: address, amount: uint256):
    assert receiver != empty(address) and receiver != self, "receiver"
    self.totalSupply += amount
    self.balanceOf[receiver] += amount
    log Transfer(sender=empty(address), receiver=receiver, amount=amount)


@internal
def _burn(owner: address, amount: uint256):
    assert self.balanceOf[owner] >= amount, "shares"
    self.balanceOf[owner] -= amount
    self.totalSupply -= amount
    log Transfer(sender=owner, receiver=empty(address), amount=amount)
