"""`peersettle replay` as a user runs it."""

import json

import pytest
from typer.testing import CliRunner

from peersettle.cli.app import app, main

WINDOW = ("--from", "2020-03-12T10:00", "--until", "2020-03-12T10:20")


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def command(*arguments):
        with pytest.raises(SystemExit) as ended:
            main(["replay", *map(str, arguments)])
        said = capsys.readouterr()
        return ended.value.code, said.out, said.err

    return command


def test_without_a_file_the_built_in_crash_is_replayed(run, tmp_path):
    code, out, _ = run(*WINDOW)
    assert code == 0
    assert "every invariant held" in out
    assert "build/replay/march-2020.html" in out
    assert (tmp_path / "build/replay/march-2020.html").stat().st_size > 20_000


def test_json_names_the_files_and_the_verdicts(run, tmp_path):
    code, out, _ = run(*WINDOW, "--json", "--out", tmp_path / "here", "--seed", 3)
    said = json.loads(out)
    assert code == 0
    assert said["holds"] is True
    whole = json.loads((tmp_path / "here" / "march-2020.json").read_text())
    assert whole["scenario"]["seed"] == 3
    assert said["summary"] == whole["summary"]
    assert {one["name"] for one in said["verdicts"]} >= {"zero sum", "price floor", "cash conserved"}


def test_keepers_off_means_no_auction(run):
    code, out, _ = run(*WINDOW, "--json", "--keepers-off")
    assert code == 0
    assert json.loads(out)["summary"]["auctions"] == 0


@pytest.mark.parametrize(
    ("text", "arguments", "said"),
    [
        (None, (), "there is no file prices.csv"),
        ("time,volume\n1,2\n", (), "no column of prices"),
        ("time,close\n100,2\n100,3\n", (), "sort the file by time"),
        ("time,close\n100,2\n200,3\n", ("--column", "mid"), "no column 'mid'"),
        ("time,close\n100,2\n200,3\n", ("--scenario", "none.toml"), "there is no scenario 'none.toml'"),
        ("time,close\n100,2\n200,3\n", ("--from", "soon"), "give an ISO time"),
        ("time,close\n0,2\n6000,3\n", ("--from", "2020-01-01"), "fewer than two steps"),
    ],
)
def test_bad_input_is_explained_and_ends_with_code_2(run, tmp_path, text, arguments, said):
    if text is not None:
        (tmp_path / "prices.csv").write_text(text)
    code, _, err = run("prices.csv", *arguments)
    assert code == 2
    assert said in err.replace("\n", " ")


def test_help_answers_without_loading_the_engines():
    assert "PRICES.csv" in CliRunner().invoke(app, ["replay", "--help"]).output
