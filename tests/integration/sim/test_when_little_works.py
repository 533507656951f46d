"""Crashes in which somebody is missing, late, or priced out: whatever happens, everything that must hold does."""

from dataclasses import replace

import pytest
from tests.integration.sim.test_fast_replays import FILES, assert_held, recorded, told
from tests.shared_data import shared_data

from peersettle.sim import replay
from peersettle.sim.prices import load as load_prices
from peersettle.sim.prices import march_2020
from peersettle.sim.scenario import load, to_time

NEARLY_UNHEALTHY = (1.02, 1.25)
WORST_HOUR = {
    "hourly": ("2020-03-12T10:15", "2020-03-12T11:15"),
    "ten-minute": ("2020-03-12T09:45", "2020-03-12T10:45"),
    "one-minute": ("2020-03-13T01:45", "2020-03-13T02:17"),  # the file has no more than an hour, and its low is then
}
AFTERWARDS = 2 * 3_600


def with_keepers_down(scenario, first, last, **changes):
    """None of them works between these times."""
    down = tuple((number, first, last) for number in range(scenario.keepers.count))
    return replace(scenario, keepers=replace(scenario.keepers, down=down, **changes))


def leveraged(scenario):
    return replace(scenario, population=replace(scenario.population, leverage=NEARLY_UNHEALTHY))


def by_name(result, name):
    return next(one for one in result["verdicts"] if one["name"] == name)


@pytest.mark.parametrize("name", FILES)
def test_keepers_miss_the_worst_hour_of_a_recorded_crash(name):
    first, last = WORST_HOUR[name]
    begin, end = to_time(first), to_time(last)
    waypoints = load_prices(shared_data(f"prices/{FILES[name][0]}"))
    scenario = with_keepers_down(leveraged(recorded(name)), first, last)
    result = replay.run(scenario, waypoints, first=begin - 1_800, last=end + AFTERWARDS)
    told(f"{name}, no keeper from {first} to {last}", result)
    assert_held(result)
    moments = [one["started_at"] for one in result["auctions"]]
    moments += [sale["time"] for one in result["auctions"] for sale in one["sales"]]
    assert not [time for time in moments if begin <= time < end]
    assert [time for time in moments if time >= end]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("delay", [120, 600])
def test_reporters_are_late_in_a_recorded_crash(name, delay):
    """A late price begins auctions late; one older than the market's `spot_age` begins none."""
    waypoints = load_prices(shared_data(f"prices/{FILES[name][0]}"))
    scenario = leveraged(recorded(name))
    begin, end = to_time(WORST_HOUR[name][0]), to_time(WORST_HOUR[name][1])
    late = replace(scenario, reporters=replace(scenario.reporters, delay=delay))
    on_time, found = (replay.run(one, waypoints, first=begin, last=end) for one in (scenario, late))
    told(f"{name}, reporters {delay} s late", found)
    assert_held(found)
    assert on_time["auctions"]
    if delay > scenario.market.parameters.spot_age:
        assert not found["auctions"]
    else:
        assert found["auctions"][0]["started_at"] > on_time["auctions"][0]["started_at"]


def test_accounts_that_fall_below_zero_are_bought_with_the_backstop_covering_them():
    """Keepers come back at the low: what they buy below zero leaves nobody worse off."""
    crowd = leveraged(load("march-2020").scaled(60))
    away = with_keepers_down(crowd, "2020-03-12T10:00", "2020-03-13T02:35", edge=0.02, cash=3_000_000.0)
    result = replay.run(away, march_2020(), last=to_time("2020-03-13T04:00"))
    told("keepers away until the low", result)
    assert_held(result)
    cover = by_name(result, "cover")
    assert cover["checks"] > 0
    assert cover["worst"] <= 0
    below = [sale for one in result["auctions"] for sale in one["sales"] if sale["equity_before"] <= 0]
    assert [sale for sale in below if sale["to"].startswith("keeper")]


def test_keepers_leave_alone_what_gas_is_too_dear_for():
    """Trifles at the file's highest gas price: the policy abstains, and nothing else breaks."""
    waypoints = load_prices(shared_data("prices/ETH_10m_with_gas_2020-03-12.csv"))
    usual = recorded("ten-minute")
    trifles = replace(
        leveraged(usual),
        market=replace(usual.market, lot="0.0001"),
        population=replace(usual.population, size=20.0),
        keepers=replace(usual.keepers, cash=1_000.0),
        backstop=2_000.0,
    )
    bought = {}
    for price in ("1", "max"):
        priced = replace(trifles, gas=replace(trifles.gas, price=price))
        result = replay.run(priced, waypoints, first=to_time("2020-03-12T09:00"), last=to_time("2020-03-12T13:00"))
        told(f"trifles, gas at {price}", result)
        assert_held(result)
        victims = [one for one in result["auctions"] if not one["account"].startswith("backstop")]
        sales = [sale for one in victims for sale in one["sales"]]
        bought[price] = sum(sale["to"].startswith("keeper") for sale in sales)
    assert bought["1"] > 0
    assert bought["max"] == 0
