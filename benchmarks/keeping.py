"""What keeping watch takes: a keeper's scan of 100,000 accounts, and a replay of 10,000 accounts over ten days."""

import time
from dataclasses import replace

import numpy as np

from benchmarks.margin_rates import drawn, listed, snapshot
from peersettle.keeper.mirror import Mirror
from peersettle.risk.books import SeriesTable
from peersettle.sim import replay
from peersettle.sim.prices import Waypoints, march_2020
from peersettle.sim.scenario import load

ACCOUNTS = 100_000
LOT = 10**16
ROUNDS = 10
DAY = 86_400


def measure() -> dict[str, float]:
    """`rate.keeper_accounts_per_s`: 20 positions each, valued and compared, the best of ten rounds. And
    `s.replay_fast_10k_accounts_10d`: the crash of March 2020 with calm days around it, a price a minute."""
    table = SeriesTable.of(snapshot(), listed())
    mirror = Mirror({0: LOT})
    mirror.load(np.random.default_rng(1).uniform(0, 1e6, ACCOUNTS), {0: (table, drawn(table, ACCOUNTS))})
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        mirror.scan({0: table}).below()
        took.append(time.perf_counter() - began)
    crash = march_2020()
    first, last = crash.times[0] - 5 * DAY, crash.times[0] + 5 * DAY
    path = Waypoints((first, *crash.times, last), (crash.prices[0], *crash.prices, crash.prices[-1]))
    scenario = load("march-2020").scaled(10_000)
    began = time.perf_counter()
    result = replay.run(replace(scenario, name="ten-days"), path)
    seconds = time.perf_counter() - began
    assert result["holds"], "an invariant was broken"
    return {
        "rate.keeper_accounts_per_s": round(ACCOUNTS / min(took)),
        "s.replay_fast_10k_accounts_10d": round(seconds, 1),
    }


if __name__ == "__main__":
    for name, figure in measure().items():
        print(f"{name:36} {figure:12,}")
