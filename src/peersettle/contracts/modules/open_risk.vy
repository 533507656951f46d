# pragma version 0.4.3
"""
@title A market's open risk
@license MIT
@notice The sum of the requirements of all books in a market, as each was last counted in a trade. Who adds to it where there is much already
        pays an addition to initial margin; boxes between friends ask for nothing, and so fill nothing.
"""

from . import snapshots

uses: snapshots

STORED_MASK: constant(uint256) = 2**56 - 1     # of requirement and addition in a header
UNIT: constant(uint256) = 10**14                # theirs, wad
WAD: constant(uint256) = 10**18


@internal
def _count(market: uint256, header: uint256, requirement: uint256) -> uint256:
    """
    @notice Count a book's requirement into the market's open risk. Who raises it pays an addition by how much there is already; who lowers it
            gets its addition back in proportion. Returns the header with both.
    """
    before: uint256 = (header >> 64) & STORED_MASK
    addition: uint256 = (header >> 8) & STORED_MASK
    after: uint256 = 0
    if header & 255 != 0:
        after = min(unsafe_div(requirement + UNIT - 1, UNIT), STORED_MASK)
    limits: uint256 = snapshots.limits[market]
    counted: uint256 = (limits >> 32) & STORED_MASK
    open_risk: uint256 = min(unsafe_sub(counted + after, min(before, counted)), STORED_MASK)
    if after > before:
        full: uint256 = unsafe_mul((limits >> snapshots.RISK_SCALE) & (2**40 - 1), WAD // UNIT)
        share: uint256 = unsafe_mul((limits >> snapshots.RISK_RATE) & snapshots.M16, min(open_risk, full))
        addition = min(unsafe_add(addition, unsafe_div(unsafe_mul(unsafe_sub(after, before), share), full << 16)), STORED_MASK)
    elif before != 0:
        addition = unsafe_div(unsafe_mul(addition, after), before)
    snapshots.limits[market] = (limits & ~(STORED_MASK << 32)) | (open_risk << 32)
    return (header >> 160 << 160) | (after << 64) | (addition << 8) | (header & 255)
