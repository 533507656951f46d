"""Courses of a liquidation that random ones seldom take, on the contracts and in the specification at once."""

from contextlib import contextmanager

import pytest
from tests.contracts.differential.ledger_world import ACCOUNTS, keeper, owner_of
from tests.contracts.differential.liquidation_world import BIDDERS, PROVIDERS, LiquidationWorld, scene
from tests.contracts.margin.stage import CALL, CASH, DAY, START, account_of, day_of, expiry

from peersettle.types import WAD

NO_LIMIT = 2**200
EXPIRY_DAY = day_of(START) + 3
account, holder, friend = ACCOUNTS[0], ACCOUNTS[2], ACCOUNTS[4]
into, other = BIDDERS[1], BIDDERS[0]


@pytest.fixture(scope="session", autouse=True)
def deployed():
    """Before any example, which undoes what it deploys."""
    return scene()


@contextmanager
def opened():
    """A pool of 500,000, a rich holder, and bidders; ETH at 3,000 and BTC at 60,000. In the end everything is equal."""
    with LiquidationWorld.fresh() as world:
        pool = account_of(PROVIDERS[0])
        for who, cash in ((pool, 600_000), (holder, 500_000), (into, 300_000), (other, 300_000)):
            assert world.deposit(owner_of(who), who, "cash", cash * 10**6).done
        assert world.share("deposit", PROVIDERS[0], 500_000 * 10**6, PROVIDERS[0]).done
        look(world, 3_000, 60_000)
        yield world
        world.assert_equal()
        world.assert_views_equal()


def look(world, ether, bitcoin, *items):
    """Both prices now, and everything computed."""
    for market, price in zip(world.stage.markets, (ether, bitcoin), strict=True):
        world.price(market, price)
        wanted = [item % 2**36 for item in items if item >> 36 == market.number]
        if wanted:
            world.surface(market, sorted({item >> 22 for item in wanted}))
        assert world.refresh(market, wanted).done


def call(world, strike=3_000, day=EXPIRY_DAY):
    return world.stage.markets[0].id(day, strike, CALL)


def sell_calls(world, lots, cash, bitcoin):
    """The account sells calls to the holder, with cash and bitcoin behind them."""
    assert world.deposit(owner_of(account), account, "cash", cash * 10**6).done
    assert world.deposit(owner_of(account), account, "btc", round(bitcoin * 1_000) * WAD // 1_000).done
    look(world, 3_000, 60_000, call(world))
    assert world.move((account, holder, call(world), lots)).done


def expire_at(world, price):
    world.warp(expiry(EXPIRY_DAY) - world.now)
    world.average(world.stage.markets[0], EXPIRY_DAY, price)
    look(world, price, 60_000)
    assert world.fix(world.stage.markets[0], EXPIRY_DAY).done
    assert world.expire(keeper.address, account).done


def indebted(world):
    """It owes the pool 20,500, has one bitcoin, and a month has passed."""
    sell_calls(world, 1_500, 2_000, 1)
    expire_at(world, 4_500)
    assert 20_000 * WAD < world.owed(account) < 21_000 * WAD
    world.warp(30 * DAY)


def standing(world, who):
    return world.auction.standing(who, world.now)


def test_a_bidder_does_not_pay_the_interest():
    with opened() as world:
        indebted(world)
        look(world, 4_500, 25_000)
        before, owed = world.cash(into), world.owed(account)
        assert world.bid(into, account, WAD).done
        repaid = owed - world.owed(account)
        worth = standing(world, into).equity
        assert repaid > 0
        assert before - worth < 26 * WAD  # no more than the dust of a lot of bitcoin, where interest is 337


def test_the_backstop_takes_over_who_owes_it():
    with opened() as world:
        indebted(world)
        look(world, 4_500, 25_000)
        assert world.start(account).done
        assert world.rescue(account).reason == "bidding"
        world.warp(600)
        look(world, 4_500, 25_000)
        assert world.rescue(account).done
        assert world.owed(account) == 0
        slot = world.backstop.account | 1
        health = world.spec.health(slot, world.now)
        assert health.equity >= health.initial
        assert world.take_over(into, slot).done
        assert world.share("collect", keeper.address, 1).done


def test_a_shortfall_is_reserved_for_once():
    """However often somebody settles one who cannot pay anything now."""
    with opened() as world:
        sell_calls(world, 3_000, 0, 1)
        expire_at(world, 6_000)
        for _ in range(3):
            assert world.expire(keeper.address, account).done
        assert world.positions(account, world.stage.markets[0])
        pool = world.backstop
        assert pool.reserved == sum(kept.amount for kept in pool.reserves.values()) <= 50_000 * WAD


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("part", [0.3, 0.49, 0.7, 0.9, 1.1, 1.6, 2.5])
def test_a_candidate_may_lie_anywhere(part, number):
    """Wherever it lies the auction says whether it begins, and what a bid would get."""
    with opened() as world:
        sell_calls(world, 2_000, 20_000, 0.1)
        look(world, 3_600, 60_000, call(world))
        assert standing(world, account).equity < standing(world, account).maintenance
        price = (3_600, 60_000)[number]
        world.price(world.stage.markets[number], price, price * part)
        outcome = world.start(account)
        assert outcome.done or outcome.reason == "healthy"


def test_no_account_trades_and_is_sold_in_one_transaction():
    with opened() as world:
        sell_calls(world, 2_000, 20_000, 0.1)
        look(world, 3_600, 60_000, call(world))
        item = call(world)
        for first, second, reason in (("bid", "trade", "liquidation"), ("trade", "bid", "traded")):
            world.begin_transaction()
            world.within = True
            calls = {
                "bid": lambda: world.bid(into, account, WAD // 5),
                "trade": lambda: world.move((holder, account, item, 10), (account, holder, CASH, 10**6)),
            }
            assert calls[first]().done
            assert calls[second]().reason == reason
            world.within = False


def test_an_account_in_run_off_is_nobodys_head():
    """What stops an account from trading does not go over to another when heads are swapped."""
    with opened() as world:
        for lots, who in ((4_000, account), (2_000, friend)):
            assert world.deposit(owner_of(who), who, "cash", lots * 14 * 10**6).done
            look(world, 3_000, 60_000, call(world))
            assert world.move((who, holder, call(world), lots)).done
        pool = world.backstop
        world.warp(60)
        look(world, 9_000, 60_000, call(world))
        for who in (account, friend):
            assert world.start(who).done
        world.warp(600)
        look(world, 9_000, 60_000, call(world))
        assert not pool.admits(10**6 * WAD)
        assert world.run_off(account).done
        assert world.move((holder, account, call(world), 1)).reason == "liquidation"
        assert world.risk.doubted == {0}
        doubtful = world.spec.health(holder, world.now)
        assert doubtful.maintenance > doubtful.requirement
        world.warp(expiry(EXPIRY_DAY) - world.now)
        world.average(world.stage.markets[0], EXPIRY_DAY, 9_000)
        look(world, 9_000, 60_000)
        assert world.fix(world.stage.markets[0], EXPIRY_DAY).done
        assert world.expire(keeper.address, account).done
        assert world.deposit(owner_of(account), account, "cash", 900_000 * 10**6).done
        assert world.take_over(account, friend).reason == "markets"
        assert world.end(account).done
        assert world.risk.doubted == set()
