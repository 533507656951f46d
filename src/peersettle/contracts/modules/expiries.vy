# pragma version 0.4.3
"""
@title What is paid and collected after an expiry, exact in any order of calls
@license MIT
@notice A payer's leg pays into the pot of its series, a receiver takes its part of it. What insolvent payers cannot pay is the series'
        shortfall; the backstop covers what it has reserved for the expiry, and the rest falls on that series' receivers alone, pro rata.
@dev Lots are the unit of payment: a leg pays for whole lots or waits. A pot holds cash and, where a payer had the underlying itself, units of it.
"""

from ..interfaces import ILedger
from ..interfaces import IRisk
from . import accounts
from . import calendar
from . import debts

uses: accounts
uses: debts

WAD: constant(uint256) = 10**18
PATIENCE: constant(uint256) = 86_400    # so long after a fixing receivers take what is there, and shortfalls are covered
STRIKE_MASK: constant(uint256) = 2**20 - 1


struct Pot:
    payers: uint256         # lots that have not paid
    receivers: uint256      # lots that have not been taken out
    cash: uint256           # paid in, wad
    cash_taken: uint256
    units: uint256          # of the underlying, wad
    units_taken: uint256
    shortfall: uint256      # wad
    state: uint256          # 0 not begun, 1 open, 2 covered


struct Taken:
    cash: uint256           # a lot, wad: what a position has taken out of the pot already
    units: uint256


RISK: immutable(IRisk)

open_interest: uint256[2**63]           # market << 36 | series: lots held long
pots: HashMap[uint256, Pot]             # market << 36 | series
taken: HashMap[uint256, HashMap[uint256, Taken]]    # book key, series
reserves: HashMap[uint256, uint256]     # market << 14 | day, wad
shortfalls: HashMap[uint256, uint256]   # of all series of an expiry, wad


@deploy
def __init__(risk: IRisk):
    RISK = risk


@internal
def _grow(place: uint256, lots: int256):
    """
    @notice The long side of a series grows, and with it the short one.
    """
    self.open_interest[place] = convert(convert(self.open_interest[place], int256) + lots, uint256)


@internal
@pure
def _per_lot(series: uint256, price: uint256, tick: uint256, lot: uint256) -> (uint256, bool):
    """
    @notice What one lot pays, wad rounded down, and whether its long side receives it.
    """
    strike: uint256 = ((series >> 2) & STRIKE_MASK) * tick
    kind: uint256 = series & 3
    gain: uint256 = 0
    long_receives: bool = price > strike
    if long_receives:
        gain = price - strike
    else:
        gain = strike - price
    if kind == 1:
        long_receives = not long_receives
    if kind != 2 and not long_receives:
        return 0, True
    return gain * lot // WAD, long_receives


@internal
@view
def _pot(place: uint256) -> Pot:
    pot: Pot = self.pots[place]
    if pot.state == 0:
        pot.payers = self.open_interest[place]
        pot.receivers = pot.payers
        pot.state = 1
    return pot


@internal
@view
def _sheet(account: uint256) -> (uint256, uint256):
    """
    @notice All that an account has and all that it owes, wad.
    """
    head: uint256 = accounts.heads[account]
    cash: int256 = accounts._cash_of(head)
    assets: uint256 = convert(max(cash, 0), uint256)
    liabilities: uint256 = convert(max(-cash, 0), uint256)
    left: uint256 = head & accounts.MARKETS_MASK
    for market: uint256 in range(64):
        if left == 0:
            break
        if left & 1 != 0:
            key: uint256 = accounts._key(head, market)
            header: uint256 = accounts.books[key]
            has: uint256 = 0
            owes: uint256 = 0
            has, owes = staticcall RISK.sides(market, header, accounts._words(key, header & accounts.COUNT_MASK))
            assets += has - min(has, self._received(key, market, header & accounts.COUNT_MASK))
            liabilities += owes
        left = left >> 1
    return assets, liabilities


@internal
@view
def _received(key: uint256, market: uint256, count: uint256) -> uint256:
    """
    @notice What of a book's receivables has been taken already, wad.
    """
    received: uint256 = 0
    for passed: uint256 in range(count, bound=32):
        position: uint256 = self._position(key, unsafe_sub(count, unsafe_add(passed, 1)))
        series: uint256 = position >> 28
        if block.timestamp < calendar._expiry(series >> 22):
            break
        already: Taken = self.taken[key][series]
        if already.cash | already.units != 0:
            price: uint256 = staticcall RISK.fixing(market, series >> 22)
            payment: uint256 = 0
            long_receives: bool = False
            tick: uint256 = 0
            lot: uint256 = 0
            fee: uint256 = 0
            tick, lot, fee = self._terms(market)
            payment, long_receives = self._per_lot(series, price, tick, lot)
            received += self._lots(position) * min(payment, already.cash + already.units * price // WAD)
    return received


@internal
@view
def _terms(market: uint256) -> (uint256, uint256, uint256):
    """
    @notice Tick, lot and the charge for a position, wad.
    """
    state: uint256 = 0
    terms: uint256 = 0
    ones: uint256 = 0
    state, terms, ones = staticcall RISK.snapshot(market)
    return pow_mod256(10, terms >> 250), pow_mod256(10, ones >> 196), ((terms >> 224) & (2**24 - 1)) * 10**14


@internal
@view
def _position(key: uint256, index: uint256) -> uint256:
    return (accounts.books[unsafe_add(key, 1 + (index >> 2))] >> ((index & 3) << 6)) & accounts.M64


@internal
@pure
def _lots(position: uint256) -> uint256:
    """
    @notice Without their sign.
    """
    if position & accounts.LOT_SIGN == 0:
        return position & (accounts.LOT_SIGN - 1)
    return accounts.LOT_SIGN - (position & (accounts.LOT_SIGN - 1))


@internal
def _settle_book(account: uint256, market: uint256, caller: uint256, pays: bool):
    """
    @notice Settle what has expired and is fixed in one book, oldest first: what is received or worth nothing, or what is to be paid.
    """
    key: uint256 = accounts._key(accounts.heads[account], market)
    count: uint256 = accounts.books[key] & accounts.COUNT_MASK
    tick: uint256 = 0
    lot: uint256 = 0
    fee: uint256 = 0
    tick, lot, fee = self._terms(market)
    assets: uint256 = 0
    liabilities: uint256 = 0
    valued: bool = False
    for passed: uint256 in range(count, bound=32):
        position: uint256 = self._position(key, unsafe_sub(count, unsafe_add(passed, 1)))
        series: uint256 = position >> 28
        if block.timestamp < calendar._expiry(series >> 22):
            break   # what follows expires later still
        price: uint256 = staticcall RISK.fixing(market, series >> 22)
        if price == 0:
            continue
        lots: uint256 = self._lots(position)
        is_long: bool = position & accounts.LOT_SIGN == 0
        payment: uint256 = 0
        long_receives: bool = False
        payment, long_receives = self._per_lot(series, price, tick, lot)
        if pays == (payment == 0 or is_long == long_receives):
            continue
        closed: uint256 = lots
        solvent: bool = True
        if payment != 0:
            if not pays:
                closed = self._collect(account, key, market, series, lots)
            else:
                if not valued:
                    assets, liabilities = self._sheet(account)
                    valued = True
                solvent = assets >= liabilities
                share: uint256 = payment
                if not solvent:
                    share = payment * assets // liabilities
                closed = self._pay_in(account, key, market, series, lots, payment, share, solvent, price)
        if closed != 0:
            amount: int256 = convert(closed, int256)
            if is_long:
                amount = -amount
            grown: int256 = accounts._add(key, series, amount)
            # Of one that cannot pay all that it owes, nobody takes a fee before those to whom it is owed.
            if caller != account and solvent:
                tip: uint256 = min(fee, convert(max(accounts._cash(account), 0), uint256))
                accounts._pay(account, -convert(tip, int256))
                debts._credit(caller, tip)
            log ILedger.Settled(account=account, market=market, series=series, lots=closed, price=price)


@internal
def _pay_in(
    account: uint256,
    key: uint256,
    market: uint256,
    series: uint256,
    lots: uint256,
    payment: uint256,
    share: uint256,
    solvent: bool,
    price: uint256,
) -> uint256:
    """
    @notice A payer's leg pays a share of its due for as many lots as it can: from cash, in kind, by a loan. Returns how many.
    """
    place: uint256 = (market << 36) | series
    pot: Pot = self._pot(place)
    paid: uint256 = lots
    if share != 0:
        paid = min(lots, convert(max(accounts._cash(account), 0), uint256) // share)
        accounts._pay(account, -convert(paid * share, int256))
        pot.cash += paid * share
        if paid < lots:
            spot: uint256 = staticcall RISK.spot(market)
            if spot != 0:
                lower: uint256 = min(spot, price)
                units: uint256 = (share * WAD + lower - 1) // lower
                in_kind: uint256 = min(lots - paid, (accounts.books[key] >> 160) // units)
                accounts._add_collateral(key, -convert(in_kind * units, int256))
                pot.units += in_kind * units
                paid += in_kind
        if paid < lots and solvent:
            borrowed: uint256 = debts._borrow(account, share, lots - paid)
            pot.cash += borrowed * share
            paid += borrowed
    if share < payment and not self._is_late(market, series):
        missing: uint256 = paid * (payment - share)
        pot.shortfall += missing
        expired: uint256 = (market << 14) | (series >> 22)
        whole: uint256 = self.shortfalls[expired]
        if whole == 0 and missing != 0:
            self.reserves[expired] = extcall debts.BACKSTOP.reserve(market, series >> 22)
        self.shortfalls[expired] = whole + missing
    pot.payers -= paid
    self.pots[place] = pot
    return paid


@internal
def _collect(account: uint256, key: uint256, market: uint256, series: uint256, lots: uint256) -> uint256:
    """
    @notice A receiver takes its part of what is in the pot: when all have paid, or after a day what is there. Returns the lots that are done.
    """
    place: uint256 = (market << 36) | series
    pot: Pot = self._pot(place)
    late: bool = self._is_late(market, series)
    if late and pot.shortfall != 0 and pot.state == 1:
        self._cover(market, series, pot)
        pot = self.pots[place]
    done: bool = pot.payers == 0 and (pot.shortfall == 0 or pot.state == 2)
    if not done and not late:
        return 0
    total: uint256 = self.open_interest[place]
    already: Taken = self.taken[key][series]
    cash: uint256 = lots * (pot.cash // total - already.cash)
    units: uint256 = lots * (pot.units // total - already.units)
    debts._credit(account, cash)
    accounts._add_collateral(key, convert(units, int256))
    pot.cash_taken += cash
    pot.units_taken += units
    left: Taken = Taken(cash=pot.cash // total, units=pot.units // total)
    closed: uint256 = 0
    if done:
        closed = lots
        left = empty(Taken)
        pot.receivers -= lots
        if pot.receivers == 0:
            # Less than one wei a lot is left over.
            debts._credit(debts.POOL, pot.cash - pot.cash_taken)
            pot.cash_taken = pot.cash
    self.taken[key][series] = left
    self.pots[place] = pot
    return closed


@internal
@view
def _is_late(market: uint256, series: uint256) -> bool:
    return block.timestamp >= staticcall RISK.fixed_at(market, series >> 22) + PATIENCE


@internal
def _cover(market: uint256, series: uint256, open: Pot):
    """
    @notice What the backstop has reserved for an expiry makes good its shortfalls, all in the same proportion.
    """
    pot: Pot = open
    place: uint256 = (market << 14) | (series >> 22)
    cover: uint256 = pot.shortfall
    whole: uint256 = self.shortfalls[place]
    reserve: uint256 = self.reserves[place]
    if whole > reserve:
        cover = cover * reserve // whole
    cover = min(cover, convert(max(accounts._cash(debts.POOL), 0), uint256))
    cover = extcall debts.BACKSTOP.release(market, series >> 22, cover)
    accounts._pay(debts.POOL, -convert(cover, int256))
    pot.cash += cover
    pot.state = 2
    self.pots[(market << 36) | series] = pot
