"""One Black-76 price on chain: its gas, and how far it is from the exact price."""

from itertools import product
from typing import Any

from mpmath import mp, mpf
from web3 import Web3
from web3.contract import Contract

from benchmarks.ours import compiled
from benchmarks.scene import ETHER, deploy, send, stage
from peersettle.spec.black76 import deviation_over, price

FORWARD = 2_000 * ETHER
MONEYNESS = (0.3, 0.5, 0.7, 0.85, 0.95, 1.0, 1.05, 1.2, 1.5, 2.0, 3.0)
VOLATILITIES = (0.1, 0.3, 0.6, 1.0, 2.0, 3.0)
TIMES = (3_600, 86_400, 7 * 86_400, 30 * 86_400, 180 * 86_400, 365 * 86_400, 730 * 86_400)
YEAR = 365 * 86_400
USUAL = (False, FORWARD, 2_200 * ETHER, 6 * ETHER // 10, 30 * 86_400)
"""Put, forward, strike, volatility, seconds: 10 % out of the money, 60 %, 30 days."""


def measure(w3: Web3) -> dict[str, int]:
    """Gas of a price beyond that of a call with the same arguments."""
    scene = stage(w3)
    harness: Contract = deploy(w3, scene.relayer, *compiled("Black76Harness"))

    def used(call: Any) -> int:
        return int(send(w3, scene.relayer, call)["gasUsed"])

    return {"black76": used(harness.functions.price(*USUAL)) - used(harness.functions.base(*USUAL))}


def accuracy() -> dict[str, float]:
    """The largest error on the grid, of the forward; the specification is the contract's arithmetic, bit for bit."""
    worst = 0.0
    with mp.workdps(40):
        for moneyness, volatility, time, is_put in product(MONEYNESS, VOLATILITIES, TIMES, (False, True)):
            strike = round(FORWARD * moneyness)
            wad = round(volatility * ETHER)
            found = price(is_put, FORWARD, strike, deviation_over(wad, time))
            worst = max(worst, abs(float((found - exact(is_put, strike, mpf(wad) / ETHER, time)) / FORWARD)))
    return {"error.black76": float(f"{worst:.2g}")}


def exact(is_put: bool, strike: int, volatility: Any, time: int) -> Any:
    """Black's formula to 40 digits."""
    forward, strike = mpf(FORWARD), mpf(strike)
    deviation = volatility * mp.sqrt(mpf(time) / YEAR)
    upper = mp.log(forward / strike) / deviation + deviation / 2
    sign = -1 if is_put else 1
    return sign * (forward * mp.ncdf(sign * upper) - strike * mp.ncdf(sign * (upper - deviation)))
