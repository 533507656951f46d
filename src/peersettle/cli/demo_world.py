"""The demo's world: a chain inside this process, peers with fresh keys, tokens, and the record."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from peersettle.bindings.amounts import Token
from peersettle.bindings.settling import keep
from peersettle.cli.documents import write_document
from peersettle.errors import PeerSettleError
from peersettle.signing import KeySigner
from peersettle.trades import Document, Domain, Leg
from peersettle.types import Address, to_units

if TYPE_CHECKING:
    from peersettle.bindings import Settlement
    from peersettle.chain import Chain, Deployment, Receipt, TransactionSender
    from peersettle.store import Store

TOKENS: Final = (
    ("USD Coin (demo)", "USDC", 6),
    ("Wrapped Ether (demo)", "WETH", 18),
    ("Wrapped Bitcoin (demo)", "WBTC", 8),
    ("Dai (demo)", "DAI", 18),
)
PEERS: Final = ("maker", "taker", "broker", "hedger")
STOCK: Final = {
    "maker": {"USDC": "500000", "WETH": "20"},
    "taker": {"USDC": "500000", "WETH": "200"},
    "broker": {"WBTC": "3"},
    "hedger": {"DAI": "100000"},
}


class Deviation(PeerSettleError):
    """The demo saw something else than must be; nothing of it is hidden."""


@dataclass
class Peer:
    """One who trades: a key of its own, which nobody sees but this process and the peer's own node."""

    name: str
    signer: KeySigner
    sender: TransactionSender
    secret: bytes = field(repr=False)

    @property
    def address(self) -> Address:
        """The key's address."""
        return self.signer.address


@dataclass
class World:
    """Everything the scenes use. `expected` is what each balance must be, by peer and symbol."""

    chain: Chain
    deployment: Deployment
    settlement: Settlement
    store: Store
    peers: dict[str, Peer]
    tokens: dict[str, Token]
    directory: Path
    expected: dict[tuple[str, str], int] = field(default_factory=dict)

    @property
    def domain(self) -> Domain:
        """Where the peers' signatures count."""
        return self.deployment.domain

    def balances(self) -> dict[tuple[str, str], int]:
        """Every balance on the chain."""
        from peersettle.bindings import Token as Contract

        return {
            (peer.name, token.symbol): Contract(self.chain, token.address).balance(peer.address)
            for peer in self.peers.values()
            for token in self.tokens.values()
        }

    def allow(self, name: str, amounts: Mapping[str, int]) -> None:
        """A peer lets Settlement move so many units of its tokens."""
        from peersettle.bindings import Token as Contract

        peer = self.peers[name]
        for symbol, amount in amounts.items():
            contract = Contract(self.chain, self.tokens[symbol].address)
            peer.sender.send(contract.approve(self.settlement.address, amount))

    def allowance(self, name: str, symbol: str) -> int:
        """What Settlement may still move of a peer's token."""
        from peersettle.bindings import Token as Contract

        contract = Contract(self.chain, self.tokens[symbol].address)
        return contract.allowance(self.peers[name].address, self.settlement.address)

    def record(self, document: Document, name: str) -> None:
        """Keep a document in the store, and as a file that could have been mailed."""
        keep(self.store, document, "", self.peers["maker"].address)
        write_document(self.directory / "documents" / f"{name}.json", document)

    def settle(self, document: Document, sender: Peer) -> Receipt:
        """Settle a document, and check that the chain has moved exactly its legs."""
        from peersettle.trades import Quote

        if isinstance(document, Quote):
            call = self.settlement.for_quote(document, sender.address)
            legs: Iterable[Leg] = document.swap.legs()
        else:
            call = self.settlement.settle(document)
            legs = document.trade.legs
        receipt = sender.sender.send(call)
        self.moved(legs)
        self.assert_balances()
        return receipt

    def moved(self, legs: Iterable[Leg]) -> None:
        """Book legs into what is expected."""
        names = {peer.address: peer.name for peer in self.peers.values()}
        symbols = {token.address: token.symbol for token in self.tokens.values()}
        for leg in legs:
            self.expected[names[leg.giver], symbols[leg.token]] -= leg.amount
            self.expected[names[leg.receiver], symbols[leg.token]] += leg.amount

    def assert_balances(self) -> None:
        """Every balance is what was booked.

        Raises:
            Deviation: one is not.
        """
        for (name, symbol), units in self.balances().items():
            wanted = self.expected[name, symbol]
            if units != wanted:
                token = self.tokens[symbol]
                raise Deviation(f"{name} has {token.show(units)}, but must have {token.show(wanted)}")


def build_world(directory: Path) -> World:
    """A fresh chain with the contracts, four tokens and four peers, each with its stock."""
    from peersettle.bindings import Settlement
    from peersettle.bindings import Token as Contract
    from peersettle.chain import TransactionSender, deploy, embedded, fund
    from peersettle.store import Store

    (directory / "documents").mkdir(parents=True, exist_ok=True)
    chain = embedded()
    store = Store.open(directory / "peersettle.db")
    peers = {}
    for name in PEERS:
        secret = secrets.token_bytes(32)
        signer = KeySigner(secret)
        fund(chain, signer.address, 10**20)
        peers[name] = Peer(name, signer, TransactionSender(chain, signer, store), secret)
    deployer = peers["maker"].sender
    deployment = deploy(chain, deployer, directory=directory, demo_tokens=TOKENS)
    tokens = {symbol: Token(deployment.tokens[symbol], symbol, decimals) for _, symbol, decimals in TOKENS}
    for name, stock in STOCK.items():
        for symbol, amount in stock.items():
            token = tokens[symbol]
            units = to_units(amount, token.decimals)
            deployer.send(Contract(chain, token.address).mint(peers[name].address, units))
    settlement = Settlement(chain, deployment)
    world = World(chain, deployment, settlement, store, peers, tokens, directory)
    world.expected = world.balances()
    return world
