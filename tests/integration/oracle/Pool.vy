# pragma version 0.4.3
"""
@title A pool with Uniswap v3's memory of ticks, and nothing else
@notice `trade` moves the tick as a swap does: what was before counts for the time that it lasted.
"""

tick: public(int56)
before: int56
total: int56
since: uint256


@deploy
def __init__(tick: int56):
    self.tick = tick
    self.since = block.timestamp


@external
def trade(tick: int56):
    self._trade(tick)


@external
def trade_and_undo(tick: int56):
    before: int56 = self.tick
    self._trade(tick)
    self._trade(before)


@internal
def _trade(tick: int56):
    if block.timestamp > self.since:
        self.total += self.tick * convert(block.timestamp - self.since, int56)
        self.since = block.timestamp
        self.before = self.tick
    self.tick = tick


@external
@payable
def __default__():
    pass


@external
@view
def observe(agos: DynArray[uint32, 8]) -> (DynArray[int56, 8], DynArray[uint160, 8]):
    totals: DynArray[int56, 8] = []
    liquidity: DynArray[uint160, 8] = []
    for ago: uint32 in agos:
        time: uint256 = block.timestamp - convert(ago, uint256)
        # One remembered point is enough for a test: on either side of it the tick was constant.
        elapsed: int56 = convert(time, int56) - convert(self.since, int56)
        tick: int56 = self.tick if time >= self.since else self.before
        totals.append(self.total + tick * elapsed)
        liquidity.append(0)
    return totals, liquidity
