"""A pool as a source: what a block undoes moves nothing, nor do gifts; a block moves its share of the window."""

import asyncio
import math
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
import vyper
from tests.integration.replays.replaying import Replay, wad

from peersettle.chain import artifact
from peersettle.chain.artifacts import decode, encode, selector
from peersettle.oracle.combine import Combined, Drop, Heard, combine
from peersettle.oracle.sources import Sample, TwapPool
from peersettle.reports import Feed

BEGINS = 1_584_000_000
WINDOW = 1_800
BLOCK = 12
TICK = 52_984
"""1.0001 to this is 200 and a little."""
UP_TEN_PERCENT = TICK + 953
FAR = TICK + 50_000
ETH = Feed("ETH/USD", slot=12, max_age=60)
SOURCE = Path(__file__).parents[1] / "mocks" / "Pool.vy"


class Pool:
    """The mock pool on a replay's chain, and the source that reads it."""

    def __init__(self, replay: Replay) -> None:
        self.replay = replay
        compiled = vyper.compile_code(SOURCE.read_text(), output_formats=["bytecode"])
        code = bytes.fromhex(compiled["bytecode"].removeprefix("0x"))
        deployed = replay.transact(None, code + encode(["int256"], [TICK]), BEGINS - 800).contract
        gift = replay.transact(None, artifact("DemoToken").deployment("Dollar", "USD", 6), BEGINS - 799).contract
        assert deployed is not None
        assert gift is not None
        self.address, self.token = deployed, gift
        self.source = TwapPool(
            "pool", self.address, chain=replay.chain, decimals0=18, decimals1=18, window=WINDOW, max_age=60
        )

    def swap_to(self, tick: int) -> None:
        """Into the next block, behind what is there already."""
        self.replay.send(self.address, selector("swap_to(int256)") + encode(["int256"], [tick]))

    def donate(self, amount: int) -> None:
        mint = artifact("DemoToken").functions["mint"].encode(self.address, amount)
        self.replay.send(self.token, mint)

    def spot(self) -> int:
        answer = self.replay.chain.call(self.address, selector("slot0()"))
        return int(decode(["int256"], answer)[0])

    def balance(self) -> int:
        data = artifact("DemoToken").functions["balanceOf"].encode(self.address)
        return int.from_bytes(self.replay.chain.call(self.token, data), "big")

    def observe(self) -> Sample:
        return asyncio.run(self.source.observe(0))


@pytest.fixture(scope="module")
def living(replay_from: Callable[[int], Replay]) -> Pool:
    """A pool that has traded up and down for longer than the window."""
    pool = Pool(replay_from(BEGINS))
    for number in range(12):
        pool.swap_to(TICK + (-1) ** number * 20 * number)
        pool.replay.mine(BEGINS + 200 * number)
    pool.swap_to(TICK)
    pool.replay.mine(BEGINS + 2_400)
    return pool


@pytest.fixture
def pool(living: Pool) -> Iterator[Pool]:
    """What the test does to it is undone."""
    snapshot = living.replay.chain.request("evm_snapshot")
    yield living
    living.replay.chain.request("evm_revert", snapshot)


NOW = BEGINS + 2_412


def untouched(pool: Pool, at: int) -> Sample:
    """What the source would say at a time if nothing happened until then."""
    snapshot = pool.replay.chain.request("evm_snapshot")
    pool.replay.mine(at)
    sample = pool.observe()
    pool.replay.chain.request("evm_revert", snapshot)
    return sample


def made_of(amm: Sample, *venues: str) -> Combined:
    heard = [Heard(f"venue {n}", f"venue {n}", Sample(Decimal(p), NOW), 60) for n, p in enumerate(venues)]
    return combine([*heard, Heard("pool", "amm", Sample(amm.value, NOW), 60)], NOW)


def test_what_is_moved_and_moved_back_within_one_block_is_not_seen_at_all(pool: Pool) -> None:
    expected = [untouched(pool, NOW), untouched(pool, NOW + BLOCK)]
    pool.swap_to(FAR)
    pool.swap_to(-FAR)
    pool.swap_to(TICK)
    pool.replay.mine(NOW)
    assert pool.observe() == expected[0]
    pool.replay.mine(NOW + BLOCK)
    assert pool.observe() == expected[1]


def test_a_price_that_still_stands_at_the_end_of_the_block_is_not_seen_in_it(pool: Pool) -> None:
    expected = untouched(pool, NOW)
    pool.swap_to(FAR)
    pool.replay.mine(NOW)
    assert pool.spot() == FAR
    assert pool.observe() == expected


def test_a_gift_to_the_pool_is_not_seen_at_all(pool: Pool) -> None:
    expected = [untouched(pool, NOW), untouched(pool, NOW + BLOCK)]
    pool.donate(10**30)
    pool.replay.mine(NOW)
    assert pool.balance() == 10**30
    assert pool.observe() == expected[0]
    pool.replay.mine(NOW + BLOCK)
    assert pool.observe() == expected[1]


@pytest.mark.parametrize("tick", [UP_TEN_PERCENT, FAR])
def test_a_price_held_for_one_block_moves_its_share_of_the_window_and_no_more(pool: Pool, tick: int) -> None:
    expected = untouched(pool, NOW + BLOCK)
    pool.swap_to(tick)
    pool.replay.mine(NOW)
    pool.swap_to(TICK)
    pool.replay.mine(NOW + BLOCK)
    seen = pool.observe()
    share = math.log(seen.value / expected.value) / (math.log(1.0001) * (tick - TICK))
    assert share == pytest.approx(BLOCK / WINDOW, rel=1e-9)


def test_one_block_of_a_pool_out_of_line_leaves_the_median_of_three_classes_where_it_was(pool: Pool) -> None:
    honest = untouched(pool, NOW + BLOCK)
    pool.swap_to(UP_TEN_PERCENT)
    pool.replay.mine(NOW)
    pool.swap_to(TICK)
    pool.replay.mine(NOW + BLOCK)
    moved = pool.observe()
    assert moved.value > honest.value
    for venues in (("199.90", "199.95"), ("200", "200")):  # the pool is the lowest; the venues agree
        before, after = made_of(honest, *venues), made_of(moved, *venues)
        assert before.value is not None
        assert after.value == before.value
    between = made_of(moved, "199.90", "200.10").value
    assert between is not None
    assert wad("199.90") <= between <= wad("200.10")


def test_a_pool_held_for_the_whole_window_is_dropped_and_moves_nothing(pool: Pool) -> None:
    honest = untouched(pool, NOW)
    pool.swap_to(FAR)
    pool.replay.mine(NOW)
    pool.replay.mine(NOW + WINDOW)
    moved = pool.observe()
    assert moved.value > 100 * honest.value
    venues = ("199.95", "199.95", "199.95")
    after = made_of(moved, *venues)
    assert after.value == made_of(honest, *venues).value == wad("199.95")
    assert [(drop.source, drop.reason) for drop in after.dropped] == [("pool", Drop.OUTLIER)]
    assert made_of(moved, "199.90", "199.95").value is None  # too few classes are left: silence, not a wrong price


def test_a_manipulated_block_leaves_the_contracts_reading_where_it_was(pool: Pool) -> None:
    replay, venues = pool.replay, ("199.90", "199.95")
    before = made_of(pool.observe(), *venues).value
    assert before is not None
    replay.submit(ETH, NOW, [before] * 5)
    first = replay.oracle.read(ETH)
    pool.swap_to(UP_TEN_PERCENT)
    pool.donate(10**30)
    replay.mine(NOW + 1)
    pool.swap_to(TICK)
    replay.mine(NOW + 1 + BLOCK)
    during = made_of(pool.observe(), *venues).value
    assert during is not None
    replay.submit(ETH, NOW + 24, [during] * 5)
    second = replay.oracle.read(ETH)
    assert (second.value, second.candidate) == (first.value, 0)
