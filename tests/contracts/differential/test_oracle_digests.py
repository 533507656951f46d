"""What reporters sign by the package, and by any wallet, is what the contract takes."""

import pytest
from eth_account import Account
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.contracts.differential.oracle_world import KEYS, OracleWorld, deployed
from tests.unit.reports.strategies import batches, feeds, reports, surfaces

from peersettle.reports import (
    Batch,
    CoSigned,
    OracleDomain,
    Report,
    ReporterSet,
    Round,
    SignedReport,
    digest,
    signatures_to_abi,
    typed_data,
)
from peersettle.spec import oracle as spec
from peersettle.types import address

REPORTERS = ReporterSet.of(3, [one.address for one in KEYS[:5]])
WALLETS = {one.address: Account.from_key(one.key.secret) for one in KEYS[:5]}


pytestmark = pytest.mark.usefixtures("oracle_stage")


@pytest.fixture(scope="session")
def oracle():
    return deployed(REPORTERS.threshold, REPORTERS.members)


def home_of(oracle):
    """As ERC-5267 says it."""
    fields, name, version, chain_id, where, salt, extensions = oracle.eip712Domain()
    assert (fields, name, version) == (b"\x0f", "PeerSettle Oracle", "1")
    assert (salt, extensions) == (bytes(32), [])
    return OracleDomain(chain_id, address(where))


def signed_by_wallets(home, message, who):
    return {one: bytes(WALLETS[one].sign_typed_data(full_message=typed_data(home, message)).signature) for one in who}


def test_its_domain_and_set_are_what_the_package_computes(oracle):
    assert home_of(oracle).oracle == oracle.address
    epoch, threshold, commitment, count = oracle.reporter_set()
    assert (epoch, threshold, count) == (0, 3, 5)
    assert int.from_bytes(commitment, "big") | count << 8 | threshold == REPORTERS.commitment


def test_a_round_of_the_package_signed_by_wallets_is_taken(oracle, examples):
    @settings(max_examples=examples(20))
    @given(feeds(), st.lists(st.integers(1, 2**87 - 1), min_size=3, max_size=5), st.integers(2**31, 2**32 - 1))
    def round_trip(feed, values, now):
        with OracleWorld.fresh() as world:
            world.warp_to(now)
            home, time = home_of(oracle), feed.slot_of(now)
            signed = []
            for who, value in zip(REPORTERS.members, values, strict=False):
                report = Report(feed, value, time)
                signed.append(SignedReport(home, report, who, signed_by_wallets(home, report, [who])[who]))
                signed[-1].verify()
            round_ = Round.of(REPORTERS, signed)
            oracle.update(*round_.to_abi())
            assert oracle.read(feed.id)[:3] == (round_.median, time, round_.spread)

    round_trip()


def test_a_batch_of_the_package_signed_by_wallets_is_taken(oracle, examples):
    @settings(max_examples=examples(20))
    @given(batches(), st.permutations(REPORTERS.members), st.integers(3, 5))
    def round_trip(batch, who, count):
        with OracleWorld.fresh() as world:
            world.warp_to(batch.observed_at)
            home = home_of(oracle)
            signatures = signed_by_wallets(home, batch, who[:count])
            if batch.observed_at:
                oracle.update_batch(
                    batch.observed_at, batch.items, *signatures_to_abi(REPORTERS, CoSigned(home, batch, signatures))
                )
            for item in batch.observations[: batch.observed_at]:
                assert oracle.read(item.feed.id)[:3] == (item.value, batch.observed_at, item.spread)

    round_trip()


@settings(max_examples=50)
@given(st.one_of(reports(), batches(), surfaces()))
def test_the_specification_hashes_what_the_package_does(message):
    with OracleWorld.fresh() as world:
        if isinstance(message, Report):
            time = spec.word(message.observed_at)
            found = spec.signed_digest(world.state, spec.REPORT_TYPE, message.feed.id, spec.word(message.value), time)
        elif isinstance(message, Batch):
            found = world.batch_digest(message.observed_at, message.items)
        else:
            words = [item.packed for item in message.slices]
            found = world.surface_digest(message.feed.id, message.observed_at, words)
        assert found == digest(world.state.domain, message)
