"""What the pool has taken over: who sells it, what is behind it, and how its cash comes back.

A short of 100 ETH, taken over at 3,900 with 122,910 behind it.
"""

import pytest
from tests.contracts.margin.sale import POOL
from tests.contracts.margin.stage import WAD, Refused


@pytest.fixture
def slot(sale):
    account = sale.short()
    sale.quote(3_900)
    sale.call("start", account)
    sale.age()
    assert sale.call("rescue", account) is None
    return sale.inventory()


@pytest.mark.usefixtures("slot")
def test_what_stands_behind_it_is_counted(sale):
    """A quarter of what is free and what is behind it, less that: 250,000 - 122,910 (and the fee of nobody)."""
    assert sale.pooled("inventory") == 2
    assert sale.pooled("behind", 1) == sale.pooled("funded")
    assert sale.pooled("funded") / WAD == pytest.approx(122_910, abs=1)
    assert sale.pooled("room") / WAD == pytest.approx(POOL / 4 - 122_910, abs=1)


def test_it_is_valued_low_and_high(sale, slot):
    """Low: what it has beyond initial margin, 2,500; high: equity and maintenance, 127,520 + 96,168."""
    equity, maintenance, initial = sale.standing(slot)
    free = sale.pooled("capital") / WAD
    low, high = (worth / WAD for worth in sale.pooled("valuations"))
    assert low == pytest.approx(free + equity - initial, abs=1e-3)
    assert high == pytest.approx(free + equity + maintenance, abs=1e-3)


@pytest.mark.usefixtures("slot")
def test_who_leaves_after_a_take_over_does_not_take_its_hopes_along(sale):
    """Deposited at the higher and redeemed at the lower valuation in one epoch, and in another after marks moved:
    nothing
    is gained."""
    saver = sale.newcomer(100_000)
    owner = f"0x{saver >> 96:040x}"
    minted = sale.pooled("deposit", 10**11, owner, sender=owner)
    for price in (3_900, 3_960, 3_840, 3_700):
        with sale.stage.undone():
            sale.pooled("request", minted, sender=owner)
            sale.quote(price, wait=2 * 86_400)
            assert sale.pooled("redeem", minted, owner, owner, sender=owner) < 10**11


def test_it_is_sold_by_parts_and_whole(sale, slot):
    first, second = sale.newcomer(10**6), sale.newcomer(10**6)
    assert sale.call("start", slot) is None
    assert sale.bid(slot, first, 0.5) == WAD // 2
    assert list(sale.stage.positions(slot, sale.eth).values()) == [-5_000]
    assert sale.bid(slot, first) == Refused("whole")
    assert sale.take_over(slot, second) is None
    assert sale.stage.positions(slot, sale.eth) == {}


def test_its_price_falls_no_lower_than_half_of_what_it_has(sale, slot):
    """1.326 of maintenance: 0.663 at most, 0.643 to the bidder and 0.02 to the pool, which is its own."""
    assert sale.call("start", slot) is None
    sale.age()
    quote = sale.call("quote", slot)
    assert quote.paid / WAD == pytest.approx(0.643, abs=1e-3)
    bidder, worth = sale.newcomer(10**6), sale.standing(slot)
    pool = sale.cash(sale.pool)
    assert sale.take_over(slot, bidder) is None
    assert sale.wealth(bidder) - 10**6 == pytest.approx(0.643 * worth[1], rel=1e-3)
    assert sale.pooled("collect", 1) is None
    assert sale.cash(sale.pool) - pool == pytest.approx(worth[0] - 0.643 * worth[1], rel=1e-3)


def test_what_is_sold_is_collected(sale, slot):
    """Anybody: its cash is idle again, its place free, nothing behind it any more."""
    assert sale.pooled("collect", 1) == Refused("positions")
    assert sale.pooled("collect", 2) == Refused("inventory")
    assert sale.take_over(slot, sale.newcomer(10**6)) is None
    total = sale.cash(slot) + sale.cash(sale.pool)
    assert sale.pooled("collect", 1, sender="0x" + "5e" * 20) is None
    assert sale.cash(slot) == 0
    assert sale.cash(sale.pool) == total
    assert sale.pooled("inventory") == sale.pooled("funded") == sale.pooled("behind", 1) == 0
    assert sale.pooled("collect", 1) == Refused("inventory")


def test_the_last_places_are_kept_for_what_is_large(sale):
    """Of eight places each that is taken doubles what the next is kept for, from 1/256 of the room on: 12,291 each find
    four. A place that is collected is used again."""
    accounts = [sale.short(cash=12_000, lots=1_000) for _ in range(5)]
    sale.quote(3_900)
    for account in accounts:
        assert sale.call("start", account) is None
    sale.age()
    assert [sale.call("rescue", account) for account in accounts] == [None] * 4 + [Refused("room")]
    assert sale.take_over(sale.inventory(3), sale.newcomer(10**6)) is None
    assert sale.pooled("collect", 3) is None
    assert sale.call("rescue", accounts[4]) is None
    assert sale.stage.positions(sale.inventory(3), sale.eth) != {}


def test_it_may_be_sold_when_it_is_healthy(sale, slot):
    sale.quote(3_000)
    equity, _, initial = sale.standing(slot)
    assert equity > 2 * initial
    assert sale.call("start", slot) is None
    assert sale.take_over(slot, sale.newcomer(10**6)) is None


def test_below_zero_the_pool_pays_for_it_twice(sale, slot):
    """What was behind it is gone, and who takes it over is paid by the pool like by any other."""
    sale.quote(5_300)
    equity = sale.standing(slot)[0]
    assert equity < 0
    pool = sale.cash(sale.pool)
    assert sale.take_over(slot, sale.newcomer(10**6)) is None
    assert pool - sale.cash(sale.pool) == pytest.approx(-equity, abs=1)
    assert sale.pooled("collect", 1) is None
