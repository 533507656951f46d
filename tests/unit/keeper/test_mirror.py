"""The mirror's estimates are the contract's figures, whatever was put, changed and dropped before."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.risk.scene import EXAMPLES, SPOT, grid, staged
from tests.unit.risk.test_books import STATES

from peersettle.errors import InvalidField
from peersettle.keeper.mirror import Mirror
from peersettle.risk.books import Book, Books, SeriesTable
from peersettle.risk.margin import UNUSABLE, MarginAccount, health
from peersettle.types import WAD

MARKET = 3
LOT = 10**16


def drawn(draw, series, most=32):
    held = draw.sample(series, draw.randint(0, min(most, len(series))))
    positions = {item: draw.choice([-1, 1]) * draw.randint(1, 5_000) for item in held}
    return Book.of(positions, draw.randint(0, 50) * WAD // 7, addition=draw.randint(0, 10**8))


def expected(margin, snapshot):
    """Equity as the Auction counts it, and the requirements, in settlement currency."""
    found = health(margin, {MARKET: snapshot})
    unpriced = sum(max(item.worth, 0) for item in found.markets.values() if item.status & UNUSABLE)
    return [number / WAD for number in (found.equity + unpriced, found.maintenance, found.initial)]


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_estimates_are_the_requirements_in_every_state_of_a_market(state):
    scene, draw = state(), random.Random(7)
    snapshot = scene.snapshot
    series = sorted(snapshot.arrays, reverse=True)
    table = SeriesTable.of(snapshot, series)
    mirror = Mirror({MARKET: scene.lot})
    margins = {
        account: MarginAccount(draw.randint(-(10**23), 10**24), {MARKET: drawn(draw, series)}) for account in range(40)
    }
    for account, margin in margins.items():
        mirror.put(account, margin)
    scan = mirror.scan({MARKET: table})
    assert scan.accounts == list(margins)
    for place, account in enumerate(scan.accounts):
        wanted = expected(margins[account], snapshot)
        assert [scan.equity[place], scan.maintenance[place], scan.initial[place]] == pytest.approx(
            wanted, rel=1e-9, abs=1e-6
        )


SCENE = staged()
SERIES = grid(SCENE, (1, 8, 29, 92), (2_400, 2_700, 3_000, 3_300, 3_600))


@settings(max_examples=min(EXAMPLES, 60))
@given(st.integers(0, 2**32), st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1, max_size=40))
def test_a_mirror_that_was_changed_is_one_made_anew(seed, changes):
    draw, mirror, kept = random.Random(seed), Mirror({MARKET: LOT}), {}
    for account, leaves in changes:
        books = {} if leaves else {MARKET: drawn(draw, SERIES, 6)}
        kept[account] = MarginAccount(draw.randint(0, 10**23), books)
        mirror.put(account, kept[account])
    fresh = Mirror({MARKET: LOT})
    for account in mirror.accounts:
        fresh.put(account, kept[account])
        assert mirror.get(account) == kept[account]
    assert mirror.series().get(MARKET, []) == fresh.series().get(MARKET, [])
    tables = {MARKET: SeriesTable.of(SCENE.snapshot, mirror.series().get(MARKET, []))}
    found, wanted = mirror.scan(tables), fresh.scan(tables)
    assert found.accounts == wanted.accounts
    np.testing.assert_array_equal(found.equity, wanted.equity)
    np.testing.assert_array_equal(found.maintenance, wanted.maintenance)
    for series in mirror.series().get(MARKET, []):
        holders = {
            who for who, margin in kept.items() for book in margin.books.values() if series in dict(book.positions)
        }
        assert set(mirror.holders(MARKET, [series])) == holders


def test_the_worst_come_first_and_those_just_above_are_looked_at():
    mirror, series = Mirror({MARKET: LOT}), SCENE.series(SCENE.today + 29, SPOT)
    needed = expected(MarginAccount(0, {MARKET: Book.of({series: -100})}), SCENE.snapshot)
    at_the_edge = round((needed[1] - needed[0]) * WAD)
    for account, spare in ((1, -500 * WAD), (2, 10**17), (3, -900 * WAD), (4, 500 * WAD)):
        mirror.put(account, MarginAccount(at_the_edge + spare, {MARKET: Book.of({series: -100})}))
    scan = mirror.scan({MARKET: SeriesTable.of(SCENE.snapshot, [series])})
    assert scan.below(0.01) == [3, 1, 2]
    assert scan.below(0.0) == [3, 1]


def test_who_owes_cash_without_a_position_is_below():
    mirror = Mirror({})
    mirror.put(1, MarginAccount(-WAD))
    mirror.put(2, MarginAccount(0))
    assert mirror.scan({}).below() == [1]


def test_accounts_in_a_market_that_cannot_be_valued_are_named():
    mirror = Mirror({MARKET: LOT})
    mirror.put(5, MarginAccount(0, {MARKET: Book.of({SERIES[0]: -1})}))
    mirror.put(6, MarginAccount(-WAD))
    scan = mirror.scan({})
    assert scan.skipped == (5,)
    assert scan.accounts == [6]


def test_a_market_that_is_not_listed_is_refused():
    with pytest.raises(InvalidField):
        Mirror({}).put(1, MarginAccount(0, {MARKET: Book.of({SERIES[0]: -1})}))


def test_many_accounts_can_be_loaded_at_once():
    table, draw = SeriesTable.of(SCENE.snapshot, SERIES), random.Random(3)
    books = [drawn(draw, SERIES) for _ in range(300)]
    one_by_one, loaded = Mirror({MARKET: LOT}), Mirror({MARKET: LOT})
    cash = np.array([draw.randint(0, 10**5) for _ in books], float)
    for account, book in enumerate(books):
        one_by_one.put(account, MarginAccount(int(cash[account]) * WAD, {MARKET: book}))
    loaded.load(cash, {MARKET: (table, Books.of(table, books))})
    tables = {MARKET: table}
    np.testing.assert_array_equal(loaded.scan(tables).equity, one_by_one.scan(tables).equity)
    np.testing.assert_array_equal(loaded.scan(tables).initial, one_by_one.scan(tables).initial)
    assert len(loaded) == 300
