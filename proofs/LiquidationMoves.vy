# pragma version 0.4.3
"""
@title The Auction and the backstop alone have balances moved, and what they have moved one account loses and the other gains
@license MIT
@dev The Ledger in any state, with a Risk and a backstop that answer anything. Cash is counted modulo 2**128: that of both accounts and of the
     pool, below zero or not, with what the backstop has lent.
"""

from peersettle.contracts.interfaces import IPositionLedger
from lib import cheats
from lib import margin

initializes: margin


interface Liquidations:
    def shift(victim: uint256, moves: DynArray[IPositionLedger.PositionMove, 34]): nonpayable
    def swap(victim: uint256, bidder: uint256): nonpayable
    def pay(giver: uint256, receiver: uint256, amount: uint256): nonpayable


interface Backstop:
    def claims() -> uint256: view
    def interest(account: uint256) -> uint256: view


SERIES: constant(uint256) = 700 * 2**22 + 3_000 * 2**2
COLLATERAL: constant(uint256) = 0
BEFORE_EXPIRY: constant(uint256) = 1_704_096_000
M128: constant(uint256) = 2**128 - 1
BITS: constant(uint256) = 2**64 - 1     # of a head: the markets


@deploy
def __init__():
    margin.__init__("AnyRisk.sol:AnyRisk")


# Who


@external
def check_only_the_auction_sells(sender: address, victim: uint256, bidder: uint256, lots: uint256):
    cheats._assume(sender != margin.AUCTION)
    moved: uint256 = 0
    moves: DynArray[IPositionLedger.PositionMove, 1] = [
        IPositionLedger.PositionMove(giver=victim, receiver=bidder, series=SERIES, lots=lots)
    ]
    moved |= self._done(sender, abi_encode(victim, moves, method_id=method_id("shift(uint256,(uint256,uint256,uint256,uint256)[])")))
    moved |= self._done(sender, abi_encode(victim, bidder, method_id=method_id("swap(uint256,uint256)")))
    moved |= self._done(sender, abi_encode(victim, method_id=method_id("recount(uint256)")))
    moved |= self._done(sender, abi_encode(victim, method_id=method_id("bar(uint256)")))
    cheats._prove(moved == 0)


@external
def check_only_auction_and_backstop_have_cash_paid(sender: address, cash: int128[2], amount: uint120):
    self._place(cash)
    cheats._assume(sender != margin.AUCTION)
    cheats._assume(sender != margin.BACKSTOP)
    paid: uint256 = convert(amount, uint256)
    data: Bytes[100] = abi_encode(margin.A, margin.B, paid, method_id=method_id("pay(uint256,uint256,uint256)"))
    cheats._prove(self._done(sender, data) == 0)


# What


@external
def check_a_payment_is_zero_sum(cash: int128[2], amount: uint120, watched: uint256):
    self._place(cash)
    before: uint256 = self._total()
    giver: int256 = margin._cash(margin.A)
    stranger: uint256 = self._stranger(watched)
    cheats._send_as(margin.AUCTION)
    extcall Liquidations(margin.LEDGER).pay(margin.A, margin.B, convert(amount, uint256))
    cheats._prove(self._total() == before)
    cheats._prove(margin._cash(margin.A) == giver - convert(amount, int256))
    cheats._prove(margin._cash(margin.A) >= 0)
    cheats._prove(self._stranger(watched) == stranger)


@external
def check_a_shift_of_lots_is_zero_sum(moved: uint32, watched: uint256):
    """
    @notice As far as the other side of the book and back. The accounts have no debts.
    """
    self._place([0, 0])
    margin._place_book(margin.BOOK_A, 0, 1, 0, (SERIES << 28) | 7)
    margin._place_book(margin.BOOK_B, 0, 1, 0, (SERIES << 28) | 5)
    stranger: uint256 = self._stranger(watched)
    self._shift(SERIES, convert(moved, uint256))
    cheats._prove(self._stranger(watched) == stranger)
    held: uint256 = unsafe_add(self._lots(margin.BOOK_A), self._lots(margin.BOOK_B))
    cheats._prove(held & (2**28 - 1) == 12)
    cheats._prove(self._lots(margin.BOOK_B) == (5 + convert(moved, uint256)) & (2**28 - 1))


@external
def check_a_shift_of_collateral_is_zero_sum(moved: uint64, watched: uint256):
    self._place([0, 0])
    margin._place_book(margin.BOOK_A, 0, 0, 2**80 << 152, 0)
    margin._place_book(margin.BOOK_B, 0, 0, 2**79 << 152, 0)
    stranger: uint256 = self._stranger(watched)
    self._shift(COLLATERAL, convert(moved, uint256))
    cheats._prove(self._stranger(watched) == stranger)
    cheats._prove(self._units(margin.BOOK_A) == 2**80 - convert(moved, uint256) * 10**9)
    cheats._prove(self._units(margin.BOOK_B) == 2**79 + convert(moved, uint256) * 10**9)


@external
def check_a_swap_keeps_cash_and_books(cash: int128[2], watched: uint256):
    self._place_swap(cash)
    before: uint256 = self._total()
    stranger: uint256 = self._stranger(watched)
    cheats._send_as(margin.AUCTION)
    extcall Liquidations(margin.LEDGER).swap(margin.A, margin.B)
    cheats._prove(self._total() == before)
    cheats._prove(self._stranger(watched) == stranger)
    cheats._prove(margin._cash(margin.A) == 0)
    cheats._prove(margin._cash(margin.B) >= 0)
    low: uint256 = staticcall margin.Margin(margin.LEDGER).head_word(margin.A)
    cheats._prove(low & M128 == margin.BOOK_B << 64)
    low = staticcall margin.Margin(margin.LEDGER).head_word(margin.B)
    cheats._prove(low & M128 == (margin.BOOK_A << 64) | 1)


@external
def check_a_swap_repays_the_loan(cash: int128[2]):
    """
    @notice With interest, whatever the bidder's cash: the pool has so much more.
    """
    self._place_swap(cash)
    cheats._assume(cash[0] < 0)
    pool: int256 = margin._cash(self._pool())
    interest: uint256 = staticcall Backstop(margin.BACKSTOP).interest(margin.A)
    cheats._assume(interest < 2**120)
    owed: int256 = convert(interest, int256) - convert(cash[0], int256)
    claims: uint256 = staticcall Backstop(margin.BACKSTOP).claims()
    cheats._send_as(margin.AUCTION)
    extcall Liquidations(margin.LEDGER).swap(margin.A, margin.B)
    cheats._prove(margin._cash(self._pool()) == pool + owed)
    left: uint256 = unsafe_sub(claims, convert(-convert(cash[0], int256), uint256))
    cheats._prove(staticcall Backstop(margin.BACKSTOP).claims() == left)


@external
def check_who_takes_over_has_no_books(cash: int128[2], head: uint128):
    self._place(cash)
    word: uint256 = (convert(convert(convert(cash[1], int256), bytes32), uint256) << 128) | convert(head, uint256)
    extcall margin.Margin(margin.LEDGER).place_head(margin.B, word)
    cheats._send_as(margin.AUCTION)
    extcall Liquidations(margin.LEDGER).swap(margin.A, margin.B)
    cheats._prove(convert(head, uint256) & BITS == 0)


@external
def check_reach_swap_of_a_debtor(cash: int128[2]):
    self._place_swap(cash)
    cheats._assume(cash[0] < 0)
    cheats._send_as(margin.AUCTION)
    extcall Liquidations(margin.LEDGER).swap(margin.A, margin.B)
    cheats._reached()


@internal
def _place(cash: int128[2]):
    cheats._at(BEFORE_EXPIRY)
    margin._place_head(margin.A, cash[0], margin.BOOK_A, 1)
    margin._place_head(margin.B, cash[1], margin.BOOK_B, 1)


@internal
def _place_swap(cash: int128[2]):
    cheats._at(BEFORE_EXPIRY)
    margin._place_head(margin.A, cash[0], margin.BOOK_A, 1)
    margin._place_head(margin.B, cash[1], margin.BOOK_B, 0)


@internal
def _shift(series: uint256, lots: uint256):
    moves: DynArray[IPositionLedger.PositionMove, 34] = [
        IPositionLedger.PositionMove(giver=margin.A, receiver=margin.B, series=series, lots=lots)
    ]
    cheats._send_as(margin.AUCTION)
    extcall Liquidations(margin.LEDGER).shift(margin.A, moves)


@internal
def _done(sender: address, data: Bytes[260]) -> uint256:
    cheats._send_as(sender)
    return convert(raw_call(margin.LEDGER, data, revert_on_failure=False), uint256)


@internal
@view
def _pool() -> uint256:
    return convert(margin.BACKSTOP, uint256) << 96


@internal
@view
def _total() -> uint256:
    total: uint256 = staticcall Backstop(margin.BACKSTOP).claims()
    for account: uint256 in [margin.A, margin.B, self._pool()]:
        total = unsafe_add(total, staticcall margin.Margin(margin.LEDGER).head_word(account) >> 128)
    return total & M128


@internal
@view
def _stranger(watched: uint256) -> uint256:
    """
    @notice The head of somebody else's account.
    """
    if watched in [margin.A, margin.B, self._pool()]:
        return 0
    return staticcall margin.Margin(margin.LEDGER).head_word(watched)


@internal
@view
def _lots(book: uint256) -> uint256:
    """
    @notice Of the book's one position; the series must be it.
    """
    header: uint256 = staticcall margin.Margin(margin.LEDGER).word(book, 0, 0)
    word: uint256 = staticcall margin.Margin(margin.LEDGER).word(book, 0, 1)
    if header & 255 == 0:
        return 0
    assert header & 255 == 1
    assert word >> 28 == SERIES
    return word & (2**28 - 1)


@internal
@view
def _units(book: uint256) -> uint256:
    return staticcall margin.Margin(margin.LEDGER).word(book, 0, 0) >> 160
