"""A block holds so much gas: what does not fit waits for the next, and the highest gas price goes first."""

from dataclasses import replace

from tests.integration.sim.conftest import EXPIRY, small
from tests.integration.sim.test_chain_replay import comparable
from tests.integration.sim.test_fast_replays import assert_held

from peersettle.sim import replay
from peersettle.sim.prices import bridged, march_2020
from peersettle.sim.records import Book
from peersettle.sim.scenario import LEAST_BLOCK, load, to_time
from peersettle.sim.verdicts import Verdicts

FALL = ("2020-03-12T10:00", "2020-03-12T11:00")


def limited(scenario, limit=LEAST_BLOCK):
    return replace(scenario, gas=replace(scenario.gas, block_limit=limit))


def replayed(scenario, window=FALL, engine="fast"):
    first, last = map(to_time, window)
    result = replay.run(scenario, march_2020(), engine=engine, first=first, last=last)
    assert_held(result)
    return result


def ages(result):
    """How old auctions were when a part was sold, seconds."""
    return [sale["time"] - one["started_at"] for one in result["auctions"] for sale in one["sales"]]


def test_liquidations_wait_when_blocks_are_full():
    crowd = load("march-2020").scaled(200)
    free, full = replayed(crowd), replayed(limited(crowd))
    assert free["blocks"]["full"] == 0
    assert full["blocks"]["full"] > 0
    assert full["blocks"]["fullest"] <= LEAST_BLOCK < free["blocks"]["fullest"]
    assert sum(ages(full)) / len(ages(full)) > sum(ages(free)) / len(ages(free))
    assert max(ages(full)) > max(ages(free))


def test_who_tips_more_buys_first_when_blocks_are_full():
    crowd = limited(load("march-2020").scaled(200))
    bought = []
    for tips in ((0.0, 5.0), (5.0, 0.0)):
        result = replayed(replace(crowd, keepers=replace(crowd.keepers, tips=tips)))
        bought.append(
            [
                sum(one["to"] == who for a in result["auctions"] for one in a["sales"])
                for who in ("keeper 1", "keeper 2")
            ]
        )
    assert bought[0][1] > bought[0][0]
    assert bought[1][0] > bought[1][1]


def test_a_report_waits_in_a_full_block_and_is_in_the_next():
    scenario = limited(small())
    steps = bridged(march_2020(), scenario.step, scenario.market.noise, 1).between(*map(to_time, FALL))
    stage = replay.staged(scenario, march_2020(), steps, "fast")
    venue, press = stage.venue, replay.Press(stage, Book(stage.venue, Verdicts(stage.venue, ()), {}, replay.SHIFT))
    venue.block(steps.times[0] + replay.SHIFT)
    venue.space.limit = venue.space.used = LEAST_BLOCK  # somebody with a higher gas price was first
    before = venue.snapshot().reading.observed_at
    press.due(0)
    found = []
    for _ in range(2):
        press.act()
        found.append((press.waits, venue.snapshot().reading.observed_at > before))
        venue.block(venue.now + scenario.block_time)
    assert found == [(True, False), (False, True)]


def test_both_engines_have_the_same_wait(monkeypatch):
    monkeypatch.setattr("peersettle.sim.scenario.LEAST_BLOCK", 1_000_000)
    scenario = limited(small(), 1_000_000)
    fast, chain = replayed(scenario, EXPIRY), replayed(scenario, EXPIRY, "chain")
    assert chain["blocks"]["full"] > 0
    assert comparable(fast) == comparable(chain)
    assert chain["gas_by_call"]["a block"]["calls"] > 0
