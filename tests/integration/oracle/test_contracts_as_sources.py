"""Prices read from real contracts: our own feed as an AggregatorV3, and a pool that somebody attacks."""

import asyncio
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from peersettle.chain import Call, advance_time, fund
from peersettle.chain.artifacts import artifact, encode, selector
from peersettle.errors import SourceError
from peersettle.oracle.signing import sign_report
from peersettle.oracle.sources import AggregatorFeed, TwapPool, mean_price
from peersettle.reports import Feed, Report, Round

FEED = Feed("ETH/USD")
WAD = 10**18
TICK = 76_012
POOL = Path(__file__).parents[1] / "mocks" / "Pool.vy"


def observe(source):
    return asyncio.run(source.observe(0))


def test_a_feed_of_ours_is_a_source_of_another(network):
    chain, slot = network.chain, FEED.slot_of(network.chain.now())
    data = artifact("FeedAggregator").deployment(network.oracle.address, FEED.id)
    contract = network.sender.send(Call(None, data)).contract
    source = AggregatorFeed("feed", contract, chain=chain)
    with pytest.raises(SourceError):
        observe(source)
    reports = [
        sign_report(signer, network.oracle.domain, Report(FEED, (2_000 + n) * WAD, slot))
        for n, signer in enumerate(network.signers)
    ]
    network.sender.send(network.oracle.update(Round.of(network.members, reports, 3)))
    sample = observe(source)
    assert sample.value == Decimal(network.oracle.read(FEED).value).scaleb(-18)
    assert sample.observed_at == slot


@pytest.fixture(scope="module")
def pool_code():
    compiled = subprocess.run([sys.executable, "-m", "vyper", str(POOL)], capture_output=True, text=True, check=False)
    assert compiled.returncode == 0, compiled.stderr
    return bytes.fromhex(compiled.stdout.strip()[2:])


@pytest.fixture
def pool(network, pool_code):
    contract = network.sender.send(Call(None, pool_code + encode(["int256"], [TICK]))).contract
    advance_time(network.chain, 2_000)
    return contract


def twap(network, pool):
    source = TwapPool("pool", pool, chain=network.chain, decimals0=18, decimals1=18, window=1_800)
    return observe(source)


def trade(network, pool, name, tick):
    network.sender.send(Call(pool, selector(f"{name}(int256)") + encode(["int256"], [tick])))


def test_a_price_moved_and_moved_back_in_one_transaction_moves_nothing(network, pool):
    before = twap(network, pool)
    trade(network, pool, "swap_and_undo", 800_000)
    assert twap(network, pool).value == before.value == pytest.approx(Decimal("1.0001") ** TICK)


def test_a_donation_moves_nothing(network, pool):
    before = twap(network, pool)
    fund(network.chain, pool, 10**24)
    network.sender.send(Call(pool, b"", value=10**17))
    assert twap(network, pool).value == before.value


def test_a_price_held_for_a_while_weighs_its_share_of_the_window(network, pool):
    trade(network, pool, "swap_to", TICK + 1_000)
    since = network.chain.block().timestamp
    advance_time(network.chain, 18)
    held = network.chain.block().timestamp - since
    assert twap(network, pool).value == mean_price([0, TICK * 1_800 + 1_000 * held], 1_800)
