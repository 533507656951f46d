# pragma version 0.4.3
# pragma optimize gas
# pragma evm-version cancun
"""
@title DemoPool
@license MIT
@notice A backstop for a first try and for test networks: one depositor, no shares, no price of its own. It must never stand behind
        other people's money. Its deployer funds it with a deposit, through Settlement, to the pool's own account in the Ledger.
@dev How do you stop this? Its deployer takes its cash out. A loan to one account, and the reserve of one expiry, are at most a tenth of that
     cash; loans bear no interest.
"""

from .interfaces import IBackstop
from .interfaces import ILedger

implements: IBackstop

SHARE: constant(uint256) = 10   # one account, or one expiry, has a tenth

LEDGER: immutable(address)
OWNER: immutable(address)

loans: public(HashMap[uint256, uint256])        # account: wad
reserved: public(HashMap[uint256, uint256])     # market << 14 | day: wad


@deploy
def __init__(ledger: address):
    """
    @param ledger The Ledger that will be deployed to this address.
    """
    LEDGER = ledger
    OWNER = msg.sender


@external
@view
def capital() -> uint256:
    return self._capital()


@external
def lend(account: uint256, wanted: uint256) -> uint256:
    assert msg.sender == LEDGER, "ledger"
    most: uint256 = self._capital() // SHARE
    lent: uint256 = self.loans[account]
    granted: uint256 = min(wanted, most - min(most, lent))
    self.loans[account] = lent + granted
    return granted


@external
def repaid(account: uint256, amount: uint256):
    assert msg.sender == LEDGER, "ledger"
    self.loans[account] -= min(self.loans[account], amount)


@external
def reserve(market: uint256, day: uint256) -> uint256:
    assert msg.sender == LEDGER, "ledger"
    amount: uint256 = self._capital() // SHARE
    self.reserved[(market << 14) | day] = amount
    return amount


@external
def release(market: uint256, day: uint256, used: uint256):
    assert msg.sender == LEDGER, "ledger"
    self.reserved[(market << 14) | day] -= min(self.reserved[(market << 14) | day], used)


@external
def withdraw(token: address, amount: uint256):
    """
    @notice Deployer only: take cash, or collateral that strayed here, out of the pool's account, in token units.
    """
    assert msg.sender == OWNER, "owner"
    extcall ILedger(LEDGER).withdraw(convert(self, uint256) << 96, token, amount, OWNER)


@internal
@view
def _capital() -> uint256:
    """
    @notice The cash of the pool's own account, wad.
    """
    cash: int256 = 0
    book: uint256 = 0
    markets: uint256 = 0
    cash, book, markets = staticcall ILedger(LEDGER).head(convert(self, uint256) << 96)
    return convert(max(cash, 0), uint256)
