"""Requirements of many books at once are those of the specification, to the wei, in every state of a market."""

import random
from dataclasses import astuple, replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.pricing.compiling import WAYS, running
from tests.unit.risk.scene import EXAMPLES, SPOT, changed, grid, staged

from peersettle.errors import InvalidField, Reverted
from peersettle.risk._book import MOST_POSITIONS
from peersettle.risk.books import MOST_UNITS, Book, Books, Requirements, SeriesTable, requirements, sums
from peersettle.risk.instruments import DAY, FIRST_EXPIRY, MOST_LOTS, Kind, expiry
from peersettle.spec import requirements as spec
from peersettle.spec import risk_arrays
from peersettle.types import WAD

HOUR = 3_600


# States of a market


def fresh():
    return staged()


def candidate_above():
    scene = staged()
    scene.price(SPOT, candidate=SPOT * 1.1)
    return scene


def candidate_below():
    scene = staged()
    scene.price(SPOT, candidate=SPOT * 0.94)
    return scene


def candidate_beyond():
    scene = staged()
    scene.price(SPOT, candidate=SPOT * 1.5)
    return scene


def feed_stopped():
    scene = staged()
    scene.now += 10 * HOUR
    return scene


def feed_dead():
    scene = staged()
    scene.now += 30 * HOUR
    return scene


def surface_stopped():
    """Half of the arrays could be computed anew in the new epoch, then the surface grew old."""
    scene = staged()
    scene.now += 30 * 60
    scene.price(SPOT * 1.05)
    scene.refresh(grid(scene, (8, 92), (2_400, 2_700, 3_000, 3_300, 3_600)))
    scene.now += 31 * 60
    scene.oracle.surface = {when: quoted for when, quoted in scene.oracle.surface.items() if when > scene.now}
    scene.price(SPOT * 1.05)
    scene.risk.markets[3].started = scene.now - 60
    return scene


def before_expiry(seconds, **options):
    scene = staged(days=(0, 1, 8, 29), **options)
    scene.now = expiry(scene.today) - seconds
    scene.price(SPOT * 0.97)
    scene.surface([scene.today + day for day in (0, 1, 8, 29)])
    scene.refresh(grid(scene, (0, 1, 8, 29), (2_400, 2_700, 3_000, 3_300, 3_600)))
    return scene


def running_down():
    return before_expiry(7 * HOUR)


def averaging():
    return before_expiry(600)


def after_expiry(seconds, is_fixed=True):
    scene = staged(days=(0, 1, 8, 29))
    scene.now = expiry(scene.today) + seconds
    scene.price(SPOT * 1.07)
    if is_fixed:
        scene.risk.fix(3, scene.today, scene.now)
        if seconds >= DAY:
            scene.price(SPOT * 0.91)
            scene.risk.fix(3, scene.today + 1, scene.now)
    scene.price(SPOT * 1.01)
    live = (1, 8, 29) if seconds < DAY else (8, 29)
    scene.surface([scene.today + day for day in live])
    scene.refresh(grid(scene, live, (2_400, 2_700, 3_000, 3_300, 3_600)))
    return scene


def expired():
    return after_expiry(HOUR)


def expired_without_fixing():
    return after_expiry(HOUR, is_fixed=False)


def expired_for_a_day():
    return after_expiry(30 * HOUR)


def fixed_a_day_ago():
    """The older of two expiries no longer counts as a receivable, the younger does."""
    scene = after_expiry(30 * HOUR)
    fixings = scene.risk.fixings[3]
    fixings[scene.today] = fixings[scene.today]._replace(fixed_at=scene.now - DAY)
    return scene


def expired_for_a_day_without_fixing():
    return after_expiry(30 * HOUR, is_fixed=False)


def wide_scan():
    return staged(parameters=changed(scan="40"))


def another_grid():
    return staged(lot=10**17, tick=10**17)


def arbitrary_arrays():
    """Words of any bits: what a book comes to is the sum of what they say, wherever they come from."""
    scene, draw = staged(), random.Random(14)
    arrays = scene.risk.markets[3].arrays
    arrays.update({series: draw.getrandbits(236) | word >> 236 << 236 for series, word in arrays.items()})
    scene.price(SPOT, candidate=SPOT * 1.1)
    return scene


STATES = [
    fresh,
    candidate_above,
    candidate_below,
    candidate_beyond,
    feed_stopped,
    feed_dead,
    surface_stopped,
    running_down,
    averaging,
    expired,
    expired_without_fixing,
    expired_for_a_day,
    fixed_a_day_ago,
    expired_for_a_day_without_fixing,
    wide_scan,
    another_grid,
    arbitrary_arrays,
]
scene_in = cache(lambda state: state())


def quantities():
    return st.one_of(st.integers(1, 1_000), st.just(MOST_LOTS)).flatmap(lambda lots: st.sampled_from([lots, -lots]))


@st.composite
def books(draw, series):
    held = draw(st.dictionaries(st.sampled_from(series), quantities(), max_size=MOST_POSITIONS))
    collateral = draw(st.one_of(st.just(0), st.integers(0, 10**21), st.integers(0, 2**80)))
    return Book.of(held, collateral, requirement=draw(st.integers(0, 10**9)), addition=draw(st.integers(0, 10**9)))


def books_of(*numbers):
    offsets, places, lots, units, additions = (np.array(each, np.int64) for each in numbers)
    return Books(offsets, places.astype(np.int32), lots.astype(np.int32), units, additions)


def as_spec(book):
    return spec.Book(book.collateral, book.requirement, book.addition, book.positions)


def assess_all(snapshot, held, threads=2):
    table = SeriesTable.of(snapshot, [series for book in held for series, _ in book.positions])
    return table, requirements(table, Books.of(table, held), threads)


@pytest.mark.parametrize("state", STATES)
def test_every_book_is_assessed_as_by_the_specification(state):
    scene = scene_in(state)
    snapshot, everything = scene.snapshot, sorted(scene.risk.markets[3].arrays)
    seen = set()

    @settings(max_examples=EXAMPLES // 4)
    @given(st.lists(books(everything), min_size=1, max_size=6))
    def agree(held):
        with running(WAYS[1]):
            table, found = assess_all(snapshot, held)
        with running(WAYS[0]):
            assert list(assess_all(snapshot, held)[1]) == list(found)
        assert table.computed == ()
        for book, ours in zip(held, found, strict=True):
            theirs = scene.risk.assess(3, as_spec(book), scene.now)
            assert astuple(ours) == astuple(theirs)
            seen.add(ours.status)

    agree()
    statuses = {
        candidate_beyond: {4},
        feed_stopped: {1},
        feed_dead: {3},
        surface_stopped: {0, 1},
        expired_without_fixing: {0, 1},
        expired_for_a_day_without_fixing: {0, 1},
    }
    assert seen == statuses.get(state, {0}), "the state is what its name says"


def test_each_state_tells_something_apart():
    """What the states are there for happens in them: run-down, receivables that no longer count, candidate losses."""

    def one(state, lots, strike=3_000, day=1, kind=Kind.CALL):
        scene = scene_in(state)
        series = scene.series(scene.today + day, strike, kind)
        return assess_all(scene.snapshot, [Book.of({series: lots}, 10**19)])[1][0]

    collateral = one(fixed_a_day_ago, 0).worth
    assert one(expired, 100, 2_400, day=0).worth > one(expired, 0).worth
    for state in (expired_for_a_day, expired_for_a_day_without_fixing):
        assert one(state, 100, 2_400, day=0).worth > one(state, 0).worth, "no day has gone by since it was fixed"
    assert one(fixed_a_day_ago, 100, 2_400, day=0).worth == collateral
    assert one(fixed_a_day_ago, -100, 2_400, day=0).worth < collateral
    assert one(candidate_above, -100).candidate_loss > 0 == one(fresh, -100).candidate_loss
    scene = scene_in(running_down)
    hedged = {scene.series(scene.today + 1, 3_000): -100, scene.series(scene.today, 3_000): 100}
    hedge_counts = assess_all(scene.snapshot, [Book.of(hedged)])[1][0].requirement
    later = replace(scene.snapshot, time=scene.now + 60)
    assert assess_all(later, [Book.of(hedged)])[1][0].requirement > hedge_counts


@pytest.mark.parametrize("state", [fresh, running_down])
def test_when_an_epoch_is_over_nothing_is_judged(state):
    scene = scene_in(state)
    book = Book.of({scene.series(scene.today + 8, 3_000): 1})
    for changes in ({"time": scene.now + 60}, {"time": scene.now + 1_801}):
        late = replace(scene.snapshot, **changes)
        late = replace(late, reading=replace(late.reading, observed_at=late.time))
        if late.time - scene.now > 1_800:
            with pytest.raises(InvalidField, match="is over"):
                assess_all(late, [book])
        else:
            assess_all(late, [book])
    away = replace(scene.snapshot, reading=replace(scene.snapshot.reading, value=SPOT * WAD * 11 // 10))
    with pytest.raises(InvalidField, match="is over"):
        assess_all(away, [book])


def test_in_the_averaging_window_an_epoch_lasts_a_minute():
    scene = scene_in(averaging)
    near, far = (Book.of({scene.series(scene.today + day, 3_000): 1}) for day in (0, 8))
    late = replace(scene.snapshot, time=scene.now + 60)
    with pytest.raises(InvalidField, match="it lasts 60 s"):
        assess_all(late, [near])
    with pytest.raises(Reverted):
        scene.risk.assess(3, as_spec(near), scene.now + 60)
    assess_all(late, [far])
    assess_all(replace(scene.snapshot, time=scene.now + 59), [near])


# Many at once


def test_how_many_threads_there_are_changes_nothing():
    scene = scene_in(running_down)
    table = SeriesTable.of(scene.snapshot, scene.risk.markets[3].arrays)
    draw = np.random.default_rng(10)
    counts = draw.integers(0, 33, 3_000)
    places = np.concatenate([np.sort(draw.choice(len(table.series), count, replace=False)) for count in counts])
    many = Books(
        offsets=np.concatenate([[0], np.cumsum(counts)]),
        places=places,
        lots=draw.choice([-7, -1, 2, 9], len(places)),
        units=draw.integers(0, 1_000, len(counts)),
        additions=np.zeros(len(counts), np.int64),
    )
    alone = sums(table, many, threads=1)
    for threads in (2, 3, 7):
        assert np.array_equal(alone, sums(table, many, threads))
    assert np.array_equal(alone, sums(table, many, 2, out=np.full_like(alone, -1)))
    one_by_one = [
        Book.of(book, int(units) * scene.lot) for book, units in zip(unzip(table, many), many.units, strict=True)
    ]
    found = requirements(table, many)
    for place in range(0, len(many), 97):
        assert found[place] == assess_all(scene.snapshot, [one_by_one[place]])[1][0]


def unzip(table, many):
    for first, last in zip(many.offsets[:-1], many.offsets[1:], strict=True):
        series, lots = table.series[many.places[first:last]].tolist(), many.lots[first:last].tolist()
        yield dict(zip(series, lots, strict=True))


def test_no_books_and_empty_books():
    scene = scene_in(fresh)
    table = SeriesTable.of(scene.snapshot, [])
    assert len(requirements(table, Books.of(table, []))) == 0
    empty = requirements(table, Books.of(table, [Book(), Book(5 * WAD)]))
    assert isinstance(empty, Requirements)
    assert (empty[0].worth, empty[0].requirement) == (0, 0)
    assert empty[1].worth == 5 * SPOT * WAD
    # A coin's own scan: 22 % down in logarithm, rounded to lanes of 2**-14.
    assert float(empty[1].requirement / empty[1].worth) == pytest.approx(1 - np.exp(-0.22), abs=2**-13)


# Arrays that are not on chain


def test_an_array_computed_here_is_the_contracts_within_one_unit():
    @given(
        st.sampled_from([fresh, running_down, averaging, wide_scan, another_grid]),
        st.integers(0, 3),
        st.one_of(st.integers(1, 20), st.integers(1_000, 9_000), st.integers(1, 2**20 - 1)),
        st.sampled_from(Kind),
    )
    def close(state, nth, ticks, kind):
        scene = scene_in(state)
        curves = scene.risk.markets[3].curves
        day = sorted(curves)[nth]
        series, snapshot = day << 22 | ticks << 2 | kind, scene.snapshot
        table = SeriesTable.of(replace(snapshot, arrays={}), [series])
        assert table.computed == (series,)
        shock = risk_arrays.tenor_shock(snapshot.parameters.shock, expiry(day) - snapshot.started)
        full = snapshot.scan << 48
        used = full * curves[day].weight >> 14 if curves[day].weight else full
        scan = risk_arrays.Scan(shock, used // 3, full, snapshot.lane_bits)
        word = snapshot.slices[day]
        relative = (ticks * scene.tick << 48) // snapshot.reference
        array = risk_arrays.array(risk_arrays.Kind(kind), relative, risk_arrays.forward_of(word), word, scan)
        right = SeriesTable.of(replace(snapshot, arrays={series: array | snapshot.epoch << 236}), [series])
        assert right.computed == ()
        for name in ("rows", "long_codes", "short_codes"):
            assert np.abs(getattr(table, name).astype(int) - getattr(right, name)).max() <= 1, name
        assert np.array_equal(table.limbs, right.limbs)

    close()


def test_stale_arrays_are_computed_anew_where_they_can_be():
    scene = staged()
    series = scene.series(scene.today + 8, 3_000)
    old = scene.snapshot.arrays[series]
    scene.now += 60
    scene.price(SPOT * 1.05)
    scene.refresh([scene.series(scene.today + 8, 2_700)])
    assert scene.snapshot.arrays[series] == old
    assert SeriesTable.of(scene.snapshot, [series]).computed == (series,)
    elsewhere = scene.series(scene.today + 29, 3_000)
    with pytest.raises(InvalidField, match="no surface of"):
        SeriesTable.of(scene.snapshot, [elsewhere])


def test_words_of_expiries_and_epochs_are_those_of_the_contract():
    for state in (fresh, running_down, averaging):
        scene = scene_in(state)
        snapshot, average = scene.snapshot, scene.oracle.reading.value * 99 // 100
        for day, word in snapshot.slices.items():
            if expiry(day) <= scene.now or word >> 222 & 2**20 - 1 != snapshot.epoch:
                continue
            quoted = scene.oracle.surface[expiry(day)]
            bare = replace(snapshot, slices={}, quoted_at={})
            assert bare.with_slice(quoted, scene.oracle.observed_at, average).slices == {day: word}
    scene = staged()
    before = scene.snapshot
    scene.now += 300
    scene.price(SPOT * 1.03)
    rolled = replace(scene.snapshot, state=before.state).rolled(scene.oracle.surface.values(), scene.oracle.observed_at)
    scene.refresh(grid(scene, (1, 8, 29, 92), (3_000,)))
    after = scene.snapshot
    assert (rolled.epoch, rolled.reference, rolled.started) == (after.epoch, after.reference, after.started)
    assert rolled.slices == after.slices
    with pytest.raises(InvalidField, match="08:00"):
        after.with_slice(replace(scene.oracle.surface[expiry(scene.today + 8)], expiry=FIRST_EXPIRY + 1), scene.now)
    with pytest.raises(InvalidField, match="too old"):
        replace(after, time=after.time + 9_999).rolled([], 0)


def test_a_snapshot_of_another_grid_is_refused():
    snapshot = scene_in(fresh).snapshot
    with pytest.raises(InvalidField, match="tick"):
        replace(snapshot, market=replace(snapshot.market, tick=10**17))
    with pytest.raises(InvalidField, match="lot"):
        replace(snapshot, market=replace(snapshot.market, lot=10**17))
    with pytest.raises(InvalidField, match="refresh a series first"):
        replace(snapshot, state=0)


# Books


@given(st.dictionaries(st.integers(1, 2**36 - 1), quantities(), max_size=MOST_POSITIONS), st.integers(0, 2**94 - 1))
def test_words_of_a_book_are_the_ledgers_and_read_back(held, collateral):
    book = Book.of(held, collateral, requirement=2**56 - 1, addition=7)
    header, words = book.pack()
    assert (header, words) == (as_spec(book).header, as_spec(book).words)
    assert Book.unpack(header, words) == book


@given(st.integers(0, 10**24), st.integers(0, 10**10), st.integers(0, 10**10), st.integers(0, 2**40))
def test_open_risk_is_counted_as_by_the_specification(requirement, before, addition, open_risk):
    scene = staged(days=(8,), strikes=(3_000,))
    scene.risk.markets[3].open_risk = open_risk
    for held in ({}, {scene.series(scene.today + 8, 3_000): 1}):
        book = Book.of(held, requirement=before, addition=addition)
        found = book.counted(requirement, scene.snapshot)
        _, *right = spec.count(scene.risk.markets[3], as_spec(book), requirement)
        assert [found.requirement, found.addition] == right


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        (lambda: Book(positions=((5, 1), (6, 1))), "descending"),
        (lambda: Book(positions=((5, 1), (5, 1))), "descending"),
        (lambda: Book(positions=((5, 0),)), "long or short"),
        (lambda: Book(positions=((5, MOST_LOTS + 1),)), "long or short"),
        (lambda: Book.of(dict.fromkeys(range(1, 34), 1)), "at most 32"),
        (lambda: Book(collateral=-1), "collateral"),
        (lambda: Book.unpack(2, [5 << 28 | 1]), "counts 2 positions"),
        (lambda: books_of([0, 1], [0], [0], [0], [0]), "lots"),
        (lambda: books_of([0, 1], [0], [1], [-1], [0]), "units"),
        (lambda: books_of([0, 1], [0], [1], [MOST_UNITS + 1], [0]), "units"),
        (lambda: books_of([0, 1], [0], [1], [0], [-1]), "additions"),
        (lambda: books_of([0, 2], [1, 0], [1, 1], [0], [0]), "latest expiry first"),
        (lambda: books_of([0, 2], [1, 1], [1, 1], [0], [0]), "latest expiry first"),
        (lambda: books_of([0, 2], [1], [1], [0], [0]), "offsets"),
        (lambda: books_of([0, 1, 0, 1], [1], [1], [0] * 3, [0] * 3), "offsets"),
        (lambda: books_of([0, 33], range(33), [1] * 33, [0], [0]), "at most 32"),
        (lambda: books_of([0, 1], [1], [1], [0, 0], [0]), "units"),
    ],
)
def test_what_no_ledger_holds_is_refused(wrong, match):
    with pytest.raises(InvalidField, match=match):
        wrong()


def test_positions_beyond_the_table_are_refused():
    scene = scene_in(fresh)
    series = scene.series(scene.today + 8, 3_000)
    table = SeriesTable.of(scene.snapshot, [series])
    with pytest.raises(InvalidField, match="table has 1 series"):
        requirements(table, books_of([0, 1], [1], [1], [0], [0]))
    with pytest.raises(InvalidField, match="in none"):
        Books.of(table, [Book.of({scene.series(scene.today + 8, 2_700): 1})])


def test_collateral_counts_up_to_what_the_sums_hold():
    scene = staged(days=(8,), strikes=(3_000,), lot=10**15)
    books = Books.of(SeriesTable.of(scene.snapshot, []), [Book(collateral=(MOST_UNITS + 1) * scene.lot)])
    assert books.units.tolist() == [MOST_UNITS]


def test_the_most_that_a_book_can_hold_is_summed_without_overflow():
    scene = staged(days=(8, 29), strikes=(2_400, 2_700, 3_000, 3_300, 3_600, 3_900), lot=10**15)
    every = sorted(scene.risk.markets[3].arrays)[:MOST_POSITIONS]
    for sign in (1, -1):
        book = Book.of(dict.fromkeys(every, sign * MOST_LOTS), MOST_UNITS * scene.lot)
        found = assess_all(scene.snapshot, [book])[1][0]
        assert astuple(found) == astuple(scene.risk.assess(3, as_spec(book), scene.now))
