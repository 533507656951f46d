"""Either side is killed with SIGKILL at each step and started again: the trade settles, once, and both know it."""

import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from queue import Empty, Queue

import pytest
from tests.integration.node.strategies import ETHER, USD

from peersettle.store import SettlementStatus, Store

ROOT = Path(__file__).parents[3]
PATIENCE = 90.0
STEPS = [
    (side, f"{step}:{when}")
    for side, steps in (
        ("taker", ("begun", "offer", "accepted", "submitted", "seen")),
        ("maker", ("request", "offered", "acceptance", "submission")),
    )
    for step in steps
    for when in ("before", "after")
]


class Process:
    """A mortal node."""

    def __init__(self, scene, party, *, makes, dies="", other=None):
        self.lines = Queue()
        self.statuses = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.node.mortal"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        config = {
            "url": scene.chain.url,
            "home": str(party.home),
            "deployments": str(scene.home / "deployments"),
            "key": party.key.hex(),
            "makes": makes,
            "dies": dies,
            "other": other,
        }
        self.process.stdin.write(json.dumps(config).encode() + b"\n")
        self.process.stdin.flush()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            if line.startswith(b"{"):
                self.lines.put(json.loads(line))

    def contact(self):
        while "peer" not in (said := self.lines.get(timeout=PATIENCE)):
            pass
        return said["peer"], said["listens"]

    def reaches(self, *wanted):
        """Wait until it says one of these statuses, or is dead."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                said = self.lines.get(timeout=0.1)
            except Empty:
                if self.process.poll() is not None:
                    return "dead"
                continue
            self.statuses.append(said.get("status") or said)
            if said.get("status") in wanted:
                return said["status"]
        raise AssertionError(f"never {wanted}: {self.statuses}")

    def died(self):
        self.process.wait(timeout=PATIENCE)
        return self.process.returncode == -9

    def end(self):
        self.process.kill()
        self.process.wait()
        self.reader.join(PATIENCE)
        self.process.stdin.close()
        self.process.stdout.close()


@pytest.mark.parametrize(("side", "step"), STEPS)
def test_a_killed_node_goes_on(scene, side, step):
    maker, taker = scene.party("maker"), scene.party("taker")
    before = scene.balance(taker, "WETH"), scene.balance(taker, "USD")
    running = {}

    def start(name, other=None, dies=""):
        party = {"maker": maker, "taker": taker}[name]
        running[name] = Process(scene, party, makes=name == "maker", dies=dies, other=other)
        return running[name]

    try:
        contact = start("maker", dies=step if side == "maker" else "").contact()
        start("taker", contact, step if side == "taker" else "")
        assert running[side].died(), "the step was never reached"
        running[side].end()
        start(side, contact if side == "taker" else None)
        for process in running.values():
            assert process.reaches("settled", "final") in ("settled", "final")
    finally:
        for process in running.values():
            process.end()
    assert scene.balance(taker, "WETH") == before[0] + ETHER
    assert scene.balance(taker, "USD") == before[1] - 2_000 * USD
    for party in (maker, taker):
        with Store.open(party.home / "node.db") as store:
            [record] = store.trades()
            assert record.status in (SettlementStatus.INCLUDED, SettlementStatus.SAFE, SettlementStatus.FINALIZED)
            assert scene.chain.receipt(record.tx_hash).succeeded
