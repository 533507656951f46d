"""The verdict on who is taken over below zero: a small crash in which that happens, and what turns the verdict red."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from peersettle.bindings.auction import AuctionQuote
from peersettle.sim import replay
from peersettle.sim.prices import Steps, Waypoints, bridged
from peersettle.sim.records import Book
from peersettle.sim.scenario import Scenario, load, to_time
from peersettle.sim.verdicts import Verdicts
from peersettle.types import WAD

BEGIN = to_time("2020-03-12T10:00")
CRASH = Waypoints(tuple(BEGIN + 60 * minute for minute in (0, 5, 25, 60)), (200.0, 200.0, 90.0, 90.0))
"""To less than half within twenty minutes."""


def shown(minute: int) -> str:
    return datetime.fromtimestamp(BEGIN + 60 * minute, UTC).isoformat()


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    """Twelve accounts that have hardly more than initial margin, and rich keepers who come at the low."""
    usual = load("march-2020").scaled(12)
    keepers = usual.keepers
    away = tuple((number, shown(0), shown(40)) for number in range(keepers.count))
    return replace(
        usual,
        market=replace(usual.market, noise=0.0),
        population=replace(usual.population, leverage=(1.02, 1.1)),
        keepers=replace(keepers, cash=3_000_000.0, edge=0.02, down=away),
    )


def test_who_is_bought_below_zero_is_no_worse_for_it(scenario):
    result = replay.run(scenario, CRASH)
    assert result["holds"], [one for one in result["verdicts"] if not one["holds"]]
    cover = next(one for one in result["verdicts"] if one["name"] == "cover")
    below = [sale for one in result["auctions"] for sale in one["sales"] if sale["equity_before"] <= 0]
    assert cover["checks"] == len(below) > 2
    assert cover["worst"] == max(sale["lost"] for sale in below) < 0
    assert any(sale["to"].startswith("keeper") for sale in below)
    assert result["summary"]["backstop_result"] < 0  # it has paid for them


@pytest.fixture
def handed_over(scenario):
    """Hand over half of an account that lacks 1,000, and that then has so much more (wad): the verdict on it."""
    stage = replay.staged(scenario, CRASH, Steps(*vars(bridged(CRASH, 60, 0, 1)).values()), "fast")
    venue, trader = stage.venue, stage.population.openings[0].account.account
    accounts, now = venue.ledger.accounts, venue.now
    accounts.pay(trader, -venue.auction.standing(trader, now).equity - 1_000 * WAD)

    def hand_over(gained):
        verdicts = Verdicts(venue, ())
        before = AuctionQuote(**vars(venue.auction.quote(trader, now)))
        assert before.equity == -1_000 * WAD
        accounts.pay(trader, gained)
        Book(venue, verdicts, {}, 0).handed_over(trader, "keeper 1", before, 0.5)
        accounts.pay(trader, -gained)
        return verdicts.cover

    return hand_over


@pytest.mark.parametrize("gained", [0, 1, 500 * WAD])
def test_who_lacks_as_much_or_less_is_fine(handed_over, gained):
    cover = handed_over(gained)
    assert (cover.checks, cover.violations) == (1, 0)
    assert cover.worst == -gained / WAD


@pytest.mark.parametrize("lost", [1, 500 * WAD])
def test_who_lacks_more_afterwards_is_seen(handed_over, lost):
    cover = handed_over(-lost)
    assert (cover.checks, cover.violations) == (1, 1)
    assert cover.worst == lost / WAD
