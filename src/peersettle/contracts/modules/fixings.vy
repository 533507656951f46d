# pragma version 0.4.3
"""
@title The price at which an expiry settles
@license MIT
@notice The average over the last 30 minutes. When that cannot be had for a week, the last confirmed price.
"""

from ..interfaces import IOracle
from ..interfaces import IRisk
from . import calendar
from . import snapshots

uses: snapshots

PATIENCE: constant(uint256) = 7 * 86_400

PRICE_MASK: constant(uint256) = 2**88 - 1

records: HashMap[uint256, uint256]      # by market << 14 | day: price 88 | when it was fixed


@internal
def _fix(market: uint256, day: uint256) -> uint256:
    assert snapshots.states[market] != 0, "market"
    place: uint256 = (market << 14) | day
    assert self.records[place] == 0, "fixed"
    expiry: uint256 = calendar._expiry(day)
    assert day < calendar.MAX_DAY and block.timestamp >= expiry, "unexpired"
    feed: bytes32 = snapshots.spot_feeds[market]
    price: uint256 = 0
    if block.timestamp < expiry + PATIENCE:
        price = staticcall snapshots.ORACLE.twap(feed, expiry - calendar.WINDOW, expiry)
    else:
        price = (staticcall snapshots.ORACLE.read(feed)).value
    self.records[place] = price | (block.timestamp << 88)
    log IRisk.Fixed(market=market, day=day, price=price)
    return price
