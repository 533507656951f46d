"""The pages on margin say what the specification computes, number by number."""

import math
import re
from dataclasses import replace
from functools import cache

import pytest
from tests.unit.spec.margin_pages import (
    ETH,
    EXAMPLE_DAY,
    LISTING,
    MARGIN,
    MINUS,
    NODES,
    PARAMETERS,
    README,
    SCAN,
    TYPES,
    YEAR,
    Desk,
    World,
    assert_says,
    cells,
    number,
    table,
    wad,
)

from peersettle.config.market import load_market
from peersettle.pricing import black76
from peersettle.risk.instruments import CASH_ID, Kind, Market, to_day
from peersettle.risk.parameters import FIELDS, Q16
from peersettle.spec import requirements, risk_arrays
from peersettle.spec.expiries import SimplePool
from peersettle.spec.ledger import Ledger
from peersettle.spec.parameters import ParametersSpec
from peersettle.spec.requirements import Array
from peersettle.spec.risk import Book
from peersettle.spec.snapshots import DAY, FINE_SCAN, expiry_of
from peersettle.types import WAD, ZERO_ADDRESS, Address

# The worked example


@pytest.fixture(scope="module")
def example():
    """ETH at 3000, all volatilities 80 %, 30 days before 26 June 2026."""
    return Desk(World(3_000, 0.8, expiry_of(EXAMPLE_DAY) - 30 * DAY))


def test_the_example_has_the_parameters_that_the_page_names():
    text = MARGIN.read_text()
    for name, value in PARAMETERS.to_percentages().items():
        written = str(round(float(value), 1)).removesuffix(".0")
        assert f"`{name} = {written}`" in text


def test_the_scenarios(example):
    call = example.book("-1 ETH-26JUN26-3000-C")
    ether = Book(WAD)
    both = replace(call, collateral=WAD)
    rows = table(MARGIN, "scenario")
    assert len(rows) == 14
    for lane, row in enumerate(rows):
        assert row["volatility"] == ("up" if lane < 7 else "down")
        spot = 3_000 * math.exp(NODES[lane] * SCAN)
        assert_says(row, spot=spot, spot_move=NODES[lane] * SCAN * 100)
        columns = {"short call": call, "1 ETH": ether, "both": both}
        for head, book in columns.items():
            assert_says(row, **{head: example.gains(book)[lane]})
    worst = min(range(14), key=lambda lane: example.gains(both)[lane])
    assert [lane for lane, row in enumerate(rows) if row["both"].startswith("**")] == [worst]


def test_the_books(example):
    rows = table(MARGIN, "book")
    assert len(rows) >= 9
    for row in rows:
        book = example.book(row["positions"])
        found = example.assess(book)
        beside, volatility, basis, fixed = example.charges(book)
        worst = max(0.0, -min(example.gains(book)))
        assert worst + beside + volatility + basis + fixed == pytest.approx(wad(found.requirement), abs=0.02)
        assert_says(
            row,
            worth=wad(found.worth),
            scenarios=worst,
            beside=beside,
            volatility=volatility,
            basis=basis,
            fixed=fixed,
            requirement=wad(found.requirement),
            initial=wad(found.initial),
        )


def test_the_formulas_of_the_charges(example):
    """Codes are rounded up: a long's in 63rds of a 24th of the scan, a short's in 60ths of it."""
    text = MARGIN.read_text()
    assert "| S · min(h/4, 0.05 · h²/(\N{GREEK SMALL LETTER SIGMA}√T)) |" in text
    assert (
        "| of its strike's call and put the one out of the money: the larger of S · scan/15, and a third of its loss "
        "at twice the scan less its loss at the scan's end |" in text
    )
    h = SCAN / 6
    for day, years in (("26JUN26", 30 / 365), ("28MAY26", 1 / 365)):
        deviation = 0.8 * math.sqrt(years)
        shock = 1 + risk_arrays.tenor_shock(example.snapshot.shock, round(years * YEAR)) / Q16
        for strike in (2_400, 2_700, 3_000, 3_300, 3_600, 3_900):
            is_call = strike >= 3_000  # out of the money
            way = SCAN if is_call else -SCAN
            for letter in "CP":
                book = example.book(f"+1 ETH-{day}-{strike}-{letter}")
                long, short = Array.of(example.snapshot.arrays[book.positions[0][0]]).codes
                assert 0 <= long / (63 * 24) * SCAN - min(h / 4, h * h / (20 * deviation)) < SCAN / (63 * 24)
                now, end, extreme = (
                    float(
                        black76.price(math.exp(k * way), strike / 3_000, 1.0, deviation * (shock if k else 1), is_call)
                    )
                    for k in (0, 1, 2)
                )
                asked = max(SCAN / 15, (extreme - now) / 3 - (end - now))
                assert -1e-6 <= short / 60 * SCAN - asked < SCAN / 60 + 1e-6


def test_the_run_down():
    """A call sold for 26 June, covered by one that expires on 28 May: what the page's hours ask for."""
    legs = "-1 ETH-26JUN26-3000-C, +1 ETH-28MAY26-3000-C"
    rows = table(MARGIN, "hours left")
    for row in rows:
        left = round(number(row["hours left"]) * 3_600)
        desk = Desk(World(3_000, 0.8, expiry_of(to_day("28MAY26")) - left, replace(PARAMETERS, position_charge=0)))
        book = desk.book(legs)
        alone = wad(desk.assess(replace(book, positions=book.positions[:1])).requirement)
        weight = (DAY - left) / DAY
        found = wad(desk.assess(book).requirement)
        without_ramp = sum(desk.charges(book)[:3]) + max(0.0, -min(desk.gains(book)))
        assert found == pytest.approx(max(without_ramp, weight * alone), abs=0.02)
        assert_says(row, together=without_ramp, weight=weight, alone=alone, requirement=found)
    assert len({row["requirement"] for row in rows}) == len(rows) >= 4


def test_the_addition_for_open_risk(example):
    rows = table(MARGIN, "open risk before")
    for row in rows:
        before, grows = (round(number(row[head]) * 10**4) for head in ("open risk before", "requirement grows by"))
        snapshot = replace(example.snapshot, open_risk=before)
        book = Book(positions=((1, 1),))
        _, _, addition = requirements.count(snapshot, book, grows * requirements.UNIT)
        assert_says(row, addition=addition / 10**4)
    assert len(rows) >= 3


def test_the_text_repeats_numbers_of_the_tables():
    lines = MARGIN.read_text().splitlines()
    shown = {cell.strip("*") for line in lines if line.startswith("|") for cell in cells(line)}
    said = set(re.findall(r"\d[\d,]*\.\d\d(?!\d)", " ".join(line for line in lines if not line.startswith("|"))))
    assert f"the scan is over {FINE_SCAN / Q16:.2f}" in " ".join(lines)
    calculated_elsewhere = {"0.25", "104.79", "79.37", "5.86", "263.16", "318.30", "22.50"}
    assert said >= calculated_elsewhere
    assert {number.replace(MINUS, "") for number in said} - calculated_elsewhere <= {
        cell.removeprefix(MINUS) for cell in shown
    }


def test_the_readme_repeats_requirements_of_the_books():
    rows = {row["book"]: row["requirement"] for row in table(MARGIN, "book")}
    text = " ".join(README.read_text().split())
    assert (
        f"a call at 3000 requires {rows['short call']} when it is sold naked, {rows['covered call']} together with the "
        f"ETH that covers it; a box requires {rows['box, bought']}." in text
    )


# The expiry


def test_the_expiry():
    """Four payers and two receivers of one series, each in its own way, in either order."""
    rows = table(MARGIN, "account")
    for order in (rows, rows[::-1]):
        settle_the_table(order)


def settle_the_table(rows):
    at = expiry_of(EXAMPLE_DAY)
    world = World(3_300, 0.8, at - DAY, averages={at: 3_300 * WAD})
    desk = Desk(world)
    series, forward = (ETH.parse(f"ETH-{name}").series for name in ("26JUN26-3000-C", "26SEP26-2500-F"))
    desk.risk.refresh(0, [forward, series], world.now)
    pool = SimplePool(1 << 200, loan_limit=1_000 * WAD, reserve_limit=90 * WAD)
    ledger = Ledger(
        ZERO_ADDRESS, desk.risk, ParametersSpec(ZERO_ADDRESS, DAY, DAY), pool, ZERO_ADDRESS, ZERO_ADDRESS, 1
    )
    accounts, expiries = ledger.accounts, ledger.expiries
    accounts.pay(pool.account, 10_000 * WAD)
    owners = [number << 96 for number in range(1, len(rows) + 1)]
    for account, row in zip(owners, rows, strict=True):
        accounts.pay(account, round(number(row["cash before"])) * WAD)
        accounts.enter(account, 0)
        accounts.add_collateral(account, 0, round(number(row["ETH before"])) * WAD)
        grown = accounts.add(account, 0, series, round(number(row["calls"]) * 100))
        expiries.open_interest[0, series] = expiries.open_interest.get((0, series), 0) + grown
        if "forward" in row["account"]:
            accounts.add(account, 0, forward, 100)
    for later in (60, 60 + DAY):
        world.now = at + later
        desk.risk.refresh(0, [forward], world.now)
        if later == 60:
            ledger.fix(0, EXAMPLE_DAY, world.now)
        for account in owners:
            ledger.expire(Address(f"0x{account >> 96:040x}"), [account], 1, world.now)
    for account, row in zip(owners, rows, strict=True):
        book = accounts.book(account, 0)
        assert series not in dict(book.positions)
        assert_says(row, **{"cash after": wad(accounts.cash(account)), "ETH after": wad(book.collateral)})
    text = " ".join(MARGIN.read_text().split())
    assert f"in proportion, {(180 - 90) / 4:.2f} a call" in text
    assert f"the shortfall is {wad(expiries.pots[0, series].shortfall):.0f}." in text
    assert f"had reserved 90, which covers {wad(pool.released[0, EXAMPLE_DAY]):.0f}." in text


# The comparison


def bisected(f, low, high):
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if f(middle) < 0 else (low, middle)
    return low


@cache
def comparison():
    """Spot and strike 1500 at 104.79 %, as long before an expiry as Derive's two figures imply."""
    mark = 191.87 - 0.075 * 1_500
    years = bisected(lambda t: float(black76.price(1_500.0, 1_500.0, t, 1.0479, True)) - mark, 0.001, 0.1)
    return Desk(World(1_500, 1.0479, expiry_of(EXAMPLE_DAY) - round(years * YEAR))), years * 365


def standard(desk, book):
    """What the published standard margin asks for in cash, by its formula: (maintenance, initial).

    In units of the underlying, a short call: mark + 0.075, and mark + max(0.15 - out of the money / spot, 0.1); a
    short put: mark + max(0.075, 0.075 · mark), and the same initial unless maintenance is more. Longs offset nothing.
    """
    spot = desk.world.spot
    totals = [-book.collateral / WAD, -book.collateral / WAD]
    for series, lots in book.positions:
        strike, is_put = series >> 2 & (1 << 20) - 1, series & 3 == Kind.PUT
        years = (expiry_of(series >> 22) - desk.world.now) / YEAR
        mark = float(black76.price(spot, strike, years, desk.world.volatility, not is_put)) / spot
        if lots > 0:
            continue
        out = max(spot - strike if is_put else strike - spot, 0) / spot
        maintenance = mark + (max(0.075, 0.075 * mark) if is_put else 0.075)
        initial = max(mark + max(0.15 - out, 0.1), maintenance if is_put else 0)
        totals = [totals[0] - lots / 100 * maintenance, totals[1] - lots / 100 * initial]
    return [total * spot for total in totals]


def test_both_figures_of_derive_imply_one_mark_and_the_time_that_the_page_names():
    assert pytest.approx(191.87 - 0.075 * 1_500) == 304.37 - 0.15 * 1_500
    _, days = comparison()
    assert f"{191.87 - 0.075 * 1_500:.2f}, and so {days:.2f} days" in " ".join(MARGIN.read_text().split())


def test_the_comparison():
    desk, _ = comparison()
    rows = table(MARGIN, "spot at 1500")
    assert len(rows) >= 4
    for row in rows:
        book = desk.book(row["positions"])
        theirs, found = standard(desk, book), desk.assess(book)
        ours = [wad(need - found.worth) for need in (found.maintenance, found.initial)]
        assert_says(row, **dict(zip(("standard maintenance", "standard initial"), theirs, strict=True)))
        assert_says(row, **dict(zip(("ours maintenance", "ours initial"), ours, strict=True)))
    assert (rows[0]["standard maintenance"], rows[0]["standard initial"]) == ("191.87", "304.37")
    narrow = Desk(replace(desk.world, parameters=replace(PARAMETERS, scan=round(Q16 / 10))))
    found = narrow.assess(narrow.book(rows[0]["positions"]))
    ours = [wad(need - found.worth) for need in (found.maintenance, found.initial)]
    text = " ".join(MARGIN.read_text().split())
    assert f"With `scan = 10` it would be {ours[0]:.2f} and {ours[1]:.2f}." in text
    shock = risk_arrays.tenor_shock(desk.snapshot.shock, expiry_of(EXAMPLE_DAY) - desk.world.now) / Q16
    assert f"with volatility up by {shock:.0%}".replace("%", " %") in text


# Listing and names


def test_the_bounds_in_the_guide_are_the_contracts():
    rows = {row["parameter"].strip("`"): row for row in table(LISTING, "parameter")}
    assert list(rows) == [rule.name for rule in FIELDS]
    fractions = ("scan", "band", "shock", "basis", "risk_rate")
    for rule in FIELDS:
        row = rows[rule.name]
        assert row["tighter"] == {"more": "up", "less": "down", "neither": "\N{EN DASH}"}[rule.tighter.value]
        unit = {"initial_factor": 10, "position_charge": 10**4}.get(rule.name, 1)
        for head, bound in (("least", rule.least), ("most", rule.most)):
            written = row[head].removesuffix(" %")
            if rule.name in fractions:
                assert abs(float(written) * Q16 / 100 - bound) <= 1
            else:
                assert (2**40 - 1 if written == f"2^40 {MINUS} 1" else float(written) * unit) == bound


def test_the_market_file_in_the_guide_can_be_read(tmp_path):
    text = LISTING.read_text()
    file = tmp_path / "eth.toml"
    file.write_text(text.split("```toml\n")[1].split("```")[0])
    described = load_market(file)
    assert described.risk.parameters == PARAMETERS
    assert described.terms(None, None).lot == WAD // 100


def test_the_names_in_the_reference_are_the_numbers_beside_them():
    ten = Market(0, "ETH", WAD // 100, 10 * WAD)
    rows = table(TYPES, "name")
    assert len(rows) >= 3
    for row in rows:
        found = ten.parse(row["name"].strip("`"))
        assert [int(row[head]) for head in ("day", "ticks", "kind", "series")] == [
            found.day,
            found.ticks,
            found.kind,
            found.series,
        ]
    assert CASH_ID == 1 << 42
    assert "| `1 << 42` | cash |" in TYPES.read_text()
