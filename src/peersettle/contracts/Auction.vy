# pragma version 0.4.3
# pragma optimize gas
# pragma evm-version cancun
"""
@title Auction
@license MIT
@notice Sells accounts that are below maintenance, by fractions of everything in them, at a price that falls with time.
@dev How do you stop this? Nobody can. It has no owner, holds nothing, and can only have the Ledger move balances between the account, who bids
     and the backstop. For a unit of maintenance requirement that a bidder relieves the account of it is paid a rate that grows
     from nothing to LAST_RATE, and by measure, not by fraction: bids add up, so splitting one gains nothing. While the account
     is solvent, rate and fee together stay below half of its equity over its maintenance, so each sale raises that ratio.
"""

from .interfaces import IAuction
from .interfaces import IBackstop
from .interfaces import ILedger
from .interfaces import ILiquidations
from .interfaces import IRisk
from .modules import parts
from .modules import reliefs
from .modules import run_offs
from .modules import sales

implements: IAuction

initializes: run_offs
initializes: sales

exports: run_offs.doubtful

ONE: constant(uint256) = 10**18
WHOLE: constant(uint256) = 75 * 10**16          # from here on all of it may be sold
SMALLEST: constant(uint256) = 10                # a bid takes at least a tenth of what is for sale
SLACK: constant(uint256) = 50                   # the pool puts a 50th more behind what it takes over than initial margin
UNKNOWN: constant(int256) = -(2**127)           # to spare: a candidate lies beyond the scenarios

LEDGER: immutable(address)
RISK: immutable(IRisk)
BACKSTOP: immutable(IBackstop)


@deploy
def __init__(ledger: address, risk: IRisk, backstop: IBackstop):
    """
    @param ledger The Ledger that will be deployed to this address.
    @param risk The Risk that will be deployed to this address.
    """
    LEDGER = ledger
    RISK = risk
    BACKSTOP = backstop
    sales.__init__(convert(backstop.address, uint256) << 96)
    run_offs.__init__(ledger, risk)


# Beginning and ending


@external
@nonreentrant
def start(account: uint256):
    standing: sales.Standing = self._standing(account)
    auction: IAuction.Auction = sales._auction(account)
    if not sales._is_live(auction):
        self._begin(account, standing)
    else:
        seen: IAuction.Auction = sales._seen(auction, standing)
        assert seen.started_at != auction.started_at or seen.insolvent_at != auction.insolvent_at, "started"
        sales._keep(account, seen)


@external
@nonreentrant
def end(account: uint256):
    auction: IAuction.Auction = sales._auction(account)
    assert auction.started_at != 0, "unstarted"
    if auction.run_off:
        standing: sales.Standing = self._standing(account)
        assert standing.equity >= convert(standing.maintenance, int256), "unhealthy"
    elif sales._is_live(auction):
        assert sales._most(account, self._standing(account), 0, 0) == 0, "unhealthy"
    self._close(account, auction)


@external
@nonreentrant
def rescue(account: uint256):
    assert not sales._is_pools(account), "account"
    self._accrue(account)
    standing: sales.Standing = self._standing(account)
    auction: IAuction.Auction = self._at_last_price(account, standing)
    paid: uint256 = 0
    fee: uint256 = 0
    paid, fee = sales._rates(auction, standing)
    price: uint256 = 0
    if standing.equity > 0:
        price = convert(standing.equity, uint256) - standing.maintenance * (paid + fee) // ONE
    needed: uint256 = self._needed(account, standing) + price
    assert staticcall BACKSTOP.admits(needed), "room"
    bidder: uint256 = extcall BACKSTOP.admit()
    self._close(bidder, sales._auction(bidder))      # of what stood there before
    self._close(account, auction)
    extcall BACKSTOP.fund(bidder, needed)
    extcall ILiquidations(LEDGER).swap(account, bidder)
    spare: int256 = 0
    standing, spare = self._recount(bidder)
    assert spare > UNKNOWN, "candidate"
    if spare < convert(price, int256):
        # Counted anew it adds to the market's open risk, which may ask for more initial margin.
        extcall BACKSTOP.fund(bidder, convert(convert(price, int256) - spare, uint256))
    if price != 0:
        extcall ILiquidations(LEDGER).pay(bidder, account, price)
    log IAuction.TakenOver(account=account, bidder=bidder, price=convert(price, int256), fee=0)


@external
@nonreentrant
def run_off(account: uint256):
    self._accrue(account)
    standing: sales.Standing = self._standing(account)
    auction: IAuction.Auction = self._at_last_price(account, standing)
    assert not auction.run_off, "run-off"
    assert standing.equity + convert(self._relief(account), int256) < 0, "solvent"
    assert sales._is_pools(account) or not staticcall BACKSTOP.admits(self._needed(account, standing)), "room"
    auction.run_off = True
    sales._keep(account, auction)
    run_offs._count(account)
    extcall ILiquidations(LEDGER).bar(account)
    log IAuction.RunOff(account=account, equity=standing.equity)


# Bidding


@external
@nonreentrant
def bid(account: uint256, sub_account: uint256, most: uint256, least: uint256, limit: int256) -> uint256:
    bidder: uint256 = self._bidder(account, sub_account)
    self._accrue(account)
    before: sales.Standing = self._standing(account)
    auction: IAuction.Auction = self._open(account, before)
    paid: uint256 = 0
    fee: uint256 = 0
    paid, fee = sales._rates(auction, before)
    on_sale: uint256 = sales._most(account, before, paid, fee)
    assert on_sale != 0, "healthy"
    fraction: uint256 = min(most, on_sale)
    assert fraction >= least and fraction * SMALLEST >= on_sale, "fraction"
    assert fraction < ONE, "whole"
    self._take(account, bidder, fraction)
    after: sales.Standing = empty(sales.Standing)
    spare: int256 = 0
    after, spare = self._recount(account)
    # Rounding to whole lots may relieve an account of nothing: then only all of it can be sold.
    assert after.maintenance < before.maintenance, "whole"
    relieved: uint256 = before.maintenance - after.maintenance
    fee = relieved * fee // ONE
    price: int256 = before.equity - after.equity - convert(relieved * paid // ONE, int256)
    if before.equity > 0:
        self._pay(bidder, account, price, fee)
        after.equity += price - convert(fee, int256)
        kept: int256 = after.equity * convert(before.maintenance, int256)
        assert kept > before.equity * convert(after.maintenance, int256), "whole"
    elif price < 0:
        lacking: uint256 = convert(-before.equity, uint256) + before.maintenance * sales.LAST_COVER // ONE
        price = -convert(extcall BACKSTOP.cover(bidder, min(convert(-price, uint256), lacking * fraction // ONE)), int256)
    else:
        self._pay(bidder, account, price, 0)
        after.equity += price
    assert price <= limit, "price"
    self._judge(bidder)
    log IAuction.Sold(
        account=account,
        bidder=bidder,
        fraction=fraction,
        price=price,
        fee=fee,
        equity=after.equity,
        maintenance=after.maintenance,
    )
    if not auction.run_off and sales._most(account, after, 0, 0) == 0:
        self._close(account, auction)
        return fraction
    sales._keep(account, auction)
    if auction.run_off:
        run_offs._discount(account)
        run_offs._count(account)
    return fraction


@external
@nonreentrant
def take_over(account: uint256, sub_account: uint256, limit: int256):
    bidder: uint256 = self._bidder(account, sub_account)
    auction: IAuction.Auction = sales._auction(account)
    is_live: bool = sales._is_live(auction)
    self._close(account, auction)
    own: int256 = 0
    book: uint256 = 0
    markets: uint256 = 0
    own, book, markets = staticcall ILedger(LEDGER).head(bidder)
    extcall ILiquidations(LEDGER).swap(account, bidder)
    # What the account was, the bidder is now, with its own cash: one look is enough for both.
    standing: sales.Standing = empty(sales.Standing)
    spare: int256 = 0
    standing, spare = self._recount(bidder)
    standing.equity -= own
    if not is_live:
        auction = self._new(account, bidder, standing)
    auction = sales._seen(auction, standing)
    paid: uint256 = 0
    fee: uint256 = 0
    paid, fee = sales._rates(auction, standing)
    on_sale: uint256 = sales._most(account, standing, paid, fee)
    assert on_sale != 0, "healthy"
    assert on_sale >= WHOLE or sales._is_unwanted(account, auction, standing), "part"
    fee = standing.maintenance * fee // ONE
    price: int256 = standing.equity - convert(standing.maintenance * paid // ONE, int256)
    if price < 0:
        price = -convert(extcall BACKSTOP.cover(bidder, convert(-price, uint256)), int256)
    else:
        self._pay(bidder, account, price, fee)
    assert price <= limit, "price"
    assert spare >= price, "margin"
    log IAuction.TakenOver(account=account, bidder=bidder, price=price, fee=fee)


# Reading


@external
@view
def auction(account: uint256) -> IAuction.Auction:
    return sales._auction(account)


@external
@view
def quote(account: uint256) -> IAuction.Quote:
    standing: sales.Standing = self._standing(account)
    auction: IAuction.Auction = sales._auction(account)
    quote: IAuction.Quote = empty(IAuction.Quote)
    quote.equity = standing.equity
    quote.maintenance = standing.maintenance
    quote.initial = standing.initial
    if not sales._is_live(auction):
        if not self._may_begin(account, account, standing):
            return quote
        auction = self._new(account, account, standing)
    auction = sales._seen(auction, standing)
    quote.paid, quote.fee = sales._rates(auction, standing)
    quote.most = sales._most(account, standing, quote.paid, quote.fee)
    if quote.most >= WHOLE:
        quote.most = ONE
    return quote


# Inside


@internal
def _close(account: uint256, auction: IAuction.Auction):
    if auction.started_at != 0:
        sales._clear(account)
        log IAuction.Ended(account=account)
    if auction.run_off:
        run_offs._discount(account)
        extcall ILiquidations(LEDGER).bar(account)


@internal
@view
def _standing(account: uint256) -> sales.Standing:
    standing: sales.Standing = empty(sales.Standing)
    (
        standing.equity, standing.maintenance, standing.initial, standing.unpriced
    ) = staticcall ILedger(LEDGER).health(account)
    standing.equity += standing.unpriced
    return standing


@internal
def _accrue(account: uint256):
    """
    @notice Interest that is owed is a debt like any other, before anybody looks.
    """
    cash: int256 = 0
    book: uint256 = 0
    markets: uint256 = 0
    cash, book, markets = staticcall ILedger(LEDGER).head(account)
    if cash < 0:
        extcall ILedger(LEDGER).expire([account], 0)


@internal
@view
def _relief(account: uint256) -> uint256:
    """
    @notice What the account would gain at the best prices that may be the true ones, wad.
    """
    cash: int256 = 0
    book: uint256 = 0
    left: uint256 = 0
    cash, book, left = staticcall ILedger(LEDGER).head(account)
    relief: uint256 = 0
    for market: uint256 in range(64):
        if left == 0:
            break
        if left & 1 != 0:
            header: uint256 = 0
            words: DynArray[uint256, 8] = []
            header, words = staticcall ILedger(LEDGER).book(account, market)
            relief += reliefs._relief(RISK, market, header, words)
        left = left >> 1
    return relief


@internal
@view
def _may_begin(account: uint256, holder: uint256, standing: sales.Standing) -> bool:
    """
    @notice Below maintenance at every price that may be the true one; the backstop's own are always for sale.
    @param holder Who has the account's books now.
    """
    if sales._is_pools(account):
        return account != sales.POOL and (standing.maintenance != 0 or standing.equity < 0)
    if standing.equity >= convert(standing.maintenance, int256):
        return False
    return standing.equity + convert(self._relief(holder), int256) < convert(standing.maintenance, int256)


@internal
@view
def _new(account: uint256, holder: uint256, standing: sales.Standing) -> IAuction.Auction:
    assert self._may_begin(account, holder, standing), "healthy"
    auction: IAuction.Auction = empty(IAuction.Auction)
    auction.started_at = block.timestamp
    auction.lowest = sales.MOST_RATIO
    return sales._seen(auction, standing)


@internal
def _begin(account: uint256, standing: sales.Standing) -> IAuction.Auction:
    auction: IAuction.Auction = self._new(account, account, standing)
    sales._keep(account, auction)
    log IAuction.Started(
        account=account, starter=msg.sender, equity=standing.equity, maintenance=standing.maintenance
    )
    return auction


@internal
def _open(account: uint256, standing: sales.Standing) -> IAuction.Auction:
    """
    @notice The auction that there is, or a new one.
    """
    auction: IAuction.Auction = sales._auction(account)
    if sales._is_live(auction):
        return sales._seen(auction, standing)
    return self._begin(account, standing)


@internal
@view
def _at_last_price(account: uint256, standing: sales.Standing) -> IAuction.Auction:
    """
    @notice The auction of an account that nobody has wanted at any price.
    """
    auction: IAuction.Auction = sales._auction(account)
    assert sales._is_live(auction), "unstarted"
    auction = sales._seen(auction, standing)
    assert sales._is_pools(account) or standing.equity < convert(standing.maintenance, int256), "healthy"
    assert sales._is_unwanted(account, auction, standing), "bidding"
    return auction


@internal
@view
def _needed(account: uint256, standing: sales.Standing) -> uint256:
    """
    @notice What the pool must put behind an account for initial margin, and to repay its debt, wad.
    """
    cash: int256 = 0
    book: uint256 = 0
    markets: uint256 = 0
    cash, book, markets = staticcall ILedger(LEDGER).head(account)
    priced: int256 = standing.equity - standing.unpriced
    wanted: int256 = convert(standing.initial + standing.initial // SLACK, int256) - priced
    return convert(max(max(wanted, -cash), 0), uint256)


@internal
@view
def _bidder(account: uint256, sub_account: uint256) -> uint256:
    assert sub_account < 2**95, "account"
    bidder: uint256 = (convert(msg.sender, uint256) << 96) | sub_account
    assert bidder != account, "account"
    return bidder


@internal
def _take(account: uint256, bidder: uint256, fraction: uint256):
    """
    @notice A fraction of everything; a debt is repaid in the same proportion.
    """
    cash: int256 = 0
    book: uint256 = 0
    left: uint256 = 0
    cash, book, left = staticcall ILedger(LEDGER).head(account)
    for market: uint256 in range(64):
        if left == 0:
            break
        if left & 1 != 0:
            extcall ILiquidations(LEDGER).shift(
                account, parts._of_book(ILedger(LEDGER), account, bidder, market, fraction)
            )
        left = left >> 1
    if cash > 0:
        extcall ILiquidations(LEDGER).pay(account, bidder, convert(cash, uint256) * fraction // ONE)
    elif cash < 0:
        cash, book, left = staticcall ILedger(LEDGER).head(account)     # with interest
        extcall ILiquidations(LEDGER).pay(bidder, account, convert(-cash, uint256) * fraction // ONE)


@internal
def _recount(account: uint256) -> (sales.Standing, int256):
    """
    @notice How an account stands, and what it has to spare.
    """
    standing: sales.Standing = empty(sales.Standing)
    spare: int256 = 0
    standing.equity, standing.maintenance, standing.initial, spare = extcall ILiquidations(LEDGER).recount(account)
    return standing, spare


@internal
def _judge(bidder: uint256):
    standing: sales.Standing = empty(sales.Standing)
    spare: int256 = 0
    standing, spare = self._recount(bidder)
    assert spare >= 0, "margin"


@internal
def _pay(bidder: uint256, account: uint256, price: int256, fee: uint256):
    """
    @notice The bidder's price, of which the fee goes to the backstop.
    """
    assert price >= convert(fee, int256), "whole"
    extcall ILiquidations(LEDGER).pay(bidder, account, convert(price, uint256) - fee)
    if fee != 0:
        extcall ILiquidations(LEDGER).pay(bidder, sales.POOL, fee)
