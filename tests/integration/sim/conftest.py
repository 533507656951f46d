"""Replays that several tests look at."""

from dataclasses import replace

import pytest

from peersettle.sim import replay
from peersettle.sim.prices import march_2020
from peersettle.sim.scenario import Scenario, load, to_time


def small() -> Scenario:
    """March 2020 with half of its people, so that a chain is set up in a few seconds."""
    whole = load("march-2020")
    few = replace(whole.population, traders=4, sellers=3, borrowers=4, holders=2, leverage=(1.05, 1.25))
    return replace(whole, population=few, backstop=250_000.0, keepers=replace(whole.keepers, cash=150_000.0))


def windowed(engine: str, first: str, last: str):
    return replay.run(small(), march_2020(), engine=engine, first=to_time(first), last=to_time(last))


CRASH = ("2020-03-12T10:05", "2020-03-12T10:45")
EXPIRY = ("2020-03-13T07:25", "2020-03-13T08:05")


@pytest.fixture(scope="session", params=[CRASH, EXPIRY], ids=["crash", "expiry"])
def both(request):
    """The same window by both engines: fast, chain."""
    return windowed("fast", *request.param), windowed("chain", *request.param)
