# pragma version 0.4.3
"""
@title What changes hands when an account is sold
@license MIT
@notice For the Auction and the backstop alone, which decide who is sold and at what price. Nothing here moves a token, and everything is
        zero-sum: what a bidder gets the victim had, what a victim is paid the bidder had.
"""

from ..interfaces import ILiquidations
from ..interfaces import IPositionLedger
from . import accounts
from . import debts
from . import gates
from . import movements

uses: accounts
uses: debts
uses: gates
uses: movements

implements: ILiquidations

TRADED: constant(uint256) = 1
SOLD: constant(uint256) = 2

AUCTION: immutable(address)

# No account trades and is sold in one transaction.
happened: transient(HashMap[uint256, uint256])


@deploy
def __init__(auction: address):
    AUCTION = auction


@external
@nonreentrant
def shift(victim: uint256, moves: DynArray[IPositionLedger.PositionMove, 34]):
    self._begin(victim)
    for move: IPositionLedger.PositionMove in moves:
        movements._shift(move)


@external
@nonreentrant
def swap(victim: uint256, bidder: uint256):
    self._begin(victim)
    sold: uint256 = accounts.heads[victim]
    spare: uint256 = accounts.heads[bidder]
    assert spare & (accounts.MARKETS_MASK | accounts.RUN_OFF) == 0, "markets"
    cash: int256 = accounts._cash_of(sold)
    own: int256 = accounts._cash_of(spare)
    assert min(own, own + cash) >= 0, "cash"    # no debt of the bidder's is paid with what it buys
    accounts.heads[victim] = spare & accounts.LOW_MASK
    accounts.heads[bidder] = sold & accounts.LOW_MASK
    accounts._pay(bidder, own + cash)
    if cash < 0:
        # The loan is the victim's until it is repaid: now, by the bidder.
        accounts._pay(victim, cash)
        debts._credit(victim, convert(-cash, uint256))


@external
def recount(account: uint256) -> (int256, uint256, uint256, int256):
    assert msg.sender == AUCTION, "auction"
    gates._sweep(account, accounts.heads[account] & accounts.MARKETS_MASK)
    health: gates.Health = gates._evaluate(account, accounts.MARKETS_MASK)
    spare: int256 = -(2**127)
    if health.status & gates.BEYOND == 0:
        spare = health.equity - convert(health.initial + health.candidate_loss, int256)
    return unsafe_add(health.equity, health.unpriced), health.maintenance, health.initial, spare


@external
def bar(account: uint256):
    assert msg.sender == AUCTION, "auction"
    accounts.heads[account] ^= accounts.RUN_OFF


@external
@nonreentrant
def pay(giver: uint256, receiver: uint256, amount: uint256):
    assert msg.sender == AUCTION or msg.sender == debts.BACKSTOP.address, "auction"
    accounts._pay(giver, -convert(amount, int256))
    assert accounts._cash(giver) >= 0, "cash"
    debts._credit(receiver, amount)
    if msg.sender != AUCTION:
        gates._gate(giver)


@internal
def _begin(victim: uint256):
    assert msg.sender == AUCTION, "auction"
    assert self.happened[victim] != TRADED, "traded"
    self.happened[victim] = SOLD
    debts._accrue(victim)


@internal
def _trade(account: uint256):
    """
    @notice Who was sold in this transaction, or is in run-off, does not trade.
    """
    assert self.happened[account] != SOLD and accounts.heads[account] & accounts.RUN_OFF == 0, "liquidation"
    self.happened[account] = TRADED
