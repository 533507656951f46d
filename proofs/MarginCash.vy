# pragma version 0.4.3
"""
@title No cash and no collateral is made or lost by credits, loans and covers
@license MIT
@dev From any state, with a Risk and a backstop that answer anything. What is conserved, modulo 2**128, is the cash of an account and of the
     pool, below zero or not, with what the backstop has lent and what is in the pot; and collateral with the units in the pot. The modules
     are compiled in here.
"""

from peersettle.contracts.interfaces import IBackstop
from peersettle.contracts.interfaces import IRisk
from peersettle.contracts.modules import accounts
from peersettle.contracts.modules import debts
from peersettle.contracts.modules import expiries
from lib import cheats

initializes: accounts
initializes: debts[accounts := accounts]
initializes: expiries[accounts := accounts, debts := debts]


interface Backstop:
    def claims() -> uint256: view


# The cash of an account and of the pool.
struct Held:
    cash: int128
    pool: int128


struct Total:
    cash: uint256
    units: uint256


A: constant(uint256) = 177 * 2**96
BOOK: constant(uint256) = 5
KEY: constant(uint256) = BOOK * 2**10     # its book in market 0
SERIES: constant(uint256) = 700 * 2**22 + 3_000 * 2**2

# What a lot pays where loans are asked for: a power of two, so that the prover need not divide.
PRICE: constant(uint256) = 2**60


@deploy
def __init__():
    risk: address = raw_create(cheats._code("AnyRisk.sol:AnyRisk"))
    backstop: address = raw_create(cheats._code("AnyBackstop.sol:AnyBackstop"))
    debts.__init__(IBackstop(backstop))
    expiries.__init__(IRisk(risk))
    cheats._from_any_state(self)
    cheats._from_any_state(risk)
    cheats._from_any_state(backstop)


@external
def check_a_credit_arrives_once(held: Held, amount: uint120):
    before: Total = self._placed(held)
    debts._credit(A, convert(amount, uint256))
    before.cash = unsafe_add(before.cash, convert(amount, uint256))
    self._prove_same(before)


@external
def check_a_credit_to_the_pool_arrives_once(held: Held, amount: uint120):
    before: Total = self._placed(held)
    debts._credit(debts.POOL, convert(amount, uint256))
    before.cash = unsafe_add(before.cash, convert(amount, uint256))
    self._prove_same(before)


@external
def check_a_loan_is_paid_by_the_pool(held: Held, lots: uint64):
    before: Total = self._placed(held)
    paid: uint256 = debts._borrow(A, PRICE, convert(lots, uint256))
    before.cash = unsafe_sub(before.cash, paid * PRICE)     # goes to the pot
    self._prove_same(before)


@external
def check_a_cover_is_paid_by_the_pool(held: Held):
    before: Total = self._placed(held)
    expiries._cover(0, SERIES, expiries.pots[SERIES])
    self._prove_same(before)


@external
def check_reach_a_loan(held: Held, lots: uint64):
    before: Total = self._placed(held)
    cheats._assume(debts._borrow(A, PRICE, convert(lots, uint256)) > 1)
    cheats._assume(accounts._cash(A) < 0)
    cheats._reached()


@internal
def _placed(held: Held) -> Total:
    self._place(A, held.cash, (BOOK << 64) | 1)
    self._place(debts.POOL, held.pool, 0)
    return self._total()


@internal
def _place(account: uint256, cash: int128, low: uint256):
    accounts.heads[account] = (convert(convert(convert(cash, int256), bytes32), uint256) << 128) | low


@internal
@view
def _total() -> Total:
    pot: expiries.Pot = expiries.pots[SERIES]
    cash: uint256 = unsafe_add(accounts.heads[A] >> 128, accounts.heads[debts.POOL] >> 128)
    cash = unsafe_add(cash, staticcall Backstop(debts.BACKSTOP.address).claims())
    return Total(
        cash=unsafe_add(cash, unsafe_sub(pot.cash, pot.cash_taken)),
        units=unsafe_add(accounts.books[KEY] >> 160, unsafe_sub(pot.units, pot.units_taken)),
    )


@internal
def _prove_same(before: Total):
    after: Total = self._total()
    cheats._prove(((after.cash ^ before.cash) & (2**128 - 1)) | (after.units ^ before.units) == 0)
