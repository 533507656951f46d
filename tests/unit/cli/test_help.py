"""`--help` answers at once: it loads nothing heavy, and names every command."""

import subprocess
import sys

import pytest

COMMANDS = [
    "demo",
    "keys",
    "chain",
    "deploy",
    "approve",
    "quote",
    "accept",
    "check",
    "settle",
    "cancel",
    "trades",
    "export",
    "node",
    "make",
    "rfq",
    "quotes",
    "positions",
    "peers",
    "doctor",
    "config",
]
HEAVY = (
    "web3",
    "eth",
    "eth_account",
    "eth_keyfile",
    "sqlalchemy",
    "pydantic",
    "coincurve",
    "rich",
    "aiohttp",
    "fastapi",
    "numpy",
    "peersettle.trades",
)


def test_help_loads_nothing_heavy():
    code = f"""
import sys
from peersettle.cli import main
try:
    main(["--help"])
except SystemExit:
    pass
print([name for name in {HEAVY!r} if name in sys.modules])
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.splitlines()[-1] == "[]"
    assert all(f"\n  {command} " in said for command in COMMANDS)


@pytest.mark.parametrize(
    "command",
    [
        *([name] for name in COMMANDS),
        ["keys", "new"],
        ["keys", "import"],
        ["chain", "up"],
        ["config", "show"],
        ["export", "trades"],
    ],
    ids=" ".join,
)
def test_every_command_explains_itself(user, command):
    result = user.run(*command, "--help")
    assert result.code == 0
    assert f"Usage: peersettle {' '.join(command)}" in result.out


def test_without_a_command_the_help_is_shown(user):
    assert user.run().out == user.run("--help").out


def test_the_exit_codes_are_in_the_help(user):
    said = " ".join(user.run("--help").out.split())
    for promise in ("2 input", "3 signature", "4 would not settle", "5 key or signer", "9 reverted"):
        assert promise in said


def test_the_version_is_the_package_s(user, monkeypatch):
    monkeypatch.setattr("importlib.metadata.version", lambda _: "1.2.3")
    assert user.run("--version").out == "peersettle 1.2.3\n"
