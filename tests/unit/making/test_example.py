"""The how-to's strategy is the one in examples/, and does what it says."""

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.making.world import COLLATERAL, DOLLARS, ETHER, book, buys, inquiry, option, position, sells

from peersettle.config.making import MakingSettings
from peersettle.making import No, Price, Quotation, Tally, Valuation, load_strategy, promise_of, value
from peersettle.risk.instruments import Kind
from peersettle.types import WAD

ROOT = Path(__file__).parents[3]
FILE = ROOT / "examples" / "strategies" / "covered_calls.py"
PAGE = (ROOT / "docs" / "how-to" / "write-a-strategy.md").read_text()
CALL = position(option())


@pytest.fixture
def strategy():
    return load_strategy(f"{FILE}:CoveredCalls", {"vol_points": 3})


def with_collateral(tally):
    tally.revalue(book())
    return replace(book(), inventory=tally.inventory())


@pytest.fixture
def tally():
    made = Tally()
    made.hold(COLLATERAL, 10 * 10**9)
    return made


def test_the_page_has_the_file_as_it_is():
    assert f"```python\n{FILE.read_text()}```" in PAGE


def test_the_pages_settings_are_all_there_are():
    found = re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    table = tomllib.loads(found[1])["making"]
    MakingSettings.model_validate(table)
    assert {*table, "tokens", "takers", "strategy", "options"} == set(MakingSettings.model_fields)


def test_it_sells_calls_above_their_worth(strategy, tally):
    at, asked = with_collateral(tally), buys(CALL, 500)
    found, worth = strategy.quote(inquiry(asked), at), value(asked, at)
    assert isinstance(found, Quotation)
    assert isinstance(worth, Valuation)
    assert found.prices[0].price == pytest.approx(float(worth.mid()) + 3 * worth.items[0][1].vega / 10**12, abs=2)


def test_it_sells_no_more_than_it_has_cover_for_offers_included(strategy, tally):
    asked = buys(CALL, 600)
    at = with_collateral(tally)
    found, worth = strategy.quote(inquiry(asked), at), value(asked, at)
    assert isinstance(worth, Valuation)
    tally.offer("a", promise_of(asked, found.prices, worth))
    refused = strategy.quote(inquiry(asked), with_collateral(tally))
    assert isinstance(refused, No)
    assert refused == No("cover", "this is more than we can cover", "4 ETH are free, 6 asked for")
    tally.drop("a")
    assert isinstance(strategy.quote(inquiry(asked), with_collateral(tally)), Quotation)


@pytest.mark.parametrize("asked", [sells(CALL), buys(position(option(kind=Kind.PUT))), buys(ETHER, WAD, DOLLARS)])
def test_it_does_nothing_else(strategy, tally, asked):
    assert strategy.quote(inquiry(asked), with_collateral(tally)).code == "only_calls"


def test_its_last_look_refuses_what_is_worth_more_now(strategy, tally):
    at = with_collateral(tally)
    assert strategy.last_look(inquiry(buys(CALL)), Price(1), at).code == "moved"
    assert strategy.last_look(inquiry(buys(CALL)), Price(10**9), at) is None
