# pragma version 0.4.3
# pragma optimize gas
# pragma evm-version cancun
"""
@title Backstop
@license MIT
@notice The pool of those who bear what accounts cannot. It lends to who owes at an expiry, keeps reserves for shortfalls, pays bidders for
        accounts that are worth less than nothing, takes over what nobody wants, and earns liquidation fees and interest for it.
@dev How do you stop this? Nobody can. It has no owner, and holds no token: its cash is the cash of its own account in the Ledger (sub-account
     zero), what it has taken over stands in sub-accounts of their own. Depositors bring cash from their accounts in the Ledger and
     get it back there. The face of ERC-4626, with two differences: leaving takes notice of two days and then must be done within
     two days, at what a share is worth then; and assets move between accounts in the Ledger, so that nobody approves this contract.
     A deposit is priced at the higher of two valuations and a withdrawal at the lower, so that who knows better gains nothing.
"""

from .interfaces import IBackstop
from .interfaces import IERC20
from .interfaces import ILedger
from .interfaces import ILiquidations
from .modules import expiry_reserves
from .modules import holdings
from .modules import loans
from .modules import notices
from .modules import shares

implements: IBackstop

initializes: expiry_reserves
initializes: holdings
initializes: loans
initializes: shares
initializes: notices[shares := shares]

exports: (
    expiry_reserves.reserves,
    expiry_reserves.reserved,
    expiry_reserves.lapse,
    holdings.inventory,
    holdings.behind,
    holdings.funded,
    notices.requests,
    notices.request,
    notices.stay,
    shares.totalSupply,
    shares.balanceOf,
    shares.allowance,
    shares.decimals,
    shares.transfer,
    shares.transferFrom,
    shares.approve,
)

name: public(constant(String[19])) = "PeerSettle Backstop"
symbol: public(constant(String[8])) = "BACKSTOP"

ONE: constant(uint256) = 10**18                 # one share and one unit of currency that nobody has: the price begins at one

LEDGER: immutable(address)
AUCTION: immutable(address)
CASH: immutable(address)
CASH_SCALE: immutable(uint256)


event Deposit:
    sender: indexed(address)
    owner: indexed(address)
    assets: uint256
    shares: uint256


event Withdraw:
    sender: indexed(address)
    receiver: indexed(address)
    owner: indexed(address)
    assets: uint256
    shares: uint256


event Covered:
    bidder: indexed(uint256)
    amount: uint256


event Admitted:
    account: indexed(uint256)
    amount: uint256


event Collected:
    account: indexed(uint256)
    amount: uint256


@deploy
def __init__(ledger: address, auction: address, cash: address):
    """
    @param ledger The Ledger that will be deployed to this address.
    @param auction The Auction that will be deployed to this address.
    @param cash The settlement currency.
    """
    LEDGER = ledger
    AUCTION = auction
    CASH = cash
    CASH_SCALE = 10 ** (18 - convert(staticcall IERC20(cash).decimals(), uint256))


# For the Ledger


@external
@view
def capital() -> uint256:
    return self._free()


@external
def lend(account: uint256, wanted: uint256) -> uint256:
    assert msg.sender == LEDGER, "ledger"
    return loans._lend(account, wanted, self._free())


@external
def repaid(account: uint256, amount: uint256):
    assert msg.sender == LEDGER, "ledger"
    loans._repaid(account, amount)


@external
def accrue(account: uint256) -> uint256:
    assert msg.sender == LEDGER, "ledger"
    return loans._accrue(account)


@external
def reserve(market: uint256, day: uint256) -> uint256:
    assert msg.sender == LEDGER, "ledger"
    return expiry_reserves._reserve(market, day, self._free(), loans.lent + loans._interest())


@external
def release(market: uint256, day: uint256, wanted: uint256) -> uint256:
    assert msg.sender == LEDGER, "ledger"
    return expiry_reserves._release(market, day, wanted)


# For auctions


@external
@view
def room() -> uint256:
    """
    @notice Cash that the pool may put behind one more account, wad.
    """
    if holdings.inventory == holdings.ALL_INVENTORY:
        return 0
    return holdings._room(self._free())


@external
@view
def admits(amount: uint256) -> bool:
    return holdings._admits(amount, self._free())


@external
def admit() -> uint256:
    assert msg.sender == AUCTION, "auction"
    return self._account(self) | holdings._admit()


@external
def fund(account: uint256, amount: uint256):
    assert msg.sender == AUCTION, "auction"
    assert amount <= self._free(), "room"
    holdings._fund(account & 15, amount)
    extcall ILiquidations(LEDGER).pay(self._account(self), account, amount)
    log Admitted(account=account, amount=amount)


@external
def cover(bidder: uint256, amount: uint256) -> uint256:
    assert msg.sender == AUCTION, "auction"
    paid: uint256 = min(amount, self._free())
    extcall ILiquidations(LEDGER).pay(self._account(self), bidder, paid)
    log Covered(bidder=bidder, amount=paid)
    return paid


@external
def collect(slot: uint256):
    """
    @notice Anybody: an account that the pool took over and has sold is closed, and its cash is idle again.
    """
    assert holdings._holds(slot), "inventory"
    account: uint256 = self._account(self) | slot
    cash: int256 = 0
    markets: uint256 = 0
    cash, markets = self._head(account)
    assert markets == 0, "positions"
    assert cash >= 0, "cash"
    holdings._leave(slot)
    extcall ILiquidations(LEDGER).pay(account, self._account(self), convert(cash, uint256))
    log Collected(account=account, amount=convert(cash, uint256))


# Coming and leaving


@external
def deposit(assets: uint256, receiver: address) -> uint256:
    """
    @notice Bring cash from the caller's account in the Ledger (sub-account zero), in token units. Returns the shares.
    """
    minted: uint256 = self._shares(assets, self._high(), False)
    self._come(assets, minted, receiver)
    return minted


@external
def mint(amount: uint256, receiver: address) -> uint256:
    """
    @notice As `deposit`, for so many shares. Returns the cash, in token units.
    """
    assets: uint256 = self._assets(amount, self._high(), True)
    self._come(assets, amount, receiver)
    return assets


@external
def redeem(amount: uint256, receiver: address, owner: address) -> uint256:
    """
    @notice Leave with shares that were asked for. Cash goes to the receiver's account in the Ledger. Returns how much, in token units.
    """
    assets: uint256 = self._assets(amount, self._low(), False)
    self._leave(assets, amount, receiver, owner)
    return assets


@external
def withdraw(assets: uint256, receiver: address, owner: address) -> uint256:
    """
    @notice As `redeem`, for so much cash, in token units. Returns the shares.
    """
    burned: uint256 = self._shares(assets, self._low(), True)
    self._leave(assets, burned, receiver, owner)
    return burned


# Reading


@external
@view
def asset() -> address:
    return CASH


@external
@view
def totalAssets() -> uint256:
    return self._low() // CASH_SCALE


@external
@view
def valuations() -> (uint256, uint256):
    """
    @notice What the pool is worth at least and at most, wad.
    """
    return self._low(), self._high()


@external
@view
def convertToShares(assets: uint256) -> uint256:
    return self._shares(assets, self._low(), False)


@external
@view
def convertToAssets(amount: uint256) -> uint256:
    return self._assets(amount, self._low(), False)


@external
@view
def maxDeposit(receiver: address) -> uint256:
    return 2**120 - 1


@external
@view
def maxMint(receiver: address) -> uint256:
    return 2**120 - 1


@external
@view
def previewDeposit(assets: uint256) -> uint256:
    return self._shares(assets, self._high(), False)


@external
@view
def previewMint(amount: uint256) -> uint256:
    return self._assets(amount, self._high(), True)


@external
@view
def maxRedeem(owner: address) -> uint256:
    return min(notices._ready(owner), self._shares(self._free() // CASH_SCALE, self._low(), False))


@external
@view
def maxWithdraw(owner: address) -> uint256:
    return min(self._assets(notices._ready(owner), self._low(), False), self._free() // CASH_SCALE)


@external
@view
def previewRedeem(amount: uint256) -> uint256:
    return self._assets(amount, self._low(), False)


@external
@view
def previewWithdraw(assets: uint256) -> uint256:
    return self._shares(assets, self._low(), True)


@external
@view
def loan(account: uint256) -> (uint256, uint256):
    """
    @notice What an account owes, wad, and since when interest has not been added.
    """
    return loans.loans[account].owed, loans.loans[account].since


@external
@view
def lent() -> uint256:
    """
    @notice What all accounts owe, wad.
    """
    return loans.lent


# Inside


@internal
@pure
def _account(owner: address) -> uint256:
    return convert(owner, uint256) << 96


@internal
@view
def _head(account: uint256) -> (int256, uint256):
    """
    @notice Cash and markets.
    """
    cash: int256 = 0
    book: uint256 = 0
    markets: uint256 = 0
    cash, book, markets = staticcall ILedger(LEDGER).head(account)
    return cash, markets


@internal
@view
def _idle() -> uint256:
    cash: int256 = 0
    markets: uint256 = 0
    cash, markets = self._head(self._account(self))
    return convert(max(cash, 0), uint256)


@internal
@view
def _free() -> uint256:
    idle: uint256 = self._idle()
    return idle - min(idle, expiry_reserves.reserved)


@internal
@view
def _low() -> uint256:
    """
    @notice What is free, half of what is lent, and of what was taken over what it has beyond initial margin.
    """
    worth: uint256 = self._free() + loans.lent // 2
    for slot: uint256 in range(1, holdings.MAX_INVENTORY + 1):
        if holdings._holds(slot):
            equity: int256 = 0
            maintenance: uint256 = 0
            initial: uint256 = 0
            unpriced: int256 = 0
            equity, maintenance, initial, unpriced = staticcall ILedger(LEDGER).health(self._account(self) | slot)
            worth += convert(max(equity - convert(initial, int256), 0), uint256)
    return worth


@internal
@view
def _high() -> uint256:
    """
    @notice What is idle, all that is lent with its interest, and of what was taken over its equity and its maintenance requirement.
    """
    worth: uint256 = self._idle() + loans.lent + loans._interest()
    for slot: uint256 in range(1, holdings.MAX_INVENTORY + 1):
        if holdings._holds(slot):
            equity: int256 = 0
            maintenance: uint256 = 0
            initial: uint256 = 0
            unpriced: int256 = 0
            equity, maintenance, initial, unpriced = staticcall ILedger(LEDGER).health(self._account(self) | slot)
            worth += convert(max(equity + unpriced + convert(maintenance, int256), 0), uint256)
    return worth


@internal
@view
def _shares(assets: uint256, worth: uint256, up: bool) -> uint256:
    numerator: uint256 = assets * CASH_SCALE * (shares.totalSupply + ONE)
    if up:
        numerator += worth + ONE - 1
    return numerator // (worth + ONE)


@internal
@view
def _assets(amount: uint256, worth: uint256, up: bool) -> uint256:
    whole: uint256 = (shares.totalSupply + ONE) * CASH_SCALE
    numerator: uint256 = amount * (worth + ONE)
    if up:
        numerator += whole - 1
    return numerator // whole


@internal
def _come(assets: uint256, minted: uint256, receiver: address):
    assert minted != 0 and assets < 2**120, "amount"
    shares._mint(receiver, minted)
    extcall ILiquidations(LEDGER).pay(self._account(msg.sender), self._account(self), assets * CASH_SCALE)
    log Deposit(sender=msg.sender, owner=receiver, assets=assets, shares=minted)


@internal
def _leave(assets: uint256, burned: uint256, receiver: address, owner: address):
    assert burned != 0 and assets < 2**120, "amount"
    assert burned <= notices._ready(owner), "notice"
    assert assets * CASH_SCALE <= self._free(), "idle"
    notices._leave(owner, burned)
    extcall ILiquidations(LEDGER).pay(self._account(self), self._account(receiver), assets * CASH_SCALE)
    log Withdraw(sender=msg.sender, receiver=receiver, owner=owner, assets=assets, shares=burned)
