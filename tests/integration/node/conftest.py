"""Nodes that trade ETH for USD on anvil, over a network in this process."""

from __future__ import annotations

import secrets
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.integration.node.strategies import ETHER, USD, Fixed

from peersettle.bindings import Token
from peersettle.chain import Anvil, Chain, Deployment, FeePolicy, TransactionSender, connect, deploy, fund
from peersettle.network import Contact
from peersettle.network.memory import MemoryNetwork
from peersettle.node.node import Node
from peersettle.rfq import Asset, Item, Request
from peersettle.signing import KeySigner
from peersettle.store import Store
from peersettle.trades import LegKind


@dataclass
class Party:
    """A key with tokens and what lies on its disk."""

    signer: KeySigner
    key: bytes
    home: Path
    strategy: Fixed | None = None
    timeout: float = 10.0

    @property
    def address(self):
        return self.signer.address

    @property
    def database(self):
        return self.home / "peersettle.db"


@dataclass
class Scene:
    """A chain, a network, and people who trade."""

    chain: Chain
    deployment: Deployment
    home: Path
    network: MemoryNetwork = field(default_factory=MemoryNetwork)

    def party(self, name: str, strategy: Fixed | None = None) -> Party:
        key = secrets.token_bytes(32)
        signer = KeySigner(key)
        fund(self.chain, signer.address, 100 * ETHER)
        sender = TransactionSender(self.chain, signer, policy=FeePolicy(poll_interval=0.01))
        for symbol, units in (("WETH", 1_000 * ETHER), ("USD", 10**7 * USD)):
            token = self.token(symbol)
            sender.send(token.mint(signer.address, units))
            sender.send(token.approve(self.deployment.settlement, units))
        home = self.home / name
        home.mkdir()
        return Party(signer, key, home, strategy)

    def token(self, symbol: str) -> Token:
        return Token(self.chain, self.deployment.tokens[symbol])

    def asset(self, symbol: str) -> Asset:
        return Asset(LegKind.ERC20, self.deployment.tokens[symbol])

    def balance(self, party: Party, symbol: str) -> int:
        return self.token(symbol).balance(party.address)

    def request(self, taker: Party, amount: int = ETHER, *, buy: bool = True, **changes) -> Request:
        fields = {
            "request_id": secrets.token_hex(16),
            "domain": self.deployment.domain,
            "taker": taker.address,
            "items": (Item(self.asset("WETH"), amount, to_taker=buy),),
            "currency": self.asset("USD"),
            "expires_at": self.chain.now() + 60,
        }
        return Request(**{**fields, **changes})

    @asynccontextmanager
    async def node(self, party: Party, peer: str):
        """The party's node, running."""
        store = Store.open(party.database, timeout=party.timeout)
        chain = connect(self.chain.url)
        node = Node(
            chain,
            self.deployment,
            party.signer,
            store,
            self.network.transport(peer),
            strategy=party.strategy,
            names={name: contact for name, contact in self.names.items() if name != peer},
        )
        await node.start()
        try:
            yield node
        finally:
            await node.stop()
            chain.close()
            store.close()

    @property
    def names(self):
        return {name: Contact(name) for name in ("maker", "taker", "other")}


@pytest.fixture
def scene(anvil_program, tmp_path):
    with Anvil(program=anvil_program) as anvil, connect(anvil.url) as chain:
        deployer = KeySigner.random()
        fund(chain, deployer.address, 100 * ETHER)
        sender = TransactionSender(chain, deployer, policy=FeePolicy(poll_interval=0.01))
        tokens = [("Ether", "WETH", 18), ("Dollar", "USD", 6)]
        deployment = deploy(chain, sender, directory=tmp_path / "deployments", demo_tokens=tokens)
        yield Scene(chain, deployment, tmp_path)
