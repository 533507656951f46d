# pragma version 0.4.3
"""
@title A backstop that lends what its (arbitrary) storage says, and counts what it is owed
@license MIT
"""

claims: public(uint256)    # of all accounts together, modulo 2**256
lent: HashMap[uint256, uint256]
interest: public(HashMap[uint256, uint256])


@external
def lend(account: uint256, wanted: uint256) -> uint256:
    granted: uint256 = self.lent[wanted]
    self.claims = unsafe_add(self.claims, min(granted, wanted))
    return granted


@external
def repaid(account: uint256, amount: uint256):
    self.claims = unsafe_sub(self.claims, amount)


@external
def accrue(account: uint256) -> uint256:
    """
    @notice None a second time.
    """
    interest: uint256 = self.interest[account]
    self.interest[account] = 0
    self.claims = unsafe_add(self.claims, interest)
    return interest


@external
def reserve(market: uint256, day: uint256) -> uint256:
    return self.lent[0]


@external
def release(market: uint256, day: uint256, wanted: uint256) -> uint256:
    return min(wanted, self.lent[day])
