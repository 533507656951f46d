"""A node: negotiations over a network of peers, settled on a chain, on record in a store."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import TYPE_CHECKING, Any, Final

import structlog

from peersettle.bindings.settling import SettlementDesk, Updates
from peersettle.chain.sender import TransactionSender
from peersettle.chain.tracker import Finality, SettlementTracker
from peersettle.network import Contact, Identity, Peers, Rules, Transport
from peersettle.node.engine import Engine
from peersettle.node.market import MarketDesk
from peersettle.node.metrics import NodeMetrics
from peersettle.node.quoter import Quoter
from peersettle.node.settler import Settler
from peersettle.service.clock import Clock, SystemClock
from peersettle.service.tasks import Tasks
from peersettle.store.writer import GroupWriter
from peersettle.types import Account

if TYPE_CHECKING:
    from peersettle.bindings import MarginDesk
    from peersettle.chain.client import Chain
    from peersettle.chain.deployments import Deployment
    from peersettle.config import Settings
    from peersettle.making import Strategy
    from peersettle.rfq import Message
    from peersettle.signing import Signer
    from peersettle.store import Store

_log = structlog.get_logger("peersettle.node")


class Node:
    """One peer. All methods belong to one asyncio loop.

    Args:
        strategy: what answers requests; without one they are declined.
        finality: how deep a block must be; as the chain says when not given.
        updates: oracle updates that go in front of a trade of positions; without, somebody else keeps prices fresh.
        exclusive: keeps other programs with the same key and record from sending while we do.
    """

    def __init__(
        self,
        chain: Chain,
        deployment: Deployment,
        signer: Signer,
        store: Store,
        transport: Transport,
        *,
        strategy: Strategy | None = None,
        margin: MarginDesk | None = None,
        names: dict[str, Contact] | None = None,
        rules: Rules | None = None,
        finality: Finality | None = None,
        sub_account: int = 0,
        updates: Updates | None = None,
        exclusive: Callable[[], AbstractContextManager[None]] = nullcontext,
        clock: Clock | None = None,
    ) -> None:
        self.chain: Final = chain
        self.deployment: Final = deployment
        self.signer: Final = signer
        self.store: Final = store
        self.margin: Final = margin
        self.domain: Final = deployment.domain
        self._clock = clock or SystemClock()
        self._strategy = strategy
        self._sub_account = sub_account
        tracker = SettlementTracker(chain, store, deployment.settlement, finality=finality)
        desk = SettlementDesk(chain, deployment, store, tracker, margin=margin, updates=updates)
        sender = TransactionSender(chain, signer, store)
        self._settler = Settler(chain, store, desk, tracker, sender, signer, exclusive)
        self.peers: Final = Peers(
            transport,
            Identity(self.domain, (signer,)),
            self._on_message,
            names=names,
            rules=rules,
            clock=self._clock,
        )
        self.metrics: Final = NodeMetrics(self)
        self._market: MarketDesk | None = None
        self._engine: Engine | None = None
        self._writer: GroupWriter | None = None
        self._tasks = Tasks()
        self._started_at = 0.0

    @classmethod
    def build(
        cls,
        settings: Settings,
        chain: Chain,
        deployment: Deployment,
        signer: Signer,
        store: Store,
        *,
        strategy: Strategy | None = None,
        transport: Transport | None = None,
        updates: Updates | None = None,
        exclusive: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> Node:
        """As the settings say; over libp2p unless another transport is given.

        Raises:
            ConfigError: the settings cannot be used.
        """
        from peersettle.bindings import MarginDesk
        from peersettle.network.libp2p import Libp2pOptions, Libp2pTransport, contact_of

        network = settings.network
        return cls(
            chain,
            deployment,
            signer,
            store,
            transport or Libp2pTransport(Libp2pOptions.of(network)),
            strategy=strategy,
            margin=MarginDesk(chain, deployment) if deployment.ledger is not None else None,
            names={name: contact_of(text) for name, text in network.peers.items()},
            rules=Rules.of(network),
            finality=Finality.of(settings.chain),
            sub_account=settings.node.sub_account,
            updates=updates,
            exclusive=exclusive,
        )

    @property
    def engine(self) -> Engine:
        """Its negotiations, once it is started."""
        assert self._engine is not None, "the node has not been started"
        return self._engine

    async def start(self) -> None:
        """Read back what is not finished, listen, and go on.

        Raises:
            ConfigError: it cannot listen. ChainError: the chain does not answer. StoreError: the store cannot be read.
        """
        self._started_at = time.monotonic()
        self._writer = self._new_writer()
        quoter = None
        if self._strategy is not None:
            self._market = MarketDesk(
                self.chain,
                self.deployment.tokens,
                Account(self.signer.address, self._sub_account),
                currency=self.deployment.cash or self.deployment.tokens.get("USDC"),
                margin=self.margin,
                clock=self._clock,
            )
            await self._market.start()
            quoter = Quoter(self._strategy, self._market.book, self.signer, self.store, sub_account=self._sub_account)
        self._engine = Engine(
            self.chain.chain_id,
            self.store,
            self._writer,
            self._settler,
            self.signer,
            quoter=quoter,
            promises=self._market,
            clock=self._clock,
        )
        bans = await asyncio.to_thread(self.store.peers.bans, self._clock.now())
        self.peers.limits.load({ban.peer: ban.until for ban in bans})
        if self._market is not None:
            self._tasks.spawn(self._market.run())
        await self._engine.load(self.peers)  # before anybody is heard
        await self.peers.start()
        await self._engine.start()
        _log.info("listening", peer=self.peers.card.peer, addresses=list(self.peers.card.listens))

    async def stop(self) -> None:
        """Stop in good order. May be called twice."""
        await self._tasks.close()
        await self.peers.stop()
        if self._engine is not None:
            await self._engine.stop()
        if self._writer is not None:
            await self._writer.close()
            self._writer = None
        for peer, until in self.peers.limits.dump(self._clock.now()).items():
            with suppress(Exception):
                self.store.peers.ban(peer, until, "garbage")

    def _new_writer(self) -> GroupWriter:
        return GroupWriter(self.store)

    def status(self) -> dict[str, Any]:
        """Who and where it is, JSON-ready."""
        card = self.peers.card
        live = self.engine.live().values()
        return {
            "peer": card.peer,
            "addresses": list(card.listens),
            "account": self.signer.address,
            "chain_id": self.chain.chain_id,
            "settlement": self.domain.settlement,
            "makes_prices": self._strategy is not None,
            "seconds_up": round(time.monotonic() - self._started_at, 1),
            "negotiations": len(live),
            "peers": len(self.peers.known()),
        }

    async def _on_message(self, peer: str, message: Message) -> None:
        await self.engine.on_message(peer, message)
