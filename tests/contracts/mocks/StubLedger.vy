# pragma version 0.4.3
# pragma evm-version cancun
"""
@title StubLedger
@license MIT
@notice A margin ledger reduced to positions and a limit on short lots in place of margin, judged after all moves as the interface asks.
"""

from peersettle.contracts.interfaces import IPositionLedger

from . import armed

implements: IPositionLedger
initializes: armed

exports: (armed.arm, armed.fired, armed.last_success, armed.last_answer)

MAX_MOVES: constant(uint256) = 16

SETTLEMENT: immutable(address)

positions: public(HashMap[uint256, HashMap[uint256, int256]])  # account -> series -> lots
short_lots: public(HashMap[uint256, int256])
limit: public(int256)
reverting: public(bool)
calls: public(uint256)
last_trade_hash: public(bytes32)
credited: public(HashMap[uint256, HashMap[address, uint256]])  # account -> token -> units
last_depositor: public(address)


@deploy
def __init__(settlement: address, limit: int256):
    """
    @param limit The most short lots, over all series, that an account may have after it was lowered.
    """
    SETTLEMENT = settlement
    self.limit = limit


@external
@view
def settlement() -> address:
    return SETTLEMENT


@external
def set_limit(limit: int256):
    self.limit = limit


@external
def set_reverting(reverting: bool):
    self.reverting = reverting


@external
def settle_positions(trade_hash: bytes32, moves: DynArray[IPositionLedger.PositionMove, MAX_MOVES]):
    assert msg.sender == SETTLEMENT, "settlement"
    assert not self.reverting, "ledger"
    self.calls += 1
    self.last_trade_hash = trade_hash
    armed._fire()
    for move: IPositionLedger.PositionMove in moves:
        self._change(move.giver, move.series, -convert(move.lots, int256))
        self._change(move.receiver, move.series, convert(move.lots, int256))
    for move: IPositionLedger.PositionMove in moves:
        assert self.short_lots[move.giver] <= self.limit, "margin"


@external
def credit(account: uint256, token: address, amount: uint256, depositor: address):
    assert msg.sender == SETTLEMENT, "settlement"
    armed._fire()
    self.credited[account][token] += amount
    self.last_depositor = depositor


@internal
def _change(account: uint256, series: uint256, lots: int256):
    before: int256 = self.positions[account][series]
    self.positions[account][series] = before + lots
    self.short_lots[account] += min(before, 0) - min(before + lots, 0)
