# pragma version 0.4.3
"""
@title The backstop never pays, lends or puts up more than it has and has not reserved
@license MIT
@dev From any state, with any cash in the pool's account.
"""

from lib import cheats
from lib import pools

initializes: pools


NOW: constant(uint256) = 1_704_096_000


@deploy
def __init__():
    pools.__init__()


@external
def check_a_cover_is_at_most_what_is_free(cash: int128, amount: uint120):
    pools._place_cash(pools.POOL, cash)
    free: uint256 = pools._free(cash)
    cheats._send_as(pools.AUCTION)
    paid: uint256 = extcall pools.Backstop(pools.BACKSTOP).cover(pools.B, convert(amount, uint256))
    cheats._prove(paid <= free)
    cheats._prove(paid <= convert(amount, uint256))
    cheats._prove(pools._received(pools.B) == convert(paid, int256))
    cheats._prove(pools._received(pools.POOL) == -convert(paid, int256))


@external
def check_what_is_put_behind_an_account_is_free(cash: int128, slot: uint8, amount: uint120):
    pools._place_cash(pools.POOL, cash)
    free: uint256 = pools._free(cash)
    account: uint256 = pools.POOL | ((convert(slot, uint256) & 7) + 1)
    funded: uint256 = staticcall pools.Backstop(pools.BACKSTOP).funded()
    cheats._send_as(pools.AUCTION)
    extcall pools.Backstop(pools.BACKSTOP).fund(account, convert(amount, uint256))
    cheats._prove(convert(amount, uint256) <= free)
    cheats._prove(staticcall pools.Backstop(pools.BACKSTOP).funded() == funded + convert(amount, uint256))
    cheats._prove(pools._received(account) == convert(amount, int256))
    cheats._prove(pools._received(pools.POOL) == -convert(amount, int256))


@external
def check_no_more_than_a_quarter_is_admitted(cash: int128, amount: uint120):
    pools._place_cash(pools.POOL, cash)
    # All places but one are taken: the least for the last is the prover's to know.
    cheats._assume(staticcall pools.Backstop(pools.BACKSTOP).inventory() == 2**9 - 4)
    free: uint256 = pools._free(cash)
    funded: uint256 = staticcall pools.Backstop(pools.BACKSTOP).funded()
    cheats._assume(funded < 2**128)
    cheats._assume(staticcall pools.Backstop(pools.BACKSTOP).admits(convert(amount, uint256)))
    cheats._prove(convert(amount, uint256) <= free)
    cheats._prove(amount == 0 or 4 * (funded + convert(amount, uint256)) <= free + funded)


@external
def check_a_loan_is_bounded(cash: uint96, wanted: uint96):
    """
    @notice Of an account that owes already, and another does, too.
    """
    cheats._at(NOW)
    account: uint256 = convert(pools.FRESH, uint256) << 96
    pools._place_cash(account, 2**90)
    self._lend(pools.A, 2**80)
    self._lend(pools.B, 2**85)
    pools._place_cash(account, convert(cash, int128))
    granted: uint256 = self._lend(pools.A, convert(wanted, uint256))
    pool: uint256 = convert(cash, uint256) + 2**80 + 2**85
    after: uint256 = staticcall pools.Backstop(pools.FRESH).lent()
    owes: pools.Loan = staticcall pools.Backstop(pools.FRESH).loan(pools.A)
    cheats._prove(granted <= convert(cash, uint256))
    cheats._prove(granted <= convert(wanted, uint256))
    cheats._prove(after == 2**80 + 2**85 + granted)
    cheats._prove(owes.owed == 2**80 + granted)
    cheats._prove(granted == 0 or owes.owed <= pool // 20)
    cheats._prove(granted == 0 or 4 * after <= pool)


@external
def check_reserves_add_up(cash: int128, market: uint8, day: uint8, wanted: uint256, step: uint256):
    """
    @notice What is reserved in all grows and shrinks with the reserve of one expiry; there is none of it before the first shortfall.
    """
    pools._place_cash(pools.POOL, cash)
    free: uint256 = pools._free(cash)
    place: uint256 = (convert(market, uint256) << 14) | convert(day, uint256)
    before: uint256 = staticcall pools.Backstop(pools.BACKSTOP).reserved()
    reserve: pools.Reserve = staticcall pools.Backstop(pools.BACKSTOP).reserves(place)
    cheats._assume(before < 2**128)
    cheats._assume(reserve.amount <= before)
    cheats._send_as(pools.LEDGER)
    if step == 0:
        cheats._assume(reserve.amount == 0)
        amount: uint256 = extcall pools.Backstop(pools.BACKSTOP).reserve(convert(market, uint256), convert(day, uint256))
        cheats._prove(amount <= free)
    elif step == 1:
        released: uint256 = extcall pools.Backstop(pools.BACKSTOP).release(
            convert(market, uint256), convert(day, uint256), wanted
        )
        cheats._prove(released <= min(wanted, reserve.amount))
        cheats._prove(before - released == staticcall pools.Backstop(pools.BACKSTOP).reserved())
    else:
        extcall pools.Backstop(pools.BACKSTOP).lapse(convert(market, uint256), convert(day, uint256))
    after: uint256 = staticcall pools.Backstop(pools.BACKSTOP).reserved()
    left: pools.Reserve = staticcall pools.Backstop(pools.BACKSTOP).reserves(place)
    cheats._prove(after - left.amount == before - reserve.amount)


@external
def check_only_ledger_and_auction_use_the_pool(sender: address, account: uint256, amount: uint256):
    cheats._assume(sender != pools.AUCTION)
    cheats._assume(sender != pools.LEDGER)
    used: uint256 = 0
    used |= self._done(sender, abi_encode(account, amount, method_id=method_id("lend(uint256,uint256)")))
    used |= self._done(sender, abi_encode(account, amount, method_id=method_id("repaid(uint256,uint256)")))
    used |= self._done(sender, abi_encode(account, method_id=method_id("accrue(uint256)")))
    used |= self._done(sender, abi_encode(account, amount, method_id=method_id("reserve(uint256,uint256)")))
    used |= self._done(sender, abi_encode(account, account, amount, method_id=method_id("release(uint256,uint256,uint256)")))
    used |= self._done(sender, method_id("admit()"))
    used |= self._done(sender, abi_encode(account, amount, method_id=method_id("fund(uint256,uint256)")))
    used |= self._done(sender, abi_encode(account, amount, method_id=method_id("cover(uint256,uint256)")))
    cheats._prove(used == 0)


@external
def check_reach_a_loan(cash: uint96, wanted: uint96):
    cheats._at(NOW)
    pools._place_cash(convert(pools.FRESH, uint256) << 96, convert(cash, int128))
    cheats._assume(self._lend(pools.A, convert(wanted, uint256)) != 0)
    cheats._reached()


@internal
def _lend(account: uint256, wanted: uint256) -> uint256:
    cheats._send_as(pools.LEDGER)
    return extcall pools.Backstop(pools.FRESH).lend(account, wanted)


@internal
def _done(sender: address, data: Bytes[100]) -> uint256:
    cheats._send_as(sender)
    return convert(raw_call(pools.BACKSTOP, data, revert_on_failure=False), uint256)
