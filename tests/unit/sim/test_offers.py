"""What simulated keepers could buy, and when the Auction would hand an account over."""

from dataclasses import replace

import pytest

from peersettle.bindings.auction import DURATION
from peersettle.keeper.appraisal import Obstacle
from peersettle.keeper.policy import plan
from peersettle.keeper.view import Kind, View
from peersettle.sim import replay
from peersettle.sim.keepers import policy_of
from peersettle.sim.offers import Wallet, candidate, is_unwanted, room
from peersettle.sim.prices import bridged, march_2020
from peersettle.sim.scenario import load, to_time
from peersettle.types import WAD


@pytest.fixture(scope="module")
def stage():
    steps = bridged(march_2020(), 60, 0.9, 1).between(to_time("2020-03-12T00:00"), to_time("2020-03-12T01:00"))
    return replay.staged(load("march-2020"), march_2020(), steps, "fast")


@pytest.fixture(scope="module")
def wallet(stage):
    return Wallet(stage.venue, stage.population.of("keeper")[0], 1.3)


@pytest.fixture
def on_sale(stage):
    """A solvent account in auction, at some rate and age, as if its equity were this part of maintenance."""

    def made(part=0.8, most=WAD // 2, paid=WAD // 5, age=120):
        found = candidate(stage.venue, stage.population.openings[0].account.account)
        equity = round(found.quote.maintenance * part)
        state = replace(found.state, started_at=stage.venue.now - age, lowest=WAD)
        return replace(found, quote=replace(found.quote, equity=equity, most=most, paid=paid), state=state)

    return made


def test_a_part_is_no_more_than_is_on_sale_and_earns_what_the_auction_pays(wallet, on_sale):
    one = on_sale()
    (part,) = wallet.offers(one)
    assert 0 < part.fraction <= one.quote.most
    assert part.obstacles == ()
    assert part.edge == pytest.approx(one.quote.maintenance * part.fraction / WAD * 0.2, rel=1e-9)


def test_what_is_nearly_all_on_sale_may_be_taken_whole_into_an_empty_account(wallet, on_sale):
    whole, part = wallet.offers(on_sale(most=WAD))
    assert (whole.is_whole, part.is_whole) == (True, False)
    assert whole.sub_account != part.sub_account or not wallet.venue.ledger.accounts.head(wallet.actor.account).markets


@pytest.mark.parametrize(("part", "age", "count"), [(0.8, DURATION - 1, 1), (0.8, DURATION, 2), (1.1, DURATION, 1)])
def test_a_part_only_account_is_taken_whole_when_nobody_wants_it_and_it_is_still_short(
    wallet, on_sale, part, age, count
):
    assert len(wallet.offers(on_sale(part=part, age=age))) == count


def test_what_rounding_does_not_let_be_split_is_no_offer(wallet, on_sale):
    one = on_sale()
    wallet.unsplit.add(one.account)
    (part,) = wallet.offers(one)
    assert part.obstacles == (Obstacle.ROUNDING,)
    wallet.unsplit.clear()


@pytest.mark.parametrize(("part", "age"), [(1.1, DURATION), (0.8, DURATION - 1)])
def test_the_backstop_is_not_asked_for_what_it_would_refuse(stage, on_sale, part, age):
    """At the last price it takes an account only below maintenance, and not before."""
    one = on_sale(part=part, age=age, most=WAD // 100)
    assert not is_unwanted(stage.venue, one)
    assert room(stage.venue, one) == 0
    kinds = {item.kind for item in decided(stage, one) if item.acts}
    assert Kind.RESCUE not in kinds


def test_the_backstop_is_asked_for_what_nobody_wants(stage, on_sale):
    one = on_sale(part=0.8, age=DURATION)
    assert room(stage.venue, one) == stage.venue.backstop.room() > 0
    assert Kind.RESCUE in {item.kind for item in decided(stage, one) if item.acts}


def decided(stage, one):
    """What the policy says of an account that nobody buys."""
    view = View(stage.venue.now, 10**9, 100 * WAD, (one,), owner=1, room=room(stage.venue, one))
    return plan(view, policy_of(stage.scenario.keepers))
