# pragma version 0.4.3
"""
@title A pool as a price source sees it
@license MIT
@notice The memory of a Uniswap v3 pool: a tick that anyone moves at will, and the sum of tick times seconds. The balances play no part in
        it, as there. What is left out is what trading costs.
"""

struct Observation:
    time: uint256
    cumulative: int256      # up to `time`
    tick: int256            # from `time` on


observations: DynArray[Observation, 512]


@deploy
def __init__(tick: int256):
    self.observations.append(Observation(time=block.timestamp, cumulative=0, tick=tick))


@external
def swap_to(tick: int256):
    """
    @notice Move the price. The first move in a block records the sum until then, the others change the tick alone.
    """
    self._swap_to(tick)


@external
def swap_and_undo(tick: int256):
    """
    @notice Move the price and move it back, in one transaction.
    """
    before: int256 = self.observations[len(self.observations) - 1].tick
    self._swap_to(tick)
    self._swap_to(before)


@external
@payable
def __default__():
    """
    @notice A gift.
    """
    pass


@internal
def _swap_to(tick: int256):
    last: uint256 = len(self.observations) - 1
    if self.observations[last].time == block.timestamp:
        self.observations[last].tick = tick
    else:
        self.observations.append(
            Observation(time=block.timestamp, cumulative=self._cumulative(block.timestamp), tick=tick)
        )


@external
@view
def slot0() -> int256:
    """
    @notice The tick of this moment, which is what a careless source would read.
    """
    return self.observations[len(self.observations) - 1].tick


@external
@view
def observe(seconds_agos: DynArray[uint32, 8]) -> (DynArray[int56, 8], DynArray[uint160, 8]):
    cumulatives: DynArray[int56, 8] = []
    liquidity: DynArray[uint160, 8] = []
    for ago: uint32 in seconds_agos:
        cumulatives.append(convert(self._cumulative(block.timestamp - convert(ago, uint256)), int56))
        liquidity.append(0)
    return cumulatives, liquidity


@internal
@view
def _cumulative(time: uint256) -> int256:
    assert time >= self.observations[0].time, "OLD"
    found: Observation = self.observations[0]
    for observation: Observation in self.observations:
        if observation.time > time:
            break
        found = observation
    return found.cumulative + found.tick * convert(time - found.time, int256)
