"""Peers who use the command, each with a keystore and a record of their own, on one chain."""

import io
import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from tests.unit.cli.conftest import PASSWORD, User

from peersettle.chain import Chain, Deployment, TransactionSender, deploy, embedded, fund
from peersettle.cli.deploying import DEMO_TOKENS
from peersettle.signing import KeySigner, KeyStore


@dataclass
class Peer(User):
    """One of several users: each run has its own paths. `key` is its only key."""

    environ: dict[str, str]
    monkeypatch: pytest.MonkeyPatch
    key: str

    def run(self, *arguments):
        with self.monkeypatch.context() as patch:
            for name, value in self.environ.items():
                patch.setenv(name, value)
            patch.chdir(self.home)
            return super().run(*arguments)

    def does(self, *arguments):
        """Run a command that must succeed; its JSON."""
        result = self.run("--json", *arguments)
        assert result.code == 0, result.text
        return result.json

    def signs(self, *arguments):
        """As `does`, with this peer's key."""
        return self.does(*arguments, "--key", self.key)

    def fails(self, code, *arguments):
        """Run a command that must fail with this exit code; the error's JSON."""
        result = self.run("--json", *arguments)
        assert result.code == code, result.text
        assert result.err == ""
        return result.json

    @property
    def address(self):
        return self.does("keys", "export-address", self.key)["address"]

    def statuses(self):
        return [row["status"] for row in self.does("trades")]


@pytest.fixture
def new_peer(tmp_path, monkeypatch, capsys):
    """Make a peer with a keystore, a record and a key, on the chain at `url` with the contracts in `deployments`."""
    monkeypatch.setattr("sys.stdin", io.StringIO())
    monkeypatch.setattr("peersettle.cli.desk.KeyStore", partial(KeyStore, work_factor=2))
    for name in ("PEERSETTLE_KEY", "PEERSETTLE_CONFIG", "PEERSETTLE_DEBUG"):
        monkeypatch.delenv(name, raising=False)

    def make(name, deployments, url="http://127.0.0.1:9"):
        home = tmp_path / name
        home.mkdir()
        environ = {
            "PEERSETTLE__CHAIN__URL": url,
            "PEERSETTLE__PATHS__STORE": str(home / "trades.db"),
            "PEERSETTLE__PATHS__KEYSTORE": str(home / "keys"),
            "PEERSETTLE__PATHS__STATE": str(home / "state"),
            "PEERSETTLE__PATHS__DEPLOYMENTS": str(deployments),
            "PEERSETTLE_PASSWORD": PASSWORD,
        }
        peer = Peer(home, capsys, environ, monkeypatch, name)
        peer.new_key(name)
        return peer

    return make


@dataclass
class Ground:
    """The embedded chain with the contracts on it."""

    chain: Chain
    deployment: Deployment
    directory: Path
    deployer: TransactionSender


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    directory = tmp_path_factory.mktemp("deployments")
    chain, signer = embedded(), KeySigner.random()
    fund(chain, signer.address, 10**20)
    sender = TransactionSender(chain, signer)
    yield Ground(chain, deploy(chain, sender, directory=directory, demo_tokens=DEMO_TOKENS), directory, sender)
    sender.store.close()


@pytest.fixture
def peers(ground, new_peer, monkeypatch):
    """A maker with USDC and a taker with WETH, who have allowed nothing yet."""
    from peersettle.bindings import Token

    monkeypatch.setattr("peersettle.chain.connect", lambda *_, **__: ground.chain)
    made = [new_peer(name, ground.directory) for name in ("maker", "taker")]
    for peer, symbol, amount in zip(made, ("USDC", "WETH"), (10**9, 10**19), strict=True):
        fund(ground.chain, peer.address, 10**18)
        ground.deployer.send(Token(ground.chain, ground.deployment.tokens[symbol]).mint(peer.address, amount))
    return made


@pytest.fixture
def quote(peers):
    """A maker's quote to the taker, allowed by both, at the taker's."""
    maker, taker = peers
    maker.signs("approve", "100 USDC")
    taker.signs("approve", "0.05 WETH")
    maker.signs("quote", "--give", "100 USDC", "--want", "0.05 WETH", "--to", taker.address, "--out", "q.json")
    return mailed(maker, taker, "q.json")


@pytest.fixture
def trade(peers):
    """A trade of two legs, signed by the maker, at the taker's."""
    maker, taker = peers
    maker.signs("approve", "100 USDC")
    taker.signs("approve", "0.05 WETH")
    (maker.home / "legs.toml").write_text(
        f"""
expires = "10m"
[[legs]]
from = "{maker.address}"
to = "{taker.address}"
give = "100 USDC"
[[legs]]
from = "{taker.address}"
to = "{maker.address}"
give = "0.05 WETH"
kind = "erc20_exact"
"""
    )
    maker.signs("quote", "--trade", "legs.toml", "--out", "t.json")
    return mailed(maker, taker, "t.json")


def mailed(sender, receiver, name):
    """Hand a file over."""
    path = receiver.home / name
    path.write_bytes((sender.home / name).read_bytes())
    return path


def edited(path, change):
    """A copy of a document, changed by `change(data)`."""
    data = json.loads(path.read_text())
    change(data)
    copy = path.with_name("edited.json")
    copy.write_text(json.dumps(data))
    return copy


@pytest.fixture
def user(tmp_path, monkeypatch, capsys):
    """One user without a chain."""
    monkeypatch.setattr("sys.stdin", io.StringIO())
    return User(tmp_path, capsys)
