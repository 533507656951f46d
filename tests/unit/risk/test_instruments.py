"""Names, numbers and quantities of instruments: there and back without loss, and clear words for what there is not."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peersettle.errors import InvalidField
from peersettle.risk.instruments import (
    CASH_ID,
    DAY,
    FIRST_EXPIRY,
    LAST_DAY,
    LAST_STRIKE,
    MOST_LOTS,
    Instrument,
    Kind,
    Market,
    date_text,
    expiry,
    expiry_time,
    from_move_id,
    next_day,
    parse,
    to_day,
)

WAD = 10**18
ETH = Market(0, "ETH", 10**16, 10 * WAD)
BTC = Market(1, "BTC", 10**15, 100 * WAD)
DOGE = Market(63, "DOGE", 10**20, 10**15)  # a tick of 0.001
MARKETS = [ETH, BTC, DOGE]


def instruments():
    days, ticks = st.integers(0, LAST_DAY), st.integers(1, LAST_STRIKE)
    return st.builds(Instrument, st.sampled_from(MARKETS), days, ticks, st.sampled_from(Kind))


@pytest.mark.parametrize(
    ("name", "market", "when", "strike", "kind"),
    [
        ("ETH-26JUN26-3000-C", ETH, datetime(2026, 6, 26, 8, tzinfo=UTC), 3000 * WAD, Kind.CALL),
        ("ETH-26JUN26-3000-P", ETH, datetime(2026, 6, 26, 8, tzinfo=UTC), 3000 * WAD, Kind.PUT),
        ("ETH-26JUN26-2950-F", ETH, datetime(2026, 6, 26, 8, tzinfo=UTC), 2950 * WAD, Kind.FORWARD),
        ("BTC-1JAN24-100-C", BTC, datetime(2024, 1, 1, 8, tzinfo=UTC), 100 * WAD, Kind.CALL),
        ("DOGE-29FEB28-0.125-P", DOGE, datetime(2028, 2, 29, 8, tzinfo=UTC), WAD // 8, Kind.PUT),
    ],
)
def test_a_name_says_all(name, market, when, strike, kind):
    found = parse(name, MARKETS)
    assert (found.market, found.strike, found.kind) == (market, strike, kind)
    assert found.expiry == when.timestamp()
    assert expiry_time(found.day) == when
    assert found.name == str(found) == name


def test_a_series_is_day_strike_and_kind_below_its_market():
    found = parse("DOGE-3JAN24-0.007-F", MARKETS)
    assert found.series == 2 << 22 | 7 << 2 | 2
    assert found.move_id == 63 << 36 | 2 << 22 | 7 << 2 | 2
    assert DOGE.collateral_id == 63 << 36


@given(instruments())
def test_names_and_numbers_lead_back(instrument):
    assert parse(instrument.name, MARKETS) == instrument
    assert parse(f" {instrument.name.lower()} ", MARKETS) == instrument
    assert instrument.market.parse(instrument.name) == instrument
    assert instrument.market.instrument(instrument.series) == instrument
    assert from_move_id(instrument.move_id, MARKETS) == instrument
    assert 0 < instrument.series < 2**36


@given(st.integers(0, LAST_DAY))
def test_dates_lead_back_and_the_next_expiry_is_the_next(day):
    assert to_day(date_text(day)) == day
    assert expiry(day) == FIRST_EXPIRY + day * DAY
    assert next_day(expiry(day)) == day + 1
    assert next_day(expiry(day) - 1) == day
    assert next_day(0) == 0


@pytest.mark.parametrize(
    ("name", "field", "says"),
    [
        ("ETH-26JUN26-3000", "instrument", "ETH-26JUN26-3000-C"),
        ("", "instrument", "market-date-strike-kind"),
        ("XRP-26JUN26-3000-C", "market", "BTC, DOGE, ETH"),
        ("ETH-26JUN26-3000-X", "kind", "C for a call"),
        ("ETH-26JUN26-3000-CALL", "kind", "C for a call"),
        ("ETH-31FEB26-3000-C", "date", "no such date"),
        ("ETH-0JUN26-3000-C", "date", "no such date"),
        ("ETH-26JUNE26-3000-C", "date", "day, month and year"),
        ("ETH-26JUX26-3000-C", "date", "day, month and year"),
        ("ETH-31DEC23-3000-C", "date", "from 1JAN24 to"),
        ("ETH-1JAN70-3000-C", "date", "from 1JAN24 to"),
        ("ETH-26JUN26-2995-C", "strike", "multiples of 10: give 2990 or 3000"),
        ("ETH-26JUN26-3000.00000000000000000000000000001-C", "strike", "give 3000 or 3010"),
        ("ETH-26JUN26-0-C", "strike", "give 10"),
        ("ETH-26JUN26-4-C", "strike", "give 10"),
        ("ETH-26JUN26-10485760-C", "strike", "give 10485750"),
        ("DOGE-26JUN26-0.0125-C", "strike", "multiples of 0.001: give 0.012 or 0.013"),
        ("ETH-26JUN26-1E3-C", "strike", "positive decimal"),
        ("ETH-26JUN26-٣٠٠٠-C", "strike", "positive decimal"),
        ("ETH-26JUN26--3000-C", "market", "there are"),
    ],
)
def test_what_there_is_not_is_refused_in_words(name, field, says):
    with pytest.raises(InvalidField) as refused:
        parse(name, MARKETS)
    assert refused.value.values["field"] == field
    assert says in refused.value.message


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: ETH.instrument(1 << 2 | 3), "lowest two bits"),
        (lambda: ETH.instrument(5 << 22), "must be positive"),
        (lambda: ETH.instrument(2**36), "series"),
        (lambda: Instrument(ETH, 2**14, 1, Kind.CALL), "day"),
        (lambda: Instrument(ETH, 1, 2**20, Kind.CALL), "strike"),
        (lambda: from_move_id(7 << 36 | 4, MARKETS), "no market of this number"),
        (lambda: from_move_id(CASH_ID, MARKETS), "cash"),
        (lambda: from_move_id(1 << 36, MARKETS), "collateral"),
        (lambda: from_move_id(1 << 42, MARKETS), "series"),
        (lambda: Market(64, "ETH", WAD, WAD), "0 to 63"),
        (lambda: Market(0, "eth", WAD, WAD), "capitals"),
        (lambda: Market(0, "E-H", WAD, WAD), "capitals"),
        (lambda: Market(0, "ETH", 3, WAD), "lot is 3"),
        (lambda: Market(0, "ETH", WAD, 2 * WAD), "tick is 2000"),
    ],
)
def test_numbers_that_stand_for_nothing_are_refused(build, says):
    with pytest.raises(InvalidField, match=says):
        build()


@given(st.sampled_from(MARKETS), st.integers(-MOST_LOTS, MOST_LOTS))
def test_lots_and_quantities_lead_back(market, lots):
    text = market.to_quantity(lots)
    assert market.to_lots(text) == lots
    assert market.to_lots(Decimal(text)) == lots
    assert Decimal(text) * WAD == lots * market.lot


@pytest.mark.parametrize(
    ("units", "says"),
    [
        ("0.015", "a lot of ETH is 0.01: give 0.01 or 0.02"),
        ("-0.001", "give 0 or -0.01"),
        ("many", "decimal number"),
        ("--1", "zero or more"),
        ("nan", "finite|decimal"),
        (str((MOST_LOTS + 1) * Decimal("0.01")), "at most 1342177.27"),
    ],
)
def test_a_quantity_of_no_whole_lots_is_refused(units, says):
    with pytest.raises(InvalidField, match=says):
        ETH.to_lots(units)
