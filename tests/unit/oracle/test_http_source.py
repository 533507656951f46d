"""An HTTP source gives a price or a SourceError that says what came instead, whatever the server does."""

import asyncio
import json
from decimal import Decimal

import aiohttp
import pytest
from aiohttp import web
from tests.unit.oracle.world import SLOT, ManualClock, serving

from peersettle.errors import SourceError
from peersettle.oracle.sources import Adjustment, HttpTicker
from peersettle.oracle.sources.http import is_json_type, lookup, parse_json, unix_seconds


def observe(answer, path="price", **options):
    """What a ticker makes of one server's answer."""

    async def ask():
        async with serving(ticker=answer) as (session, url):
            options.setdefault("timeout", 5.0)
            source = HttpTicker(
                "venue", "venue", f"{url}/ticker", path, session=session, clock=ManualClock(), **options
            )
            return await source.observe(SLOT)

    return asyncio.run(ask())


def refused(answer, path="price", **options):
    with pytest.raises(SourceError) as failure:
        observe(answer, path, **options)
    return failure.value


def text(body, content_type="application/json", status=200, **headers):
    return web.Response(text=body, content_type=content_type, status=status, headers=headers)


@pytest.mark.parametrize("price", ["2000.123456789012345678", 2000, 2000.5, "2e3", " 2000 "])
def test_a_number_or_text_that_is_one_is_the_exact_price(price):
    sample = observe({"price": price})
    assert sample.value == Decimal(str(price).strip())
    assert sample.observed_at == SLOT


def test_json_numbers_lose_no_digit():
    assert observe(lambda _: text('{"price": 0.100000000000000000001}')).value == Decimal("0.100000000000000000001")


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity", '"NaN"', '"inf"'])
def test_nan_and_infinity_come_through_to_be_dropped_by_name(word):
    assert not observe(lambda _: text(f'{{"price": {word}}}')).value.is_finite()


@pytest.mark.parametrize(
    ("price", "kind"),
    [
        ("soon", "not_a_number"),
        ("", "not_a_number"),
        ("1_000", "not_a_number"),
        ("0x10", "not_a_number"),
        ("1,000.5", "not_a_number"),
        ("٢٠٠٠", "not_a_number"),
        ("1e99999", "not_a_number"),
        ("9" * 100, "not_a_number"),
        (10**100, "not_a_number"),
        (True, "not_a_number"),
        ([2000], "not_a_number"),
        ({"usd": 2000}, "not_a_number"),
        (None, "no_such_field"),
    ],
)
def test_what_is_no_number_is_refused(price, kind):
    assert refused({"price": price}).kind == kind


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (lambda _: text("<html>blocked</html>", "text/html"), "content_type"),
        (lambda _: text("<html>blocked</html>", "text/plain"), "not_json"),
        (lambda _: text('{"price": 1}', "text/html"), "content_type"),
        (lambda _: text('{"price": 1}', "application/octet-stream"), "content_type"),
        (lambda _: text("{"), "not_json"),
        (lambda _: text(""), "not_json"),
        (lambda _: text("[" * 100_000), "not_json"),
        (lambda _: text('{"price": 1e9999999999999999999}'), "not_json"),
        (lambda _: text("oops", status=500), "http_status"),
        (lambda _: text("", status=302, Location="http://127.0.0.1:9/"), "http_status"),
        (lambda _: text(json.dumps({"price": 1, "pad": "x" * 300_000})), "too_long"),
        (lambda _: {"other": 1}, "no_such_field"),
    ],
)
def test_what_is_no_answer_is_refused_by_kind(answer, kind):
    assert refused(answer).kind == kind


def test_too_many_requests_carries_how_long_to_wait():
    error = refused(lambda _: text("slow down", status=429, **{"Retry-After": "30"}))
    assert error.values["retry_after"] == 30


def test_a_server_that_hangs_is_given_up():
    async def hang(_):
        await asyncio.sleep(30)

    assert refused(hang, timeout=0.02).kind == "timeout"


def test_nobody_listening_is_an_error_that_hides_the_url():
    async def ask():
        async with aiohttp.ClientSession() as session:
            source = HttpTicker(
                "venue", "venue", "http://127.0.0.1:9/?key=hunter22", "p", session=session, clock=ManualClock()
            )
            assert "hunter22" not in repr(source)
            await source.observe(SLOT)

    with pytest.raises(SourceError) as failure:
        asyncio.run(ask())
    assert "hunter22" not in str(failure.value)


def test_paths_go_through_objects_lists_and_only_members():
    document = {"result": {"XETHZUSD": {"c": ["2000.1", "3"]}}, "a.b": 1}
    assert lookup(document, "result.*.c.0") == "2000.1"
    for path in ("result.*.c.2", "result.*.c.-1", "*.x", "result.c", "result.*.c.0.0"):
        with pytest.raises(SourceError):
            lookup(document, path)


def test_inversion_and_multiplication():
    sample = observe({"price": "4"}, adjustment=Adjustment(invert=True, multiply=Decimal(1000)))
    assert sample.value == 250
    assert observe({"price": "0"}, adjustment=Adjustment(invert=True)).value == 0


@pytest.mark.parametrize(
    ("value", "unit", "seconds"),
    [
        (SLOT, "s", SLOT),
        (str(SLOT), "s", SLOT),
        (SLOT * 1000 + 999, "ms", SLOT),
        (f"{SLOT}.75", "s", SLOT),
        (SLOT * 10**9, "ns", SLOT),
        ("2023-11-14T22:13:30.123456789Z", "iso", SLOT),
        ("2023-11-14T22:13:30", "iso", SLOT),
        ("2023-11-15T00:13:30+02:00", "iso", SLOT),
    ],
)
def test_the_time_of_the_answer_counts(value, unit, seconds):
    assert unix_seconds(value, unit) == seconds
    assert observe({"price": 1, "at": value}, time_path="at", time_unit=unit).observed_at == seconds


@pytest.mark.parametrize(("value", "unit"), [("now", "s"), ("now", "iso"), (-1, "s"), ("NaN", "s"), (10**30, "ns")])
def test_what_is_no_time_is_refused(value, unit):
    with pytest.raises(SourceError):
        unix_seconds(value, unit)


def test_only_types_that_may_be_json_are_read():
    for kind in ("application/json", "application/json; charset=utf-8", "application/hal+json", "text/plain"):
        assert is_json_type(kind)
    for kind in ("text/html; charset=utf-8", "", "image/png", "application/xhtml+xml"):
        assert not is_json_type(kind)
    with pytest.raises(SourceError):
        parse_json(b"\xff\xfe\xfd")
