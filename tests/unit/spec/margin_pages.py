"""The tables of the margin pages, and a market to compute them from."""

import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.risk_parameters import usual

from peersettle.risk.instruments import Kind, Market, to_day
from peersettle.risk.parameters import Q16, MarketTerms, RiskParameters
from peersettle.spec import requirements
from peersettle.spec.oracle import Reading
from peersettle.spec.oracle_surfaces import Dated, Slice
from peersettle.spec.requirements import LANE_ZERO, Array
from peersettle.spec.risk import Book, Risk
from peersettle.spec.snapshots import DAY
from peersettle.types import WAD, ZERO_ADDRESS, Hash32

DOCS = Path(__file__).parents[3] / "docs"
MARGIN = DOCS / "explanation" / "margin.md"
BETWEEN = DOCS / "explanation" / "why-books-are-charged.md"
LISTING = DOCS / "how-to" / "list-a-market.md"
TYPES = DOCS / "reference" / "types.md"
README = DOCS.parent / "README.md"

ETH = Market(0, "ETH", WAD // 100, WAD)
SPOT_FEED = Hash32(b"\1" * 32)
TERMS = MarketTerms(SPOT_FEED, Hash32(b"\2" * 32), ZERO_ADDRESS, 0, ETH.lot, ETH.tick)
PARAMETERS = usual()
SCAN = (PARAMETERS.scan + PARAMETERS.band) / Q16
YEAR = 365 * DAY
NODES = [k / 3 for k in range(-3, 4)] + [k / 6 for k in (-5, -3, -1, 0, 1, 3, 5)]
"""Spot moves of the 14 scenarios, in scans: volatility up, then down."""
MINUS = "\N{MINUS SIGN}"

# Tables


def table(page, first):
    """The rows of the table whose first column has this heading, as dictionaries by heading."""
    lines = page.read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"| {first} |"))
    heads = cells(lines[start])
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append(dict(zip(heads, cells(line), strict=True)))
    return rows


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def number(text):
    return float(re.sub(r"[,+%*`]", "", text).replace(MINUS, "-"))


def decimals(text):
    return len(text.partition(".")[2].rstrip("%* "))


def assert_says(row, **found):
    """Each cell is the number found, rounded to as many decimals as the cell has."""
    for head, value in found.items():
        text = row[head.replace("_", " ")]
        assert number(text) == pytest.approx(value, abs=0.5000001 * 10.0 ** -decimals(text)), (row, head, value)


EXAMPLE_DAY = to_day("26JUN26")

# A market


@dataclass
class World:
    """An Oracle, Parameters and a backstop at once: one spot price, one flat volatility, no basis."""

    spot: int
    volatility: float
    now: int
    parameters: RiskParameters = PARAMETERS
    averages: dict[int, int] = field(default_factory=dict)

    def read(self, feed):
        return Reading(self.spot * WAD, self.now) if feed == SPOT_FEED else Reading()

    def twap(self, _feed, _start, end):
        return self.averages[end]

    def observed_since(self, _feed, _start):
        return self.spot * WAD * 60, 60, 60

    def surface_slice(self, _feed, expiry):
        variance = round(self.volatility**2 * (expiry - self.now) / YEAR * 10**9)
        return Dated(Slice(expiry, variance, 0, 0, 0, 10**8, 10**9), self.now), None

    def market(self, _market):
        return SimpleNamespace(terms=TERMS)

    def risk_parameters(self, _market, _now):
        return self.parameters

    def capital(self):
        return 10**12 * WAD


@dataclass
class Desk:
    """A market with whatever arrays are asked for."""

    world: World

    def __post_init__(self):
        self.risk = Risk(self.world, self.world, self.world)
        self.risk.refresh(0, [], self.world.now)

    @property
    def snapshot(self):
        return self.risk.markets[0]

    def book(self, text):
        """What `-1 ETH-26JUN26-3000-C, +1 ETH` stands for, its arrays computed."""
        collateral, positions = 0, []
        for item in text.replace(MINUS, "-").split(","):
            quantity, name = item.split()
            lots = round(float(quantity) * 100)
            if name == "ETH":
                collateral = lots * ETH.lot
            else:
                positions.append((ETH.parse(name).series, lots))
        positions.sort(reverse=True)
        self.risk.refresh(0, [series for series, _ in positions], self.world.now)
        return Book(collateral, positions=tuple(positions))

    def assess(self, book):
        return self.risk.assess(0, book, self.world.now)

    def gains(self, book):
        """In each scenario, whole units of settlement currency; a short loses a lane a lot more."""
        units = book.collateral // ETH.lot
        total = [(lane - LANE_ZERO) * units for lane in requirements.lanes_of(self.snapshot.ones)]
        for series, lots in book.positions:
            lanes = Array.of(self.snapshot.arrays[series]).lanes
            total = [gain + (lane - LANE_ZERO) * lots - max(-lots, 0) for gain, lane in zip(total, lanes, strict=True)]
        return [gain * self.world.spot / 2**self.snapshot.lane_bits / 100 for gain in total]

    def charges(self, book):
        """(beside the nodes, volatility, basis, fixed), from the formulas of the page in floating point."""
        by_expiry, by_strike = {}, {}
        for series, lots in book.positions:
            array, quantity = Array.of(self.snapshot.arrays[series]), lots / 100
            moved = [(lane - LANE_ZERO) * quantity * self.world.spot / 2**14 for lane in array.lanes]
            up, down, tilt = by_expiry.get(series >> 22, (0, 0, 0))
            by_expiry[series >> 22] = up + moved[3], down + moved[10], tilt + moved[4] - moved[2]
            if series & 3 != Kind.FORWARD:
                net, long, short = by_strike.get(series >> 2, (0, 0, 0))
                codes = max(long, array.codes[0]), max(short, array.codes[1])
                by_strike[series >> 2] = net + quantity, *codes
        scan = SCAN * self.world.spot
        beside = sum(
            max(net, 0) * long * scan / (63 * 24) + max(-net, 0) * short * scan / 60
            for net, long, short in by_strike.values()
        )
        apart = sum(max(-up, -down, 0) for up, down, _ in by_expiry.values())
        if len(by_expiry) > 1:
            apart += sum(abs(lots) for _, lots in book.positions) / 100 * self.world.spot / 2**14
        together = max(-sum(up for up, _, _ in by_expiry.values()), -sum(down for _, down, _ in by_expiry.values()), 0)
        one = self.world.spot * (math.exp(SCAN / 3) - math.exp(-SCAN / 3))
        tilts = [tilt / one for _, _, tilt in by_expiry.values()]
        offset = sum(map(abs, tilts)) - abs(sum(tilts) + book.collateral / WAD)
        basis = max(offset, 0) * PARAMETERS.basis / Q16 * self.world.spot
        fixed = (len(book.positions) + 2) * 0.5 if book.positions else 0
        return beside, apart - together, basis, fixed


def wad(amount):
    return amount / WAD
