# pragma version 0.4.3
"""
@title What proofs of the backstop start from
@license MIT
@notice The Backstop in any state, and a Ledger in which the pool has any cash, that notes what is paid.
"""

from . import auctions
from . import cheats


interface Backstop:
    def reserved() -> uint256: view
    def reserves(place: uint256) -> Reserve: view
    def inventory() -> uint256: view
    def funded() -> uint256: view
    def behind(slot: uint256) -> uint256: view
    def lent() -> uint256: view
    def loan(account: uint256) -> Loan: view
    def request(amount: uint256): nonpayable
    def requests(owner: address) -> Request: view
    def totalSupply() -> uint256: view
    def balanceOf(owner: address) -> uint256: view
    def admits(amount: uint256) -> bool: view
    def valuations() -> (uint256, uint256): view
    def lend(account: uint256, wanted: uint256) -> uint256: nonpayable
    def reserve(market: uint256, day: uint256) -> uint256: nonpayable
    def release(market: uint256, day: uint256, wanted: uint256) -> uint256: nonpayable
    def lapse(market: uint256, day: uint256): nonpayable
    def fund(account: uint256, amount: uint256): nonpayable
    def cover(bidder: uint256, amount: uint256) -> uint256: nonpayable
    def collect(slot: uint256): nonpayable
    def deposit(assets: uint256, receiver: address) -> uint256: nonpayable
    def mint(amount: uint256, receiver: address) -> uint256: nonpayable
    def redeem(amount: uint256, receiver: address, owner: address) -> uint256: nonpayable
    def withdraw(assets: uint256, receiver: address, owner: address) -> uint256: nonpayable


struct Reserve:
    amount: uint256
    until: uint256


struct Request:
    shares: uint256
    ready_at: uint256


struct Loan:
    owed: uint256
    since: uint256


P: constant(address) = 0x00000000000000000000000000000000000000B1
Q: constant(address) = 0x00000000000000000000000000000000000000b2
A: constant(uint256) = 177 * 2**96
B: constant(uint256) = 178 * 2**96
AUCTION: constant(address) = 0x00000000000000000000000000000000000000C1
LEDGER: immutable(address)
BACKSTOP: immutable(address)
POOL: immutable(uint256)
FRESH: immutable(address)   # another, in which nothing has happened; the settlement currency has eighteen decimals


@deploy
def __init__():
    LEDGER = raw_create(cheats._code("Accounts.sol:Accounts"))
    coin: address = raw_create(cheats._code("Coin.sol:Coin"))
    BACKSTOP = raw_create(cheats._code("Backstop.sol:Backstop"), LEDGER, AUCTION, coin)
    POOL = convert(BACKSTOP, uint256) << 96
    cheats._from_any_state(BACKSTOP)
    wad_coin: address = raw_create(cheats._code("WadCoin.sol:WadCoin"))
    FRESH = raw_create(cheats._code("Backstop.sol:Backstop"), LEDGER, AUCTION, wad_coin)


@internal
def _place_cash(account: uint256, cash: int128):
    held: auctions.Held = empty(auctions.Held)
    held.cash = convert(cash, int256)
    extcall auctions.Accounts(LEDGER).place(account, empty(auctions.Stand), empty(auctions.Stand), held)


@internal
@view
def _free(cash: int128) -> uint256:
    """
    @notice Cash of the pool that is not reserved.
    """
    idle: uint256 = convert(max(convert(cash, int256), 0), uint256)
    reserved: uint256 = staticcall Backstop(BACKSTOP).reserved()
    return idle - min(idle, reserved)


@internal
@view
def _received(account: uint256) -> int256:
    return staticcall auctions.Accounts(LEDGER).received(account)
