# pragma version 0.4.3
"""
@title Who waits for an account in run-off
@license MIT
@notice An account below zero that nobody takes will pay less than it owes. Until it does, the gains of those on the other side of its series
        count outside their market only as far as others stand behind them: by the part of all lots that is not in run-off.
"""

from ..interfaces import ILedger
from ..interfaces import IRisk
from . import calendar
from . import instruments

WAD: constant(uint256) = 10**18
M64: constant(uint256) = 2**64 - 1
LOTS_MASK: constant(uint256) = 2**28 - 1
MARK_ZERO: constant(int256) = 2**27
STRIKE_MASK: constant(uint256) = 2**20 - 1
FORWARD: constant(uint256) = 2

LEDGER: immutable(ILedger)
RISK: immutable(IRisk)

payers: HashMap[uint256, uint256]       # market << 37 | series << 1 | long: lots in run-off
waiting: uint256[64]                    # by market: all of those
counted: HashMap[uint256, DynArray[uint256, 256]]   # by account: the place << 28 | lots that it counts with


@deploy
def __init__(ledger: address, risk: IRisk):
    LEDGER = ILedger(ledger)
    RISK = risk


@internal
def _count(account: uint256):
    """
    @notice All that an account holds short may have to be paid for, and all forwards.
    """
    cash: int256 = 0
    book: uint256 = 0
    left: uint256 = 0
    cash, book, left = staticcall LEDGER.head(account)
    for market: uint256 in range(64):
        if left == 0:
            break
        if left & 1 != 0:
            header: uint256 = 0
            words: DynArray[uint256, 8] = []
            header, words = staticcall LEDGER.book(account, market)
            for word: uint256 in words:
                rest: uint256 = word
                for _: uint256 in range(4):
                    if rest == 0:
                        break
                    held: int256 = instruments._lots(rest)
                    series: uint256 = (rest & M64) >> 28
                    rest = rest >> 64
                    if held > 0 and series & 3 != FORWARD:
                        continue
                    place: uint256 = self._place(market, series, held > 0)
                    lots: uint256 = convert(abs(held), uint256)
                    self.payers[place] += lots
                    self._wait(market, self.waiting[market] + lots)
                    self.counted[account].append((place << 28) | lots)
        left = left >> 1


@internal
def _discount(account: uint256):
    """
    @notice Take back what was counted, whatever of it has been sold or has expired since.
    """
    for _: uint256 in range(256):
        if len(self.counted[account]) == 0:
            break
        item: uint256 = self.counted[account].pop()
        market: uint256 = item >> 65
        self.payers[item >> 28] -= item & LOTS_MASK
        self._wait(market, self.waiting[market] - (item & LOTS_MASK))


@internal
def _wait(market: uint256, lots: uint256):
    before: uint256 = self.waiting[market]
    self.waiting[market] = lots
    if (before == 0) != (lots == 0):
        extcall RISK.doubt(market, lots != 0)


@external
@view
def doubtful(market: uint256, words: DynArray[uint256, 8]) -> uint256:
    state: uint256 = 0
    terms: uint256 = 0
    ones: uint256 = 0
    state, terms, ones = staticcall RISK.snapshot(market)
    reference: uint256 = (state >> 20) & (2**88 - 1)
    owed: uint256 = 0
    for word: uint256 in words:
        rest: uint256 = word
        for _: uint256 in range(4):
            if rest == 0:
                break
            series: uint256 = (rest & M64) >> 28
            held: int256 = instruments._lots(rest)
            rest = rest >> 64
            lots: uint256 = self.payers[self._place(market, series, held < 0)]
            if lots == 0 or calendar._expiry(series >> 22) <= block.timestamp:
                continue
            strike: uint256 = ((series >> 2) & STRIKE_MASK) * pow_mod256(10, terms >> 250)
            mark: uint256 = (staticcall RISK.array(market, series) >> 196) & (2**28 - 1)
            worth: int256 = (convert(mark, int256) - MARK_ZERO) * convert(reference, int256) >> 24
            worth = (worth + instruments._payoff(series & 3, reference, strike)) * held
            if worth > 0:
                whole: uint256 = convert(worth, uint256) * pow_mod256(10, ones >> 196) // WAD
                total: uint256 = max(staticcall LEDGER.open_interest(market, series), 1)
                owed += whole * min(lots, total) // total
    return owed


@internal
@pure
def _place(market: uint256, series: uint256, is_long: bool) -> uint256:
    return (market << 37) | (series << 1) | convert(is_long, uint256)
