"""A reporter's own surface comes from a file that may be anything at any time."""

import json
import os

import pytest
from tests.unit.oracle.world import SLOT

from peersettle.errors import SourceError
from peersettle.oracle.surfaces import MAX_BYTES, SurfaceFiles
from peersettle.pricing import Surface, SurfaceSlice, SviSlice
from peersettle.reports import Feed

VOL = Feed("ETH-VOL", slot=15, max_age=900)
DAY = 86_400


def surface(seen=SLOT, expiries=(DAY, 2 * DAY), level=0.02):
    svi = SviSlice(level, 0.04, -0.2, 0.0, 0.5)
    return Surface(seen, tuple(SurfaceSlice(seen + after, 1.01, svi) for after in expiries)).to_json()


@pytest.fixture
def file(tmp_path):
    return tmp_path / "surface.json"


@pytest.fixture
def files(file):
    return SurfaceFiles({VOL: file})


def test_the_file_is_the_view_and_a_changed_file_is_read_again(file, files):
    file.write_text(json.dumps(surface()))
    report = files(VOL, SLOT)
    assert [item.expiry for item in report.slices] == [SLOT + DAY, SLOT + 2 * DAY]
    assert (report.observed_at, report.slices[0].a, report.slices[0].forward_ratio) == (SLOT, 20_000_000, 1_010_000_000)
    beside = file.with_suffix(".new")
    beside.write_text(json.dumps(surface(level=0.03)))
    os.utime(beside, ns=(0, file.stat().st_mtime_ns))
    beside.replace(file)
    assert files(VOL, SLOT).slices[0].a == 30_000_000
    file.unlink()
    assert files(VOL, SLOT) is None


@pytest.mark.parametrize(("slot", "kind"), [(SLOT + 915, "stale"), (SLOT - 915, "future")])
def test_a_surface_of_another_time_is_refused_from_the_first_slot_beyond(file, files, slot, kind):
    file.write_text(json.dumps(surface()))
    assert files(VOL, slot) is None
    with pytest.raises(SourceError, match="915 s") as caught:
        files.look(VOL, slot)
    assert caught.value.kind == kind
    assert files(VOL, SLOT + 900) is not None
    assert files(VOL, SLOT - 900) is not None


def test_expiries_that_are_over_are_dropped(file, files):
    file.write_text(json.dumps(surface(expiries=(30, 31, DAY))))
    assert len(files(VOL, SLOT + 15).slices) == 3
    assert [item.expiry for item in files(VOL, SLOT + 30).slices] == [SLOT + 31, SLOT + DAY]
    file.write_text(json.dumps(surface(expiries=(30,))))
    with pytest.raises(SourceError, match="no expiry"):
        files.look(VOL, SLOT + 30)


def changed(**fields):
    data = surface()
    data["slices"][0] |= fields
    return json.dumps(data)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<html>",
        "{}",
        "[]",
        "null",
        "7",
        "[" * 100_000,
        '{"observed_at": 1, "slices": 7}',
        json.dumps({"observed_at": SLOT, "slices": []}),
        json.dumps({**surface(), "observed_at": "soon"}),
        changed(a=float("nan")),
        changed(a=1e300),
        changed(a="x"),
        changed(sigma=0),
        changed(expiry=None),
        changed(expiry=1e400),
        changed(expiry=2**33),
        changed(forward_ratio=float("inf")),
        json.dumps(surface(expiries=range(DAY, DAY + 17))),
        " " * (MAX_BYTES + 1),
    ],
)
def test_what_is_no_surface_is_no_view_and_is_counted(file, files, text):
    file.write_text(text)
    assert files(VOL, SLOT) is None
    assert files(VOL, SLOT) is None
    assert b'reason="malformed"} 2.0' in files._metrics.text()
    file.write_text(json.dumps(surface()))
    assert files(VOL, SLOT) is not None


def test_a_directory_or_a_feed_without_a_file_is_no_view(file, files):
    file.mkdir()
    assert files(VOL, SLOT) is None
    assert files(Feed("BTC-VOL"), SLOT) is None
