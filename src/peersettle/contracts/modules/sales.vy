# pragma version 0.4.3
"""
@title What an auction remembers of its account, and the price that follows from it
@license MIT
@dev The fraction that is for sale follows from it, too.
"""

from ..interfaces import IAuction

ONE: constant(uint256) = 10**18
DURATION: constant(uint256) = 600               # seconds until the last price
LIFE: constant(uint256) = 1_800                 # seconds after which an auction must begin anew, at the first price
LAST_RATE: constant(uint256) = 10**18           # paid for a unit of maintenance while the account is solvent
LAST_COVER: constant(uint256) = 10**17          # and when it is not: so much beyond what it lacks
FEE: constant(uint256) = 2 * 10**16             # to the backstop, for a unit of maintenance
KEPT: constant(uint256) = 2                     # a solvent account keeps at least a half of the equity that it sells
ENOUGH: constant(uint256) = 10**16              # less than this part of an account is not sold; below maintenance it is more
MOST_RATIO: constant(uint256) = 2**128 - 1

POOL: immutable(uint256)                        # the backstop's own account


struct Standing:
    equity: int256          # wad
    maintenance: uint256
    initial: uint256
    unpriced: int256        # of the equity: worth at its last mark, without a usable price


auctions: HashMap[uint256, uint256]             # by account: started_at 40 | insolvent_at 40 | run-off 1 | lowest 128 << 128


@deploy
def __init__(pool: uint256):
    """
    @param pool The backstop's own account.
    """
    POOL = pool


@internal
@view
def _is_pools(account: uint256) -> bool:
    """
    @notice Whether the backstop holds it.
    """
    return account >> 96 == POOL >> 96


@internal
@view
def _auction(account: uint256) -> IAuction.Auction:
    word: uint256 = self.auctions[account]
    return IAuction.Auction(
        started_at=word & (2**40 - 1),
        insolvent_at=(word >> 40) & (2**40 - 1),
        lowest=word >> 128,
        run_off=(word >> 80) & 1 != 0,
    )


@internal
def _keep(account: uint256, auction: IAuction.Auction):
    self.auctions[account] = (
        auction.started_at
        | (auction.insolvent_at << 40)
        | (convert(auction.run_off, uint256) << 80)
        | (auction.lowest << 128)
    )


@internal
def _clear(account: uint256):
    self.auctions[account] = 0


@internal
@view
def _is_live(auction: IAuction.Auction) -> bool:
    return auction.started_at != 0 and (auction.run_off or block.timestamp <= auction.started_at + LIFE)


@internal
@view
def _is_unwanted(account: uint256, auction: IAuction.Auction, standing: Standing) -> bool:
    """
    @notice Still below maintenance when bidders have had all the time there is.
    """
    if not self._is_pools(account) and standing.equity >= convert(standing.maintenance, int256):
        return False
    return block.timestamp >= max(auction.started_at, auction.insolvent_at) + DURATION


@internal
@view
def _seen(auction: IAuction.Auction, standing: Standing) -> IAuction.Auction:
    """
    @notice What an auction remembers of its account: the worst ratio while it is solvent, since when it is not.
    """
    seen: IAuction.Auction = auction
    if seen.run_off and standing.equity > 0 and block.timestamp > seen.started_at + LIFE:
        # A run-off does not lapse: when it has something to lose again, it begins anew.
        seen.started_at = block.timestamp
        seen.lowest = MOST_RATIO
    if standing.equity > 0:
        seen.insolvent_at = 0
        seen.lowest = min(seen.lowest, convert(standing.equity, uint256) * ONE // max(standing.maintenance, 1))
    elif seen.insolvent_at == 0:
        seen.insolvent_at = block.timestamp
    return seen


@internal
@view
def _rates(auction: IAuction.Auction, standing: Standing) -> (uint256, uint256):
    """
    @notice What a bidder is paid, and the backstop gets, for a unit of maintenance, wad.
    """
    if standing.equity <= 0:
        return LAST_COVER * min(block.timestamp - auction.insolvent_at, DURATION) // DURATION, 0
    bound: uint256 = auction.lowest // KEPT
    fee: uint256 = min(FEE, bound)
    return min(LAST_RATE * min(block.timestamp - auction.started_at, DURATION) // DURATION, bound - fee), fee


@internal
@view
def _most(account: uint256, standing: Standing, paid: uint256, fee: uint256) -> uint256:
    """
    @notice The fraction whose sale brings the account halfway between maintenance and initial margin, wad; zero when it is there or nearly so,
            as after a bid for all that was on sale: charges for positions do not shrink with them.
    """
    if self._is_pools(account) or standing.equity <= 0:
        return ONE
    equity: uint256 = convert(standing.equity, uint256)
    target: uint256 = (standing.maintenance + standing.initial) // 2
    if equity >= target:
        return 0
    lost: uint256 = standing.maintenance * (paid + fee) // ONE
    fraction: uint256 = min(ONE, (target - equity) * ONE // (target - lost) + 1)
    if fraction < ENOUGH:
        return 0
    return fraction
