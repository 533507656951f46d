# pragma version 0.4.3
"""
@title A bid concerns the account and its bidder alone, keeps to its terms, and costs the backstop little
@license MIT
@dev The account and the bidder stand in any way before and after: the Ledger answers anything.
"""

from lib import auctions
from lib import cheats

initializes: auctions

NOW: constant(uint256) = auctions.BEFORE_EXPIRY
UNIT: constant(int96) = 10**18


# A bid's terms.
struct Terms:
    most: uint256
    least: uint256
    limit: int96


# How the account stands before and after, and the bidder after, and the bid.
struct Sale:
    before: auctions.Bounded
    after: auctions.Bounded
    bidder: auctions.Bounded
    terms: Terms


@deploy
def __init__():
    auctions.__init__()


@external
def check_a_bid_touches_nobody_else(any: Sale, idle: uint96, cash: int96, example: bool):
    """
    @notice With a position and cash in the account.
    """
    sale: Sale = any
    if example:
        sale = self._solvent(4)
    held: auctions.Held = auctions._position(auctions.LOTS)
    held.cash = convert(cash, int256)
    self._place(sale, held, 20, idle)
    cheats._assume(self._bids(sale))
    cheats._prove(not staticcall auctions.Accounts(auctions.LEDGER).strangers())
    paid: uint256 = staticcall auctions.Pool(auctions.BACKSTOP).paid()
    cheats._prove(paid == 0 or staticcall auctions.Pool(auctions.BACKSTOP).receiver() == auctions.B)


@external
def check_a_bid_leaves_the_bidder_with_margin(any: Sale, idle: uint96, example: bool):
    sale: Sale = any
    if example:
        sale = self._solvent(4)
        sale.bidder.rest = -1
    self._place(sale, empty(auctions.Held), 20, idle)
    cheats._assume(self._bids(sale))
    cheats._prove(sale.bidder.rest >= 0)


@external
def check_deep_a_bid_keeps_to_its_limit(any: Sale, idle: uint96, example: bool):
    """
    @notice Without cash in the account nothing but the price is paid.
    """
    sale: Sale = any
    if example:
        sale = self._solvent(4)
        sale.terms.limit = any.terms.limit
    self._place(sale, empty(auctions.Held), 20, idle)
    cheats._assume(self._bids(sale))
    received: int256 = staticcall auctions.Accounts(auctions.LEDGER).received(auctions.B)
    received += convert(staticcall auctions.Pool(auctions.BACKSTOP).paid(), int256)
    cheats._prove(received >= -convert(sale.terms.limit, int256))
    cheats._prove(sale.terms.most >= sale.terms.least)


@external
def check_a_bid_relieves_the_account(any: Sale, idle: uint96, example: bool):
    sale: Sale = any
    if example:
        sale = self._solvent(4)
        sale.after.maintenance = sale.before.maintenance
    self._place(sale, empty(auctions.Held), 20, idle)
    cheats._assume(self._bids(sale))
    cheats._prove(sale.after.maintenance < sale.before.maintenance)


@external
def check_a_bid_raises_what_there_is_for_the_requirement(any: Sale, idle: uint96, example: bool):
    """
    @notice Of the solvent: what they have for each unit of it.
    """
    sale: Sale = any
    if example:
        sale = self._solvent(1)
    self._place(sale, empty(auctions.Held), 20, idle)
    cheats._assume(auctions._worth(sale.before) > 0)
    cheats._assume(self._bids(sale))
    before: int256 = auctions._worth(sale.before)
    after: int256 = staticcall auctions.Accounts(auctions.LEDGER).received(auctions.A)
    after += convert(sale.after.equity, int256)
    cheats._prove(after * convert(sale.before.maintenance, int256) > before * convert(sale.after.maintenance, int256))


@external
def check_the_solvent_cost_the_backstop_nothing(any: Sale, age: uint8, idle: uint96, example: bool):
    sale: Sale = any
    since: uint8 = age
    if example:
        sale = self._solvent(6)
        since = 20
    self._place(sale, empty(auctions.Held), since, idle)
    cheats._assume(auctions._worth(sale.before) > 0)
    cheats._assume(self._bids(sale))
    cheats._prove(staticcall auctions.Pool(auctions.BACKSTOP).asked() == 0)
    cheats._prove(staticcall auctions.Accounts(auctions.LEDGER).received(auctions.A) >= 0)


@external
def check_a_bid_asks_the_backstop_for_its_part_at_most(any: Sale, idle: uint96, example: bool):
    """
    @notice Of what the account lacks, and a tenth of its maintenance requirement.
    """
    sale: Sale = any
    sale.terms.least = 0
    if example:
        sale = self._insolvent(1)
    self._place(sale, empty(auctions.Held), 255, idle)
    cheats._assume(auctions._worth(sale.before) <= 0)
    cheats._assume(self._bids(sale))
    lacking: uint256 = convert(-auctions._worth(sale.before), uint256)
    lacking += convert(sale.before.maintenance, uint256) * 10**17 // auctions.ONE
    asked: uint256 = staticcall auctions.Pool(auctions.BACKSTOP).asked()
    cheats._prove(asked <= lacking * min(sale.terms.most, auctions.ONE) // auctions.ONE)


@external
def check_reach_bid(idle: uint96):
    sale: Sale = self._solvent(4)
    self._place(sale, auctions._position(auctions.LOTS), 20, idle)
    cheats._assume(auctions._worth(sale.before) > 0)
    cheats._assume(self._bids(sale))
    cheats._reached()


@external
def check_reach_paid_bid(idle: uint96):
    sale: Sale = self._insolvent(-1)
    self._place(sale, empty(auctions.Held), 255, idle)
    cheats._assume(auctions._worth(sale.before) <= 0)
    cheats._assume(self._bids(sale))
    cheats._assume(staticcall auctions.Pool(auctions.BACKSTOP).asked() != 0)
    cheats._reached()


@internal
@pure
def _solvent(left: int96) -> Sale:
    """
    @notice Half of an account is sold, which has so many hundreds left of five.
    """
    return Sale(
        before=auctions.Bounded(equity=500 * UNIT, maintenance=1_000 * 10**18, initial=1_300 * 10**18, rest=0),
        after=auctions.Bounded(equity=left * 100 * UNIT, maintenance=500 * 10**18, initial=650 * 10**18, rest=0),
        bidder=auctions.Bounded(equity=0, maintenance=0, initial=0, rest=UNIT),
        terms=Terms(most=5 * 10**17, least=10**17, limit=1_000 * UNIT),
    )


@internal
@pure
def _insolvent(left: int96) -> Sale:
    """
    @notice As above, of an account that lacks one hundred.
    """
    sale: Sale = self._solvent(left)
    sale.before.equity = -100 * UNIT
    sale.after.equity = left * 50 * UNIT
    sale.terms.least = 0
    return sale


@internal
def _place(sale: Sale, held: auctions.Held, age: uint8, idle: uint96):
    """
    @notice An auction is on, and began when the account stood as it does now. All that it has is priced.
    """
    cheats._at(NOW)
    cheats._assume(sale.before.rest == 0)
    since: uint256 = NOW - 2 * convert(age, uint256)
    auctions._place_auction(since, since, 2**64, False)
    auctions._place_sale(auctions._stand(sale.before), auctions._stand(sale.after), held)
    extcall auctions.Accounts(auctions.LEDGER).place(
        auctions.B, empty(auctions.Stand), auctions._stand(sale.bidder), empty(auctions.Held)
    )
    extcall auctions.Pool(auctions.BACKSTOP).place(0, convert(idle, uint256))


@internal
def _bids(sale: Sale) -> bool:
    return auctions._bids(sale.terms.most, sale.terms.least, convert(sale.terms.limit, int256))
