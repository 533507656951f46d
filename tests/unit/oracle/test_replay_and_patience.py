"""CSV replays give the row that had begun; a source that fails is left alone for a growing, random while."""

import asyncio
import gzip
from decimal import Decimal

import pytest
from tests.shared_data import shared_data
from tests.unit.oracle.world import SLOT, ManualClock, Says, settle

from peersettle.errors import ConfigError, SourceError
from peersettle.oracle.sources import CrossRate, CsvReplay, PatientSource
from peersettle.service.backoff import Backoff
from peersettle.service.clock import within


def write(path, text):
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path


@pytest.mark.parametrize("name", ["prices.csv", "prices.csv.gz"])
@pytest.mark.parametrize(
    "rows",
    [
        "time_utc,open,close\n2023-11-14 22:13:00,1,10\n2023-11-14 22:14:00,2,20\n",
        "time_utc,open,close\n2023-11-14T22:13,1,10\n2023-11-14T22:14,2,20\n",
        "open_time_unix,open_time_utc,open,close\n1699999980,2023-11-14 22:13,1,10\n1700000040,x,2,20\n",
    ],
)
def test_a_replay_gives_the_row_that_had_begun(tmp_path, name, rows):
    source = CsvReplay("replay", write(tmp_path / name, rows))
    samples = [asyncio.run(source.observe(at)) for at in (1_699_999_980, SLOT, 1_700_000_040, 1_800_000_000)]
    assert [sample.value for sample in samples] == [10, 10, 20, 20]
    assert [sample.observed_at for sample in samples] == [1_699_999_980, 1_699_999_980, 1_700_000_040, 1_700_000_040]
    other = CsvReplay("replay", tmp_path / name, column="open")
    assert asyncio.run(other.observe(SLOT)).value == 1
    with pytest.raises(SourceError, match="begins at"):
        asyncio.run(source.observe(1_699_999_979))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("time_utc,open\n2023-11-14 22:13:00,1\n", "close"),
        ("when,close\n2023-11-14 22:13:00,1\n", "a time"),
        ("time_utc,close\nyesterday,1\n", "cannot be read"),
        ("time_utc,close\n2023-11-14 22:13:00,dear\n", "cannot be read"),
        ("time_utc,close\n", "at least one row"),
        ("time_utc,close\n2023-11-14 22:14:00,1\n2023-11-14 22:13:00,1\n", "later than"),
        ("", "no column"),
    ],
)
def test_a_file_that_cannot_be_replayed_says_why(tmp_path, text, said):
    with pytest.raises(ConfigError, match=said):
        CsvReplay("replay", write(tmp_path / "prices.csv", text))
    with pytest.raises(ConfigError, match="cannot read"):
        CsvReplay("replay", tmp_path / "missing.csv.gz")


@pytest.mark.parametrize(
    "name",
    [
        "BTC_1h_2017-08_2021-03.csv.gz",
        "BTC_perp_1m_2020-03-13.csv",
        "ETH_10m_with_gas_2020-03-12.csv",
        "USDC_15m_2023-03-09.csv",
    ],
)
def test_the_market_data_can_be_replayed(name):
    source = CsvReplay(name, shared_data(f"prices/{name}"))
    assert asyncio.run(source.observe(source.times[-1])).value > 0


def observe(source):
    return asyncio.run(source.observe(SLOT))


def test_a_source_that_fails_is_left_alone_for_a_growing_while():
    clock, says = ManualClock(), Says(SourceError("down"), "venue")
    source = PatientSource(says, Backoff(clock, lambda: 0.0, first=2, cap=10))
    for pause in (2, 4, 8, 10, 10):
        with pytest.raises(SourceError, match="down"):
            observe(source)
        clock.time += pause - 0.1
        with pytest.raises(SourceError, match="failed before"):
            observe(source)
        clock.time += 0.2
    says.value = 2_000
    assert observe(source).value == 2_000
    says.value = SourceError("down")
    with pytest.raises(SourceError, match="down"):
        observe(source)
    clock.time += 2.1  # forgotten: the pauses begin anew
    says.value = 2_000
    assert observe(source).value == 2_000


def test_pauses_differ_by_chance_and_honour_what_the_venue_asks():
    clock = ManualClock()
    short, long = Backoff(clock, lambda: 1.0, first=2), Backoff(clock, lambda: 0.0, first=2)
    short.failed()
    long.failed()
    assert (short.left, long.left) == (1, 2)
    asked = PatientSource(Says(SourceError("wait", retry_after=30), "venue"), Backoff(clock, lambda: 0.0))
    with pytest.raises(SourceError):
        observe(asked)
    clock.time += 29
    with pytest.raises(SourceError, match="failed before"):
        observe(asked)


def test_missing_the_deadline_is_a_failure_too():
    async def ask():
        clock, says = ManualClock(), Says(None, "venue")
        source = PatientSource(says, Backoff(clock, lambda: 0.0, first=60))
        task = asyncio.ensure_future(within(5, clock, source.observe(SLOT)))
        await settle()
        await clock.advance(5)
        with pytest.raises(TimeoutError):
            await task
        with pytest.raises(SourceError, match="failed before"):
            await source.observe(SLOT)

    asyncio.run(ask())


def test_a_cross_rate_is_the_product_and_as_old_as_the_older():
    first, second = Says("2000", "a", observed_at=SLOT - 7), Says("0.9995", "b", observed_at=SLOT)
    sample = observe(CrossRate("cross", "venue", first, second))
    assert sample.value == Decimal("1999")
    assert sample.observed_at == SLOT - 7
    for broken in (Says("NaN", "b"), Says("0", "b")):
        product = observe(CrossRate("cross", "venue", first, broken)).value
        assert not product.is_finite() or product <= 0
    with pytest.raises(SourceError, match="down"):
        observe(CrossRate("cross", "venue", first, Says(SourceError("down"), "b")))
