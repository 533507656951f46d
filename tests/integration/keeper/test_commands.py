"""`peersettle keeper run`: what it says, what it sends, and how it ends."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request

import pytest
from tests.integration.cli.conftest import new_peer, user

from peersettle.chain import fund

__all__ = ["new_peer", "user"]

ETHER = 10**18


@pytest.fixture
def peer(scene, new_peer):
    """Who keeps with the command: 200,000 USDC in its account."""
    made = new_peer("keeper", scene.stage.directory, scene.chain.url)
    fund(scene.chain, made.address, 10 * ETHER)
    scene.stage.fund(made.address, usdc="200000")
    made.signs("account", "open", "200000 USDC")
    made.environ |= {
        "PEERSETTLE__KEEPER__MAX_INVENTORY": "100000",
        "PEERSETTLE__KEEPER__STATE": str(made.home / "keeper"),
        "PEERSETTLE__KEEPER__LISTEN": "127.0.0.1:0",
        "PEERSETTLE__KEEPER__UPKEEP": "50",
    }
    return made


def test_a_dry_run_sends_nothing_and_says_why(scene, peer):
    seller, _ = scene.short()
    scene.move(3330)
    before = scene.chain.block_number()
    said = peer.does("keeper", "run", "--dry-run", "--account", peer.address)
    decisions = {item["kind"]: item for item in said["decisions"]}
    assert decisions["start"]["acts"]
    assert "it promises" in decisions["start"]["reason"]
    assert not decisions["bid"]["acts"]
    assert "not yet begun" in decisions["bid"]["reason"]
    assert said["outcomes"] == []
    assert said["below_maintenance"] == 1
    text = peer.run("keeper", "run", "--dry-run", "--key", peer.key).out
    assert f"would start {seller.address}: equity" in text
    assert f"not: bid {seller.address}: the edge of" in text
    assert scene.chain.block_number() == before
    assert not (peer.home / "keeper").exists()


def test_once_it_acts_and_tells_the_hedge(scene, peer):
    scene.short()
    scene.move(3330)
    script = "import sys, pathlib; pathlib.Path(sys.argv[1]).write_text(sys.stdin.read())"
    hedge = [sys.executable, "-c", script, str(peer.home / "bought.json")]
    peer.environ["PEERSETTLE__KEEPER__HEDGE"] = json.dumps(hedge)
    (started,) = peer.signs("keeper", "run", "--once")["outcomes"]
    assert (started["kind"], started["outcome"]) == ("start", "done")
    scene.wait(120)
    (bought,) = peer.signs("keeper", "run", "--once")["outcomes"]
    assert (bought["kind"], bought["outcome"]) == ("bid", "done")
    told = json.loads((peer.home / "bought.json").read_text())
    assert [told] == bought["bought"]
    assert told["positions"][0]["lots"] < 0


def test_without_limits_of_its_own_it_buys_nothing(scene, peer):
    scene.short()
    scene.move(3330)
    del peer.environ["PEERSETTLE__KEEPER__MAX_INVENTORY"]
    peer.signs("keeper", "run", "--once")
    scene.wait(300)
    (said,) = peer.signs("keeper", "run", "--once")["decisions"]
    assert not said["acts"]
    assert "inventory" in said["reason"]


def test_settings_that_cannot_be_used_are_named(peer):
    peer.environ["PEERSETTLE__KEEPER__NATIVE_PRICE"] = "DOGE"
    assert "keeper.native_price" in peer.fails(6, "keeper", "run", "--dry-run", "--key", peer.key)["message"]
    peer.environ["PEERSETTLE__KEEPER__LISTEN"] = "nowhere"
    assert "keeper" in peer.fails(6, "keeper", "run", "--dry-run", "--key", peer.key)["message"]


def test_it_runs_until_it_is_told_to_stop(scene, peer):
    environ = {**os.environ, **peer.environ, "PEERSETTLE__CHAIN__URL": scene.chain.url}
    command = [sys.executable, "-m", "peersettle", "--json", "keeper", "run", "--key", peer.key]
    with subprocess.Popen(
        command, cwd=peer.home, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        lines: list[str] = []
        while not lines or lines[-1] != "}\n":
            lines.append(process.stdout.readline())
        said = json.loads("".join(lines))
        well = said["metrics"].replace("/metrics", "/health")
        while True:
            try:
                with urllib.request.urlopen(well, timeout=20) as answer:
                    assert json.load(answer) == {"well": True}
                break
            except urllib.error.HTTPError:
                assert process.poll() is None
                time.sleep(0.2)  # what it says meanwhile fits the pipe that nobody reads yet
        with urllib.request.urlopen(said["metrics"], timeout=20) as answer:
            shown = answer.read().decode()
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 0, errors
    assert said["ledger"] == scene.ledger.address
    assert 'peersettle_keeper_looks_total{outcome="done"}' in shown
    assert "keeping" in json.loads(errors.splitlines()[0])["event"]
