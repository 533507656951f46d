# pragma version 0.4.3
"""
@title Who has no positions and no debts gets out what is theirs, whatever the feeds do; and nobody else gets it
@license MIT
@dev From any state, with a Risk that reverts whatever it is asked. The account has books in at most two markets.
"""

from peersettle.contracts.interfaces import ILedger
from lib import cheats
from lib import margin

initializes: margin


# What an account without positions may hold besides.
struct Plain:
    cash: int128
    markets: uint256
    collateral: uint96
    stored: uint64[2]


@deploy
def __init__():
    margin.__init__("Deaf.sol:Deaf")


@external
def check_plain_cash_leaves_without_a_feed(held: Plain, amount: uint128, receiver: address):
    self._place(held)
    cheats._assume(convert(amount, uint256) * margin.CASH_UNIT <= convert(convert(held.cash, int256), uint256))
    before: int256 = margin._cash(margin.A)
    cheats._prove(self._withdraws(margin.P, margin.CASH, convert(amount, uint256), receiver))
    cheats._prove(margin._left(margin.CASH, receiver, convert(amount, uint256)))
    cheats._prove(margin._cash(margin.A) == before - convert(convert(amount, uint256) * margin.CASH_UNIT, int256))


@external
def check_plain_collateral_leaves_without_a_feed(held: Plain, amount: uint96, receiver: address):
    self._place(held)
    cheats._assume(held.markets & 1 != 0)
    cheats._assume(convert(amount, uint256) * margin.CASH_UNIT <= convert(held.collateral, uint256))
    cheats._assume(held.collateral < 2**94)
    cheats._prove(self._withdraws(margin.P, margin.TOKEN, convert(amount, uint256), receiver))
    cheats._prove(margin._left(margin.TOKEN, receiver, convert(amount, uint256)))
    header: uint256 = staticcall margin.Margin(margin.LEDGER).word(margin.BOOK_A, 0, 0)
    cheats._prove(header >> 160 == convert(held.collateral, uint256) - convert(amount, uint256) * margin.CASH_UNIT)


@external
def check_only_the_owner_or_a_granted_key_withdraws(
    held: Plain, now: uint64, sender: address, amount: uint256, receiver: address
):
    self._place(held)
    cheats._at(convert(now, uint256))
    digest: uint256 = convert(keccak256(abi_encode(margin.A)), uint256)
    slot: uint256 = margin.SESSION | (digest & (margin.SESSION - 1))
    grant: margin.Grant = staticcall margin.Margin(margin.LEDGER).grant_of((convert(sender, uint256) << 96) | slot)
    cheats._assume(self._withdraws(sender, margin.CASH, amount, receiver))
    if sender != margin.P:
        cheats._prove(receiver == margin.P)
        cheats._prove(grant.account == margin.A)
        cheats._prove(grant.terms & 2 != 0)
        cheats._prove(convert(now, uint256) < grant.terms >> 8)


@external
def check_nobody_withdraws_more_than_there_is(held: Plain, sender: address, amount: uint256, receiver: address):
    self._place(held)
    cheats._assume(self._withdraws(sender, margin.CASH, amount, receiver))
    cheats._prove(amount < 2**120)
    cheats._prove(convert(convert(held.cash, int256), uint256) >= amount * margin.CASH_UNIT)
    cheats._prove(margin._left(margin.CASH, receiver, amount))


@external
def check_reach_a_key_withdraws(held: Plain, sender: address, amount: uint256, receiver: address):
    self._place(held)
    cheats._assume(sender != margin.P and amount != 0)
    cheats._assume(self._withdraws(sender, margin.CASH, amount, receiver))
    cheats._reached()


@internal
def _place(held: Plain):
    cheats._assume(held.cash >= 0)
    cheats._assume(held.markets < 4)
    margin._place_head(margin.A, held.cash, margin.BOOK_A, held.markets)
    rest: uint256 = (convert(held.collateral, uint256) << 152) | convert(held.stored[0], uint256)
    margin._place_book(margin.BOOK_A, 0, 0, rest, 0)
    margin._place_book(margin.BOOK_A, 1, 0, convert(held.stored[1], uint256), 0)


@internal
def _withdraws(sender: address, token: address, amount: uint256, receiver: address) -> bool:
    cheats._send_as(sender)
    return raw_call(margin.LEDGER, abi_encode(margin.A, token, amount, receiver, method_id=method_id("withdraw(uint256,address,uint256,address)")), revert_on_failure=False)
