"""What hides between and beyond the scenarios is what the page on it says."""

import math
import random
import re
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from scipy.optimize import linprog
from tests.unit.spec.margin_pages import (
    BETWEEN,
    EXAMPLE_DAY,
    SCAN,
    YEAR,
    Desk,
    World,
    assert_says,
    cells,
    number,
    table,
    wad,
)

from peersettle.pricing import black76
from peersettle.risk.instruments import Kind
from peersettle.risk.parameters import Q16
from peersettle.spec import risk_arrays
from peersettle.spec.requirements import LANE_ZERO, Array
from peersettle.spec.risk import Book
from peersettle.spec.snapshots import DAY, expiry_of

BOOKS = 4_000
REGIONS = ("up", "down", "rim")


@dataclass
class Grid:
    """Calls and puts of one expiry, and what one of each gains in the scenarios and everywhere else, in dollars."""

    left: int
    volatility: float

    def __post_init__(self):
        self.world = World(3_000, self.volatility, expiry_of(EXAMPLE_DAY) - self.left)
        self.desk = Desk(self.world)
        reach = np.linspace(-1.3, 1.3, 27) * SCAN
        self.strikes = sorted({round(300 * math.exp(x)) * 10 for x in reach})
        self.series = [EXAMPLE_DAY << 22 | k << 2 | kind for k in self.strikes for kind in (Kind.CALL, Kind.PUT)]
        self.desk.risk.refresh(0, self.series, self.world.now)
        snapshot = self.desk.snapshot
        self.unit = 3_000 / 2**snapshot.lane_bits
        arrays = [Array.of(snapshot.arrays[one]) for one in self.series]
        self.lanes = np.array([array.lanes for array in arrays]).T * self.unit - LANE_ZERO * self.unit
        self.codes = np.array([array.codes for array in arrays]) * SCAN * 3_000 / np.array([63 * 24, 60])
        variance = round(self.volatility**2 * self.left / YEAR * 10**9) / 10**9
        self.deviation = math.sqrt(variance)
        self.shock = risk_arrays.tenor_shock(snapshot.shock, self.left) / Q16

    def truth(self, moves, shocks):
        """Gains at spot moves (in scans) and shocks of volatility (in shocks): points by options."""
        x, shock = (grid.reshape(-1, 1) for grid in np.meshgrid(moves, shocks, indexing="ij"))
        strikes = np.array(self.strikes, float)
        found = []
        for is_call in (True, False):
            moved = self.deviation * (1 + self.shock * shock)
            after = black76.price(3_000 * np.exp(x * SCAN), strikes, 1.0, moved, is_call)
            found.append(after - black76.price(3_000.0, strikes, 1.0, self.deviation, is_call))
        return np.stack(found, axis=2).reshape(len(x), -1)

    def scenarios(self, books):
        """The worst of 14, books by options in, never less than nothing."""
        short = np.maximum(-books, 0).sum(axis=1, keepdims=True)
        return np.maximum(-(books @ self.lanes.T - short * self.unit).min(axis=1), 0)

    def beside(self, books):
        """The charges on the net at each strike."""
        net = books[:, 0::2] + books[:, 1::2]
        long, short = (np.where(books != 0, codes, 0).reshape(len(books), -1, 2).max(axis=2) for codes in self.codes.T)
        return (np.maximum(net, 0) * long + np.maximum(-net, 0) * short).sum(axis=1)

    def losses(self, books):
        """The worst loss with volatility up and spot anywhere in the scan; with volatility anywhere from down to
        up and spot within 5/6 of the scan; the same at the rim; and a third of that at twice the scan."""
        inner, rim = np.linspace(-5 / 6, 5 / 6, 101), np.linspace(5 / 6, 1, 11)
        shocks = np.array([-1, -0.5, 0, 0.5, 1])
        points = {
            "up": self.truth(np.linspace(-1, 1, 121), np.array([1.0])),
            "down": self.truth(inner, shocks),
            "rim": self.truth(np.concatenate([-rim, rim]), shocks),
            "beyond": self.truth(np.array([-2.0, 2.0]), np.array([1.0])) / 3,
        }
        return {name: np.maximum(-(books @ gains.T).min(axis=1), 0) for name, gains in points.items()}


def random_books(grid, seed):
    """Half of them two to six legs at random, half butterflies and condors, long and short."""
    chance, strikes = random.Random(seed), len(grid.strikes)
    books = np.zeros((BOOKS, 2 * strikes))
    for i, book in enumerate(books):
        if i % 2:
            for column in chance.sample(range(2 * strikes), chance.randint(2, 6)):
                book[column] = chance.choice([-3, -2, -1, 1, 2, 3])
            continue
        low, high = sorted(chance.sample(range(strikes), 2))
        kind, sign, step = chance.randint(0, 1), chance.choice([-1, 1]), chance.randint(1, max(1, (high - low) // 2))
        for strike, quantity in ((low, 1), (low + step, -1), (high - step, -1), (high, 1)):
            book[2 * strike + kind] += sign * quantity
    return books[np.abs(books).sum(axis=1) > 0]


def hidden(grid, books):
    """By region: the largest loss beyond the worst scenario, beyond scenarios and charges, and beyond initial margin,
    in percent of the spot for each option of the book."""
    size = np.abs(books).sum(axis=1) * 3_000
    scenarios, beside = grid.scenarios(books), grid.beside(books)
    found = {}
    for region, loss in grid.losses(books).items():
        levels = scenarios, scenarios + beside, 1.3 * (scenarios + beside)
        found[region] = [100 * (np.maximum(loss - asked, 0) / size).max() for asked in levels]
    return found


@cache
def measured(hours, volatility):
    grid = Grid(round(hours * 3_600), volatility / 100)
    return hidden(grid, random_books(grid, seed=hours))


def test_what_is_measured_is_the_specifications_own_requirement():
    grid = Grid(7 * DAY, 0.8)
    books = random_books(grid, seed=1)[:20]
    for book, asked in zip(books, grid.scenarios(books) + grid.beside(books), strict=True):
        legs = [(series, round(lots * 100)) for series, lots in zip(grid.series, book, strict=True) if lots]
        found = grid.desk.assess(Book(positions=tuple(sorted(legs, reverse=True))))
        fixed = (len(legs) + 2) * 0.5
        assert wad(found.requirement) - fixed == pytest.approx(asked, abs=0.01)


def test_what_hides_between_and_beyond_the_nodes():
    rows = table(BETWEEN, "hours left")
    assert len(rows) >= 6
    for row in rows:
        found = measured(int(number(row["hours left"])), number(row["volatility"]))
        for region in ("up", "down", "rim", "beyond"):
            bare, charged, _ = found[region]
            assert_says(row, **{f"{region}, bare": bare, f"{region}, charged": charged})
        assert_says(row, **{"scan, initial": max(found[region][2] for region in REGIONS)})
        assert_says(row, **{"beyond, initial": found["beyond"][2]})


def test_what_the_page_makes_of_the_table():
    rows = table(BETWEEN, "hours left")
    found = [measured(int(number(row["hours left"])), number(row["volatility"])) for row in rows]
    largest = {region: [max(each[region][level] for each in found) for level in range(3)] for region in found[0]}
    assert largest["up"][0] > 0.3
    assert largest["up"][1] < 0.005
    assert [largest[region][1] < limit for region, limit in (("down", 0.8), ("rim", 4), ("beyond", 1))] == [True] * 3
    assert max(largest[region][2] for region in REGIONS) < 0.1
    assert largest["beyond"][0] > 8
    assert largest["beyond"][2] < 0.6


def worst_of_all(grid, points, factor):
    """The most that any book hides at one of these points, per option and in percent of spot, when asked for
    scenarios and charges times a factor: a linear program over longs and shorts of each option."""
    count, worst = len(grid.series), 0.0
    codes = grid.codes.reshape(-1, 2, 2).max(axis=1)  # of a strike's two options, when both are held
    strikes = len(codes)
    asked = np.vstack([-grid.lanes.T, grid.lanes.T + grid.unit, np.zeros((2 * strikes, 14)), -np.ones((1, 14))]).T
    size = np.concatenate([np.ones(2 * count), np.zeros(2 * strikes + 1)])
    net = np.zeros((strikes, len(size)))
    for strike in range(strikes):
        for option in (2 * strike, 2 * strike + 1):
            net[strike, [option, count + option]] = 1, -1
        net[strike, [2 * count + strike, 2 * count + strikes + strike]] = -1, 1
    for gains in points:
        costs = np.concatenate([gains, -gains, factor * codes[:, 0], factor * codes[:, 1], [factor]])
        limits = np.concatenate([np.zeros(14), [1]])
        found = linprog(costs, np.vstack([asked, size]), limits, net, np.zeros(strikes))
        assert found.fun is not None, found.message
        worst = max(worst, -found.fun)
    return worst / 30


def made_for_it(grid):
    """What a book made for it hides with volatility down within the scan, from the requirement and from initial
    margin, and with volatility up at twice the scan."""
    rows = (np.arange(-25, 26, 2) / 30, [-1.0, -0.9, 0.9, 1.0])
    inside = np.concatenate([grid.truth(np.array(moves), np.array([-1.0])) for moves in rows])
    outside = grid.truth(np.array([-2.0, 2.0]), np.array([1.0])) / 3
    return [worst_of_all(grid, points, factor) for points in (inside, outside) for factor in (1, 1.3)]


def test_what_a_book_made_for_it_could_hide():
    rows = table(BETWEEN, "hours before expiry")
    assert len(rows) >= 4
    heads = [head for head in rows[0] if head != "hours before expiry"]
    assert len(heads) == 4
    for row in rows:
        grid = Grid(round(number(row["hours before expiry"]) * 3_600), 0.8)
        assert_says(row, **dict(zip(heads, made_for_it(grid), strict=True)))


def extreme_third(desk, book):
    """A third of the loss at twice the scan with volatility up, in dollars."""
    spot, loss = desk.world.spot, 0.0
    for way in (-2, 2):
        gain = 0.0
        for series, lots in book.positions:
            strike, is_call = series >> 2 & (1 << 20) - 1, series & 3 == Kind.CALL
            left = expiry_of(series >> 22) - desk.world.now
            deviation = desk.world.volatility * math.sqrt(left / YEAR)
            up = 1 + risk_arrays.tenor_shock(desk.snapshot.shock, left) / Q16
            after = black76.price(spot * math.exp(way * SCAN), strike, 1.0, deviation * up, is_call)
            gain += lots / 100 * float(after - black76.price(spot, strike, 1.0, deviation, is_call))
        loss = max(loss, -gain)
    return loss / 3


def test_one_payoff_is_asked_for_once():
    """A strangle sold out of the money and in the money: the same payoff but for a constant, and the same charge."""
    rows = table(BETWEEN, "book")
    asked, extremes = [], []
    for row in rows:
        desk = Desk(World(3_000, 0.8, expiry_of(EXAMPLE_DAY) - 3_600))
        book = desk.book(row["positions"])
        found = desk.assess(book)
        assert_says(row, scenarios=max(0.0, -min(desk.gains(book))), beside=desk.charges(book)[0])
        assert_says(row, requirement=wad(found.requirement), initial=wad(found.initial))
        assert_says(row, **{"a third at twice the scan": extreme_third(desk, book)})
        asked.append(wad(found.requirement))
        extremes.append(extreme_third(desk, book))
    assert asked[0] == pytest.approx(asked[1], abs=2 * 3_000 / 2**14)
    assert extremes[0] == pytest.approx(extremes[1], abs=0.01)
    assert asked[1] > extremes[1]
    assert asked[2] < extremes[2]


def test_either_of_call_and_put_bears_one_charge():
    """Within a unit of the code: prices are rounded, and parity holds but for that."""
    for hours in (1, 24, 720):
        desk = Desk(World(3_000, 0.8, expiry_of(EXAMPLE_DAY) - hours * 3_600))
        for strike in range(1_800, 4_801, 100):
            pair = [EXAMPLE_DAY << 22 | strike << 2 | kind for kind in (Kind.CALL, Kind.PUT)]
            desk.risk.refresh(0, pair, desk.world.now)
            call, put = (Array.of(desk.snapshot.arrays[one]).codes for one in pair)
            assert call[0] == put[0]
            assert abs(call[1] - put[1]) <= 1


def test_the_text_repeats_numbers_of_the_tables():
    lines = BETWEEN.read_text().splitlines()
    shown = {cell for line in lines if line.startswith("|") for cell in cells(line)}
    said = set(re.findall(r"\d+\.\d\d(?!\d)", " ".join(line for line in lines if not line.startswith("|"))))
    assert len(said) >= 7
    assert said <= shown
