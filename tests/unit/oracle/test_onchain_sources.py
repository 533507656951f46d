"""Contracts as sources: stale, incomplete or negative rounds are refused; a pool's price is its mean over a window."""

import asyncio
from dataclasses import dataclass
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.oracle.world import SLOT, settle

from peersettle.chain.artifacts import decode, encode, selector
from peersettle.errors import RpcUnavailable, SourceError
from peersettle.oracle.sources import Adjustment, AggregatorFeed, TwapPool, mean_price
from peersettle.types import address

CONTRACT = address("0x" + "ab" * 20)
E18 = Decimal(10) ** 18


@dataclass
class Head:
    timestamp: int = SLOT


class Aggregator:
    """A chain with one AggregatorV3 contract on it."""

    def __init__(self, answer=2_000_12345678, decimals=8, round_id=7, updated_at=SLOT - 30, answered_in=7):
        self.round = (round_id, answer, updated_at, updated_at, answered_in)
        self.decimals = decimals

    def call(self, to, data):
        assert to == CONTRACT
        if data == selector("decimals()"):
            return encode(["uint8"], [self.decimals])
        assert data == selector("latestRoundData()")
        return encode(["uint80", "int256", "uint256", "uint256", "uint80"], self.round)

    def block(self):
        return Head()


class Pool:
    """A chain with one pool on it: its tick at every second, newest last."""

    def __init__(self, ticks):
        self.ticks = ticks

    def call(self, to, data):
        assert (to, data[:4]) == (CONTRACT, selector("observe(uint32[])"))
        (agos,) = decode(["uint32[]"], data[4:])
        sums = [sum(self.ticks[: len(self.ticks) - ago]) for ago in agos]
        return encode(["int56[]", "uint160[]"], [sums, [0] * len(agos)])

    def block(self):
        return Head()


def read(source):
    return asyncio.run(source.observe(SLOT))


def test_an_aggregator_gives_its_answer_and_its_own_time():
    sample = read(AggregatorFeed("feed", CONTRACT, chain=Aggregator()))
    assert sample.value == Decimal("2000.12345678")
    assert sample.observed_at == SLOT - 30
    inverted = AggregatorFeed("feed", CONTRACT, chain=Aggregator(4 * 10**8), adjustment=Adjustment(invert=True))
    assert read(inverted).value == Decimal("0.25")


def test_an_aggregator_that_does_not_tell_its_round_is_read_all_the_same():
    assert read(AggregatorFeed("feed", CONTRACT, chain=Aggregator(answered_in=0))).value > 0


@pytest.mark.parametrize(
    ("chain", "kind"),
    [
        (Aggregator(answer=0), "not_positive"),
        (Aggregator(answer=-5), "not_positive"),
        (Aggregator(updated_at=0), "incomplete_round"),
        (Aggregator(round_id=8, answered_in=7), "stale_round"),
        (Aggregator(decimals=77), "not_a_number"),
    ],
)
def test_an_aggregator_without_a_usable_round_is_refused(chain, kind):
    with pytest.raises(SourceError) as failure:
        read(AggregatorFeed("feed", CONTRACT, chain=chain))
    assert failure.value.kind == kind


@pytest.mark.parametrize("answer", [b"", b"\0" * 31])
def test_no_contract_is_an_error_of_the_source(answer):
    class Nothing:
        def call(self, _to, _data):
            return answer

        def block(self):
            return Head()

    for source in (
        AggregatorFeed("feed", CONTRACT, chain=Nothing()),
        TwapPool("pool", CONTRACT, chain=Nothing(), decimals0=18, decimals1=6),
    ):
        with pytest.raises(SourceError):
            read(source)


def test_a_node_that_does_not_answer_is_an_error_of_the_source_and_holds_one_thread_only():
    class Hanging(Aggregator):
        def __init__(self):
            super().__init__()
            self.asked = 0

        def call(self, to, data):
            self.asked += 1
            gate.wait(10)
            return super().call(to, data)

    import threading

    gate = threading.Event()

    async def ask():
        chain = Hanging()
        source = AggregatorFeed("feed", CONTRACT, chain=chain)
        first = asyncio.ensure_future(source.observe(SLOT))
        await settle()
        first.cancel()
        with pytest.raises(SourceError, match="not answered"):
            await source.observe(SLOT)
        gate.set()
        assert chain.asked <= 1

    asyncio.run(ask())

    class Down:
        def call(self, _to, _data):
            raise RpcUnavailable("http://node does not answer")

        def block(self):
            return Head()

    with pytest.raises(SourceError, match="does not answer"):
        read(AggregatorFeed("feed", CONTRACT, chain=Down()))


def pool(ticks, **options):
    options = {"decimals0": 18, "decimals1": 18, "window": 1_800, **options}
    return read(TwapPool("pool", CONTRACT, chain=Pool(ticks), **options))


def test_a_pool_gives_the_price_of_its_tick():
    assert pool([0] * 2_000).value == 1
    tick = 76_012  # 1.0001^76012 = 1999.9…
    assert abs(pool([tick] * 2_000).value - Decimal("1.0001") ** tick) < Decimal("1e-30")


def test_a_pools_decimals_and_direction():
    # one ETH (18 decimals) for 2000 USD (6): the raw price is 2000e6 / 1e18
    tick = -200_311
    straight = pool([tick] * 2_000, decimals0=18, decimals1=6).value
    assert abs(straight - Decimal("1.0001") ** tick * 10**12) < Decimal("1e-30")
    assert Decimal(1_995) < straight < Decimal(2_005)
    inverted = pool([-tick] * 2_000, decimals0=6, decimals1=18, adjustment=Adjustment(invert=True)).value
    assert abs(inverted - straight) < Decimal("1e-25")


def test_a_move_that_is_undone_in_its_own_block_and_a_donation_move_nothing():
    """The pool adds a tick up when time passes; only `observe` is asked, not the tick or balances of the moment."""

    class Blocks(Pool):
        def __init__(self):
            super().__init__([])
            self.tick = 76_012

        def block_passes(self):
            self.ticks.extend([self.tick] * 12)

    def history(*, attacked):
        chain = Blocks()
        for number in range(200):
            chain.block_passes()
            if attacked and number % 2:
                chain.tick = 887_272  # a flash loan moves the price to its end …
                chain.tick = 76_012  # … and back before the block is over
        return read(TwapPool("pool", CONTRACT, chain=chain, decimals0=18, decimals1=18))

    assert history(attacked=True) == history(attacked=False)


def test_a_move_that_lasts_weighs_its_share_of_the_window():
    moved = pool([76_012] * 1_990 + [76_012 + 1_800] * 10)
    assert abs(moved.value - Decimal("1.0001") ** (76_012 + 10)) < Decimal("1e-25")


@given(st.lists(st.integers(-100_000, 100_000), min_size=60, max_size=80))
def test_the_mean_price_is_the_geometric_mean_of_the_prices(ticks):
    window = 60
    price = pool(ticks, window=window).value
    product = Decimal("1.0001") ** sum(ticks[-window:])
    assert abs(price**window / product - 1) < Decimal("1e-20")


@given(st.integers(-887_271, 887_271))
def test_a_mean_tick_is_not_rounded(tick):
    low, between, high = (mean_price([0, tick * 1_800 + change], 1_800) for change in (-1, 0, 1))
    assert low < between < high


def test_a_tick_beyond_all_pools_is_refused():
    with pytest.raises(SourceError):
        mean_price([0, 887_273 * 60], 60)
