"""`peersettle oracle fit`: from a file of option quotes to parameters, tables and a drawing."""

import json

import pytest
from tests.shared_data import shared_data
from tests.unit.pricing.chains import as_csv, as_rows, chain_of, known_surface, recorded_text

from peersettle.pricing import Surface, arbitrage, fit_surface

KNOWN = known_surface((2, 9, 37))


@pytest.fixture
def rows():
    return as_rows(chain_of(KNOWN))


@pytest.fixture
def chain(tmp_path, rows):
    return written(tmp_path, rows)


def written(tmp_path, rows):
    path = tmp_path / "chain.csv"
    path.write_text(as_csv(rows))
    return path


def test_the_json_says_what_was_fitted_and_how_well(user, chain):
    said = user.run("oracle", "fit", chain, "--json").json
    found = fit_surface(chain_of(KNOWN))
    assert [part["expiry"] for part in said["slices"]] == [part.expiry for part in KNOWN.slices]
    assert said["median_rms_error"] == pytest.approx(found.median_error, abs=1e-6)
    for part, slice_, quality in zip(said["slices"], found.surface.slices, found.errors, strict=True):
        assert part["rms_error"] == pytest.approx(quality.rms_error, abs=1e-6)
        assert part["sigma"] == pytest.approx(slice_.svi.sigma, abs=1e-8)
        assert (part["options"], part["left_out"], part["repaired"]) == (15, 0, False)
        assert part["margins"]["butterfly"] > 0
    assert said["slices"][0]["margins"]["calendar"] is None
    assert (said["skipped"], said["out"], said["plot"]) == ([], None, None)


def test_people_get_a_row_per_expiry_and_the_verdict(user, chain):
    result = user.run("oracle", "fit", chain)
    assert result.code == 0
    assert result.err == ""
    assert sum("15 of 15" in line for line in result.out.splitlines()) == len(KNOWN.slices)
    assert "no arbitrage; median RMS error 0.0" in result.out


def test_the_file_of_parameters_is_the_surface(user, chain, tmp_path):
    out = tmp_path / "surface.json"
    assert user.run("oracle", "fit", chain, "--out", out).code == 0
    surface = Surface.from_json(json.loads(out.read_text()))
    assert surface.observed_at == KNOWN.observed_at
    assert arbitrage(surface) == []
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize(("suffix", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_the_plot_is_drawn_in_the_format_of_its_name(user, chain, tmp_path, suffix, start):
    plot = tmp_path / f"surface.{suffix}"
    result = user.run("oracle", "fit", chain, "--plot", plot)
    assert (result.code, result.err) == (0, "")
    assert plot.read_bytes().startswith(start)


def test_an_expiry_that_is_left_out_is_named_with_the_reason(user, tmp_path, rows):
    path = written(tmp_path, rows[20:])
    assert "! 2023-11-16 22:13 left out: has 5 usable strikes; 6 are needed" in user.run("oracle", "fit", path).out
    (skipped,) = user.run("oracle", "fit", path, "--json").json["skipped"]
    assert skipped["expiry"] == KNOWN.slices[0].expiry


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda _: [], "no row with a mark price"),
        (lambda rows: rows[:8], "has 4 usable strikes; 6 are needed"),
        (lambda rows: [rows[0] | {"mark_price_eth": "nan"}, *rows[1:]], "line 2 mark_price_eth is 'nan'"),
        (lambda rows: [rows[0] | {"mark_price_eth": "-0.5"}, *rows[1:]], "line 2 mark_price_eth is '-0.5'"),
        (lambda rows: [*rows, rows[0]], "listed twice"),
    ],
    ids=["empty", "few", "nan", "negative", "twice"],
)
def test_a_chain_that_cannot_be_used_exits_with_2_and_says_why(user, tmp_path, rows, change, says):
    result = user.run("oracle", "fit", written(tmp_path, change(rows)))
    assert (result.code, result.out) == (2, "")
    assert says in result.err


def test_a_missing_column_is_named(user, tmp_path, rows):
    path = tmp_path / "chain.csv"
    path.write_text(as_csv(rows).replace("mark_price_eth", "price"))
    result = user.run("oracle", "fit", path, "--json")
    assert (result.code, result.json["missing"]) == (2, ["mark_price_eth"])


def test_files_that_cannot_be_read_or_written_are_named(user, chain, tmp_path):
    for arguments, says in [
        ((tmp_path / "none.csv",), "cannot read"),
        ((tmp_path,), "cannot read"),
        ((chain, "--out", tmp_path / "no" / "surface.json"), "cannot write"),
        ((chain, "--plot", tmp_path / "no" / "surface.png"), "cannot write"),
        ((chain, "--plot", tmp_path / "surface.gif"), ".png, .svg, .pdf"),
    ]:
        result = user.run("oracle", "fit", *arguments)
        assert (result.code, result.out) == (2, "")
        assert says in result.err


def test_the_recorded_chain_is_fitted(user):
    recorded_text()
    said = user.run("oracle", "fit", shared_data("options/ETH_chain_2024-01-08.csv"), "--json").json
    assert len(said["slices"]) == 11
    assert said["median_rms_error"] <= 0.5
