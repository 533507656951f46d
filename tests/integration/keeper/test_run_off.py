"""While an account in run-off owes, or a price waits for its confirmation: what the keeper knows is the chain's."""

from typing import Any

import pytest
from tests.integration.keeper.test_liquidating import keep, kinds

from peersettle.keeper import keeper as looking
from peersettle.keeper.doubts import under_doubt
from peersettle.keeper.view import Kind
from peersettle.risk.books import Snapshot
from peersettle.risk.margin import health
from peersettle.types import WAD


@pytest.fixture
def fallen(scene):
    """Who is short of far more than it can pay, in an auction that nobody wants; and who is long."""
    seller, buyer = scene.short(lots=100_000, usdc=1_400_000)
    scene.move(4700)
    return seller, buyer


def at_the_last_price(scene, daemon, seller):
    """As far as that; the idle keeper has done all but the last."""
    keep(scene, daemon, 25, lambda: scene.chain.now() >= scene.auction.auction(seller.account).insolvent_at + 500 > 500)
    scene.wait(110)


def test_gains_that_it_owes_count_as_the_chain_counts_them(scene, fallen, monkeypatch):
    seller, buyer = fallen
    with scene.keeper(scene.trader(), max_inventory=0) as daemon:
        keep(scene, daemon, 25, lambda: scene.auction.auction(seller.account).run_off)
        assert scene.auction.auction(seller.account).run_off
        scene.refresh(buyer.account)
        wanted, reader = scene.ledger.health(buyer.account), daemon.keeper._reader
        margins, _ = reader.accounts([seller.account.id, buyer.account.id])
        snapshots = reader.desk.snapshots({0: [series for series, _ in margins[buyer.account.id].books[0].positions]})
        assert isinstance(snapshots[0], Snapshot)
        doubts = reader.doubts({seller.account.id: margins[seller.account.id]})
        plain = health(margins[buyer.account.id], {0: snapshots[0]})
        found = under_doubt(plain, margins[buyer.account.id], {0: snapshots[0]}, doubts)
        assert found.maintenance == wanted.maintenance > plain.maintenance
        assert found.initial == wanted.initial
        views: list[Any] = []
        scans: list[Any] = []
        scan = daemon.keeper.mirror.scan

        def noted_scan(*arguments, **named):
            scans.append(scan(*arguments, **named))
            return scans[-1]

        def noted_plan(view, _):
            views.append(view)
            return []

        monkeypatch.setattr(daemon.keeper.mirror, "scan", noted_scan)
        monkeypatch.setattr(looking, "plan", noted_plan)
        daemon.look()
        place = scans[-1].accounts.index(buyer.account.id)
        assert scans[-1].maintenance[place] == pytest.approx(wanted.maintenance / WAD, rel=0.01)
        assert views[-1].buyer.doubts == doubts


def test_no_run_off_is_sent_while_a_better_price_waits_for_its_confirmation(scene, fallen):
    seller, _ = fallen
    with scene.keeper(scene.trader(), max_inventory=0) as daemon:
        at_the_last_price(scene, daemon, seller)
        scene.stage.report(3300)  # too far to count before a second round says so
        waiting = daemon.look()
        said = [item for item in waiting.decisions if item.accounts == (seller.account.id,)]
        assert waiting.outcomes == ()
        assert not any(item.acts for item in said)
        assert "refuses what could be done: rescue and run_off" in next(
            item.reason for item in said if item.kind is Kind.RESCUE
        )
        scene.wait(60)  # it was nothing
        assert kinds(daemon.look().outcomes) == [("run_off", "done")]
