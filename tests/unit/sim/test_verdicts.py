"""Each verdict turns red when what it guards is broken: the state is spoilt by hand, in the middle of a replay."""

from dataclasses import replace

import pytest

from peersettle.sim import replay
from peersettle.sim.prices import bridged, march_2020
from peersettle.sim.scenario import load, to_time
from peersettle.sim.verdicts import Verdicts


@pytest.fixture(scope="module")
def stage():
    scenario = load("march-2020")
    steps = bridged(march_2020(), 60, 0.9, 1).between(to_time("2020-03-12T00:00"), to_time("2020-03-12T01:00"))
    return replay.staged(scenario, march_2020(), steps, "fast")


@pytest.fixture
def look(stage):
    def looked():
        found = Verdicts(stage.venue, stage.population.of("holder"))
        found.look("now")
        return {one.name for one in found.all() if not one.holds}

    assert looked() == set()
    return looked


def spoil(stage, actor, **changes):
    accounts = stage.venue.ledger.accounts
    head = accounts.head(actor.account)
    before = accounts.books[head.book, 0]
    accounts.books[head.book, 0] = replace(before, **changes)
    return lambda: accounts.books.__setitem__((head.book, 0), before)


def test_a_lot_from_nowhere_is_seen(stage, look):
    trader = stage.population.openings[0].account
    book = stage.venue.ledger.accounts.book(trader.account, 0)
    (series, lots), *others = book.positions
    undo = spoil(stage, trader, positions=((series, lots + 1), *others))
    assert look() == {"zero sum"}
    undo()


def test_collateral_from_nowhere_is_seen(stage, look):
    borrower = stage.population.of("borrower")[0]
    book = stage.venue.ledger.accounts.book(borrower.account, 0)
    undo = spoil(stage, borrower, collateral=book.collateral + 1)
    assert look() == {"collateral conserved"}
    undo()


def test_a_wei_from_nowhere_is_seen(stage, look):
    accounts, trader = stage.venue.ledger.accounts, stage.population.of("trader")[0]
    accounts.pay(trader.account, 1)
    assert look() == {"cash conserved"}
    accounts.pay(trader.account, -1)


def test_a_wei_taken_from_a_flat_depositor_is_seen(stage, look):
    accounts = stage.venue.ledger.accounts
    holder, trader = stage.population.of("holder")[0], stage.population.of("trader")[0]
    accounts.pay(holder.account, -1)
    accounts.pay(trader.account, 1)
    assert look() == {"flat depositors lose nothing"}
    accounts.pay(holder.account, 1)
    accounts.pay(trader.account, -1)


def test_a_pool_below_zero_is_seen(stage, look):
    accounts, pool, trader = stage.venue.ledger.accounts, stage.venue.backstop, stage.population.of("trader")[0]
    all_of_it = accounts.cash(pool.account) + 1
    accounts.pay(pool.account, -all_of_it)
    accounts.pay(trader.account, all_of_it - 1)
    assert "backstop never below zero" in look()
    accounts.pay(pool.account, all_of_it)
    accounts.pay(trader.account, 1 - all_of_it)
    assert look() == set()
