"""One user of the command: paths of its own, no terminal, quick keystore files."""

import io
import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from peersettle.cli import main
from peersettle.signing import KeyStore

PASSWORD = "correct horse battery"


@dataclass
class Result:
    """What one run of the command left."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def text(self):
        return self.out + self.err


@dataclass
class User:
    """Runs commands in this process."""

    home: Path
    capsys: pytest.CaptureFixture[str]

    def run(self, *arguments):
        self.capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        captured = self.capsys.readouterr()
        return Result(int(left.value.code or 0), captured.out, captured.err)

    def new_key(self, name):
        result = self.run("keys", "new", name, "--json")
        assert result.code == 0, result.text
        return result.json["address"]


@pytest.fixture
def user(tmp_path, monkeypatch, capsys):
    for name in ("STORE", "KEYSTORE", "DEPLOYMENTS", "STATE"):
        path = tmp_path / ("trades.db" if name == "STORE" else name.lower())
        monkeypatch.setenv(f"PEERSETTLE__PATHS__{name}", str(path))
    for name in ("PEERSETTLE_KEY", "PEERSETTLE_CONFIG", "PEERSETTLE_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PEERSETTLE__CHAIN__URL", "http://127.0.0.1:9")
    monkeypatch.setenv("PEERSETTLE_PASSWORD", PASSWORD)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    monkeypatch.setattr("peersettle.cli.desk.KeyStore", partial(KeyStore, work_factor=2))
    monkeypatch.chdir(tmp_path)
    return User(tmp_path, capsys)
