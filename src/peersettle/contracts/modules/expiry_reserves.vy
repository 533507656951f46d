# pragma version 0.4.3
"""
@title What the pool keeps for the shortfalls of expiries
@license MIT
@notice A reserve is not lent, not paid out and not put behind anything, until it is used or three days have passed.
@dev Whoever settles chooses the order, so a reserve must not hang on what was settled before it: loans count as if they had not been made,
     reserves of the days around as if they had been neither made nor used.
"""

RESERVE_PART: constant(uint256) = 10            # of the pool, for the shortfalls of one expiry
RESERVED_FOR: constant(uint256) = 3 * 86_400    # after its first shortfall
NEAR: constant(uint256) = 3                     # days before and after an expiry whose reserves may still stand
GRAIN: constant(uint256) = 10**12               # wad: what rounding leaves over here and there does not show


struct Reserve:
    amount: uint256     # wad
    until: uint256


reserves: public(HashMap[uint256, Reserve])     # market << 14 | day
reserved: public(uint256)                       # wad, all of them
committed: HashMap[uint256, uint256]            # day: wad, as reserved for all its expiries


@external
def lapse(market: uint256, day: uint256):
    """
    @notice Anybody: what was reserved for an expiry and not used is free again.
    """
    place: uint256 = (market << 14) | day
    assert block.timestamp > self.reserves[place].until, "reserved"
    self.reserved -= self.reserves[place].amount
    self.reserves[place] = empty(Reserve)


@internal
def _reserve(market: uint256, day: uint256, free: uint256, lent: uint256) -> uint256:
    """
    @param free Cash that is idle and not reserved, wad.
    @param lent All that is owed to the pool, wad.
    """
    worth: uint256 = free + lent
    for near: uint256 in range(2 * NEAR + 1):
        worth += self.committed[unsafe_sub(day + near, NEAR)]
    amount: uint256 = min(worth // (RESERVE_PART * GRAIN) * GRAIN, free)
    self.reserves[(market << 14) | day] = Reserve(amount=amount, until=block.timestamp + RESERVED_FOR)
    self.reserved += amount
    self.committed[day] += amount
    return amount


@internal
def _release(market: uint256, day: uint256, wanted: uint256) -> uint256:
    place: uint256 = (market << 14) | day
    amount: uint256 = min(wanted, self.reserves[place].amount)
    self.reserves[place].amount -= amount
    self.reserved -= amount
    return amount
