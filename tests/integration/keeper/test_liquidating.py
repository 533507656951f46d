"""A keeper restores accounts that fall below maintenance, as far as its policy allows, and says why not further."""

from collections import Counter
from typing import Any

import pytest

from peersettle.keeper.hedge import HedgeFailed
from peersettle.keeper.view import Kind
from peersettle.types import WAD, Account

MINUTE = 60


def kinds(outcomes):
    return [(str(item.decision.kind), item.outcome) for item in outcomes]


def keep(scene, daemon, minutes, until=lambda: False):
    """A look each minute; all outcomes."""
    found = []
    for _ in range(minutes):
        found += daemon.look().outcomes
        if until():
            break
        scene.wait(MINUTE)
    return found


def test_an_account_below_maintenance_is_restored_and_the_hedge_is_told(scene):
    seller, _ = scene.short()
    keeper = scene.trader(200_000)
    told: list[Any] = []
    with scene.keeper(keeper, hedge=told.append) as daemon:
        assert daemon.look().decisions == ()
        scene.move(3330)
        assert scene.ratio(seller.account) < 1
        done = keep(scene, daemon, 5)
        assert kinds(done) == [("start", "done"), ("bid", "done")]
        assert scene.ratio(seller.account) > 1.1
        assert daemon.look().decisions == ()
    assert scene.auction.auction(seller.account).started_at == 0
    ours = scene.ledger.book(keeper.account, 0).positions
    assert [item["positions"] for item in told] == [
        [{"market": 0, "series": series, "lots": lots} for series, lots in ours]
    ]
    assert told[0]["account"] == str(seller.account)
    assert told[0]["tx_hash"] == done[-1].tx_hash


def test_what_it_pays_is_what_it_reckoned(scene):
    """Price, and what is left of the account, are appraised as the contract has them."""
    seller, _ = scene.short()
    keeper = scene.trader(200_000)
    with scene.keeper(keeper) as daemon:
        scene.move(3330)
        daemon.look()
        scene.wait(120)
        scene.refresh(seller.account, keeper.account)
        scene.chain.request("anvil_setBlockTimestampInterval", 0)  # the bid is made at the moment of the look
        try:
            look = daemon.look()
        finally:
            scene.chain.request("anvil_removeBlockTimestampInterval")
    (done,) = look.outcomes
    decision = done.decision
    assert done.outcome == "done"
    surplus = decision.edge - decision.cost - daemon.keeper._policy.min_edge
    assert float(done.bought[0]["price"]) == pytest.approx((decision.limit - surplus) / WAD, rel=1e-4)


def test_a_hedge_that_fails_is_told_again(scene):
    scene.short()
    keeper, told = scene.trader(200_000), []

    def hedge(purchase):
        told.append(purchase)
        if len(told) == 1:
            raise HedgeFailed("not now")

    with scene.keeper(keeper, hedge=hedge) as daemon:
        scene.move(3330)
        keep(scene, daemon, 3)
        daemon.look()
        daemon.look()
    assert len(told) == 2
    assert told[0] == told[1]


def test_gas_that_is_too_dear_stops_a_bid_and_is_said(scene):
    seller, _ = scene.short()
    keeper = scene.trader(200_000)
    with scene.keeper(keeper) as daemon:
        scene.move(3330)
        daemon.look()
        scene.wait(MINUTE)
        scene.chain.request("anvil_setNextBlockBaseFeePerGas", hex(4_000 * 10**9))
        scene.chain.request("evm_mine")
        scene.chain.request("anvil_setNextBlockBaseFeePerGas", hex(4_000 * 10**9))
        before = scene.chain.balance(keeper.address)
        look = daemon.look()
        (refused,) = [item for item in look.decisions if item.kind is Kind.BID]
        assert not refused.acts
        assert "gas is too dear" in refused.reason
        assert look.outcomes == ()
        assert scene.chain.balance(keeper.address) == before
        for _ in range(60):
            scene.chain.request("evm_mine")  # the spike passes
        scene.wait(MINUTE)
        assert kinds(keep(scene, daemon, 5, lambda: scene.ratio(seller.account) > 1)) == [("bid", "done")]


def test_it_never_takes_on_more_than_it_may(scene):
    seller, _ = scene.short()
    keeper = scene.trader(200_000)
    with scene.keeper(keeper, max_inventory=2_000) as daemon:
        scene.move(3400)
        keep(scene, daemon, 8)
        last = daemon.look()
    scene.refresh(keeper.account)
    assert 0 < scene.ledger.health(keeper.account).initial <= 2_000 * WAD
    assert scene.ratio(seller.account) < 1
    (bid,) = [item for item in last.decisions if item.kind is Kind.BID]
    assert "nothing fits us: inventory" in bid.reason


def test_an_account_without_books_takes_all_at_once(scene):
    seller, _ = scene.short()
    keeper = scene.trader(100_000, sub_accounts=(3, 4))
    scene.move(3900)
    with scene.keeper(keeper, sub_accounts=(3, 4)) as daemon:
        done = keep(scene, daemon, 12, lambda: not scene.ledger.head(seller.account).markets)
    assert kinds(done)[-1] == ("take_over", "done")
    assert scene.ledger.head(seller.account).markets == ()
    assert scene.ledger.book(Account(keeper.address, 3), 0).positions[0][1] < 0


def test_what_nobody_wants_goes_to_the_backstop_and_from_there_to_who_does(scene):
    """A keeper that buys nothing has the backstop take the account; one that buys takes it from there."""
    backer = scene.trader(1_000_000)
    backer.sender.send(scene.backstop.deposit(900_000 * 10**6, backer.address))
    seller, _ = scene.short()
    scene.move(3600)
    idle, buyer = scene.trader(), scene.trader(200_000)
    with scene.keeper(idle, "idle", max_inventory=0) as daemon:
        done = keep(scene, daemon, 25, lambda: scene.backstop.inventory() != ())
    assert kinds(done)[0] == ("start", "done")
    assert kinds(done)[-1] == ("rescue", "done")
    assert scene.ledger.head(seller.account).markets == ()
    with scene.keeper(buyer, "buyer") as daemon:
        done = keep(scene, daemon, 30, lambda: scene.backstop.inventory() == ())
    assert {"start", "collect"} <= {kind for kind, _ in kinds(done)}
    assert scene.backstop.inventory() == ()
    assert scene.ledger.head(buyer.account).markets == (0,)


def test_an_insolvent_account_without_room_comes_into_run_off(scene):
    seller, _ = scene.short(lots=100_000, usdc=1_400_000)
    scene.move(4700)
    idle = scene.trader()
    with scene.keeper(idle, max_inventory=0) as daemon:
        keep(scene, daemon, 25, lambda: scene.auction.auction(seller.account).run_off)
    assert scene.auction.auction(seller.account).run_off


def test_in_a_crash_all_are_restored_at_one_look_within_the_limits(scene):
    """Each purchase is judged with those before it, and arrays are refreshed once for all."""
    buyer, keeper = scene.trader(2_000_000), scene.trader(400_000, sub_accounts=(0, 1))
    sellers = [scene.trader(24_800 + 100 * place) for place in range(6)]
    for seller in sellers:
        scene.trade(seller, buyer, {scene.series(30, 3000): 1_000, scene.series(30, 3200): 1_000})
    with scene.keeper(keeper, sub_accounts=(0, 1), max_inventory=60_000) as daemon:
        scene.move(3500)
        started = daemon.look().outcomes
        assert kinds(started) == [("start", "done")] * 6
        scene.wait(120)
        bought = daemon.look().outcomes
        assert kinds(bought) == [("bid", "done")] * 6
        assert daemon.look().below == 0
    used = [item.gas_used for item in started]
    assert max(used[1:]) < used[0] - 50_000  # only the first one refreshed
    accounts = [Account(keeper.address, sub) for sub in (0, 1)]
    scene.refresh(*accounts)
    assert sum(scene.ledger.health(account).initial for account in accounts) <= 60_000 * WAD
    ours: Counter[int] = Counter()
    for account in accounts:
        ours.update(dict(scene.ledger.book(account, 0).positions))
    told: Counter[int] = Counter()
    for item in bought:
        told.update({position["series"]: position["lots"] for position in item.bought[0]["positions"]})
    assert told == ours
