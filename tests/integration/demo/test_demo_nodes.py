"""The demo's two nodes: real processes that trade, that survive a kill, and that end with whoever started them."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from peersettle.cli import demo_process
from peersettle.cli.demo_nodes import Nodes
from peersettle.cli.demo_process import MODULE, NodeProcess
from peersettle.cli.demo_scenes import allow_all_day
from peersettle.cli.demo_world import Deviation, World, build_world
from peersettle.rfq import Side
from peersettle.store import Store

PROC = Path("/proc")
needs_proc = pytest.mark.skipif(not PROC.is_dir(), reason="processes are looked at in /proc")


@pytest.fixture
def world(tmp_path):
    world = build_world(tmp_path / "record")
    with world.store:
        allow_all_day(world)
        yield world


def is_there(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = PROC / str(pid) / "stat"
    return not stat.is_file() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


def all_gone(pids, seconds=15.0):
    end = time.monotonic() + seconds
    while any(map(is_there, pids)) and time.monotonic() < end:
        time.sleep(0.05)
    return not any(map(is_there, pids))


def statuses(world, name):
    """What lies on a node's disk, by request."""
    with Store.open(world.directory / "nodes" / f"{name}.db") as store:
        return {record.request_id: record.status for record in store.negotiations.list()}


def buy(nodes, amount="1", **how):
    return nodes.request(nodes.item("WETH", amount, buy=True), **how)


@needs_proc
def test_two_processes_agree_and_both_stores_and_the_chain_say_the_same(world):
    weth = world.balances()["taker", "WETH"]
    with Nodes(world) as nodes:
        nodes.listen()
        pids = [node.pid for node in (nodes.maker, nodes.taker)]
        assert len({os.getpid(), *pids}) == 3
        part = buy(nodes, "4", partial=True)
        traded = nodes.trade("part", part, part=5_000)
        said, decline = nodes.declined(buy(nodes, "50"))
        # A key is neither in the arguments nor in the environment of a process, nor in anything that is written.
        secrets = [world.peers[name].secret.hex() for name in ("maker", "taker")]
        for pid in pids:
            shown = (PROC / str(pid) / "cmdline").read_bytes() + (PROC / str(pid) / "environ").read_bytes()
            assert not any(secret.encode() in shown for secret in secrets)
    assert all_gone(pids, 0)
    written = b"".join(path.read_bytes() for path in world.directory.rglob("*") if path.is_file())
    assert not any(secret.encode() in written or bytes.fromhex(secret) in written for secret in secrets)
    assert world.balances()["taker", "WETH"] == weth + 2 * 10**18
    assert [line.split()[:2] for line in traded.said] == [
        ["taker", "asks"],
        ["maker", "offers,"],
        ["taker", "accepts:"],
        ["taker", "sends"],
    ]
    assert 0 < traded.firm_ms < traded.block_ms
    assert (decline.code, decline.text) == ("too_large", "at most 5 WETH at once")
    assert "at most 5 WETH" in said[-1]
    for name in ("maker", "taker"):
        assert statuses(world, name)[part.request_id] == "final"


def test_a_maker_that_is_killed_in_the_middle_comes_back_and_settles_once(world):
    before = world.balances()
    with Nodes(world) as nodes:
        nodes.listen()
        first, peer = nodes.maker, nodes.maker.peer
        request = buy(nodes, submitter=Side.MAKER)
        traded = nodes.trade("killed", request, kill_maker=True)
        assert first.has_ended
        assert nodes.maker.peer == peer
        assert nodes.maker.pid != first.pid
    assert traded.receipt.sender in [world.peers[name].address for name in ("maker", "taker")]
    assert world.balances()["taker", "WETH"] == before["taker", "WETH"] + 10**18
    assert statuses(world, "maker") == statuses(world, "taker") == {request.request_id: "final"}


def test_what_the_chain_does_not_say_fails_the_demo_and_ends_the_nodes(world, monkeypatch):
    monkeypatch.setattr(World, "moved", lambda *_: None)
    pids: list[int] = []

    def play():
        with Nodes(world) as nodes:
            nodes.listen()
            pids.extend((nodes.maker.pid, nodes.taker.pid))
            nodes.trade("wrong", buy(nodes))

    with pytest.raises(Deviation, match="must have"):
        play()
    assert all_gone(pids, 0)


def test_a_node_that_dies_is_missed_at_once(world):
    with Nodes(world) as nodes:
        nodes.listen()
        nodes.maker._process.kill()
        began = time.monotonic()
        with pytest.raises(Deviation, match="the maker's node has ended"):
            nodes.maker.until("0" * 32, lambda change: change)
        assert time.monotonic() - began < 20


def test_a_node_that_is_not_to_be_stopped_is_killed(world, monkeypatch):
    monkeypatch.setattr(demo_process, "_STOP", 0.2)
    with Nodes(world) as nodes:
        pids = [nodes.maker.pid, nodes.taker.pid]
        os.kill(nodes.maker.pid, signal.SIGSTOP)
    assert all_gone(pids, 0)


def test_where_one_cannot_start_none_is_left(world, monkeypatch):
    started: list[NodeProcess] = []

    def failing(self, name, log):
        if started:
            raise OSError("no more processes")
        started.append(self)
        original(self, name, log)

    original = NodeProcess.__init__
    monkeypatch.setattr(NodeProcess, "__init__", failing)
    with pytest.raises(OSError, match="no more processes"), Nodes(world):
        pass
    assert started[0].has_ended


def test_a_node_that_is_told_nothing_ends_with_its_input():
    process = subprocess.Popen([sys.executable, "-m", MODULE], stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(30) == 0


@needs_proc
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_however_the_demo_ends_its_nodes_end_with_it(tmp_path, how):
    demo = subprocess.Popen(
        [sys.executable, "-m", "peersettle", "demo", "--out", str(tmp_path / "record")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        text=True,
    )
    pids: list[int] = []
    try:
        assert demo.stdout is not None
        for line in demo.stdout:
            if found := re.match(r"  (?:maker|taker) +process (\d+),", line):
                pids.append(int(found[1]))
            if "asks to buy" in line:
                break
        assert len(pids) == 2
        assert all(map(is_there, pids))
        demo.send_signal(how)
        demo.communicate(timeout=30)
        assert demo.returncode != 0
        assert all_gone(pids)
    finally:
        demo.kill()
        demo.wait()
