# pragma version 0.4.3
"""
@title What accounts owe the backstop
@license MIT
@notice Cash below zero is a loan of the backstop's, with interest. The next cash that comes repays it.
"""

from ..interfaces import IBackstop
from . import accounts

uses: accounts

BACKSTOP: immutable(IBackstop)
POOL: immutable(uint256)                # the backstop's own account


@deploy
def __init__(backstop: IBackstop):
    BACKSTOP = backstop
    POOL = convert(backstop.address, uint256) << 96


@internal
def _credit(account: uint256, amount: uint256):
    """
    @notice Cash for an account; what it owes the backstop is repaid first.
    """
    self._accrue(account)
    before: int256 = accounts._cash(account)
    accounts._pay(account, convert(amount, int256))
    if before < 0:
        self._repay(account, min(amount, convert(-before, uint256)))


@internal
def _accrue(account: uint256):
    """
    @notice The interest on a debt is owed, too.
    """
    if accounts._cash(account) < 0:
        self._charge(account)


@internal
def _charge(account: uint256):
    accounts._pay(account, -convert(extcall BACKSTOP.accrue(account), int256))


@internal
def _repay(account: uint256, amount: uint256):
    if amount != 0:
        accounts._pay(POOL, convert(amount, int256))
        extcall BACKSTOP.repaid(account, amount)


@internal
def _borrow(account: uint256, payment: uint256, lots: uint256) -> uint256:
    """
    @notice Pay for as many of these lots as the backstop lends for. Returns how many; the account's cash has paid them.
    """
    cash: int256 = accounts._cash(account)
    own: uint256 = convert(max(cash, 0), uint256)
    wanted: uint256 = lots * payment - own
    granted: uint256 = min(extcall BACKSTOP.lend(account, wanted), wanted)
    lent: uint256 = min(granted, convert(max(accounts._cash(POOL), 0), uint256))
    paid: uint256 = (own + lent) // payment
    drawn: uint256 = 0
    if paid * payment > own:
        drawn = paid * payment - own
        accounts._pay(POOL, -convert(drawn, int256))
    accounts._pay(account, -convert(paid * payment, int256))
    if drawn < granted:
        extcall BACKSTOP.repaid(account, granted - drawn)
    return paid
