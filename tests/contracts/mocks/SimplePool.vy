# pragma version 0.4.3
# pragma evm-version cancun
"""
@title SimplePool
@license MIT
@notice A backstop reduced to limits that a test sets. Its idle cash is the cash of its own account in the Ledger, as the interface has it.
"""

from peersettle.contracts.interfaces import IBackstop

implements: IBackstop

LEDGER: immutable(address)

capital: public(uint256)
loan_limit: public(uint256)         # of one account, wad
reserve_limit: public(uint256)      # of one expiry, wad
loans: public(HashMap[uint256, uint256])
reserved: public(HashMap[uint256, uint256])  # market << 14 | day
released: public(HashMap[uint256, uint256])


@deploy
def __init__(ledger: address):
    LEDGER = ledger
    self.capital = 10**25


@external
def set_capital(amount: uint256):
    self.capital = amount


@external
def set_limits(loan: uint256, reserve: uint256):
    self.loan_limit = loan
    self.reserve_limit = reserve


@external
def lend(account: uint256, wanted: uint256) -> uint256:
    assert msg.sender == LEDGER, "ledger"
    granted: uint256 = min(wanted, self.loan_limit - min(self.loan_limit, self.loans[account]))
    self.loans[account] += granted
    return granted


@external
def repaid(account: uint256, amount: uint256):
    assert msg.sender == LEDGER, "ledger"
    self.loans[account] -= amount


@external
def reserve(market: uint256, day: uint256) -> uint256:
    assert msg.sender == LEDGER, "ledger"
    self.reserved[(market << 14) | day] = self.reserve_limit
    return self.reserve_limit


@external
def release(market: uint256, day: uint256, wanted: uint256) -> uint256:
    assert msg.sender == LEDGER, "ledger"
    self.released[(market << 14) | day] += wanted
    return wanted


@external
def accrue(account: uint256) -> uint256:
    assert msg.sender == LEDGER, "ledger"
    return 0


@external
@view
def admits(amount: uint256) -> bool:
    return False


@external
def admit() -> uint256:
    raise "room"


@external
def fund(account: uint256, amount: uint256):
    raise "room"


@external
def cover(bidder: uint256, amount: uint256) -> uint256:
    return 0
