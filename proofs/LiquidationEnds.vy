# pragma version 0.4.3
"""
@title Every auction can end
@license MIT
@dev That nobody is asked for a thing that refuses: of the Ledger, Risk and the backstop all calls succeed, unless a proof says so.
"""

from lib import auctions
from lib import cheats

initializes: auctions

NOW: constant(uint256) = auctions.BEFORE_EXPIRY


# An account that is worth less than nothing.
struct Insolvent:
    lacking: uint88
    initial: uint88
    cash: int96


@deploy
def __init__():
    auctions.__init__()


@external
def check_a_lapsed_auction_can_be_ended(now: uint40, started_at: uint40, insolvent_at: uint40, lowest: uint128, stand: auctions.Stand):
    """
    @notice However the account stands.
    """
    cheats._at(convert(now, uint256))
    cheats._assume(started_at != 0)
    cheats._assume(convert(now, uint256) > convert(started_at, uint256) + auctions.LIFE)
    auctions._place_auction(convert(started_at, uint256), convert(insolvent_at, uint256), convert(lowest, uint256), False)
    auctions._place_sale(stand, stand, empty(auctions.Held))
    cheats._prove(auctions._ends())
    cheats._prove(self._is_over())


@external
def check_an_auction_ends_when_the_account_has_enough(
    started_at: uint40, lowest: uint128, any: auctions.Bounded, example: bool
):
    """
    @notice Halfway from maintenance to initial margin.
    """
    stand: auctions.Bounded = any
    if example:
        stand = auctions.Bounded(equity=9 * 2**68, maintenance=8 * 2**68, initial=10 * 2**68, rest=0)
    cheats._at(NOW)
    cheats._assume(started_at != 0)
    cheats._assume(2 * auctions._worth(stand) >= convert(stand.maintenance, int256) + convert(stand.initial, int256))
    cheats._assume(auctions._worth(stand) > 0)
    auctions._place_auction(convert(started_at, uint256), 0, convert(lowest, uint256), False)
    auctions._place_sale(auctions._stand(stand), empty(auctions.Stand), empty(auctions.Held))
    cheats._prove(auctions._ends())
    cheats._prove(self._is_over())


@external
def check_a_run_off_ends_when_the_account_has_enough(started_at: uint40, insolvent_at: uint40, stand: auctions.Bounded):
    cheats._at(NOW)
    cheats._assume(started_at != 0)
    cheats._assume(auctions._worth(stand) >= convert(stand.maintenance, int256))
    auctions._place_auction(convert(started_at, uint256), convert(insolvent_at, uint256), 0, True)
    auctions._place_sale(auctions._stand(stand), empty(auctions.Stand), empty(auctions.Held))
    cheats._prove(auctions._ends())
    cheats._prove(self._is_over())
    cheats._prove(staticcall auctions.Accounts(auctions.LEDGER).barred() == 1)


@external
def check_no_auction_ends_while_the_account_has_too_little(age: uint16, run_off: bool, equity: int96):
    """
    @notice Before its time is up; one in run-off never. Where initial margin is 9/7 of maintenance.
    """
    cheats._at(NOW)
    cheats._assume(run_off or convert(age, uint256) <= auctions.LIFE)
    cheats._assume(equity < 7 * 2**68)
    auctions._place_auction(NOW - convert(age, uint256), 0, 0, run_off)
    stand: auctions.Stand = auctions.Stand(equity=convert(equity, int256), maintenance=7 * 2**68, initial=9 * 2**68, rest=0)
    auctions._place_sale(stand, empty(auctions.Stand), empty(auctions.Held))
    cheats._prove(not auctions._ends())


@external
def check_the_insolvent_are_taken_in_or_run_off(stand: Insolvent, room: uint128):
    """
    @notice At the last price one of the two is possible, whatever room the pool has.
    """
    self._place(stand, NOW - auctions.DURATION, NOW - auctions.DURATION, room)
    if auctions._is_rescued():
        cheats._prove(self._is_over())
        cheats._prove(staticcall auctions.Accounts(auctions.LEDGER).sold() == 1)
        cheats._prove(staticcall auctions.Pool(auctions.BACKSTOP).funded() <= convert(room, uint256))
    else:
        cheats._prove(auctions._is_run_off())
        cheats._prove(staticcall auctions.Accounts(auctions.LEDGER).barred() == 1)
        cheats._prove((staticcall auctions.Auctions(auctions.AUCTION).word(auctions.A)) & auctions.RUN_OFF != 0)


@external
def check_no_run_off_while_there_is_room(stand: Insolvent, room: uint128):
    self._place(stand, NOW - auctions.DURATION, NOW - auctions.DURATION, room)
    cheats._assume(auctions._is_run_off())
    initial: uint256 = convert(stand.initial, uint256)
    needed: int256 = convert(initial + initial // 50 + convert(stand.lacking, uint256) + 1, int256)
    cheats._prove(max(needed, -convert(stand.cash, int256)) > convert(room, int256))


@external
def check_nobody_is_run_off_while_bidding_goes_on(started_at: uint40, insolvent_at: uint40, stand: Insolvent):
    self._place(stand, convert(started_at, uint256), convert(insolvent_at, uint256), 0)
    cheats._assume(auctions._is_run_off())
    cheats._prove(NOW >= convert(started_at, uint256) + auctions.DURATION)
    cheats._prove(NOW >= convert(insolvent_at, uint256) + auctions.DURATION)
    cheats._prove(insolvent_at != 0)


@external
def check_nobody_is_taken_in_while_bidding_goes_on(age: uint8, fallen: uint8, stand: Insolvent, room: uint128):
    self._place(stand, NOW - auctions.DURATION - convert(age, uint256) + 1, NOW - auctions.DURATION + convert(fallen, uint256) + 1, room)
    cheats._prove(not auctions._is_rescued())


@external
def check_reach_run_off(stand: Insolvent, room: uint128):
    self._place(stand, NOW - auctions.DURATION, NOW - auctions.DURATION, room)
    cheats._assume(auctions._is_run_off())
    cheats._reached()


@external
def check_reach_rescue(stand: Insolvent, room: uint128):
    self._place(stand, NOW - auctions.DURATION, NOW - auctions.DURATION, room)
    cheats._assume(auctions._is_rescued())
    cheats._reached()


@internal
def _place(insolvent: Insolvent, started_at: uint256, insolvent_at: uint256, room: uint128):
    """
    @notice Without books, so that what the account may be worth at best it is worth now.
    """
    cheats._at(NOW)
    auctions._place_auction(started_at, insolvent_at, 0, False)
    held: auctions.Held = empty(auctions.Held)
    held.cash = convert(insolvent.cash, int256)
    stand: auctions.Stand = empty(auctions.Stand)
    stand.equity = -1 - convert(insolvent.lacking, int256)
    stand.initial = convert(insolvent.initial, uint256)
    stand.maintenance = stand.initial // 2
    auctions._place_sale(stand, empty(auctions.Stand), held)
    slot: uint256 = auctions.POOL | 1
    spare: auctions.Stand = empty(auctions.Stand)
    spare.rest = 2**120
    extcall auctions.Accounts(auctions.LEDGER).place(slot, empty(auctions.Stand), spare, empty(auctions.Held))
    extcall auctions.Accounts(auctions.LEDGER).expect(auctions.A, slot, auctions.POOL)
    extcall auctions.Pool(auctions.BACKSTOP).place(convert(room, uint256), 0)


@internal
@view
def _is_over() -> bool:
    return staticcall auctions.Auctions(auctions.AUCTION).word(auctions.A) == 0
