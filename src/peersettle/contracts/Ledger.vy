# pragma version 0.4.3
# pragma optimize gas
# pragma evm-version cancun
"""
@title Ledger
@license MIT
@notice Margin accounts: cash, collateral and positions in options and forwards between peers.
@dev How do you stop this? Nobody can. It has no owner, pause, upgrade, delegatecall or arbitrary call. Positions move only by trades that
     Settlement has seen signed; tokens leave only to where an account's owner sends them. Every path that can lower an account ends in
     `_gate`. Tokens are called last, and re-entry is refused.
"""

from .interfaces import IBackstop
from .interfaces import IERC20
from .interfaces import ILedger
from .interfaces import ILiquidations
from .interfaces import IParameters
from .interfaces import IPositionLedger
from .interfaces import IRisk
from .modules import accounts
from .modules import debts
from .modules import expiries
from .modules import gates
from .modules import liquidations
from .modules import movements
from .modules import sessions

implements: ILedger
implements: ILiquidations
implements: IPositionLedger

initializes: accounts
initializes: sessions
initializes: debts[accounts := accounts]
initializes: expiries[accounts := accounts, debts := debts]
initializes: gates[accounts := accounts, expiries := expiries]
initializes: movements[accounts := accounts, expiries := expiries]
initializes: liquidations[accounts := accounts, debts := debts, gates := gates, movements := movements]

exports: sessions.grant
exports: (
    liquidations.shift,
    liquidations.swap,
    liquidations.recount,
    liquidations.bar,
    liquidations.pay,
)

LOST_PART: constant(uint256) = 20               # who reduces risk may lose a 20th of the requirement that goes

SETTLEMENT: immutable(address)
PARAMETERS: immutable(IParameters)
CASH: immutable(address)
CASH_SCALE: immutable(uint256)


@deploy
def __init__(
    settlement: address, risk: IRisk, parameters: IParameters, backstop: IBackstop, auction: address, cash: address
):
    """
    @param cash The settlement currency.
    """
    SETTLEMENT = settlement
    PARAMETERS = parameters
    CASH = cash
    CASH_SCALE = 10 ** (18 - convert(staticcall IERC20(cash).decimals(), uint256))
    debts.__init__(backstop)
    expiries.__init__(risk)
    liquidations.__init__(auction)


# Moving in and out


@external
@nonreentrant
def credit(account: uint256, token: address, amount: uint256, depositor: address):
    assert msg.sender == SETTLEMENT, "settlement"
    assert account & sessions.SESSION == 0, "account"
    assert amount < 2**120, "amount"
    if token == CASH:
        debts._credit(account, amount * CASH_SCALE)
    else:
        market: uint256 = 0
        scale: uint256 = 0
        market, scale = staticcall PARAMETERS.market_of(token)
        assert accounts.heads[account] & (1 << market) != 0 or convert(depositor, uint256) == account >> 96, "owner"
        accounts._add_collateral(accounts._enter(account, market), convert(amount * scale, int256))
    log ILedger.Deposited(account=account, token=token, amount=amount, depositor=depositor)


@external
@nonreentrant
def withdraw(account: uint256, token: address, amount: uint256, receiver: address):
    owner: address = convert(convert(account >> 96, uint160), address)
    if msg.sender != owner:
        assert receiver == owner, "owner"
        session: uint256 = (convert(msg.sender, uint256) << 96) | sessions._slot(account)
        assert sessions._resolve(session, sessions.WITHDRAW) == account, "session"
    assert amount < 2**120, "amount"
    if token == CASH:
        accounts._pay(account, -convert(amount * CASH_SCALE, int256))
        assert accounts._cash(account) >= 0, "cash"
    else:
        market: uint256 = 0
        scale: uint256 = 0
        market, scale = staticcall PARAMETERS.market_of(token)
        head: uint256 = accounts.heads[account]
        assert head & (1 << market) != 0, "collateral"
        key: uint256 = accounts._key(head, market)
        accounts._add_collateral(key, -convert(amount * scale, int256))
        if accounts.books[key] == 0:
            accounts._leave(account, market)
    gates._gate(account)
    log ILedger.Withdrawn(account=account, token=token, amount=amount, receiver=receiver)
    assert extcall IERC20(token).transfer(receiver, amount, default_return_value=True), "token"


@external
@nonreentrant
def settle_positions(trade_hash: bytes32, moves: DynArray[IPositionLedger.PositionMove, 16]):
    assert msg.sender == SETTLEMENT, "settlement"
    touched: DynArray[uint256, 32] = []
    resolved: DynArray[IPositionLedger.PositionMove, 16] = []
    for signed: IPositionLedger.PositionMove in moves:
        move: IPositionLedger.PositionMove = signed
        move.giver = sessions._resolve(signed.giver, sessions.TRADE)
        move.receiver = sessions._resolve(signed.receiver, sessions.TRADE)
        assert move.giver != move.receiver, "account"
        movements._shift(move)
        if move.giver not in touched:
            touched.append(move.giver)
        if move.receiver not in touched:
            touched.append(move.receiver)
        resolved.append(move)
        log ILedger.Moved(
            trade_hash=trade_hash, giver=move.giver, receiver=move.receiver, series=move.series, lots=move.lots
        )
    for account: uint256 in touched:
        liquidations._trade(account)
        traded: uint256 = 0
        received: int256 = 0        # cash, wad
        lowered: bool = False
        for move: IPositionLedger.PositionMove in resolved:
            if move.giver == account or move.receiver == account:
                lowered = lowered or move.giver == account or move.series & movements.SERIES_MASK != 0
                if move.series != movements.CASH_ITEM:
                    traded |= 1 << (move.series >> 36)
                elif move.receiver == account:
                    received += convert(move.lots, int256) * movements.CASH_UNIT
                else:
                    received -= convert(move.lots, int256) * movements.CASH_UNIT
        if received != 0:
            self._repay(account, received)
        gates._sweep(account, traded)
        if lowered and not gates._is_plain(account):
            # Initial margin at every price that may be the true one, or no riskier than before.
            health: gates.Health = gates._evaluate(account, traded)
            if not gates._healthy(health):
                self._assert_no_riskier(account, traded, received, resolved, health)
                gates._sweep(account, traded)


# Expiry


@external
@nonreentrant
def fix(market: uint256, day: uint256) -> uint256:
    return extcall expiries.RISK.fix(market, day)


@external
@nonreentrant
def expire(accounts_: DynArray[uint256, 16], markets: uint256):
    caller: uint256 = convert(msg.sender, uint256) << 96
    for account: uint256 in accounts_:
        debts._accrue(account)
        # What an account receives comes before what it pays: nobody is short of what has only to be collected.
        for pays: bool in [False, True]:
            left: uint256 = accounts.heads[account] & accounts.MARKETS_MASK & markets
            for market: uint256 in range(64):
                if left == 0:
                    break
                if left & 1 != 0:
                    expiries._settle_book(account, market, caller, pays)
                left = left >> 1
        gates._sweep(account, accounts.heads[account] & accounts.MARKETS_MASK & markets)


# Reading


@external
@view
def head(account: uint256) -> (int256, uint256, uint256):
    head: uint256 = accounts.heads[account]
    return accounts._cash_of(head), (head >> 64) & accounts.M63, head & accounts.MARKETS_MASK


@external
@view
def book(account: uint256, market: uint256) -> (uint256, DynArray[uint256, 8]):
    key: uint256 = accounts._key(accounts.heads[account], market)
    header: uint256 = accounts.books[key]
    return header, accounts._words(key, header & accounts.COUNT_MASK)


@external
@view
def health(account: uint256) -> (int256, uint256, uint256, int256):
    health: gates.Health = gates._health(account)
    return health.equity, health.maintenance, health.initial, health.unpriced


@external
@view
def open_interest(market: uint256, series: uint256) -> uint256:
    return expiries.open_interest[(market << 36) | series]


# Inside


@internal
def _repay(account: uint256, received: int256):
    """
    @notice After a trade: cash below zero is a debt that a trade may lower, not raise.
    """
    cash: int256 = accounts._cash(account)
    if min(cash, cash - received) < 0:
        assert cash >= 0 or received >= 0, "cash"
        debts._charge(account)
        debts._repay(account, convert(min(received, received - accounts._cash(account)), uint256))


@internal
def _assert_no_riskier(
    account: uint256, traded: uint256, received: int256, moves: DynArray[IPositionLedger.PositionMove, 16], health: gates.Health
):
    """
    @notice Against the same snapshots before the trade: no requirement and no net short higher in any market, no new market, at most a 20th of
            the requirement that goes lost, and equity no smaller a part of the requirement. In a dead market an account may become flat
            when it pays nothing from the ledger for it.
    """
    reason: String[9] = "margin"
    if (health.status >> 8) & gates.UNUSABLE != 0:
        reason = "feed"
    elif health.status & gates.BEYOND != 0:
        reason = "candidate"
    after: DynArray[IRisk.Assessment, accounts.MAX_MARKETS] = gates._assessments(account, traded)
    paid: bool = received < 0
    dead: bool = gates._is_flat(account, traded)
    count: uint256 = len(moves)
    for done: uint256 in range(count, bound=16):
        # Last first, so that no balance or book passes through what it could not hold.
        move: IPositionLedger.PositionMove = moves[count - 1 - done]
        if move.receiver == account:
            movements._apply(account, move.series, -convert(move.lots, int256))
        elif move.giver == account:
            movements._apply(account, move.series, convert(move.lots, int256))
            paid = paid or (move.series != movements.CASH_ITEM and move.series & movements.SERIES_MASK == 0)
    before: DynArray[IRisk.Assessment, accounts.MAX_MARKETS] = gates._assessments(account, traded)
    for move: IPositionLedger.PositionMove in moves:
        if move.receiver == account:
            movements._apply(account, move.series, convert(move.lots, int256))
        elif move.giver == account:
            movements._apply(account, move.series, -convert(move.lots, int256))
    gained: int256 = received
    removed: uint256 = 0
    index: uint256 = 0
    for was: IRisk.Assessment in before:
        now: IRisk.Assessment = after[index]
        index += 1
        assert now.requirement <= was.requirement and now.short_lots <= was.short_lots, reason
        dead = dead and now.status & gates.DEAD != 0
        gained += now.worth - was.worth
        removed += was.requirement - now.requirement
    if dead and not paid:
        return
    assert gained >= -convert(removed // LOST_PART, int256), reason
    equity: int256 = health.equity
    needed: int256 = convert(health.requirement, int256)
    assert equity - gained <= 0 or equity * (needed + convert(removed, int256)) >= (equity - gained) * needed, reason
