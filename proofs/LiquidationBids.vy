# pragma version 0.4.3
"""
@title What a sale may cost the backstop
@license MIT
@dev The account and the bidder stand in any way before and after: the Ledger answers anything.
"""

from lib import auctions
from lib import cheats

initializes: auctions

NOW: constant(uint256) = auctions.BEFORE_EXPIRY


# A bid's terms.
struct Terms:
    most: uint256
    least: uint256
    limit: int96


@deploy
def __init__():
    auctions.__init__()


@external
def check_the_solvent_cost_the_backstop_nothing(stands: auctions.Bounded[3], age: uint8, idle: uint96, terms: Terms):
    self._place(stands, empty(auctions.Held), age, idle)
    cheats._assume(auctions._worth(stands[0]) > 0)
    cheats._assume(auctions._bids(terms.most, terms.least, convert(terms.limit, int256)))
    cheats._prove(staticcall auctions.Pool(auctions.BACKSTOP).asked() == 0)
    cheats._prove(staticcall auctions.Accounts(auctions.LEDGER).received(auctions.A) >= 0)


@external
def check_a_bid_asks_the_backstop_for_its_part_at_most(stands: auctions.Bounded[3], idle: uint96, terms: Terms):
    """
    @notice Of what the account lacks, and a tenth of its maintenance requirement.
    """
    self._place(stands, empty(auctions.Held), 255, idle)
    cheats._assume(auctions._worth(stands[0]) <= 0)
    cheats._assume(auctions._bids(terms.most, 0, convert(terms.limit, int256)))
    lacking: uint256 = convert(-auctions._worth(stands[0]), uint256)
    lacking += convert(stands[0].maintenance, uint256) * 10**17 // auctions.ONE
    asked: uint256 = staticcall auctions.Pool(auctions.BACKSTOP).asked()
    cheats._prove(asked <= lacking * min(terms.most, auctions.ONE) // auctions.ONE)


@external
def check_reach_paid_bid(stands: auctions.Bounded[3], terms: Terms):
    self._place(stands, empty(auctions.Held), 20, 2**90)
    cheats._assume(auctions._bids(terms.most, terms.least, convert(terms.limit, int256)))
    cheats._assume(staticcall auctions.Pool(auctions.BACKSTOP).asked() != 0)
    cheats._reached()


@internal
def _place(stands: auctions.Bounded[3], held: auctions.Held, age: uint8, idle: uint96):
    """
    @notice The account before and after, and the bidder after. An auction is on.
    """
    cheats._at(NOW)
    cheats._assume(stands[0].rest == 0)
    since: uint256 = NOW - 2 * convert(age, uint256)
    auctions._place_auction(since, since, 2**64, False)
    auctions._place_sale(auctions._stand(stands[0]), auctions._stand(stands[1]), held)
    extcall auctions.Accounts(auctions.LEDGER).place(
        auctions.B, empty(auctions.Stand), auctions._stand(stands[2]), empty(auctions.Held)
    )
    extcall auctions.Pool(auctions.BACKSTOP).place(0, convert(idle, uint256))
