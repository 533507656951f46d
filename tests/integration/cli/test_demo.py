"""`peersettle demo`: what it shows is what happened."""

import json

import pytest

from peersettle.cli import demo, demo_scenes
from peersettle.cli.demo_world import World
from peersettle.trades import load


@pytest.fixture
def away_from_home(user, monkeypatch):
    monkeypatch.chdir(user.home)
    return user


def test_the_demo_settles_nets_and_refuses(away_from_home):
    user = away_from_home
    result = user.run("demo", "--json", "--out", "record")
    assert result.code == 0, result.text
    said = result.json
    before, after = said["balances"]["before"], said["balances"]["after"]
    for symbol in ("USDC", "WETH", "WBTC", "DAI"):
        assert sum(float(b[symbol]) for b in before.values()) == pytest.approx(
            sum(float(b[symbol]) for b in after.values())
        )
    assert after["maker"]["DAI"] == "25010"
    assert said["trades_netted"] == 50
    gas = said["gas"]
    assert gas["swap"] < gas["peers"]["gas.peer.airswap_swap"] < gas["peers"]["gas.peer.zeroex_otc"]
    assert gas["swap, relayed"] < gas["peers"]["gas.peer.zeroex_otc_relayed"]
    assert gas["a trade, by novation"] < 2_500
    assert [refused["contract"] for refused in said["refused"]] == ["nonce", "signature", "nonce"]
    assert all(refused["here"] for refused in said["refused"])
    rounds = said["oracle"]["rounds"]
    assert [told["confirmed"] for told in rounds] == ["2501.1", "2501.7", "2501.7", "2502.2", "2502.2", "2101"]
    assert [told["candidate"] for told in rounds] == [None, None, "250.1", None, "2101", None]
    assert gas["oracle, a round of three"] == min(told["gas"] for told in rounds)
    nodes = said["nodes"]
    swaps = ["swap, first of its nonce word", "swap", "swap, relayed", "maker killed"]
    assert list(nodes["trades"]) == [*swaps, "call", "forward"]
    for traded in nodes["trades"].values():
        assert 0 < traded["firm_ms"] < traded["block_ms"]
    assert any("SIGKILL" in line for line in nodes["trades"]["maker killed"]["said"])
    assert nodes["declined"] == {"code": "too_large", "text": "at most 5 WETH at once"}
    margin = said["margin"]
    assert [item["peer"] for item in margin["margins"]] == ["maker", "taker"]
    for item in margin["margins"]:
        assert 0 < float(item["maintenance"]) < float(item["initial"]) < float(item["equity"])
    # 10 calls pay 100 each, 5 forwards 100 each the other way, and each position pays 0.5 to who settles it.
    assert margin["fixing"] == "2200"
    assert margin["paid_out"] == {"maker": "19499 USDC", "taker": "20499 USDC", "broker": "2 USDC"}
    assert said["seconds"] > 0

    record = user.home / "record"
    documents = sorted((record / "documents").iterdir())
    assert len(documents) == said["record"]["documents"] == 58
    for path in documents:
        load(path.read_text()).verify()
    assert json.loads((record / "summary.json").read_text()) == said
    assert (record / "peersettle.db").exists()
    again = user.run("demo", "--json", "--out", "record")
    assert (again.code, again.json["error"]) == (2, "InputError")


def test_a_deviation_fails_the_demo(away_from_home, monkeypatch):
    monkeypatch.setattr(World, "moved", lambda *_: None)
    result = away_from_home.run("demo", "--json", "--out", "record")
    assert (result.code, result.json["error"]) == (1, "Deviation")


@pytest.mark.usefixtures("away_from_home")
def test_peers_are_read_from_the_last_bench():
    assert demo.peer_gas() == (demo.PEER_GAS, "measured with make bench")
    figures = dict.fromkeys(demo.PEER_GAS, 1)
    demo.BENCH.parent.mkdir()
    demo.BENCH.write_text(json.dumps(figures))
    assert demo.peer_gas() == (figures, "build/bench.json")
    demo.BENCH.write_text("{}")
    assert demo.peer_gas()[0] == demo.PEER_GAS
    assert demo_scenes.TRADES_A_DAY == 50
