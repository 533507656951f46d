"""Scenarios: what a file may say, and who comes of it."""

import pytest

from peersettle.errors import InputError, InvalidField
from peersettle.sim.scenario import BUILT_IN, Scenario, load, parse, to_time


@pytest.mark.parametrize("name", BUILT_IN)
def test_what_is_built_in_can_be_loaded(name):
    assert load(name).name == name


def test_a_file_sets_what_it_names_and_nothing_else(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        'seed = 7\n[population]\ntraders = 3\n[market.risk]\nscan = "30"\n'
        '[keepers]\ndown = [[0, "2020-03-12T10:00", "2020-03-12T11:00"]]'
    )
    found, usual = load(path), Scenario()
    assert (found.seed, found.population.traders, found.population.sellers) == (7, 3, usual.population.sellers)
    assert found.market.parameters.scan != usual.market.parameters.scan
    assert found.market.parameters.band == usual.market.parameters.band
    assert found.keepers.down == ((0, "2020-03-12T10:00", "2020-03-12T11:00"),)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"sed": 1}, "sed is 1: is not known"),
        ({"population": {"robots": 1}}, r"population.robots is 1: is not known"),
        ({"population": {"traders": "many"}}, "give a whole number"),
        ({"population": {"traders": -1}}, "cannot be negative"),
        ({"population": {"leverage": [0.9, 2.0]}}, "ascending numbers above 1"),
        ({"population": {"expiries": []}}, "one to four"),
        ({"step": 50}, "a multiple of 15"),
        ({"step": 60, "block_time": 60}, "less than a step"),
        ({"reporters": {"count": 3}}, "at least four"),
        ({"gas": {"price": "cheap"}}, "`file`, `max`, or a number"),
        ({"keepers": {"down": [[5, "2020-03-12", "2020-03-13"]]}}, "name a keeper"),
        ({"keepers": {"enabled": 1}}, "true or false"),
        ({"keepers": {"tips": [1, 2, 3]}}, "at most one for each keeper"),
        ({"keepers": {"tips": [-1]}}, "no negative numbers"),
        ({"keepers": {"upkeep": -1}}, "keepers.upkeep.*cannot be negative"),
        ({"reporters": {"tip": -1}}, "reporters.tip.*cannot be negative"),
        ({"gas": {"block_limit": 1_000_000}}, "give at least 2,000,000"),
        ({"market": {"risk": {"scan": "90"}}}, "scan is"),
        ({"market": {"risk": {"scam": "20"}}}, "scam"),
        ({"market": 3}, "is a table"),
    ],
)
def test_what_does_not_fit_is_named(data, said):
    with pytest.raises(InvalidField, match=said):
        parse(data)


def test_a_missing_scenario_says_what_there_is(tmp_path):
    with pytest.raises(InputError, match="one of march-2020"):
        load("april-2020")
    broken = tmp_path / "broken.toml"
    broken.write_text("seed = = 1")
    with pytest.raises(InputError, match="is no TOML"):
        load(broken)


def test_scaling_keeps_the_proportions():
    small = load("march-2020")
    large = small.scaled(10_000)
    people = large.population
    total = people.traders + people.sellers + people.borrowers + people.holders
    assert total == pytest.approx(10_000, abs=4)
    assert people.sellers / people.traders == pytest.approx(
        small.population.sellers / small.population.traders, rel=0.01
    )
    assert large.backstop / total == pytest.approx(small.backstop / 27)


def test_times_are_utc_unless_they_say_otherwise():
    assert to_time("2020-03-12T10:00") == to_time("2020-03-12T11:00+01:00") == 1_584_007_200
    with pytest.raises(InvalidField, match="give an ISO time"):
        to_time("noon")
