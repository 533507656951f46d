# pragma version 0.4.3
"""
@title A take-over moves the account and its bidder alone, at no more than the bidder's limit
@license MIT
@dev Of an account that is worth less than nothing. The bidder stands in any way afterwards.
"""

from lib import auctions
from lib import cheats

initializes: auctions

NOW: constant(uint256) = auctions.BEFORE_EXPIRY


@deploy
def __init__():
    auctions.__init__()


@external
def check_a_take_over_touches_nobody_else(taken: auctions.Bounded, own: int96, idle: uint96, limit: int96):
    """
    @notice It costs the bidder its limit at most, and leaves it with initial margin.
    """
    self._place_take_over(taken, own, idle)
    cheats._assume(auctions._takes_over(convert(limit, int256)))
    cheats._prove(not staticcall auctions.Accounts(auctions.LEDGER).strangers())
    received: int256 = staticcall auctions.Accounts(auctions.LEDGER).received(auctions.B)
    received += convert(staticcall auctions.Pool(auctions.BACKSTOP).paid(), int256)
    cheats._prove(received >= -convert(limit, int256))
    cheats._prove(convert(taken.rest, int256) + received >= 0)


@internal
def _place_take_over(taken: auctions.Bounded, own: int96, idle: uint96):
    cheats._at(NOW)
    cheats._assume(taken.equity < own)
    auctions._place_auction(NOW - auctions.DURATION, NOW - auctions.DURATION, 2**64, False)
    spare: auctions.Held = empty(auctions.Held)
    spare.cash = convert(own, int256)
    extcall auctions.Accounts(auctions.LEDGER).place(auctions.B, empty(auctions.Stand), auctions._stand(taken), spare)
    extcall auctions.Pool(auctions.BACKSTOP).place(0, convert(idle, uint256))
