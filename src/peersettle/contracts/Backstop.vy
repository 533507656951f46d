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
from .modules import loans
from .modules import shares

implements: IBackstop

initializes: loans
initializes: shares

exports: (
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

NOTICE: constant(uint256) = 2 * 86_400          # between asking to leave and leaving
WINDOW: constant(uint256) = 2 * 86_400          # in which to leave then
RESERVE_PART: constant(uint256) = 10            # of what is free, for the shortfalls of one expiry
RESERVED_FOR: constant(uint256) = 3 * 86_400    # after a fixing
INVENTORY_PART: constant(uint256) = 4           # of the pool stands behind what it has taken over at most
MAX_INVENTORY: constant(uint256) = 8
ALL_INVENTORY: constant(uint256) = 2 ** (MAX_INVENTORY + 1) - 2
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


event Requested:
    owner: indexed(address)
    shares: uint256
    ready_at: uint256


event Covered:
    bidder: indexed(uint256)
    amount: uint256


event Admitted:
    account: indexed(uint256)
    amount: uint256


event Collected:
    account: indexed(uint256)
    amount: uint256


struct Request:
    shares: uint256
    ready_at: uint256


struct Reserve:
    amount: uint256     # wad
    until: uint256


requests: public(HashMap[address, Request])
reserves: public(HashMap[uint256, Reserve])     # market << 14 | day
reserved: public(uint256)                       # wad, all of them
inventory: public(uint256)                      # the sub-accounts in use, as bits
behind: public(uint256[9])                      # wad: what was put behind each of them
funded: public(uint256)                         # wad: behind all of them


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
    amount: uint256 = self._free() // RESERVE_PART
    self.reserves[(market << 14) | day] = Reserve(amount=amount, until=block.timestamp + RESERVED_FOR)
    self.reserved += amount
    return amount


@external
def release(market: uint256, day: uint256, used: uint256):
    assert msg.sender == LEDGER, "ledger"
    place: uint256 = (market << 14) | day
    amount: uint256 = min(used, self.reserves[place].amount)
    self.reserves[place].amount -= amount
    self.reserved -= amount


@external
def lapse(market: uint256, day: uint256):
    """
    @notice Anybody: what was reserved for an expiry and not used is free again.
    """
    place: uint256 = (market << 14) | day
    assert block.timestamp > self.reserves[place].until, "reserved"
    self.reserved -= self.reserves[place].amount
    self.reserves[place] = empty(Reserve)


# For auctions


@external
@view
def room() -> uint256:
    """
    @notice Cash that the pool may put behind one more account, wad.
    """
    if self.inventory == ALL_INVENTORY:
        return 0
    return self._room()


@external
@view
def admits(amount: uint256) -> bool:
    # Each place that is taken doubles what the next is kept for at least: trifles do not fill them.
    room: uint256 = self._room()
    left: uint256 = MAX_INVENTORY
    for slot: uint256 in range(1, MAX_INVENTORY + 1):
        if self.inventory & (1 << slot) != 0:
            left -= 1
    return left != 0 and amount <= room and amount >= room >> left


@external
def admit() -> uint256:
    assert msg.sender == AUCTION, "auction"
    for slot: uint256 in range(1, MAX_INVENTORY + 1):
        if self.inventory & (1 << slot) == 0:
            self.inventory |= 1 << slot
            return self._account(self) | slot
    raise "room"


@external
def fund(account: uint256, amount: uint256):
    assert msg.sender == AUCTION, "auction"
    assert amount <= self._free(), "room"
    self.behind[account & 15] += amount
    self.funded += amount
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
    assert self.inventory & (1 << slot) != 0, "inventory"
    account: uint256 = self._account(self) | slot
    cash: int256 = 0
    markets: uint256 = 0
    cash, markets = self._head(account)
    assert markets == 0, "positions"
    assert cash >= 0, "cash"
    self.inventory ^= 1 << slot
    self.funded -= self.behind[slot]
    self.behind[slot] = 0
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
def request(amount: uint256):
    """
    @notice Ask to leave with so many shares, and those asked for before: in two days, and for two days. They go on bearing losses.
    """
    shares._shift(msg.sender, self, amount)
    asked: uint256 = self.requests[msg.sender].shares + amount
    self.requests[msg.sender] = Request(shares=asked, ready_at=block.timestamp + NOTICE)
    log Requested(owner=msg.sender, shares=asked, ready_at=block.timestamp + NOTICE)


@external
def stay():
    """
    @notice Take all that was asked for back.
    """
    amount: uint256 = self.requests[msg.sender].shares
    self.requests[msg.sender] = empty(Request)
    shares._shift(self, msg.sender, amount)


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
    return min(self._ready(owner), self._shares(self._free() // CASH_SCALE, self._low(), False))


@external
@view
def maxWithdraw(owner: address) -> uint256:
    return min(self._assets(self._ready(owner), self._low(), False), self._free() // CASH_SCALE)


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
    return idle - min(idle, self.reserved)


@internal
@view
def _room() -> uint256:
    """
    @notice What may be put behind one more account, whether there is a place for it or not.
    """
    free: uint256 = self._free()
    most: uint256 = (free + self.funded) // INVENTORY_PART
    return min(free, most - min(most, self.funded))


@internal
@view
def _low() -> uint256:
    """
    @notice What is free, half of what is lent, and of what was taken over what it has beyond initial margin.
    """
    worth: uint256 = self._free() + loans.lent // 2
    for slot: uint256 in range(1, MAX_INVENTORY + 1):
        if self.inventory & (1 << slot) != 0:
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
    for slot: uint256 in range(1, MAX_INVENTORY + 1):
        if self.inventory & (1 << slot) != 0:
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
@view
def _ready(owner: address) -> uint256:
    """
    @notice Shares that may leave now.
    """
    asked: Request = self.requests[owner]
    if block.timestamp < asked.ready_at or block.timestamp > asked.ready_at + WINDOW:
        return 0
    return asked.shares


@internal
def _come(assets: uint256, minted: uint256, receiver: address):
    assert minted != 0 and assets < 2**120, "amount"
    shares._mint(receiver, minted)
    extcall ILiquidations(LEDGER).pay(self._account(msg.sender), self._account(self), assets * CASH_SCALE)
    log Deposit(sender=msg.sender, owner=receiver, assets=assets, shares=minted)


@internal
def _leave(assets: uint256, burned: uint256, receiver: address, owner: address):
    assert burned != 0 and assets < 2**120, "amount"
    assert burned <= self._ready(owner), "notice"
    assert assets * CASH_SCALE <= self._free(), "idle"
    shares._spend(owner, burned)
    self.requests[owner].shares -= burned
    shares._burn(self, burned)
    extcall ILiquidations(LEDGER).pay(self._account(self), self._account(receiver), assets * CASH_SCALE)
    log Withdraw(sender=msg.sender, receiver=receiver, owner=owner, assets=assets, shares=burned)
