# pragma version 0.4.3
"""
@title The grid of expiries: every day at 08:00 UTC
@license MIT
"""

DAY: constant(uint256) = 86_400
FIRST_EXPIRY: constant(uint256) = 1_704_096_000     # 2024-01-01 08:00 UTC
WINDOW: constant(uint256) = 1_800                   # a fixing is the average of so many seconds before the expiry
MAX_DAY: constant(uint256) = 2**14


@internal
@pure
def _expiry(day: uint256) -> uint256:
    return unsafe_add(unsafe_mul(day, DAY), FIRST_EXPIRY)
