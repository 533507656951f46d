"""A contract among the members fills up a round of the running slot that has too few signatures."""

import pytest

from peersettle.bindings import AggregatorSource
from peersettle.chain import Call
from peersettle.chain.artifacts import artifact
from peersettle.chain.deployments import deploy_oracle
from peersettle.oracle.attesters import Attesters
from peersettle.oracle.signing import sign_report
from peersettle.oracle.submitter import Outcome
from peersettle.reports import Feed, Report, ReporterSet, Round

FEED, OTHER = Feed("ETH/USD"), Feed("ETH/SPOT")
WAD = 10**18


@pytest.fixture
def attested(network):
    """Another Oracle, of whose four members one is an AggregatorSource over a feed of the first one."""

    def confirm(price):
        slot = OTHER.slot_of(network.chain.now())
        reports = [
            sign_report(signer, first.domain, Report(OTHER, price * WAD, slot)) for signer in network.signers[:3]
        ]
        network.sender.send(first.update(Round.of(before, reports)))

    def create(name, *arguments):
        return network.sender.send(Call(None, artifact(name).deployment(*arguments))).contract

    first, before = network.oracle, network.members
    network.confirm = confirm
    aggregator = create("FeedAggregator", first.address, OTHER.id)
    network.contract = create("AggregatorSource", aggregator, FEED.id, 40)
    members = ReporterSet.of(3, [network.contract, *(signer.address for signer in network.signers[:3])])
    directory = network.home / "deployments"
    network.deployment = deploy_oracle(
        network.chain, network.sender, network.deployment, members, directory=directory, force=True
    )
    return network


def test_what_a_contract_answers_and_what_a_plain_account_does_not(attested):
    source = AggregatorSource(attested.chain, attested.contract)
    assert (source.feed(), source.price()) == (FEED.id, 0)
    attested.confirm(2_000)
    assert source.price() == 2_000 * WAD
    attested.pass_time(60)
    assert source.price() == 0
    for address in (attested.signers[0].address, attested.oracle.address):
        other = AggregatorSource(attested.chain, address)
        assert (other.feed(), other.price()) == (None, 0)


def test_two_signatures_and_an_attestation_make_a_round_while_the_answer_is_fresh(attested):
    network = attested
    attesters = Attesters(lambda member: AggregatorSource(network.chain, member))

    async def scenario():
        async with network.reporter(0) as one, network.reporter(1) as two:
            for daemon in (one, two):
                await daemon.reporter.run_once()
            urls = [one.url, two.url]
            async with network.submitter(urls, attesters=attesters) as submitter:
                assert (await submitter.submit(FEED)).outcome is Outcome.NO_ROUND  # the aggregator has no answer yet
                network.confirm(2_001)
                network.clock.time = float(network.chain.block().timestamp)
                done = await submitter.submit(FEED)
                assert (done.outcome, done.value) == (Outcome.SENT, 2_001 * WAD)
            async with network.submitter(urls) as blind:
                blind.book.reporters = network.members
                assert (await blind.submit(FEED)).outcome in (Outcome.NO_ROUND, Outcome.NOT_DUE)

    network.run(scenario)
    assert network.oracle.read(FEED).value == 2_001 * WAD
