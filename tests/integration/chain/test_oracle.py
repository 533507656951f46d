"""The Oracle through its binding, on both kinds of chain: rounds, history, bundles, another set of reporters."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from tests.integration.chain.conftest import Scene

from peersettle.bindings import GRID, Oracle, bundle
from peersettle.chain import Deployment, advance_time, artifact, deploy_oracle
from peersettle.errors import (
    BadWindow,
    DelayNotOver,
    InputError,
    InvalidField,
    NoSuchProposal,
    NotDeployed,
    NotReporters,
    NotSteward,
    OldRound,
)
from peersettle.reports import (
    Batch,
    CoSigned,
    Feed,
    Observation,
    Report,
    ReporterSet,
    Round,
    SignedReport,
    SurfaceReport,
    SurfaceSlice,
    digest,
    report_digest,
)
from peersettle.signing import KeySigner
from peersettle.types import Address

FEED = Feed("ETH/USD", slot=15, max_age=120)
WAD = 10**18
DELAY = 2 * 86_400


@dataclass
class Network:
    """An Oracle of four reporters, three to a round; the maker is its steward."""

    scene: Scene
    keys: dict[Address, KeySigner] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.keys = {key.address: key for key in (KeySigner.random() for _ in range(4))}
        self.reporters = ReporterSet.of(3, self.keys)
        self.deployment = self.deploy()
        self.oracle = Oracle(self.scene.chain, self.deployment)

    def deploy(self, **options: Any) -> Deployment:
        directory = self.scene.directory / "deployments"
        recorded = Deployment.load(directory, self.scene.chain.chain_id)
        maker = self.scene.maker
        options = {"steward": maker.address, "delay": DELAY, "directory": directory, **options}
        return deploy_oracle(self.scene.chain, maker, recorded, self.reporters, **options)

    def slot(self, feed: Feed = FEED) -> int:
        advance_time(self.scene.chain, feed.slot)
        return feed.slot_of(self.scene.chain.now())

    def round(self, *prices: int, feed: Feed = FEED) -> Round:
        slot, reports = self.slot(feed), []
        for reporter, price in zip(self.keys, prices, strict=False):
            report = Report(feed, price * WAD, slot)
            signature = self.keys[reporter].sign_digest(report_digest(self.oracle.domain, report))
            reports.append(SignedReport(self.oracle.domain, report, reporter, signature))
        return Round.of(self.reporters, reports)

    def report(self, *prices: int, feed: Feed = FEED) -> Round:
        made = self.round(*prices, feed=feed)
        self.scene.maker.send(self.oracle.update(made))
        return made

    def cosigned(self, message: Batch | SurfaceReport) -> CoSigned:
        hashed = digest(self.oracle.domain, message)
        return CoSigned(self.oracle.domain, message, {who: key.sign_digest(hashed) for who, key in self.keys.items()})


@pytest.fixture
def network(scene: Scene) -> Iterator[Network]:
    record = scene.directory / "deployments" / f"{scene.chain.chain_id}.json"
    before = record.read_text()
    yield Network(scene)
    record.write_text(before)


def test_a_deployed_oracle_is_recorded_and_kept(network: Network):
    assert network.deploy() == network.deployment
    assert network.deploy(force=True).oracle != network.deployment.oracle
    assert network.oracle.reporter_set() == network.reporters
    assert network.oracle.epoch() == 0
    assert network.oracle.steward() == network.scene.maker.address
    assert network.oracle.read(FEED).value == 0
    with pytest.raises(InvalidField, match="172800"):
        network.deploy(delay=60, force=True)


def test_a_recorded_oracle_is_verified_with_its_bundle(network: Network):
    network.deployment.verify(network.scene.chain)
    other = network.deploy(force=True)
    for wrong in (
        {"oracle": network.scene.deployment.settlement},
        {"oracle": network.scene.maker.address},
        {"bundle": other.bundle},
        {"bundle": network.oracle.address},
    ):
        with pytest.raises(NotDeployed):
            replace(network.deployment, **wrong).verify(network.scene.chain)


def test_an_oracle_that_is_nowhere_is_said_to_be(network: Network):
    with pytest.raises(NotDeployed, match="oracle deploy"):
        Oracle(network.scene.chain, replace(network.deployment, oracle=None))


def test_members_that_the_events_do_not_show_are_not_guessed(network: Network):
    late = Oracle(network.scene.chain, network.oracle.address, network.scene.chain.block_number())
    with pytest.raises(InputError, match="epoch 0"):
        late.reporter_set()


def test_a_round_shows_in_reading_and_history(network: Network):
    first = network.report(2_500, 2_502, 2_501)
    reading = network.oracle.read(FEED)
    assert (reading.value, reading.observed_at) == (2_501 * WAD, first.report.observed_at)
    assert (reading.spread, reading.values) == (first.spread, (2_501 * WAD,))
    jump = network.report(3_001, 3_000, 3_002)
    assert network.oracle.read(FEED).values == (2_501 * WAD, 3_001 * WAD)
    network.report(2_990, 2_991, 2_992)
    assert network.oracle.read(FEED).values == (2_991 * WAD,)

    batch = Batch((Observation(FEED, 2_992 * WAD, 3), Observation(Feed("BTC/USD"), 40_000 * WAD)), network.slot())
    network.scene.maker.send(network.oracle.update_batch(network.cosigned(batch), network.reporters))

    shown = [(entry.kind, entry.value // WAD, entry.spread) for entry in network.oracle.history(FEED)]
    assert shown[1] == ("candidate", 3_001, None)
    assert [entry[:2] for entry in shown] == [
        ("confirmed", 2_501),
        ("candidate", 3_001),
        ("confirmed", 2_991),
        ("confirmed", 2_992),
    ]
    assert shown[3][2] == 3
    assert network.oracle.history(FEED)[1].observed_at == jump.report.observed_at
    assert [entry.value // WAD for entry in network.oracle.history(Feed("BTC/USD"))] == [40_000]


def test_refusals_come_as_errors_of_their_own(network: Network):
    made = network.report(2_500, 2_502, 2_501)
    with pytest.raises(OldRound):
        network.scene.maker.send(network.oracle.update(made))
    later = network.round(2_500, 2_502, 2_501)
    feed, slot, words, others = later.to_abi()
    words[0] = (words[0][0] + 1, *words[0][1:])
    with pytest.raises(NotReporters):
        network.scene.maker.send(network.oracle.raw_update(feed, slot, words, others))
    elsewhere = Oracle(network.scene.chain, network.scene.deployment.settlement)
    with pytest.raises(InvalidField, match="domain"):
        elsewhere.update(later)
    with pytest.raises(BadWindow):
        network.oracle.twap(FEED, 1, GRID)


def test_a_window_is_averaged(network: Network):
    feed = Feed("SOL/USD", slot=60, max_age=600)
    network.report(100, 100, 100, feed=feed)
    start = (network.oracle.read(feed).observed_at // GRID + 1) * GRID
    while network.oracle.read(feed).observed_at <= start + GRID:
        network.report(100, 100, 100, feed=feed)
    assert network.oracle.twap(feed, start, start + GRID) == 100 * WAD
    running = network.oracle.observed_since(feed, start)
    assert (running.average, running.weight > GRID) == (100 * WAD, True)


def test_a_surface_is_kept(network: Network):
    feed = Feed("ETH-SURFACE", slot=15, max_age=120)
    slot = network.slot(feed)
    part = SurfaceSlice(slot + 30 * 86_400, 20_000_000, 40_000_000, -200_000_000, 0, 500_000_000, 1_010_000_000)
    signed = network.cosigned(SurfaceReport(feed, (part,), slot))
    network.scene.maker.send(network.oracle.update_surface(signed, network.reporters))
    assert network.oracle.surface_slice(feed, part.expiry) == ((part, slot), None)
    assert network.oracle.surface_slice(feed, part.expiry + 1) == (None, None)
    with pytest.raises(InputError, match="update_surface"):
        network.oracle.update_batch(signed, network.reporters)


def test_a_bundle_settles_behind_fresh_prices(network: Network):
    scene = network.scene
    trade = scene.settlement.settle(scene.trade())
    made = network.round(2_500, 2_502, 2_501)
    assert network.deployment.bundle is not None
    receipt = scene.maker.send(bundle(network.deployment.bundle, [network.oracle.update(made)], trade))
    assert network.oracle.read(FEED).observed_at == made.report.observed_at
    assert {log.address for log in receipt.logs} >= {network.oracle.address, scene.deployment.settlement}


def test_an_update_that_came_too_late_does_not_stop_the_call_behind_it(network: Network):
    scene = network.scene
    made = network.report(2_500, 2_502, 2_501)
    assert network.deployment.bundle is not None
    call = bundle(network.deployment.bundle, [network.oracle.update(made)], scene.settlement.settle(scene.trade()))
    receipt = scene.maker.send(call)
    refused = artifact("Bundle").events["UpdateRefused"]
    assert [log.topics[0] for log in receipt.logs if log.address == network.deployment.bundle] == [refused]
    assert any(log.address == scene.deployment.settlement for log in receipt.logs)


def test_another_set_of_reporters_waits_out_the_delay(network: Network):
    maker, taker, oracle = network.scene.maker, network.scene.taker, network.oracle
    following = ReporterSet.of(3, [KeySigner.random().address for _ in range(5)])
    with pytest.raises(NotSteward):
        taker.send(oracle.propose_reporters(following))
    maker.send(oracle.propose_reporters(following))
    ready_at = oracle.proposed_at()
    assert ready_at is not None
    with pytest.raises(DelayNotOver):
        taker.send(oracle.activate_reporters(following))
    advance_time(network.scene.chain, DELAY)
    with pytest.raises(NoSuchProposal):
        taker.send(oracle.activate_reporters(network.reporters))
    taker.send(oracle.activate_reporters(following))
    assert (oracle.epoch(), oracle.reporter_set(), oracle.proposed_at()) == (1, following, None)
    with pytest.raises(NotReporters):
        network.report(2_500, 2_502, 2_501)


def test_a_proposal_is_taken_back(network: Network):
    maker, oracle = network.scene.maker, network.oracle
    maker.send(oracle.propose_reporters(network.reporters))
    maker.send(oracle.withdraw_proposal())
    assert oracle.proposed_at() is None
    advance_time(network.scene.chain, DELAY)
    with pytest.raises(NoSuchProposal):
        maker.send(oracle.activate_reporters(network.reporters))
