# pragma version 0.4.3
"""
@title What the pool keeps for the shortfalls of expiries
@license MIT
@notice A reserve is not lent, not paid out and not put behind anything, until it is used or three days have passed.
"""

RESERVE_PART: constant(uint256) = 10            # of what is free, for the shortfalls of one expiry
RESERVED_FOR: constant(uint256) = 3 * 86_400    # after its first shortfall


struct Reserve:
    amount: uint256     # wad
    until: uint256


reserves: public(HashMap[uint256, Reserve])     # market << 14 | day
reserved: public(uint256)                       # wad, all of them


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
def _reserve(market: uint256, day: uint256, free: uint256) -> uint256:
    amount: uint256 = free // RESERVE_PART
    self.reserves[(market << 14) | day] = Reserve(amount=amount, until=block.timestamp + RESERVED_FOR)
    self.reserved += amount
    return amount


@internal
def _release(market: uint256, day: uint256, used: uint256):
    place: uint256 = (market << 14) | day
    amount: uint256 = min(used, self.reserves[place].amount)
    self.reserves[place].amount -= amount
    self.reserved -= amount
