# pragma version 0.4.3
"""
@title A Ledger whose accounts stand as they are placed, before and after a sale, and which notes who was asked for what
@license MIT
@dev Books in market 0, of at most one word. Nothing is moved.
"""

from peersettle.contracts.interfaces import IPositionLedger


# How an account stands. The last is what has no price, or what there is to spare.
struct Stand:
    equity: int256
    maintenance: uint256
    initial: uint256
    rest: int256


struct Held:
    cash: int256
    markets: uint256
    header: uint256
    word: uint256


before: HashMap[uint256, Stand]
after: HashMap[uint256, Stand]
held: HashMap[uint256, Held]

# Who may be asked for anything, besides the pool for cash.
parties: uint256[2]
pool: uint256

strangers: public(bool)     # somebody else was
sold: public(uint256)       # what was shifted or swapped, calls
barred: public(uint256)
received: public(HashMap[uint256, int256])  # cash


@external
def place(account: uint256, before: Stand, after: Stand, held: Held):
    self.before[account] = before
    self.after[account] = after
    self.held[account] = held


@external
def expect(victim: uint256, bidder: uint256, pool: uint256):
    self.parties = [victim, bidder]
    self.pool = pool


@external
@view
def head(account: uint256) -> (int256, uint256, uint256):
    return self.held[account].cash, 0, self.held[account].markets


@external
@view
def book(account: uint256, market: uint256) -> (uint256, DynArray[uint256, 8]):
    words: DynArray[uint256, 8] = []
    if self.held[account].header & 255 != 0:
        words.append(self.held[account].word)
    return self.held[account].header, words


@external
@view
def health(account: uint256) -> (int256, uint256, uint256, int256):
    stand: Stand = self.before[account]
    return stand.equity, stand.maintenance, stand.initial, stand.rest


@external
@view
def open_interest(market: uint256, series: uint256) -> uint256:
    return 0


@external
def expire(accounts: DynArray[uint256, 16], markets: uint256):
    """
    @notice No interest has accrued.
    """
    assert markets == 0
    for account: uint256 in accounts:
        self._note(account, account)


@external
def shift(victim: uint256, moves: DynArray[IPositionLedger.PositionMove, 34]):
    self._note(victim, victim)
    for move: IPositionLedger.PositionMove in moves:
        self._note(move.giver, move.receiver)
    self.sold += 1


@external
def swap(victim: uint256, bidder: uint256):
    self._note(victim, bidder)
    self.held[bidder] = self.held[victim]
    self.sold += 1


@external
def recount(account: uint256) -> (int256, uint256, uint256, int256):
    self._note(account, account)
    stand: Stand = self.after[account]
    return stand.equity, stand.maintenance, stand.initial, stand.rest


@external
def bar(account: uint256):
    self._note(account, account)
    self.barred += 1


@external
def pay(giver: uint256, receiver: uint256, amount: uint256):
    if receiver == self.pool:
        self._note(giver, giver)
    else:
        self._note(giver, receiver)
    self.received[giver] -= convert(amount, int256)
    self.received[receiver] += convert(amount, int256)


@internal
def _note(giver: uint256, receiver: uint256):
    if giver not in self.parties or receiver not in self.parties:
        self.strangers = True
