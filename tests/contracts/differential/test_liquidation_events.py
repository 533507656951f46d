"""What Auction and Backstop log is what has happened: each event's fields against the cash in the Ledger, shares and
positions before and after the call that logged it.

A row prepares a world and makes one call; the events it expects are made of what was seen to change, and of nothing
that the contracts or the specification say about the call.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from tests.contracts.differential.ledger_world import Outcome, keeper, owner_of
from tests.contracts.differential.liquidation_world import PROVIDERS, LiquidationWorld, scene
from tests.contracts.differential.test_liquidations import account, call, holder, into, look, opened, other, sell_calls
from tests.contracts.margin.stage import DAY, account_of

from peersettle.spec.auction_events import Ended, RunOff, Sold, Started, TakenOver
from peersettle.spec.backstop_events import (
    Admitted,
    Approval,
    Collected,
    Covered,
    Deposit,
    Requested,
    Transfer,
    Withdraw,
)
from peersettle.types import WAD, Address, address

NOBODY = address("0x" + "0" * 40)
SCALE = 10**12
"""Of a token's unit in wad."""
provider, heir = PROVIDERS


@dataclass
class Seen:
    """What the chain says: cash by account, shares by owner, and of those their number."""

    world: LiquidationWorld
    cash: Counter[int]
    shares: Counter[Address]

    @classmethod
    def now(cls, world: LiquidationWorld) -> Seen:
        pool = world.backstop
        accounts = [account, holder, into, other, pool.account, pool.account | 1, *map(account_of, PROVIDERS)]
        stage = world.stage
        return cls(
            world,
            Counter({one: stage.head(one)[0] for one in accounts}),
            Counter({one: stage.pool.balanceOf(one) for one in (*PROVIDERS, pool.address)}),
        )

    def moved(self) -> dict[int, int]:
        """Cash that accounts have more, or less, than then. None was made."""
        now = Seen.now(self.world).cash
        changed = {one: amount - self.cash[one] for one, amount in now.items() if amount != self.cash[one]}
        assert sum(changed.values()) == 0
        return changed

    def issued(self) -> dict[Address, int]:
        """The same of shares, of which some may have been made or burnt: nobody's are those less."""
        now = Seen.now(self.world).shares
        changed = {one: amount - self.shares[one] for one, amount in now.items() if amount != self.shares[one]}
        made = sum(now.values()) - sum(self.shares.values())
        assert self.world.stage.pool.totalSupply() == sum(now.values())
        return changed | ({NOBODY: -made} if made else {})


def health(world: LiquidationWorld, who: int) -> tuple[int, int]:
    """Equity and maintenance, as the Ledger has them."""
    equity, maintenance, _, unpriced = world.stage.ledger.health(who)
    return equity + unpriced, maintenance


def held(world: LiquidationWorld, who: int) -> dict[tuple[int, int], int]:
    """Lots by market and series, and collateral in units of a lot that Risk counts."""
    found = {}
    for market in world.stage.markets:
        found |= {(market.number, item): lots for item, lots in world.stage.positions(who, market).items()}
        found[market.number, 0] = world.stage.collateral(who, market)
    return {place: amount for place, amount in found.items() if amount}


def seller(world: LiquidationWorld, ether: float = 3_600, age: int = 60, starts: bool = True) -> None:
    """It has sold 20 calls, with 20,000 and 0.1 bitcoin behind them, and is for sale."""
    sell_calls(world, 2_000, 20_000, 0.1)
    world.warp(60)
    look(world, ether, 60_000, call(world))
    if starts:
        assert world.start(account).done
        world.warp(age)
        look(world, ether, 60_000, call(world))


def sold(world: LiquidationWorld, do: Callable[[], Outcome], starts: bool = False) -> tuple[Outcome, list[object]]:
    """A bid: what the bidder has less than the fraction of the cash, it has paid; what the pool has more is the fee."""
    seen, had, lots, before = (
        Seen.now(world),
        world.stage.head(account)[0],
        held(world, account),
        health(world, account),
    )
    outcome = do()
    moved, after = seen.moved(), health(world, account)
    fraction, got = outcome.answer, held(world, into)
    assert fraction is not None
    cash = had * fraction // WAD
    price, fee = cash - moved[into], max(moved.get(world.backstop.account, 0), 0)
    paid_by_pool = max(-moved.get(world.backstop.account, 0), 0)
    assert moved[account] == max(price, 0) - fee - cash
    assert price == -paid_by_pool or (price > 0 and not paid_by_pool)
    for place, amount in lots.items():
        exact = abs(amount) * fraction / WAD
        assert exact - (10**12 if place[1] == 0 else 1) < abs(got[place]) <= exact
    events: list[object] = [Started(account, owner_of(into), *before)] if starts else []
    events.append(Sold(account, into, fraction, price, fee, *after))
    if world.stage.auction.auction(account)[0] == 0:
        events.append(Ended(account))
    return outcome, events + [Covered(into, paid_by_pool)] * (price < 0)


def taken(world: LiquidationWorld, do: Callable[[], Outcome], to: int = into) -> tuple[Outcome, list[object]]:
    """All of it: the account is left with what was paid, less the fee."""
    seen, had, lots = Seen.now(world), world.stage.head(account)[0], held(world, account)
    outcome = do()
    moved, pool = seen.moved(), world.backstop.account
    assert held(world, account) == {}
    assert held(world, to) == lots
    left = world.stage.head(account)[0]
    if to != into:
        behind = world.stage.pool.behind(1)
        assert moved[pool] == -behind
        assert moved[to] == had + behind - left
        return outcome, [Ended(account), TakenOver(account, to, left, 0), Admitted(to, behind)]
    price = had - moved[into]
    if price < 0:
        assert left == 0
        assert moved[pool] == price
        return outcome, [Ended(account), TakenOver(account, into, price, 0), Covered(into, -price)]
    assert left == price - moved[pool]
    return outcome, [Ended(account), TakenOver(account, into, price, moved[pool])]


# Rows


def a_start(world):
    seller(world, starts=False)
    seen = Seen.now(world)
    outcome = world.start(account)
    assert seen.moved() == {}
    return outcome, [Started(account, keeper.address, *health(world, account))]


def a_note_of_insolvency(world):
    seller(world)
    look(world, 5_500, 60_000, call(world))
    return world.start(account), []


def a_bid_for_a_part(world):
    seller(world)
    return sold(world, lambda: world.bid(into, account, WAD // 10))


def a_bid_that_begins_the_auction(world):
    seller(world, starts=False)
    return sold(world, lambda: world.bid(into, account, WAD // 10), starts=True)


def a_bid_that_ends_it(world):
    seller(world, age=600)
    outcome, events = sold(world, lambda: world.bid(into, account, WAD))
    assert Ended(account) in events
    return outcome, events


def a_bid_below_zero(world):
    seller(world, 5_500)
    outcome, events = sold(world, lambda: world.bid(into, account, WAD // 3))
    assert events[-1].amount > 0
    return outcome, events


def a_take_over(world):
    seller(world, age=600)
    outcome, events = taken(world, lambda: world.take_over(into, account))
    assert events[-1].fee > 0
    return outcome, events


def a_take_over_below_zero(world):
    seller(world, 5_500)
    outcome, events = taken(world, lambda: world.take_over(into, account))
    assert events[-1].amount > 0
    return outcome, events


def a_rescue(world):
    seller(world, age=600)
    outcome, events = taken(world, lambda: world.rescue(account), world.backstop.account | 1)
    assert events[1].price > 0
    return outcome, events


def a_rescue_below_zero(world):
    seller(world, 5_000, age=600)
    outcome, events = taken(world, lambda: world.rescue(account), world.backstop.account | 1)
    assert events[1].price == 0
    return outcome, events


def a_run_off(world):
    seller(world, 15_000, age=600)
    seen = Seen.now(world)
    outcome = world.run_off(account)
    assert seen.moved() == {}
    assert world.stage.auction.auction(account)[3]
    return outcome, [RunOff(account, health(world, account)[0])]


def an_end(world):
    seller(world)
    look(world, 3_000, 60_000, call(world))
    seen = Seen.now(world)
    outcome = world.end(account)
    assert seen.moved() == {}
    return outcome, [Ended(account)]


def a_collection(world):
    a_rescue(world)
    slot = world.backstop.account | 1
    assert world.take_over(into, slot).done
    seen = Seen.now(world)
    outcome = world.share("collect", keeper.address, 1)
    moved = seen.moved()
    assert moved[world.backstop.account] == -moved[slot] > 0
    assert world.stage.head(slot)[0] == 0
    return outcome, [Collected(slot, -moved[slot])]


def at_a_price(world):
    """A share is worth 1.1 and a fraction of a unit."""
    world.deposit(provider, world.backstop.account, "cash", 50_000_000_001)


def a_deposit(world, verb="deposit", amount=7_777_777):
    at_a_price(world)
    seen = Seen.now(world)
    outcome = world.share(verb, provider, amount, heir)
    moved, issued = seen.moved(), seen.issued()
    assets = -moved[account_of(provider)] // SCALE
    assert moved == {account_of(provider): -assets * SCALE, world.backstop.account: assets * SCALE}
    assert issued == {heir: issued[heir], NOBODY: -issued[heir]}
    assert amount in (assets, issued[heir])
    return outcome, [Transfer(NOBODY, heir, issued[heir]), Deposit(provider, heir, assets, issued[heir])]


def a_mint(world):
    return a_deposit(world, "mint", 5 * WAD + 3)


def a_request(world):
    """The second: what was asked for before is asked for anew."""
    assert world.share("request", provider, 5 * WAD).done
    world.warp(DAY)
    seen = Seen.now(world)
    outcome = world.share("request", provider, 2 * WAD)
    issued, pool = seen.issued(), world.backstop.address
    assert issued == {provider: -2 * WAD, pool: 2 * WAD}
    asked, ready_at = world.stage.pool.requests(provider)
    assert (asked, ready_at) == (world.stage.pool.balanceOf(pool), world.now + 2 * DAY)
    return outcome, [Transfer(provider, pool, 2 * WAD), Requested(provider, asked, ready_at)]


def a_change_of_mind(world):
    assert world.share("request", provider, 5 * WAD).done
    seen = Seen.now(world)
    outcome = world.share("stay", provider)
    assert seen.issued() == {provider: 5 * WAD, world.backstop.address: -5 * WAD}
    return outcome, [Transfer(world.backstop.address, provider, 5 * WAD)]


def a_redemption(world, verb="redeem", amount=3 * WAD + 1):
    """By whom the owner lets, to somebody else."""
    at_a_price(world)
    pool, receiver = world.backstop.address, owner_of(other)
    assert world.share("request", provider, 9 * WAD).done
    assert world.share("approve", provider, heir, 10**30).done
    world.warp(2 * DAY)
    look(world, 3_000, 60_000)
    seen = Seen.now(world)
    outcome = world.share(verb, heir, amount, receiver, provider)
    moved, issued = seen.moved(), seen.issued()
    assets, burnt = moved[other] // SCALE, -issued[pool]
    assert moved == {other: assets * SCALE, world.backstop.account: -assets * SCALE}
    assert issued == {pool: -burnt, NOBODY: burnt}
    assert world.stage.pool.requests(provider)[0] == 9 * WAD - burnt
    assert world.stage.pool.allowance(provider, heir) == 10**30 - burnt
    assert amount in (assets, burnt)
    return outcome, [Transfer(pool, NOBODY, burnt), Withdraw(heir, receiver, provider, assets, burnt)]


def a_withdrawal(world):
    return a_redemption(world, "withdraw", 3_333_333)


def a_transfer(world):
    seen = Seen.now(world)
    outcome = world.share("transfer", provider, heir, 7)
    assert seen.issued() == {provider: -7, heir: 7}
    return outcome, [Transfer(provider, heir, 7)]


def a_transfer_by_allowance(world):
    assert world.share("approve", provider, heir, 9).done
    seen = Seen.now(world)
    outcome = world.share("transferFrom", heir, provider, heir, 7)
    assert seen.issued() == {provider: -7, heir: 7}
    assert world.stage.pool.allowance(provider, heir) == 2
    return outcome, [Transfer(provider, heir, 7)]


def an_approval(world):
    outcome = world.share("approve", provider, heir, 9)
    return outcome, [Approval(provider, heir, world.stage.pool.allowance(provider, heir))]


ROWS = {
    a_start: {Started},
    a_note_of_insolvency: set(),
    a_bid_for_a_part: {Sold},
    a_bid_that_begins_the_auction: {Started, Sold},
    a_bid_that_ends_it: {Sold, Ended},
    a_bid_below_zero: {Sold, Covered},
    a_take_over: {Ended, TakenOver},
    a_take_over_below_zero: {Ended, TakenOver, Covered},
    a_rescue: {Ended, TakenOver, Admitted},
    a_rescue_below_zero: {Ended, TakenOver, Admitted},
    a_run_off: {RunOff},
    an_end: {Ended},
    a_collection: {Collected},
    a_deposit: {Transfer, Deposit},
    a_mint: {Transfer, Deposit},
    a_request: {Transfer, Requested},
    a_change_of_mind: {Transfer},
    a_redemption: {Transfer, Withdraw},
    a_withdrawal: {Transfer, Withdraw},
    a_transfer: {Transfer},
    a_transfer_by_allowance: {Transfer},
    an_approval: {Approval},
}
"""And the events that each is there for."""


@pytest.fixture(scope="session", autouse=True)
def deployed():
    """Before any example, which undoes what it deploys."""
    return scene()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.__name__)
def test_what_is_logged_has_happened(row):
    with opened() as world:
        outcome, expected = row(world)
        assert outcome.done, outcome.reason
        assert list(outcome.events) == expected
        assert {type(one) for one in expected} == ROWS[row]


def test_every_event_is_in_a_row():
    """Of those that the two contracts' interfaces name."""
    stage, _ = scene()
    named = {one["name"] for at in (stage.auction, stage.pool) for one in at.abi if one["type"] == "event"}
    assert {kind.__name__ for kinds in ROWS.values() for kind in kinds} == named
