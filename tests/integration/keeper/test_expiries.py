"""Expiries are fixed and all who hold them settled, whoever owns the accounts, for the fees that positions carry."""

from tests.integration.margin.test_expiry import fixed_price

from peersettle.keeper.view import Kind as Doing
from peersettle.risk.instruments import Kind, expiry
from peersettle.types import WAD


def test_what_was_not_observed_is_left_to_wait(scene):
    stage, day = scene.stage, scene.stage.day(7)
    seller, buyer = scene.trader(30_000), scene.trader(30_000)
    scene.trade(seller, buyer, {scene.series(7, 3000): 500, scene.series(7, 3000, Kind.FORWARD): 100})
    keeper = scene.trader()
    with scene.keeper(keeper) as daemon:
        daemon.look()
        stage.pass_time(expiry(day) + 60 - scene.chain.now())
        assert daemon.look().decisions == ()  # too little of the last half hour was reported for a fixing


def test_a_keeper_fixes_and_settles_and_is_paid(scene):
    stage, day = scene.stage, scene.stage.day(7)
    seller, buyer = scene.trader(30_000), scene.trader(30_000)
    scene.trade(seller, buyer, {scene.series(7, 3000): 500, scene.series(7, 3000, Kind.FORWARD): 100})
    keeper, done = scene.trader(), []
    stage.pass_time(expiry(day) - 3_600 - scene.chain.now())
    fixed_price(stage, day, 3100)
    with scene.keeper(keeper) as daemon:
        for _ in range(4):
            done += daemon.look().outcomes
            scene.stage.pass_time(40)
        assert daemon.look().decisions == ()
    kinds = [(str(item.decision.kind), item.outcome) for item in done]
    assert kinds[0] == ("fix", "done")
    assert set(kinds[1:]) == {("settle", "done")}
    assert stage.desk.risk.fixing(0, day) == 3100 * WAD
    cash = [scene.ledger.head(who.account).cash for who in (seller, buyer, keeper)]
    # 6 units of 100 each change hands; each of four positions pays half a unit to the keeper.
    assert cash == [(30_000 - 600 - 1) * WAD, (30_000 + 600 - 1) * WAD, 2 * WAD]
    assert scene.ledger.head(seller.account).markets == scene.ledger.head(buyer.account).markets == ()


def test_settling_that_costs_more_than_it_pays_is_left_undone(scene):
    stage, day = scene.stage, scene.stage.day(7)
    seller, buyer = scene.trader(30_000), scene.trader(30_000)
    scene.trade(seller, buyer, {scene.series(7, 3000): 500})
    stage.pass_time(expiry(day) - 3_600 - scene.chain.now())
    fixed_price(stage, day, 3100)
    stage.sender.send(scene.ledger.fix(0, day))
    for _ in range(2):
        scene.chain.request("anvil_setNextBlockBaseFeePerGas", hex(500 * 10**9))
        scene.chain.request("evm_mine")
    with scene.keeper(scene.trader(), upkeep=1) as daemon:
        look = daemon.look()
    assert look.outcomes == ()
    (decision,) = look.decisions
    assert "more than it pays" in decision.reason


def test_what_the_backstop_keeps_for_an_expiry_is_freed_when_its_time_is_up(scene):
    """Who could not pay left a shortfall: a part of the pool is kept for it, until somebody says that it lapsed."""
    stage, day = scene.stage, scene.stage.day(7)
    backer, seller, buyer = scene.trader(1_000_000), scene.trader(25_000), scene.trader(30_000)
    backer.sender.send(scene.backstop.deposit(900_000 * 10**6, backer.address))
    scene.trade(seller, buyer, {scene.series(7, 3000): 2_000})
    scene.move(4700)
    stage.pass_time(expiry(day) - 3_600 - scene.chain.now())
    fixed_price(stage, day, 4700)
    with scene.keeper(scene.trader(), max_inventory=0) as daemon:
        while not scene.backstop.reserved():
            daemon.look()
            scene.wait(40)
        kept = scene.backstop.reserved()
        assert not [item for item in daemon.look().decisions if item.kind is Doing.LAPSE]
        outcomes = []
        for _ in range(3):
            assert scene.backstop.reserved()
            scene.wait(90_000)
            outcomes += daemon.look().outcomes
        assert daemon.look().decisions == ()
    done = [item for item in outcomes if item.decision.kind is Doing.LAPSE]
    assert [(item.outcome, item.decision.market, item.decision.day) for item in done] == [("done", 0, day)]
    assert kept > scene.backstop.reserved() == 0
    with scene.keeper(scene.trader(), "another", max_inventory=0) as daemon:
        assert not [item for item in daemon.look().decisions if item.kind is Doing.LAPSE]
