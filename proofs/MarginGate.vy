# pragma version 0.4.3
"""
@title No trade or withdrawal leaves an account with less than its initial margin
@license MIT
@dev From any state, with a Risk that answers anything. One market, books of one position, all of one series. In a trade the other side
     closes its position, which needs no margin. Risk then refuses to assess, so that the other way through the gate, being no riskier than
     before, is closed: it asks Risk for both.
"""

from peersettle.contracts.interfaces import IPositionLedger
from peersettle.contracts.interfaces import IRisk
from lib import cheats
from lib import margin

initializes: margin


interface Ledger:
    def settle_positions(trade_hash: bytes32, moves: DynArray[IPositionLedger.PositionMove, 16]): nonpayable


interface Risk:
    def assess(market: uint256, header: uint256, words: DynArray[uint256, 8]) -> IRisk.Assessment: view
    def refuse(): nonpayable
    def assess_committed(market: uint256, header: uint256, words: DynArray[uint256, 8]) -> IRisk.Assessment: view


# An account's one position and what else it has.
struct Held:
    cash: int128
    collateral: uint96
    stored: uint64
    lots: int32


# An account as it stands before or after.
struct Stand:
    cash: int256
    header: uint256
    word: uint256


SERIES: constant(uint256) = 700 * 2**22 + 3_000 * 2**2
CASH_ITEM: constant(uint256) = 2**42
LOTS: constant(int32) = 7
PRICE: constant(uint256) = 11 * 10**6   # 1e-6
BEFORE_EXPIRY: constant(uint256) = 1_704_096_000
UNUSABLE: constant(uint256) = 1
BEYOND: constant(uint256) = 4


@deploy
def __init__():
    margin.__init__("AnyRisk.sol:AnyRisk")


@external
def check_who_sells_passes_the_gate(cash: uint96, lots: int32):
    seller: Held = self._short(cash, lots)
    before: Stand = self._sell(seller)
    self._prove_gate(before, margin.A, margin.BOOK_A)


@external
def check_who_buys_passes_the_gate(cash: uint96, lots: int32):
    buyer: Held = self._long(cash, lots)
    before: Stand = self._buy(buyer)
    self._prove_gate(before, margin.B, margin.BOOK_B)


@external
def check_who_withdraws_cash_passes_the_gate(held: Held, amount: uint64):
    self._place(margin.A, margin.BOOK_A, held)
    self._withdraw(margin.CASH, amount)
    cheats._prove(margin._cash(margin.A) >= 0)
    cheats._prove(self._is_healthy(self._stand(margin.A, margin.BOOK_A), False, 0))


@external
def check_who_withdraws_collateral_passes_the_gate(held: Held, amount: uint64):
    self._place(margin.A, margin.BOOK_A, held)
    self._withdraw(margin.TOKEN, amount)
    cheats._prove(self._is_healthy(self._stand(margin.A, margin.BOOK_A), False, 0))


@external
def check_reach_sale_by_margin(cash: uint96, lots: int32):
    seller: Held = self._short(cash, lots)
    self._sell(seller)
    after: Stand = self._stand(margin.A, margin.BOOK_A)
    cheats._assume(after.header & 255 != 0)
    cheats._assume(self._is_healthy(after, True, 1))
    cheats._reached()


@internal
def _prove_gate(before: Stand, account: uint256, book: uint256):
    after: Stand = self._stand(account, book)
    cheats._prove(after.cash >= 0)
    cheats._prove(self._is_healthy(after, True, 1))


@internal
def _short(cash: uint96, lots: int32) -> Held:
    cheats._assume(lots < 0)
    return Held(cash=convert(cash, int128), collateral=0, stored=0, lots=lots)


@internal
def _long(cash: uint96, lots: int32) -> Held:
    cheats._assume(lots > 0)
    return Held(cash=convert(cash, int128), collateral=0, stored=0, lots=lots)


@internal
def _sell(seller: Held) -> Stand:
    """
    @notice A sells to B, who had sold as much before and is out. Returns how A stood.
    """
    self._place(margin.A, margin.BOOK_A, seller)
    self._place(margin.B, margin.BOOK_B, Held(cash=2**100, collateral=0, stored=0, lots=-LOTS))
    self._trade()
    return self._held(seller)


@internal
def _buy(buyer: Held) -> Stand:
    """
    @notice B buys from A, who had as much and is out. Returns how B stood.
    """
    self._place(margin.A, margin.BOOK_A, Held(cash=0, collateral=0, stored=0, lots=LOTS))
    self._place(margin.B, margin.BOOK_B, buyer)
    self._trade()
    return self._held(buyer)


@internal
def _trade():
    extcall Risk(margin.RISK).refuse()
    cheats._at(BEFORE_EXPIRY)
    sold: IPositionLedger.PositionMove = IPositionLedger.PositionMove(
        giver=margin.A, receiver=margin.B, series=SERIES, lots=convert(LOTS, uint256)
    )
    paid: IPositionLedger.PositionMove = IPositionLedger.PositionMove(
        giver=margin.B, receiver=margin.A, series=CASH_ITEM, lots=PRICE
    )
    cheats._send_as(margin.SETTLEMENT)
    extcall Ledger(margin.LEDGER).settle_positions(empty(bytes32), [sold, paid])


@internal
def _place(account: uint256, book: uint256, held: Held):
    cheats._assume(held.collateral < 2**94)
    cheats._assume(held.lots != 0)
    cheats._assume(held.lots > -(2**27))
    cheats._assume(held.lots < 2**27)
    stand: Stand = self._held(held)
    margin._place_head(account, held.cash, book, 1)
    margin._place_book(book, 0, stand.header & 255, (stand.header >> 8) | convert(held.stored, uint256), stand.word)


@internal
@pure
def _held(held: Held) -> Stand:
    lots: uint256 = convert(convert(convert(held.lots, int256), bytes32), uint256) & (2**28 - 1)
    return Stand(
        cash=convert(held.cash, int256),
        header=(convert(held.collateral, uint256) << 160) | 1,
        word=(SERIES << 28) | lots,
    )


@internal
@view
def _stand(account: uint256, book: uint256) -> Stand:
    return Stand(
        cash=margin._cash(account),
        header=staticcall margin.Margin(margin.LEDGER).word(book, 0, 0),
        word=staticcall margin.Margin(margin.LEDGER).word(book, 0, 1),
    )


@internal
@view
def _assessment(stand: Stand, committed: bool) -> IRisk.Assessment:
    words: DynArray[uint256, 8] = []
    if stand.header & 255 != 0:
        words.append(stand.word)
    if committed:
        return staticcall Risk(margin.RISK).assess_committed(0, stand.header, words)
    return staticcall Risk(margin.RISK).assess(0, stand.header, words)


@internal
@view
def _is_healthy(stand: Stand, committed: bool, traded: uint256) -> bool:
    """
    @notice Whether equity covers initial margin and candidate loss at the answers of Risk, without branches.
    """
    answer: IRisk.Assessment = self._assessment(stand, committed and traded != 0)
    worth: int256 = answer.worth
    if answer.status & UNUSABLE != 0:
        worth = min(worth, 0)
    bad: uint256 = answer.status & (BEYOND | (UNUSABLE * traded))
    needed: uint256 = unsafe_add(answer.initial, answer.candidate_loss)
    short: uint256 = convert(unsafe_add(stand.cash, worth) < convert(convert(needed, bytes32), int256), uint256)
    return bad | short == 0


@internal
def _withdraw(token: address, amount: uint64):
    cheats._send_as(margin.P)
    raw_call(margin.LEDGER, abi_encode(margin.A, token, convert(amount, uint256), margin.P, method_id=method_id("withdraw(uint256,address,uint256,address)")))
