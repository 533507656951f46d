"""A process that is killed while it writes: what it was told is on disk is there, and no group is there in part."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.integration.store.appending import SISTERS

from peersettle.store import Store

ROOT = Path(__file__).parents[3]
CALLERS = 20
KILLS = 5


def killed_after(address: str, seconds: float) -> dict[str, int]:
    """The last number that each caller was told is on disk, by a process killed so long after its first word."""
    command = [sys.executable, "-m", "tests.integration.store.appending", address, str(CALLERS)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    first = process.stdout.readline()
    time.sleep(seconds)
    process.kill()
    rest, _ = process.communicate()
    told = [line.split() for line in (first + rest).splitlines(keepends=True) if line.endswith("\n")]
    return {name: int(number) for name, number in told}


def check(address: str, told: dict[str, int]) -> None:
    with Store.open(address) as store:
        for name in map(str, range(CALLERS)):
            sisters = [store.negotiations.events(f"{name}-{sister}") for sister in SISTERS]
            assert sisters[0] == sisters[1] == sisters[2]
            assert len(sisters[0]) > told.get(name, -1)
            assert [text.rstrip("x") for text in sisters[0]] == [str(number) for number in range(len(sisters[0]))]
            record = store.negotiations.get(f"{name}-a")
            assert (record.last_number if record else -1) == len(sisters[0]) - 1


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "store.db")
    found: str = request.getfixturevalue("postgresql")
    return found


def test_what_was_acknowledged_survives_a_kill(address: str) -> None:
    chance = random.Random(1)
    seen = 0
    for _ in range(KILLS):
        told = killed_after(address, chance.uniform(0, 0.3))
        assert told
        check(address, told)
        assert sum(told.values()) > seen
        seen = sum(told.values())
