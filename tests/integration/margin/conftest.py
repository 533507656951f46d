"""Two peers who use the command, and a chain with a market of margin accounts."""

from dataclasses import dataclass

import pytest
from tests.integration.cli.conftest import Peer, mailed, new_peer, user
from tests.integration.margin.stage import Stage, build

from peersettle.chain import Anvil, FeePolicy, TransactionSender, connect, fund
from peersettle.signing import KeySigner

__all__ = ["mailed", "new_peer", "user"]

ETHER = 10**18


@pytest.fixture(scope="module")
def stage(anvil_program, tmp_path_factory):
    """One chain for a file; its time only goes on."""
    directory = tmp_path_factory.mktemp("deployments")
    with Anvil(program=anvil_program) as anvil, connect(anvil.url) as chain:
        signer = KeySigner.random()
        fund(chain, signer.address, 1_000 * ETHER)
        sender = TransactionSender(chain, signer, policy=FeePolicy(poll_interval=0.02))
        yield build(chain, sender, directory)
        sender.store.close()


@dataclass
class Peers:
    """Maker and taker, each with 50,000 USDC and 20 WETH in the wallet."""

    stage: Stage
    maker: Peer
    taker: Peer

    def trades(self, *arguments):
        """The maker quotes, the taker accepts and sends; the settlement's JSON."""
        self.maker.signs("quote", *arguments, "--to", self.taker.address, "--out", "t.json")
        path = mailed(self.maker, self.taker, "t.json")
        result = self.taker.signs("accept", path, "--send")
        (self.maker.home / "t.json").unlink()
        path.unlink()
        return result


@pytest.fixture
def peers(stage, new_peer):
    made = [new_peer(name, stage.directory, stage.chain.url) for name in ("maker", "taker")]
    for peer in made:
        fund(stage.chain, peer.address, 10 * ETHER)
        stage.fund(peer.address, usdc="50000", weth="20")
    return Peers(stage, *made)
