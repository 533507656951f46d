"""Two people with a node each, in processes of their own: asked, taken and settled by commands."""

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest
from tests.unit.cli.conftest import PASSWORD

from peersettle.bindings import Token
from peersettle.chain import Anvil, TransactionSender, connect, deploy, fund
from peersettle.cli.deploying import DEMO_TOKENS
from peersettle.signing import KeySigner

pytestmark = pytest.mark.timeout(180)

STRATEGY = '''
from peersettle.making import Price, Quotation


class Fixed:
    """Two thousand a piece."""

    def quote(self, inquiry, book):
        return Quotation((Price(sum(item.amount for item in inquiry.request.items) * 2000 // 10**12),), 20, 60)

    def last_look(self, inquiry, price, book):
        return None
'''


@pytest.fixture
def traders(anvil_program, tmp_path, new_peer):
    """A maker and a taker with tokens that Settlement may move."""
    with Anvil(program=anvil_program) as anvil, connect(anvil.url) as chain:
        deployer = KeySigner.random()
        fund(chain, deployer.address, 10**20)
        sender = TransactionSender(chain, deployer)
        directory = tmp_path / "deployments"
        deployment = deploy(chain, sender, directory=directory, demo_tokens=DEMO_TOKENS)
        made = [new_peer(name, directory, anvil.url) for name in ("maker", "taker")]
        for peer in made:
            peer.environ["PEERSETTLE__NODE__LISTEN"] = "127.0.0.1:0"
            fund(chain, peer.address, 10**20)
            for symbol, units in (("USDC", 10**10), ("WETH", 10**19)):
                sender.send(Token(chain, deployment.tokens[symbol]).mint(peer.address, units))
            peer.signs("approve", "5000 USDC")
            peer.signs("approve", "5 WETH")
        yield made


@contextmanager
def started(peer, *arguments):
    """A node of this peer, until the end of the block; what it said of itself."""
    environ = {**os.environ, **peer.environ, "PEERSETTLE_PASSWORD": PASSWORD, "XDG_DATA_HOME": str(peer.home / "data")}
    with (
        (peer.home / "log").open("w") as log,
        subprocess.Popen(
            [sys.executable, "-m", "peersettle", "--json", *arguments, "--key", peer.key],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=environ,
            cwd=peer.home,
        ) as process,
    ):
        try:
            said = ""
            for line in process.stdout or ():
                said += line
                if line == "}\n":
                    break
            who = json.loads(said)
            assert "url" in who, said
            peer.environ["PEERSETTLE__NODE__LISTEN"] = who["url"].removeprefix("http://")
            yield who
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0, (peer.home / "log").read_text()


def test_two_nodes_trade_by_commands(traders):
    maker, taker = traders
    (maker.home / "fixed.py").write_text(STRATEGY)
    with started(maker, "make", "--strategy", "fixed.py:Fixed") as who:
        taker.environ["PEERSETTLE__NETWORK__PEERS"] = json.dumps({"desk": who["dial"][0]})
        with started(taker, "node"):
            second = taker.run("--json", "node", "--key", taker.key)
            assert second.code == 6
            assert "a node runs here already" in second.json["message"]
            said = taker.does(
                "rfq", "WETH", "buy", "0.5", "--to", "desk", "--take-best", "--limit", "2000", "--wait", "20s"
            )
            assert (said["deal"]["gives"], said["deal"]["gets"]) == (["1000 USDC"], ["0.5 WETH"])
            assert said["deal"]["tx_hash"]
            asked = taker.does("rfq", "WETH", "buy", "0.25", "--wait", "20s")
            said = taker.does("accept", asked["key"][:8], "desk", "--limit", "2000", "--wait", "included")
            assert said["deal"]["gets"] == ["0.25 WETH"]
            assert [each["peer"] for each in taker.does("peers")] == [who["peer"]]
            balances = {each["asset"]: each["amount"] for each in taker.does("positions")["balances"]}
            assert balances == {"USDC": "8500", "WETH": "10.75"}
        assert taker.fails(10, "peers")["error"] == "NoNode"
        assert all(trade["status"] in ("included", "safe", "finalized") for trade in taker.does("trades"))
        assert taker.does("export", "trades", "--csv", "t.csv")["trades"] == 2
