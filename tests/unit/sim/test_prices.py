"""Prices to replay: what a file says, what lies between, and what cannot be meant."""

import gzip

import numpy as np
import pytest

from peersettle.errors import InputError
from peersettle.sim.prices import MARCH_2020, Waypoints, bridged, load, march_2020

CANDLES = "time_utc,open,high,low,close\n2020-03-12 00:00,100,120,90,110\n2020-03-12 01:00,110,115,80,85\n"


@pytest.fixture
def file(tmp_path):
    def write(text, name="p.csv"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


# Files


def test_a_candle_becomes_four_prices_the_nearer_extreme_first(file):
    found = load(file(CANDLES))
    assert list(found.prices) == [100, 90, 120, 110, 110, 115, 80, 85]
    assert [time - found.times[0] for time in found.times] == [0, 900, 1_800, 2_700, 3_600, 4_500, 5_400, 6_300]


def test_times_are_unix_seconds_or_iso_in_utc(file):
    unix = load(file("time,close\n1583971200,1\n1583971260,2\n"))
    assert load(file("time,close\n2020-03-12T00:00,1\n2020-03-12T00:01Z,2\n")).times == unix.times


def test_a_compressed_file_is_read_alike(file, tmp_path):
    plain = file(CANDLES)
    packed = tmp_path / "p.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert load(packed) == load(plain)


def test_the_price_of_gas_holds_from_its_row_on(file):
    found = load(file("time,close,gas_p90\n1000,1,5\n1060,2,7\n1120,3,9\n"))
    assert [found.gas_at(time) for time in (900, 1_000, 1_059, 1_060, 5_000)] == [5, 5, 5, 7, 9]
    assert load(file("time,close\n1000,1\n1060,2\n")).gas_at(1_000) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("when,close\n1,1\n", "no column of times"),
        ("time,volume\n1,1\n", "no column of prices"),
        ("time,close\n", "no rows"),
        ("time,close\n1000,1\n1000,2\n", "line 3.*sort the file"),
        ("time,close\n2000,1\n1000,2\n", "line 3.*sort the file"),
        ("time,close\n1000,abc\n1060,1\n", "line 2: close is 'abc'"),
        ("time,close\nyesterday,1\n", "line 2: 'yesterday' is no time"),
        ("time,close\n1000,1\n1060,-3\n", "give positive numbers"),
        ("time,close\n1000,1\n", "at least two prices"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_place(file, text, said):
    with pytest.raises(InputError, match=said):
        load(file(text))


def test_a_missing_file_and_a_missing_column_are_named(file, tmp_path):
    with pytest.raises(InputError, match="there is no file"):
        load(tmp_path / "absent.csv")
    with pytest.raises(InputError, match="no column 'mid'; there is time_utc, open"):
        load(file(CANDLES), column="mid")


# Bridges

KNOWN = Waypoints((0, 3_600, 10_800), (100.0, 60.0, 80.0))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("volatility", [0, 0.5, 3.0])
def test_a_bridge_meets_every_waypoint(seed, volatility):
    found = bridged(KNOWN, 60, volatility, seed)
    at = dict(zip(found.times, found.prices.tolist(), strict=True))
    assert [at[time] for time in KNOWN.times] == pytest.approx(KNOWN.prices)


def test_a_seed_gives_its_own_bridge_again():
    first, again, other = (bridged(KNOWN, 60, 0.8, seed).prices for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_without_noise_the_logarithm_goes_straight():
    logs = np.log(bridged(KNOWN, 60, 0, 1).prices)
    assert np.allclose(np.diff(logs[:61]), np.log(0.6) / 60)


def test_noise_has_the_volatility_asked_for():
    """In the middle of a bridge over a time T the logarithm deviates by the volatility times the root of T/4."""
    long = Waypoints((0, 86_400), (100.0, 100.0))
    middles = [np.log(bridged(long, 600, 1.0, seed).prices[72] / 100) for seed in range(400)]
    assert np.std(middles) == pytest.approx(np.sqrt(86_400 / (365 * 86_400) / 4), rel=0.12)


def test_march_2020_is_as_published():
    found = march_2020()
    assert len(found.times) == len(MARCH_2020) == 19
    assert found.times[-1] - found.times[0] == 47 * 3_600
    steps = bridged(found, 60, 0.9, 1)
    assert min(found.prices) == 86.0
    assert 86.0 in np.round(steps.prices, 9)


def test_a_window_has_the_same_path():
    whole = bridged(KNOWN, 60, 0.8, 1)
    part = whole.between(600, 1_200)
    assert part.times == tuple(range(600, 1_201, 60))
    assert np.array_equal(part.prices, whole.prices[10:21])
    with pytest.raises(InputError, match="fewer than two steps"):
        whole.between(20_000, None)
