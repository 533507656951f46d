"""The tutorial as two people walk it: two keystores, two records, one anvil, a file from one to the other."""

import os
import socket
import subprocess
import sys

import pytest
from tests.integration.cli.conftest import mailed

from peersettle.chain import connect


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def in_a_process(peer, *arguments):
    """Run the command in a process of its own, for what must outlive it."""
    command = [sys.executable, "-m", "peersettle", "--json", *arguments]
    environ = {**os.environ, **peer.environ}
    return subprocess.run(command, env=environ, cwd=peer.home, capture_output=True, text=True, timeout=60, check=False)


def test_two_people_settle_a_trade_on_anvil(new_peer, tmp_path):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    maker, taker = (new_peer(name, tmp_path / "deployments", url) for name in ("maker", "taker"))
    started = in_a_process(maker, "chain", "up", "--anvil", "--port", str(port))
    try:
        assert started.returncode == 0, started.stdout + started.stderr
        again = maker.does("chain", "up", "--anvil", "--port", port)
        assert not again["started"]
        assert maker.fails(8, "chain", "up", "--port", port + 1)["error"] == "ChainError"
        for name in ("maker", taker.address):
            maker.does("chain", "fund", name)
        maker.signs("deploy", "--demo-tokens", "--to", "maker", "--to", taker.address)
        maker.signs("approve", "100 USDC")
        taker.signs("approve", "0.05 WETH")
        asked = ("--give", "100 USDC", "--want", "0.05 WETH", "--to", taker.address, "--expires", "10m")
        maker.signs("quote", *asked, "--out", "quote.json")
        taker.signs("accept", mailed(maker, taker, "quote.json"), "--out", "accepted.json")
        settled = taker.signs("settle", "accepted.json")
        assert (settled["status"], settled["sent_now"]) == ("included", True)
        assert taker.statuses() == maker.statuses() == ["included"]
        with connect(url) as chain:
            chain.request("anvil_mine", hex(40))
            assert taker.statuses() == ["safe"]
            chain.request("anvil_mine", hex(60))
        assert taker.statuses() == maker.statuses() == ["finalized"]
        assert not taker.signs("settle", "accepted.json", "--wait", "finalized")["sent_now"]
        assert maker.does("chain", "status")["settlement"]
    finally:
        ended = in_a_process(maker, "chain", "down")
    assert ended.returncode == 0
    assert maker.does("chain", "down") == {"ended": None}
    with pytest.raises(OSError, match="refused"), socket.create_connection(("127.0.0.1", port), 1):
        pass
    assert taker.statuses() == ["finalized"]


def test_a_process_that_is_not_ours_is_left_alone(new_peer, tmp_path):
    peer = new_peer("maker", tmp_path / "deployments")
    state = tmp_path / "maker" / "state"
    state.mkdir(exist_ok=True)
    record = state / "chain.json"
    record.write_text(
        f'{{"pid": {os.getpid()}, "url": "http://127.0.0.1:9", "chain_id": 31337, "identity": "another"}}'
    )
    assert peer.does("chain", "down") == {"ended": None}
    assert not record.exists()
    record.write_text("damaged")
    assert peer.fails(6, "chain", "down")["error"] == "ConfigError"
