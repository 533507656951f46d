# pragma version 0.4.3
"""
@title What the receivers of a series lack is what its payers could not pay and the backstop did not cover
@license MIT
@dev Four lots are received, with a Risk and a backstop that answer anything, modulo 2**128. The modules are compiled in here.
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


A: constant(uint256) = 177 * 2**96
B: constant(uint256) = 178 * 2**96
KEY_A: constant(uint256) = 5 * 2**10
KEY_B: constant(uint256) = 6 * 2**10
SERIES: constant(uint256) = 700 * 2**22 + 3_000 * 2**2
PAYMENT: constant(uint256) = 3 * 2**50      # due for a lot
SHARE: constant(uint256) = 2**51            # what an insolvent payer pays of it
LOTS: constant(uint256) = 4
NOW: constant(uint256) = 1_704_096_000 + 710 * 86_400


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
def check_what_an_insolvent_payer_leaves_unpaid_is_shortfall(pot: expiries.Pot, cash: uint96, lots: uint32):
    """
    @notice In the day in which shortfalls are counted: paid, lacking and still to be paid stay together what is due; nothing is paid in kind.
    """
    cheats._at(NOW)
    cheats._assume(not expiries._is_late(0, SERIES))
    self._assume_open(pot)
    cheats._assume(convert(lots, uint256) <= pot.payers)
    expiries.pots[SERIES] = pot
    self._place(A, cash)
    accounts.books[KEY_A] = 1   # no collateral
    whole: uint256 = expiries.shortfalls[700]
    cheats._assume(whole < 2**120)
    expiries._pay_in(A, KEY_A, 0, SERIES, convert(lots, uint256), PAYMENT, SHARE, False, 2**60)
    after: expiries.Pot = expiries.pots[SERIES]
    before: uint256 = pot.cash + pot.shortfall + pot.payers * PAYMENT
    cheats._prove(after.cash + after.shortfall + after.payers * PAYMENT == before)
    cheats._prove(expiries.shortfalls[700] - whole == after.shortfall - pot.shortfall)
    paid: uint256 = after.cash - pot.cash
    cheats._prove(accounts._cash(A) == convert(convert(cash, uint256) - paid, int256))


@external
def check_receivers_lack_the_uncovered_shortfall(paid: uint64, cover: uint64):
    """
    @notice All have paid what they could, and what is covered is: two receivers share what there is. Less than a wei of a lot goes to the pool.
    """
    cheats._at(NOW)
    due: uint256 = LOTS * PAYMENT
    there: uint256 = convert(paid, uint256) + convert(cover, uint256)
    cheats._assume(there <= due)
    shortfall: uint256 = due - convert(paid, uint256)
    expiries.pots[SERIES] = expiries.Pot(
        payers=0, receivers=LOTS, cash=there, cash_taken=0, units=0, units_taken=0, shortfall=shortfall, state=2
    )
    expiries.open_interest[SERIES] = LOTS
    expiries.taken[KEY_A][SERIES] = empty(expiries.Taken)
    expiries.taken[KEY_B][SERIES] = empty(expiries.Taken)
    self._place(A, 0)
    self._place(B, 0)
    self._place(debts.POOL, 0)
    accounts.books[KEY_A] = 1
    accounts.books[KEY_B] = 1
    cheats._prove(expiries._collect(A, KEY_A, 0, SERIES, 1) == 1)
    cheats._prove(expiries._collect(B, KEY_B, 0, SERIES, LOTS - 1) == LOTS - 1)
    one: uint256 = convert(accounts._cash(A), uint256)
    other: uint256 = convert(accounts._cash(B), uint256)
    rest: uint256 = convert(accounts._cash(debts.POOL), uint256)
    lacking: uint256 = due - one - other
    cheats._prove(lacking - rest == shortfall - convert(cover, uint256))
    cheats._prove(rest < LOTS)
    cheats._prove(other == one * (LOTS - 1))


@external
def check_reach_a_covered_haircut(pool: uint96):
    self._place(debts.POOL, pool)
    pot: expiries.Pot = empty(expiries.Pot)
    pot.shortfall = 2**60
    pot.state = 1
    expiries.shortfalls[700] = 2**60
    expiries._cover(0, SERIES, pot)
    cheats._assume(expiries.pots[SERIES].cash > 0)
    cheats._assume(expiries.pots[SERIES].cash < 2**60)
    cheats._reached()


@external
def check_a_cover_is_at_most_shortfall_and_reserve(pool: uint96):
    """
    @notice A quarter of the reserve where the shortfall is a quarter of all, in an expiry for which too little is reserved.
    """
    reserve: uint256 = expiries.reserves[700]
    cheats._assume(reserve < 2**80)
    self._place(debts.POOL, pool)
    pot: expiries.Pot = empty(expiries.Pot)
    pot.shortfall = 2**60
    pot.state = 1
    expiries.shortfalls[700] = 2**62
    expiries._cover(0, SERIES, pot)
    cover: uint256 = expiries.pots[SERIES].cash
    cheats._prove(cover <= 2**60)
    cheats._prove(cover <= convert(pool, uint256))
    cheats._prove(cover <= reserve)
    cheats._prove(reserve >= 2**62 or cover <= reserve // 4)
    cheats._prove(convert(accounts._cash(debts.POOL), uint256) == convert(pool, uint256) - cover)
    cheats._prove(expiries.pots[SERIES].state == 2)


@internal
@pure
def _open_bound(number: uint256) -> uint256:
    return convert(number >> 90 != 0, uint256)


@internal
def _assume_open(pot: expiries.Pot):
    large: uint256 = self._open_bound(pot.cash) | self._open_bound(pot.shortfall) | convert(pot.payers >> 28 != 0, uint256)
    cheats._assume(large == 0)
    cheats._assume(pot.state == 1)


@internal
def _place(account: uint256, cash: uint96):
    accounts.heads[account] = (convert(cash, uint256) << 128) | (((account >> 96) - 172) << 64) | 1
