"""The built-in crash: with keepers, without them, and again."""

from dataclasses import replace

from tests.integration.sim.test_fast_replays import assert_held, told

from peersettle.sim import replay
from peersettle.sim.prices import march_2020
from peersettle.sim.scenario import load, to_time


def test_march_2020_without_keepers_ends_in_a_shortfall_that_receivers_share():
    """Six times the built-in crowd, so that somebody is below zero at the expiry after the low."""
    scenario = load("march-2020").scaled(160)
    off = replace(scenario, keepers=replace(scenario.keepers, enabled=False), backstop=2_000.0)
    last = to_time("2020-03-13T09:00")
    on, without = (replay.run(one, march_2020(), last=last) for one in (scenario, off))
    told("keepers on", on)
    told("keepers off", without)
    assert_held(on)
    assert_held(without)
    assert without["summary"]["shortfall"] > on["summary"]["shortfall"]
    assert 0 < without["summary"]["covered"] < without["summary"]["shortfall"]
    by_name = {one["name"]: one for one in without["verdicts"]}
    assert by_name["haircuts are the shortfall"]["checks"] > 0
    assert by_name["flat depositors lose nothing"]["worst"] == 0


def test_a_seed_gives_its_own_replay_again():
    scenario, first, last = load("march-2020"), to_time("2020-03-12T10:00"), to_time("2020-03-12T12:00")
    found, again, other = (
        replay.run(one, march_2020(), first=first, last=last) for one in (scenario, scenario, replace(scenario, seed=5))
    )
    for one in (found, again, other):
        del one["seconds"]
    assert found == again
    assert found["summary"] != other["summary"]


def test_an_auction_says_what_it_offered_once_a_block():
    found = replay.run(load("march-2020"), march_2020(), last=to_time("2020-03-12T11:00"))
    moments = [[offer[0] for offer in one["offers"]] for one in found["auctions"]]
    assert max(map(len, moments)) > 1
    assert all(times == sorted(set(times)) for times in moments)
