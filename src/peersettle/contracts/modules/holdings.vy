# pragma version 0.4.3
"""
@title What the pool has taken over
@license MIT
@notice At most eight accounts, each a sub-account of the pool's own, and at most a quarter of the pool behind all of them.
"""

INVENTORY_PART: constant(uint256) = 4           # of the pool stands behind what it has taken over at most
MAX_INVENTORY: constant(uint256) = 8
ALL_INVENTORY: constant(uint256) = 2 ** (MAX_INVENTORY + 1) - 2

inventory: public(uint256)                      # the sub-accounts in use, as bits
behind: public(uint256[9])                      # wad: what was put behind each of them
funded: public(uint256)                         # wad: behind all of them


@internal
@view
def _holds(slot: uint256) -> bool:
    return self.inventory & (1 << slot) != 0


@internal
@view
def _room(free: uint256) -> uint256:
    """
    @notice What may be put behind one more account, whether there is a place for it or not.
    @param free Cash of the pool that is not reserved, wad.
    """
    most: uint256 = (free + self.funded) // INVENTORY_PART
    return min(free, most - min(most, self.funded))


@internal
@view
def _admits(amount: uint256, free: uint256) -> bool:
    # Each place that is taken doubles what the next is kept for at least: trifles do not fill them.
    room: uint256 = self._room(free)
    left: uint256 = MAX_INVENTORY
    for slot: uint256 in range(1, MAX_INVENTORY + 1):
        if self._holds(slot):
            left -= 1
    return left != 0 and amount <= room and amount >= room >> left


@internal
def _admit() -> uint256:
    """
    @notice A place that is free, now taken.
    """
    for slot: uint256 in range(1, MAX_INVENTORY + 1):
        if not self._holds(slot):
            self.inventory |= 1 << slot
            return slot
    raise "room"


@internal
def _fund(slot: uint256, amount: uint256):
    self.behind[slot] += amount
    self.funded += amount


@internal
def _leave(slot: uint256):
    """
    @notice A place is free again, with nothing behind it.
    """
    self.inventory ^= 1 << slot
    self.funded -= self.behind[slot]
    self.behind[slot] = 0
