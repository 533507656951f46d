"""What gains count for while an account in run-off owes, in the mirror and an appraisal: as the specification says."""

import random
from dataclasses import dataclass, field, replace
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.risk.scene import EXAMPLES, grid, staged

from peersettle.bindings.auction import AuctionQuote
from peersettle.keeper.appraisal import Buyer, Limits, Obstacle
from peersettle.keeper.doubts import Doubts, doubtful, in_run_off, under_doubt
from peersettle.keeper.mirror import Mirror
from peersettle.risk.books import Book, SeriesTable
from peersettle.risk.instruments import Kind, expiry
from peersettle.risk.margin import MarginAccount, health
from peersettle.spec import risk as spec
from peersettle.spec.run_offs import RunOffs
from peersettle.types import WAD

MARKET = 3
CASH = 5 * 10**5 * WAD


@dataclass
class Ledger:
    """Books and open interest, as the specification of run-offs reads them."""

    margins: dict[int, MarginAccount] = field(default_factory=dict)
    open_interest: dict[tuple[int, int], int] = field(default_factory=dict)

    def head(self, account):
        return SimpleNamespace(markets=tuple(self.margins[account].books))

    def book(self, account, market):
        return as_spec(self.margins[account].books[market])


def as_spec(book):
    return spec.Book(book.collateral, book.requirement, book.addition, book.positions)


def drawn(draw, series, most=8):
    held = draw.sample(series, draw.randint(1, most))
    lots = {item: draw.choice([-1, 1]) * draw.choice([1, 40, 3_000, 60_000]) for item in held}
    return Book.of(lots, draw.choice([0, 0, 7 * WAD]), addition=draw.randint(0, 10**6))


class World:
    """A market with two accounts in run-off, at a price that has moved since the strikes were chosen."""

    def __init__(self, seed, price, *, later=False):
        draw = random.Random(seed)
        self.scene, self.ledger = staged(), Ledger()
        days = [self.scene.today + day for day in (1, 8, 29, 92)]
        self.series = grid(self.scene, (1, 8, 29, 92), (2_400, 2_700, 3_000, 3_300, 3_600))
        if later:
            self.scene.now = expiry(days[0]) + 100
        self.scene.price(price)
        self.scene.surface([day for day in days if expiry(day) > self.scene.now])
        self.scene.refresh([item for item in self.series if expiry(item >> 22) > self.scene.now])
        if later:
            self.scene.risk.fix(MARKET, days[0], self.scene.now)
        self.snapshots = {MARKET: self.scene.snapshot}
        ledger: Any = self.ledger
        run_offs = self.run_offs = RunOffs(ledger, ledger, self.scene.risk)
        self.scene.risk.auction = run_offs
        for account in (1, 2):
            self.ledger.margins[account] = MarginAccount(-CASH, {MARKET: drawn(draw, self.series, 20)})
        for series in self.series:
            self.ledger.open_interest[MARKET, series] = draw.choice([0, 50, 5_000, 90_000])
        for account in (1, 2):
            run_offs.count(account)
        payers = in_run_off(self.ledger.margins)[MARKET]
        totals = {series: self.ledger.open_interest[MARKET, series] for series, _ in payers}
        self.doubts = {MARKET: Doubts(payers, totals)}

    def wanted(self, book):
        """As the specification assesses it."""
        return self.scene.risk.assess(MARKET, as_spec(book), self.scene.now)

    def found(self, account):
        return under_doubt(health(account, self.snapshots), account, self.snapshots, self.doubts)

    def gainer(self, lots=60_000):
        """Who is long of calls that nobody but those in run-off owes, and so far has gained."""
        doubts = self.doubts[MARKET]
        calls = [
            series
            for series, is_long in doubts.payers
            if not is_long and series & 3 == Kind.CALL and expiry(series >> 22) > self.scene.now
        ]
        return Book.of({max(calls, key=lambda series: Fraction(*doubts.part(series, True))): lots})


CALM, RICH, LATER = World(5, 3_200), World(5, 6_000), World(5, 3_200, later=True)
worlds = pytest.mark.parametrize("world", [CALM, RICH, LATER], ids=["calm", "rich", "later"])


def test_what_is_counted_is_what_the_specification_counts():
    counted = {(MARKET, *place): lots for place, lots in CALM.doubts[MARKET].payers.items()}
    assert counted == CALM.run_offs.payers


@worlds
@settings(max_examples=min(EXAMPLES, 60), deadline=None)
@given(seed=st.integers(0, 2**32))
def test_an_account_is_judged_as_the_specification_judges_it(world, seed):
    book = drawn(random.Random(seed), world.series)
    account, wanted = MarginAccount(CASH, {MARKET: book}), world.wanted(book)
    table = SeriesTable.of(world.snapshots[MARKET], [series for series, _ in book.positions])
    spec_doubtful = world.run_offs.doubtful(MARKET, book.positions, world.scene.now)
    assert doubtful(table, book, world.doubts[MARKET]) == spec_doubtful
    found = world.found(account)
    assert found.markets[MARKET] == wanted
    assert (found.equity, found.maintenance, found.initial) == (CASH + wanted.worth, wanted.maintenance, wanted.initial)


@worlds
@settings(max_examples=min(EXAMPLES, 30), deadline=None)
@given(seed=st.integers(0, 2**32))
def test_the_mirror_estimates_it_too(world, seed):
    draw, mirror = random.Random(seed), Mirror({MARKET: world.scene.lot})
    books = [*(drawn(draw, world.series) for _ in range(20)), Book.of({}), world.gainer(), world.gainer(3_000)]
    for account, book in enumerate(books):
        mirror.put(account, MarginAccount(CASH, {MARKET: book}))
    scan = mirror.scan({MARKET: SeriesTable.of(world.snapshots[MARKET], world.series)}, doubts=world.doubts)
    for account, book in enumerate(books):
        wanted = world.wanted(book)
        figures = [scan.maintenance[account], scan.initial[account]]
        assert figures == pytest.approx([wanted.maintenance / WAD, wanted.initial / WAD], rel=1e-9, abs=1e-6)


@worlds
def test_what_only_they_owe_margins_nothing_else(world):
    book = world.gainer(3_000)
    account = MarginAccount(CASH, {MARKET: book})
    assert world.found(account).markets[MARKET] == world.wanted(book)
    assert world.wanted(book).initial > health(account, world.snapshots).initial


def test_who_margins_another_market_with_doubtful_gains_is_found_below():
    """Without the doubts the mirror would take it for sound."""
    book = CALM.gainer()
    sound, doubted = health(MarginAccount(0, {MARKET: book}), CALM.snapshots), CALM.wanted(book)
    assert doubted.maintenance > sound.maintenance
    between = -sound.equity + (sound.maintenance + doubted.maintenance) // 2
    mirror = Mirror({MARKET: CALM.scene.lot})
    mirror.put(1, MarginAccount(between, {MARKET: book}))
    tables = {MARKET: SeriesTable.of(CALM.snapshots[MARKET], CALM.series)}
    assert mirror.scan(tables).below(0.0) == []
    assert mirror.scan(tables, doubts=CALM.doubts).below(0.0) == [1]


def test_a_purchase_for_which_only_doubtful_gains_would_stand_is_not_made():
    """The contract would refuse it: `margin`."""
    here = RICH.snapshots[MARKET]
    elsewhere = replace(here, market=replace(here.market, number=4))
    series = RICH.scene.series(RICH.scene.today + 29, 3_600)
    sold = MarginAccount(10**4 * WAD, {4: Book.of({series: -100})})
    there = health(sold, {4: elsewhere})
    quote = AuctionQuote(there.equity, there.maintenance, there.initial, WAD // 2, WAD // 20, WAD // 50)
    own = {0: MarginAccount(0, {MARKET: RICH.gainer(3_000)})}

    def obstacles(doubts):
        snapshots = {MARKET: here, 4: elsewhere}
        (offer,) = Buyer(own, snapshots, Limits(10**9 * WAD, 0), WAD, RICH.scene.now, doubts).offers(sold, quote)
        return offer.obstacles

    assert obstacles({}) == ()
    assert obstacles(RICH.doubts) == (Obstacle.MARGIN,)


def test_where_nobody_owes_nothing_is_doubtful():
    book = CALM.gainer()
    account = MarginAccount(CASH, {MARKET: book})
    found = health(account, CALM.snapshots)
    assert under_doubt(found, account, CALM.snapshots, {}) == found
    assert under_doubt(found, account, CALM.snapshots, {MARKET: Doubts()}) == found
