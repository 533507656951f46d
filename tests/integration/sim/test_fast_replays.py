"""Real crashes over a population, by the fast engine: what must hold holds, whatever goes wrong around it."""

from dataclasses import replace

import pytest
from tests.shared_data import shared_data

from peersettle.sim import replay
from peersettle.sim.prices import load
from peersettle.sim.scenario import load as load_scenario
from peersettle.sim.scenario import to_time

AROUND = {
    "as it was": lambda s: s,
    "one keeper down for an hour": lambda s: replace(
        s, keepers=replace(s.keepers, down=((0, "2020-03-12T10:00", "2020-03-12T11:00"),))
    ),
    "no competing keeper": lambda s: replace(s, keepers=replace(s.keepers, count=1)),
    "reporters delayed": lambda s: replace(s, reporters=replace(s.reporters, delay=180)),
    "gas at its highest": lambda s: replace(s, gas=replace(s.gas, price="max")),
    "keepers off": lambda s: replace(s, keepers=replace(s.keepers, enabled=False)),
}
FILES = {
    "hourly": ("ETH_1h_2020-03-11.csv", "ETH", "2020-03-12T08:00", "2020-03-13T09:00", 60),
    "ten-minute": ("ETH_10m_with_gas_2020-03-12.csv", "ETH", None, None, 60),
    "one-minute": ("BTC_perp_1m_2020-03-13.csv", "BTC", None, None, 15),
}


def told(name, result):
    """One line for people who read the test's output."""
    found = result["summary"]
    fields = ("auctions", "sales", "rescues", "run_offs", "losses_of_auctioned", "backstop_result", "bad_debt_most")
    shown = ", ".join(f"{field} {found[field]:,.0f}" for field in (*fields, "shortfall", "covered", "gas_cost"))
    print(f"\n{name}: {result['seconds']['all']:.1f} s; {shown}", end="")


def assert_held(result):
    assert result["holds"], [one for one in result["verdicts"] if not one["holds"]]


def recorded(name):
    """The built-in scenario, in the market of a file."""
    _, symbol, _, _, step = FILES[name]
    scenario = load_scenario("march-2020")
    market = replace(scenario.market, symbol=symbol, lot="auto", tick="auto", noise=0.6)
    gas = replace(scenario.gas, native_price=0.0 if symbol == "ETH" else 120.0)
    return replace(scenario, market=market, gas=gas, step=step, block_time=min(scenario.block_time, step - 1))


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("name", FILES)
def test_a_recorded_crash(name, around):
    file, _, first, last, _ = FILES[name]
    waypoints = load(shared_data(f"prices/{file}"))
    begin, end = to_time(first) if first else None, to_time(last) if last else None
    result = replay.run(AROUND[around](recorded(name)), waypoints, first=begin, last=end)
    told(f"{name}, {around}", result)
    assert_held(result)
    assert result["summary"]["sales"] or around == "keepers off" or name == "one-minute"
