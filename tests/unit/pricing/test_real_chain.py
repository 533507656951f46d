"""The recorded chain of 684 ETH options: how well it is fitted, how fast, and that the documentation says so."""

import re
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from tests.unit.pricing.chains import recorded_text
from tests.unit.pricing.test_fit import assert_sound

from peersettle.pricing import arbitrage, fit_surface, read_chain

PAGE = Path(__file__).parents[3] / "docs" / "explanation" / "volatility-surface.md"


@pytest.fixture(scope="module")
def chain():
    return read_chain(recorded_text())


@pytest.fixture(scope="module")
def fitted(chain):
    return fit_surface(chain)


def test_all_of_it_is_read(chain):
    assert (len(chain.quotes), len(chain.expiries)) == (684, 11)
    assert datetime.fromtimestamp(chain.observed_at, UTC) == datetime(2024, 1, 8, 11, 19, 41, tzinfo=UTC)


def test_the_median_error_is_at_most_half_a_vol_point(fitted):
    assert len(fitted.surface.slices) == 11
    assert fitted.skipped == ()
    assert fitted.median_error <= 0.5
    assert not any(each.repaired for each in fitted.errors)


def test_it_has_no_arbitrage_on_a_grid_finer_and_wider_than_the_fit_s(fitted):
    assert arbitrage(fitted.surface) == []
    assert arbitrage(fitted.surface, np.linspace(-2.5, 2.5, 100_001)) == []
    assert_sound(fitted.surface)


def test_between_its_expiries_it_has_no_butterfly_either(fitted):
    surface, step = fitted.surface, 1e-4
    k = np.linspace(-2.5, 2.5, 5_001)
    for early, late in zip(surface.slices, surface.slices[1:], strict=False):
        for share in (0.1, 0.3, 0.5, 0.7, 0.9):
            expiry = round(early.expiry + share * (late.expiry - early.expiry))
            below, w, above = (surface.total_variance(expiry, k + shift) for shift in (-step, 0, step))
            slope, curve = (above - below) / (2 * step), (above - 2 * w + below) / step**2
            g = (1 - k * slope / (2 * w)) ** 2 - slope**2 / 4 * (1 / w + 0.25) + curve / 2
            assert g.min() > 0.05


def test_all_expiries_take_less_than_two_seconds(chain):
    took = []
    for _ in range(3):
        before = time.perf_counter()
        fit_surface(chain)
        took.append(time.perf_counter() - before)
    assert min(took) < 2


def test_the_documentation_s_table_is_what_a_fit_says(fitted):
    rows = re.findall(r"^\| (\d{4}-\d\d-\d\d) \|(.+)\|$", PAGE.read_text(), re.M)
    assert len(rows) == len(fitted.errors)
    for (day, cells), part, quality in zip(rows, fitted.surface.slices, fitted.errors, strict=True):
        smile = quality.smile
        assert day == f"{datetime.fromtimestamp(part.expiry, UTC):%Y-%m-%d}"
        days, used, atm, rms, worst, butterfly, calendar = (cell.strip() for cell in cells.split("|"))
        assert used == f"{len(smile.k)} of {len(smile.k) + smile.left_out}"
        assert float(days) == pytest.approx(smile.years * 365, abs=0.006)
        assert float(atm) == pytest.approx(100 * quality.at_the_money, abs=0.011)
        assert float(rms) == pytest.approx(quality.rms_error, abs=0.011)
        assert float(worst) == pytest.approx(quality.worst_error, abs=0.06)
        assert float(butterfly) == pytest.approx(quality.margins.butterfly, abs=0.002)
        if quality.margins.calendar < 1:
            assert float(calendar) == pytest.approx(quality.margins.calendar, rel=0.02)
    stated = re.search(r"median of the RMS errors is \*\*([0-9.]+) vol points\*\*", PAGE.read_text())
    assert stated
    assert float(stated[1]) == pytest.approx(fitted.median_error, abs=0.006)
