# pragma version 0.4.3
"""
@title What proofs of margin accounts start from
@license MIT
@notice A Ledger in any state with two accounts of one market, a Risk and a backstop that answer anything, and a token for cash and one for
        collateral that record what leaves.
"""

from . import cheats


interface Margin:
    def place_head(account: uint256, head: uint256): nonpayable
    def place_word(book: uint256, market: uint256, slot: uint256, word: uint256): nonpayable
    def head_word(account: uint256) -> uint256: view
    def word(book: uint256, market: uint256, slot: uint256) -> uint256: view
    def grant_of(place: uint256) -> Grant: view


interface Coin:
    def count() -> uint256: view
    def receiver() -> address: view
    def amount() -> uint256: view


struct Grant:
    account: uint256
    terms: uint256


SETTLEMENT: constant(address) = 0x00000000000000000000000000000000000000C1
AUCTION: constant(address) = 0x00000000000000000000000000000000000000c2
# Two owners, and their accounts and books, where names do not matter.
P: constant(address) = 0x00000000000000000000000000000000000000B1
Q: constant(address) = 0x00000000000000000000000000000000000000b2
A: constant(uint256) = 177 * 2**96
B: constant(uint256) = 178 * 2**96
BOOK_A: constant(uint256) = 5
BOOK_B: constant(uint256) = 6
SESSION: constant(uint256) = 2**95
CASH_UNIT: constant(uint256) = 10**12

LEDGER: immutable(address)
CASH: immutable(address)
TOKEN: immutable(address)
RISK: immutable(address)
BACKSTOP: immutable(address)


@deploy
def __init__(risk: String[64]):
    CASH = raw_create(cheats._code("Coin.sol:Coin"))
    TOKEN = raw_create(cheats._code("Coin.sol:Coin"))
    RISK = raw_create(cheats._code(risk))
    BACKSTOP = raw_create(cheats._code("AnyBackstop.sol:AnyBackstop"))
    market: address = raw_create(cheats._code("Market.sol:Market"))
    LEDGER = raw_create(cheats._code("Margin.sol:Margin"), SETTLEMENT, RISK, market, BACKSTOP, AUCTION, CASH)
    cheats._from_any_state(LEDGER)
    cheats._from_any_state(RISK)
    cheats._from_any_state(BACKSTOP)


@internal
def _place_head(account: uint256, cash: int128, book: uint256, markets: uint256):
    word: uint256 = convert(convert(convert(cash, int256), bytes32), uint256) << 128
    extcall Margin(LEDGER).place_head(account, word | (book << 64) | markets)


@internal
def _place_book(book: uint256, market: uint256, count: uint256, rest: uint256, word: uint256):
    extcall Margin(LEDGER).place_word(book, market, 0, (rest << 8) | count)
    extcall Margin(LEDGER).place_word(book, market, 1, word)


@internal
@view
def _cash(account: uint256) -> int256:
    return convert(convert(staticcall Margin(LEDGER).head_word(account), bytes32), int256) >> 128


@internal
@view
def _left(token: address, receiver: address, amount: uint256) -> bool:
    """
    @notice Whether exactly this has left.
    """
    wrong: uint256 = staticcall Coin(token).count() ^ 1
    wrong |= convert(staticcall Coin(token).receiver(), uint256) ^ convert(receiver, uint256)
    wrong |= staticcall Coin(token).amount() ^ amount
    return wrong == 0
