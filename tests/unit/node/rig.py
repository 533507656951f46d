"""Nodes without a chain: real engine, store, strategy and promises, and a network in this process."""

from __future__ import annotations

import asyncio
import secrets
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from peersettle.making import Book, Policy, Spot, SpreadStrategy, TokenView
from peersettle.network import Identity, Peers, Rules
from peersettle.network.memory import MemoryNetwork
from peersettle.node.engine import Engine
from peersettle.node.market import MarketDesk
from peersettle.node.quoter import Quoter
from peersettle.rfq import Asset, Item, Request
from peersettle.risk.instruments import Market
from peersettle.service.clock import SystemClock
from peersettle.signing import KeySigner
from peersettle.store import Store
from peersettle.store.writer import GroupWriter
from peersettle.trades import Domain, LegKind
from peersettle.types import WAD, Account, address

USD, WETH = (address("0x" + f"b{n}" * 20) for n in (1, 2))
DOMAIN = Domain(31337, address("0x" + "d1" * 20))
DOLLARS, ETHER = Asset(LegKind.ERC20, USD), Asset(LegKind.ERC20, WETH)
UNIT = 10**18
LIMIT = 30_000
OPEN = Rules(10_000, 10_000, 10_000, 10_000)


class Chainless:
    """A settler that sends nothing."""

    def resume(self, documents):
        pass

    def look(self, documents):  # noqa: ARG002 (the settler's own)
        return {}

    def cancel(self, document):
        pass

    def check(self, document):
        pass

    def submit(self, document):
        return "0x" + bytes(document.digest).hex()


@dataclass
class Party:
    """A key, its store, and its node while that runs. One that makes prices has limits of 30,000."""

    network: MemoryNetwork
    home: Path
    name: str
    makes: bool = False
    signer: KeySigner = field(default_factory=KeySigner.random)

    @asynccontextmanager
    async def running(self):
        clock = SystemClock()
        self.store = Store.open(self.home / f"{self.name}.db")
        writer = GroupWriter(self.store)
        tokens = {"USD": USD, "WETH": WETH}
        self.market = MarketDesk(None, tokens, Account(self.signer.address), currency=USD, clock=clock)
        self.market._book = Book(
            clock.now(),
            {0: Spot(3_000 * WAD, clock.now())},
            {},
            {USD: TokenView("USD", 6, None, True), WETH: TokenView("WETH", 18, 0)},
            {0: Market(0, "ETH", WAD // 100, 10 * WAD)},
        )
        self.market._tally.hold(ETHER, 1_000 * UNIT)
        self.market._tally.hold(DOLLARS, 10**7 * 10**6)
        self.market._tally.revalue(self.market.book())
        policy = Policy(max_delta=LIMIT, max_exposure=LIMIT, max_spot_age=10**6, inventory_skew_basis_points=0)
        strategy = SpreadStrategy(policy)
        quoter = Quoter(strategy, self.market.book, self.signer, self.store) if self.makes else None
        self.engine = Engine(
            31337, self.store, writer, Chainless(), self.signer, quoter=quoter, promises=self.market, clock=clock
        )
        identity = Identity(DOMAIN, (self.signer,))
        self.peers = Peers(self.network.transport(self.name), identity, self.engine.on_message, clock=clock, rules=OPEN)
        await self.engine.load(self.peers)
        await self.peers.start()
        await self.engine.start()
        try:
            yield self
        finally:
            await self.peers.stop()
            await self.engine.stop()
            await writer.close()
            self.store.close()

    @property
    def counted(self) -> int:
        """What is promised, in settlement currency."""
        return self.market.book().total_exposure // WAD


@dataclass
class Stranger:
    """Somebody with a key and a card who says what it likes."""

    network: MemoryNetwork
    name: str
    signer: KeySigner = field(default_factory=KeySigner.random)
    heard: list = field(default_factory=list)

    @asynccontextmanager
    async def there(self):
        async def hear(_, message):
            self.heard.append(message)

        identity = Identity(DOMAIN, (self.signer,))
        self.peers = Peers(self.network.transport(self.name), identity, hear, rules=OPEN)
        await self.peers.start()
        try:
            yield self
        finally:
            await self.peers.stop()

    def request(self, amount: int = 9 * UNIT, **changes) -> Request:
        fields = {
            "request_id": secrets.token_hex(16),
            "domain": DOMAIN,
            "taker": self.signer.address,
            "items": (Item(ETHER, amount, True),),
            "currency": DOLLARS,
            "expires_at": int(time.time()) + 60,
        }
        return Request(**{**fields, **changes})

    async def hears(self, kind, count: int = 1, seconds: float = 30.0):
        async with asyncio.timeout(seconds):
            while sum(isinstance(item, kind) for item in self.heard) < count:
                await asyncio.sleep(0.01)
        return [item for item in self.heard if isinstance(item, kind)]
