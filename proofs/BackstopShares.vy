# pragma version 0.4.3
"""
@title Who comes and who leaves takes nothing from those who stay
@license MIT
@dev From any state without inventory. What a share is worth is (worth + one) / (supply + one), at the valuation at which it is minted or burned:
     for any amount, worth and supply are fixed there, powers of two, since the prover would have to divide by them.
"""

from lib import cheats
from lib import pools

initializes: pools

ONE: constant(uint256) = 10**18
UNIT: constant(uint256) = 10**12    # wad, of the token's unit
NOTICE: constant(uint256) = 2 * 86_400
# Where they are fixed: each with the one that nobody has.
WORTH: constant(uint256) = 2**80
SUPPLY: constant(uint256) = 2**79
LENT: constant(uint256) = 2**74
NOW: constant(uint256) = 1_704_096_000
SENDER: constant(uint256) = 177 * 2**96     # the account of P
TO: constant(uint256) = 178 * 2**96         # of Q


@deploy
def __init__():
    pools.__init__()


@external
def check_a_deposit_takes_nothing_from_others(assets: uint80):
    self._place_pool(WORTH, LENT)
    cheats._send_as(pools.P)
    minted: uint256 = extcall pools.Backstop(pools.FRESH).deposit(convert(assets, uint256), pools.Q)
    cheats._prove(minted * WORTH <= convert(assets, uint256) * SUPPLY)


@external
def check_shares_minted_are_paid_for(amount: uint80):
    self._place_pool(3 * 2**78, LENT)
    cheats._send_as(pools.P)
    assets: uint256 = extcall pools.Backstop(pools.FRESH).mint(convert(amount, uint256), pools.Q)
    cheats._prove(convert(amount, uint256) * 3 * 2**78 <= assets * SUPPLY)


@external
def check_a_redemption_takes_nothing_from_others(amount: uint80):
    self._place_pool(WORTH, LENT)
    cheats._send_as(pools.P)
    assets: uint256 = extcall pools.Backstop(pools.FRESH).redeem(convert(amount, uint256), pools.Q, pools.P)
    cheats._prove(assets * SUPPLY <= convert(amount, uint256) * (WORTH - LENT + LENT // 2))


@external
def check_a_withdrawal_takes_nothing_from_others(assets: uint80):
    self._place_pool(WORTH, 0)
    cheats._send_as(pools.P)
    burned: uint256 = extcall pools.Backstop(pools.FRESH).withdraw(convert(assets, uint256), pools.Q, pools.P)
    cheats._prove(convert(assets, uint256) * SUPPLY <= burned * WORTH)


@external
def check_who_comes_pays_for_its_shares(cash: int128, assets: uint120, watched: address, example: bool):
    pools._place_cash(pools.POOL, cash)
    self._assume_no_inventory()
    supply: uint256 = self._supply()
    others: uint256 = self._balance(watched)
    own: uint256 = self._balance(pools.Q)
    if example:
        self._assume_plain(cash, supply)
        cheats._assume(assets == 2**60)
    cheats._assume(own <= supply)
    cheats._assume(supply < 2**128)
    cheats._send_as(pools.P)
    minted: uint256 = extcall pools.Backstop(pools.BACKSTOP).deposit(convert(assets, uint256), pools.Q)
    cheats._prove(minted != 0)
    cheats._prove(self._supply() - supply == minted)
    cheats._prove(self._balance(pools.Q) - own == minted)
    cheats._prove(watched == pools.Q or self._balance(watched) == others)
    paid: int256 = convert(convert(assets, uint256) * UNIT, int256)
    cheats._prove(pools._received(pools.POOL) == paid)
    cheats._prove(pools._received(SENDER) == -paid)


@external
def check_who_leaves_gave_notice_and_gives_up_its_shares(
    now: uint40, cash: int128, amount: uint120, sender: address, watched: address, example: bool
):
    cheats._at(convert(now, uint256))
    pools._place_cash(pools.POOL, cash)
    self._assume_no_inventory()
    free: uint256 = pools._free(cash)
    supply: uint256 = self._supply()
    others: uint256 = self._balance(watched)
    asked: pools.Request = staticcall pools.Backstop(pools.BACKSTOP).requests(pools.P)
    cheats._assume(watched != pools.BACKSTOP)
    cheats._assume(asked.ready_at < 2**40)
    if example:
        self._assume_plain(cash, supply)
        cheats._assume(amount == 2**70)
        cheats._assume(sender == pools.P)
    cheats._send_as(sender)
    assets: uint256 = extcall pools.Backstop(pools.BACKSTOP).redeem(convert(amount, uint256), pools.Q, pools.P)
    left: pools.Request = staticcall pools.Backstop(pools.BACKSTOP).requests(pools.P)
    cheats._prove(supply - self._supply() == convert(amount, uint256))
    cheats._prove(asked.shares - left.shares == convert(amount, uint256))
    cheats._prove(self._balance(watched) == others)
    cheats._prove(convert(now, uint256) >= asked.ready_at)
    cheats._prove(convert(now, uint256) <= asked.ready_at + NOTICE)
    paid: int256 = convert(assets * UNIT, int256)
    cheats._prove(assets * UNIT <= free)
    cheats._prove(pools._received(pools.POOL) == -paid)
    cheats._prove(pools._received(TO) == paid)


@external
def check_reach_a_redemption(amount: uint80):
    self._place_pool(WORTH, LENT)
    cheats._send_as(pools.P)
    extcall pools.Backstop(pools.FRESH).redeem(convert(amount, uint256), pools.Q, pools.P)
    cheats._reached()


@internal
def _place_pool(worth: uint256, lent: uint256):
    """
    @notice So much worth, some of it lent, and the supply. P may leave with what it has.
    """
    account: uint256 = convert(pools.FRESH, uint256) << 96
    cheats._at(NOW - NOTICE)
    cheats._send_as(pools.P)
    extcall pools.Backstop(pools.FRESH).deposit(SUPPLY - ONE, pools.P)
    cheats._send_as(pools.P)
    extcall pools.Backstop(pools.FRESH).request(SUPPLY - ONE)
    cheats._at(NOW)
    pools._place_cash(account, convert(worth - ONE - lent, int128))
    if lent != 0:
        cheats._send_as(pools.LEDGER)
        extcall pools.Backstop(pools.FRESH).lend(pools.A, lent)


@internal
def _assume_no_inventory():
    cheats._assume(staticcall pools.Backstop(pools.BACKSTOP).inventory() == 0)


@internal
def _assume_plain(cash: int128, supply: uint256):
    cheats._assume(cash == 2**80 - 10**18)
    cheats._assume(supply == 2**80 - 10**18)
    cheats._assume(staticcall pools.Backstop(pools.BACKSTOP).lent() == 0)


@internal
@view
def _supply() -> uint256:
    return staticcall pools.Backstop(pools.BACKSTOP).totalSupply()


@internal
@view
def _balance(owner: address) -> uint256:
    return staticcall pools.Backstop(pools.BACKSTOP).balanceOf(owner)
