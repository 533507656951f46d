# pragma version 0.4.3
"""
@title No auction begins for an account that has its maintenance requirement at a price that may be the true one
@license MIT
@dev Whatever the account was through before: `was` is any word that the Auction may have kept of it.
"""

from lib import auctions
from lib import cheats

initializes: auctions

LIVE: constant(uint256) = 2**40 - 1


@deploy
def __init__():
    auctions.__init__()


@external
def check_start_needs_less_than_maintenance(was: uint256, stand: auctions.Bounded):
    self._place(auctions.BEFORE_EXPIRY, was, stand, 7)
    cheats._assume(auctions._starts())
    cheats._prove(self._is_live(auctions.BEFORE_EXPIRY, was) or self._is_below(stand))


@external
def check_bid_begins_only_below_maintenance(any: auctions.Bounded, most: uint256, limit: int256, example: bool):
    stand: auctions.Bounded = any
    if example:
        stand = auctions.Bounded(equity=17 * 2**67, maintenance=2**71, initial=20 * 2**67, rest=0)
    self._place(auctions.BEFORE_EXPIRY, 0, stand, 0)
    cheats._assume(auctions._bids(most, 0, limit))
    cheats._prove(self._is_below(stand))


@external
def check_take_over_begins_only_below_maintenance(stand: auctions.Bounded, own: int96, limit: int256):
    self._place(auctions.BEFORE_EXPIRY, 0, stand, 0)
    after: auctions.Stand = auctions._stand(stand)
    after.equity += convert(own, int256)    # the account has become the bidder's, who had cash
    spare: auctions.Held = empty(auctions.Held)
    spare.cash = convert(own, int256)
    extcall auctions.Accounts(auctions.LEDGER).place(auctions.B, empty(auctions.Stand), after, spare)
    cheats._assume(auctions._takes_over(limit))
    cheats._prove(stand.equity < convert(stand.maintenance, int96))


@external
def check_no_start_at_a_candidate_beyond_the_scan(was: uint256, stand: auctions.Bounded, candidate: uint256):
    self._place(auctions.BEFORE_EXPIRY, was, stand, 7)
    cheats._assume(candidate > 2**70 + 3_001 * 2**56)
    cheats._assume(candidate < 2**100)
    extcall auctions.Prices(auctions.RISK).place(0, 1, candidate)
    cheats._assume(auctions._starts())
    cheats._prove(self._is_live(auctions.BEFORE_EXPIRY, was))


@external
def check_reach_start(stand: auctions.Bounded):
    self._place(auctions.BEFORE_EXPIRY, 0, stand, 7)
    cheats._assume(auctions._starts())
    cheats._reached()


@internal
def _place(now: uint256, was: uint256, stand: auctions.Bounded, lots: int32):
    """
    @notice At a price that can be used, with no candidate.
    """
    cheats._at(now)
    extcall auctions.Prices(auctions.RISK).place(0, 1, 0)
    extcall auctions.Prices(auctions.RISK).place_array(auctions.SERIES, 0)
    auctions._place_any_auction(was)
    held: auctions.Held = empty(auctions.Held)
    if lots != 0:
        held = auctions._position(convert(convert(convert(lots, int256), bytes32), uint256) & (2**28 - 1))
    auctions._place_sale(auctions._stand(stand), empty(auctions.Stand), held)


@internal
@pure
def _is_live(now: uint256, was: uint256) -> bool:
    started_at: uint256 = was & LIVE
    recent: uint256 = convert(now <= started_at + auctions.LIFE, uint256) | ((was >> 80) & 1)
    return convert(started_at != 0, uint256) & recent != 0


@internal
@pure
def _is_below(stand: auctions.Bounded) -> bool:
    return auctions._worth(stand) < convert(stand.maintenance, int256)
