"""Risk and its specification agree to the bit: arrays, snapshots, what books come to, and why calls are refused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.contracts.differential import risk_drawing as drawing
from tests.contracts.differential.risk_drawing import PRICES, books, happen, pool, smile
from tests.contracts.differential.risk_world import MARKETS, Refused, World, stage
from tests.contracts.margin.stage import CALL, DAY, FORWARD, PUT, WAD, YEAR, day_of, series

from peersettle.spec.risk import Book
from peersettle.spec.snapshots import expiry_of

HOUR = 3_600
NEAR = day_of(1_800_000_000) + 4


@pytest.fixture(scope="session")
def risk_stage():
    """Deployed before any example, which undoes what it deploys."""
    return stage()


@pytest.fixture
def world(risk_stage):
    with World.fresh(risk_stage) as fresh:
        yield fresh


def prepared(world, market, left):
    """All arrays of a market computed, so many seconds before the nearest expiry."""
    world.now = expiry_of(NEAR) - left
    world.price(market, PRICES[market])
    for day in drawing.AHEAD:
        world.surface(market, NEAR + day, smile(0.6 + day / 100, (left + day * DAY) / YEAR, 10**9 + day * 10**6))
    for day in drawing.AHEAD:
        assert world.refresh(market, pool(market, NEAR, (day,))) is None


def examine(world, market, book, other):
    """One book by itself, then another's after it has been counted, and both taken out."""
    world.assess(market, other)
    if market in world.spec.markets:  # before that nobody has positions in it
        world.sides(market, book)
    counted = world.commit(market, book)
    if not isinstance(counted, Refused):
        _, before = counted
        book = Book(other.collateral, before.requirement, before.addition, other.positions)
        counted = world.commit(market, book)
    if not isinstance(counted, Refused):
        _, before = counted
        world.forget(market, before)
        world.forget(market, Book(before.collateral, before.requirement, before.addition))


@pytest.mark.parametrize(
    ("market", "left"),
    [
        (0, 30 * HOUR),
        (0, 20 * HOUR),
        (0, 10 * 60),
        (1, 20 * HOUR),
        (1, 40 * 60),
        (2, 2 * HOUR),
        (3, 26 * HOUR),
    ],
)
def test_books(world, examples, market, left):
    """However near the nearest expiry is, whatever has become of prices and surfaces since arrays were computed."""
    prepared(world, market, left)
    events = (
        drawing.waiting,
        drawing.repeating,
        drawing.pricing,
        drawing.losing_surfaces,
        drawing.fixing,
        drawing.fixing,
        drawing.refreshing,
        drawing.doubting,
        drawing.doubting,
    )

    @settings(max_examples=examples(16))
    @given(st.data())
    def agree(data):
        with world.branch() as branch:
            drawing.jumping(data.draw, branch, market, NEAR)
            happen(data.draw, branch, market, NEAR, events, 2)
            for _ in range(2):
                examine(branch, market, data.draw(books(market, NEAR)), data.draw(books(market, NEAR)))

    agree()


def test_epochs(world, examples):
    """From a market that nobody has refreshed on, over any course of prices, surfaces, parameters and time."""
    events = (
        drawing.waiting,
        drawing.pricing,
        drawing.repeating,
        drawing.losing_surfaces,
        drawing.quoting,
        drawing.quoting,
        drawing.observing,
        drawing.fixing,
        drawing.refreshing,
        drawing.refreshing,
        drawing.refreshing,
        drawing.enriching,
        drawing.tightening,
    )

    @settings(max_examples=examples(36))
    @given(st.data())
    def agree(data):
        market = data.draw(st.integers(0, len(MARKETS) - 1))
        left = data.draw(st.sampled_from((26 * HOUR, 2 * HOUR, 31 * 60, 20 * 60, 45)))
        with world.branch() as branch:
            branch.now = expiry_of(NEAR) - left
            if data.draw(st.integers(0, 9)):
                branch.price(market, PRICES[market])
                for day in drawing.AHEAD:
                    branch.surface(market, NEAR + day, smile(0.8, (left + day * DAY) / YEAR))
            for _ in range(3):
                happen(data.draw, branch, market, NEAR, events, 4)
                drawing.refreshing(data.draw, branch, market, NEAR)
            examine(branch, market, data.draw(books(market, NEAR)), data.draw(books(market, NEAR)))

    agree()


def test_the_largest_book(world):
    """32 of the largest positions there can be, and as much collateral as is counted, all on one side and in turn."""
    prepared(world, 0, 30 * HOUR)
    wanted = sorted(pool(0, NEAR), reverse=True)[:32]
    for signs in ([1] * 32, [-1] * 32, [1, -1] * 16):
        positions = tuple((one, sign * drawing.MOST_LOTS) for one, sign in zip(wanted, signs, strict=True))
        book = Book((drawing.MOST_UNITS - 1) * MARKETS[0][0], 0, 0, positions)
        assert not isinstance(world.assess(0, book), Refused)
        world.sides(0, book)


def test_an_epoch_ends_by_price_by_age_by_window_and_by_a_newer_surface(world):
    market, left = 0, 2 * HOUR
    prepared(world, market, left)

    def epochs(*events, day=NEAR):
        with world.branch() as branch:
            before = branch.spec.markets[market].epoch
            for event in events:
                event(branch)
            assert branch.refresh(market, [series(day, 3_000, CALL)]) is None
            return branch.spec.markets[market].epoch - before

    def later(seconds, price=PRICES[0]):
        def wait(branch):
            branch.now += seconds
            branch.price(market, price)

        return wait

    def quoted(day):
        return lambda branch: branch.surface(market, day, smile(0.8, 0.01))

    assert epochs(later(60)) == 0
    assert epochs(later(60, PRICES[0] * 103 // 100)) == 1
    assert epochs(later(1_800)) == 1
    assert epochs(later(60), quoted(NEAR)) == 0  # this epoch has the expiry's surface
    assert epochs(later(60), quoted(NEAR + 2), day=NEAR + 2) == 1
    assert epochs(quoted(NEAR + 2), later(60), day=NEAR + 2) == 0  # of the same time as the others
    with world.branch() as branch:
        branch.now = expiry_of(NEAR) - 1_700
        branch.surface(market, NEAR, smile(0.8, 1_700 / YEAR))
        for seconds, rolls in ((0, 1), (59, 0), (1, 1)):
            branch.now += seconds
            branch.price(market, PRICES[0])
            before = branch.spec.markets[market].epoch
            assert branch.refresh(market, [series(NEAR, 3_000, CALL)]) is None
            assert branch.spec.markets[market].epoch - before == rolls


def test_what_is_refused(world):
    """Each reason once, so that no test above agrees on nothing but success."""
    book = Book(WAD, 0, 0, ((series(NEAR, 3_000, PUT), -5),))
    world.now = expiry_of(NEAR) - 2 * HOUR
    assert world.assess(0, book) == Refused("market")
    assert world.fix(0, NEAR) == Refused("market")
    assert world.refresh(9, []) == world.refresh(64, []) == Refused("market")
    assert world.refresh(0, []) == Refused("feed")
    assert world.sides(0, Book(WAD)) == (0, 0)
    prepared(world, 0, 2 * HOUR)
    assert world.refresh(0, [series(NEAR, 3_000, 3)]) == Refused("series")
    assert world.refresh(0, [series(NEAR, 0, FORWARD)]) == Refused("series")
    assert world.refresh(0, [series(2**14 - 1, 3_000, CALL)]) == Refused("series")
    assert world.refresh(0, [1 << 36]) == Refused("series")
    assert world.refresh(0, [series(NEAR + 3, 3_000, CALL)]) == Refused("surface")
    assert world.forget(0, book) == Refused("positions")
    assert world.fix(0, NEAR) == Refused("unexpired")
    assert world.fix(0, 1 << 14) == Refused("unexpired")
    assert world.fix(0, NEAR - 1) == Refused("unobserved")
    world.average(0, NEAR - 1, WAD)
    assert world.fix(0, NEAR - 1) == WAD
    assert world.fix(0, NEAR - 1) == Refused("fixed")
    assert world.fix(0, NEAR - 8) == PRICES[0]  # the last price, when there was no average for a week
    unknown = Book(0, 0, 0, ((series(NEAR, 3_001, PUT), -5),))
    assert world.assess(0, unknown) == Refused("array")
    world.no_surface(0, NEAR)
    assert world.assess(0, unknown) == Refused("array")
    assert world.assess(0, book).status == 0
    world.price(0, PRICES[0] * 11 // 10)
    assert world.assess(0, book) == Refused("epoch")
    world.now = expiry_of(NEAR) - 30
    world.price(0, PRICES[0])
    assert world.assess(0, book) == Refused("epoch")
    world.now = expiry_of(NEAR) + 1
    world.price(0, PRICES[0])
    assert world.refresh(0, [series(NEAR, 3_000, CALL)]) == Refused("surface")
    world.surface(0, NEAR, smile(0.8, 0.01), age=2)
    assert world.refresh(0, [series(NEAR, 3_000, CALL)]) == Refused("matured")
    assert world.on_chain("commit", (0, 0, [])) == Refused("ledger")
    assert world.on_chain("forget", (0, 0)) == Refused("ledger")
    assert world.on_chain("fix", (0, NEAR)) == Refused("ledger")
    assert world.on_chain("doubt", (0, True)) == Refused("auction")


def test_what_is_doubtful_margins_its_own_market_alone(world):
    """Gains that nobody but accounts in run-off owes are needed in full, however high the cap is."""
    prepared(world, 0, 30 * HOUR)
    book = Book(0, 0, 0, ((series(NEAR, 1_500, CALL), 400),))
    free = world.assess(0, book)
    gains = free.worth
    assert free.maintenance < gains
    for doubtful in (0, 1, WAD, gains - free.requirement, gains, 2 * gains):
        world.doubt(0, True, doubtful)
        found = world.assess(0, book)
        assert found.maintenance == min(gains, free.requirement + doubtful)
        assert found.worth == gains
    world.doubt(0, False, gains)
    assert world.assess(0, book) == free
