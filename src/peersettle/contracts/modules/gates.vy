# pragma version 0.4.3
"""
@title Whether an account may do what it did
@license MIT
@notice What all its books are worth and ask for together, at every price that may be the true one.
"""

from ..interfaces import IRisk
from . import accounts
from . import expiries

uses: accounts
uses: expiries

UNUSABLE: constant(uint256) = 1
DEAD: constant(uint256) = 2
BEYOND: constant(uint256) = 4


struct Health:
    equity: int256          # wad
    maintenance: uint256
    initial: uint256
    requirement: uint256
    candidate_loss: uint256
    unpriced: int256        # what has worth at its last mark, and no price now
    status: uint256         # of all markets together, and of those just traded << 8


@internal
@view
def _health(account: uint256) -> Health:
    """
    @notice What cannot be priced counts against the account only.
    """
    head: uint256 = accounts.heads[account]
    health: Health = empty(Health)
    health.equity = convert(convert(head, bytes32), int256) >> 128
    left: uint256 = head & accounts.MARKETS_MASK
    for market: uint256 in range(64):
        if left == 0:
            break
        if left & 1 != 0:
            key: uint256 = (((head >> 64) & accounts.M63) << 10) | (market << 4)
            header: uint256 = accounts.books[key]
            assessment: IRisk.Assessment = staticcall expiries.RISK.assess(
                market, header, accounts._words(key, header & accounts.COUNT_MASK)
            )
            health.status |= assessment.status
            if assessment.status & UNUSABLE != 0:
                health.unpriced = unsafe_add(health.unpriced, max(assessment.worth, 0))
                assessment.worth = min(assessment.worth, 0)
            health.equity = unsafe_add(health.equity, assessment.worth)
            health.maintenance = unsafe_add(health.maintenance, assessment.maintenance)
            health.initial = unsafe_add(health.initial, assessment.initial)
            health.candidate_loss = unsafe_add(health.candidate_loss, assessment.candidate_loss)
        left = left >> 1
    return health


@internal
def _evaluate(account: uint256, traded: uint256) -> Health:
    """
    @notice The account's health after a trade; what it now needs in the traded markets is counted into their open risk.
    """
    head: uint256 = accounts.heads[account]
    health: Health = empty(Health)
    health.equity = convert(convert(head, bytes32), int256) >> 128
    left: uint256 = head & accounts.MARKETS_MASK
    for market: uint256 in range(64):
        if left == 0:
            break
        if left & 1 != 0:
            key: uint256 = (((head >> 64) & accounts.M63) << 10) | (market << 4)
            header: uint256 = accounts.books[key]
            assessment: IRisk.Assessment = empty(IRisk.Assessment)
            is_traded: bool = (traded >> market) & 1 != 0
            if is_traded:
                counted: uint256 = header
                assessment, counted = extcall expiries.RISK.commit(
                    market, header, accounts._words(key, header & accounts.COUNT_MASK)
                )
                if counted != header:
                    accounts.books[key] = counted
                health.status |= assessment.status << 8
            else:
                assessment = staticcall expiries.RISK.assess(
                    market, header, accounts._words(key, header & accounts.COUNT_MASK)
                )
            health.status |= assessment.status
            if assessment.status & UNUSABLE != 0:
                health.unpriced = unsafe_add(health.unpriced, max(assessment.worth, 0))
                assessment.worth = min(assessment.worth, 0)
            health.equity = unsafe_add(health.equity, assessment.worth)
            health.maintenance = unsafe_add(health.maintenance, assessment.maintenance)
            health.initial = unsafe_add(health.initial, assessment.initial)
            health.requirement = unsafe_add(health.requirement, assessment.requirement)
            health.candidate_loss = unsafe_add(health.candidate_loss, assessment.candidate_loss)
        left = left >> 1
    return health


@internal
@view
def _assessments(account: uint256, traded: uint256) -> DynArray[IRisk.Assessment, accounts.MAX_MARKETS]:
    """
    @notice Of the markets in a set, in ascending order; an empty book is worth and asks for nothing.
    """
    found: DynArray[IRisk.Assessment, accounts.MAX_MARKETS] = []
    left: uint256 = traded
    for market: uint256 in range(64):
        if left == 0:
            break
        if left & 1 != 0:
            key: uint256 = accounts._key(accounts.heads[account], market)
            header: uint256 = accounts.books[key]
            found.append(
                staticcall expiries.RISK.assess(market, header, accounts._words(key, header & accounts.COUNT_MASK))
            )
        left = left >> 1
    return found


@internal
@pure
def _healthy(health: Health) -> bool:
    return (
        health.status & BEYOND == 0
        and (health.status >> 8) & UNUSABLE == 0
        and health.equity >= convert(health.initial + health.candidate_loss, int256)
    )


@internal
@view
def _gate(account: uint256):
    """
    @notice After a withdrawal.
    """
    if self._is_plain(account):
        return
    health: Health = self._health(account)
    assert health.status & BEYOND == 0, "candidate"
    assert self._healthy(health), "margin"


@internal
@view
def _is_plain(account: uint256) -> bool:
    """
    @notice Who has no positions and no debts needs no price.
    """
    return accounts._cash(account) >= 0 and self._is_flat(account, accounts.MARKETS_MASK)


@internal
@view
def _is_flat(account: uint256, traded: uint256) -> bool:
    """
    @notice Whether the account has no positions in any of these markets.
    """
    head: uint256 = accounts.heads[account]
    left: uint256 = head & accounts.MARKETS_MASK & traded
    for market: uint256 in range(64):
        if left == 0:
            break
        if left & 1 != 0 and accounts.books[accounts._key(head, market)] & accounts.COUNT_MASK != 0:
            return False
        left = left >> 1
    return True


@internal
def _sweep(account: uint256, markets: uint256):
    """
    @notice Books without positions leave their market's open risk; empty ones leave the account.
    """
    left: uint256 = markets
    for market: uint256 in range(64):
        if left == 0:
            break
        if left & 1 != 0:
            key: uint256 = accounts._key(accounts.heads[account], market)
            header: uint256 = accounts.books[key]
            if header & accounts.COUNT_MASK == 0:
                if header & accounts.HEADER_MASK != 0:
                    header = extcall expiries.RISK.forget(market, header)
                    accounts.books[key] = header
                if header == 0:
                    accounts._leave(account, market)
        left = left >> 1
