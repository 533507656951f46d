"""A keeper as the settings describe it, and its running until it is stopped."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import structlog

from peersettle.chain.fees import GWEI, FeePolicy
from peersettle.chain.heads import Heads
from peersettle.config import KeeperSettings
from peersettle.errors import ConfigError, PeerSettleError, RpcError
from peersettle.keeper.actor import Actor
from peersettle.keeper.appraisal import Limits
from peersettle.keeper.discovery import Discovery
from peersettle.keeper.hedge import Command, Hedge
from peersettle.keeper.journal import Journal
from peersettle.keeper.keeper import Keeper, Look, Options
from peersettle.keeper.metrics import Metrics, MetricsServer
from peersettle.keeper.reader import Reader
from peersettle.keeper.view import Policy
from peersettle.service.backoff import Backoff
from peersettle.service.clock import SystemClock
from peersettle.types import WAD, Address, to_units

if TYPE_CHECKING:
    from peersettle.chain.client import Chain
    from peersettle.chain.deployments import Deployment
    from peersettle.signing import Signer
    from peersettle.store import Store

_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 60.0
_QUIET: Final = 15
"""So many times it waits before it looks although there is no new block."""
_log = structlog.get_logger("peersettle.keeper")


@dataclass
class KeeperDaemon:
    """A keeper that looks at each block. `look` may be called instead, for one look."""

    keeper: Keeper
    metrics: Metrics
    settings: KeeperSettings
    ledger: Address
    is_well: bool = False

    def look(self) -> Look:
        """One look.

        Raises:
            RpcUnavailable, RpcError: the node does not answer. ConfigError: the settings cannot be used.
        """
        try:
            found = self.keeper.look()
        except BaseException:
            self.is_well = False
            self.metrics.looks.labels("failed").inc()
            raise
        self.is_well = True
        self.metrics.looks.labels("done").inc()
        self.metrics.behind.set_to_current_time()
        return found

    async def run(
        self, ready: Callable[[str], None] | None = None, *, chance: Callable[[], float] = random.random
    ) -> None:
        """Look until cancelled, and serve metrics: `ready` is told where. Where the node does not answer, pauses grow
        up to a minute.

        Raises:
            ConfigError: the settings cannot be used, or the address to listen on is taken.
        """
        server = MetricsServer(self.metrics, lambda: self.is_well)
        url = await server.start_as_set(self.settings.address, "keeper.listen")
        _log.info("keeping", metrics=url)
        if ready is not None:
            ready(url)
        backoff = Backoff(SystemClock(), chance, first=_FIRST_PAUSE, cap=_LONGEST_PAUSE)
        try:
            async with Heads(self.settings.poll, self.settings.url) as heads:
                while True:
                    try:
                        await asyncio.to_thread(self.look)
                    except ConfigError:
                        raise
                    except RpcError as error:
                        _log.warning("the node does not answer", why=error.message, failures=backoff.failures + 1)
                    except PeerSettleError as error:
                        _log.error("a look failed", why=error.message)
                    except Exception:  # a defect must not end the keeper
                        _log.exception("a look failed in an unforeseen way")
                    else:
                        backoff.worked()
                        await self._next_block(heads)
                        continue
                    await asyncio.sleep(backoff.failed())
        finally:
            await server.stop()

    async def _next_block(self, heads: Heads) -> None:
        """Wait for it; not for ever, since what was left open must be looked after."""
        for _ in range(_QUIET):
            await heads.wait()
            try:
                if await asyncio.to_thread(self.keeper.has_news):
                    return
            except PeerSettleError:
                return  # the next look says so


def policy_of(settings: KeeperSettings) -> Policy:
    """The settings in wad."""
    return Policy(
        limits=Limits(_wad(settings.max_inventory), _wad(settings.margin_buffer_percent / 100)),
        min_edge=_wad(settings.min_edge),
        hedge_rate=_wad(settings.hedge_cost_percent / 100),
        upkeep=_wad(settings.upkeep),
        max_gas_price=None if settings.max_gas_price is None else int(settings.max_gas_price * GWEI),
    )


def options_of(settings: KeeperSettings) -> Options:
    """How it looks."""
    return Options(
        sub_accounts=settings.sub_accounts,
        native_price=str(settings.native_price),
        sweep=settings.sweep,
        tolerance=float(settings.tolerance_percent) / 100,
        closely=settings.closely,
    )


@contextmanager
def keeper_daemon(
    settings: KeeperSettings,
    chain: Chain,
    deployment: Deployment,
    *,
    signer: Signer | None = None,
    store: Store | None = None,
    owner: Address | None = None,
    hedge: Hedge | None = None,
    fees: FeePolicy | None = None,
) -> Iterator[KeeperDaemon]:
    """A keeper that is ready to look.

    Without a `signer` nothing is sent and nothing is written down: it shows what `owner` would do. `hedge` is told of
    purchases; without it the settings' command is. `store` has the outbox of the signer's transactions.

    Raises:
        ConfigError: the settings cannot be used.
        StoreError: the state cannot be used, as when another keeper uses it.
        NotDeployed: the chain has no margin accounts on record.
    """
    from peersettle.chain.sender import TransactionSender

    if signer is None and owner is None:
        raise ConfigError("say for whom a keeper without a signer decides")
    reader, metrics, policy = Reader(chain, deployment), Metrics(), policy_of(settings)
    fee_policy = fees or FeePolicy(max_fee=policy.max_gas_price and 2 * policy.max_gas_price)
    home = f"chain {deployment.chain_id}, ledger {deployment.ledger}"
    who = signer.address if signer is not None else owner
    assert who is not None
    with Journal(settings.state if signer is not None else None, home) as journal:
        discovery = Discovery(chain, deployment, after=journal.cursor, span=settings.max_log_range)
        actor = None
        if signer is not None:
            sender = TransactionSender(chain, signer, store, policy=fee_policy)
            told = hedge or (Command(settings.hedge, settings.hedge_timeout) if settings.hedge else None)
            actor = Actor(reader, journal, sender, signer, policy, metrics, told)
        keeper = Keeper(
            reader, discovery, journal, policy, options_of(settings), fee_policy, metrics, owner=who, actor=actor
        )
        yield KeeperDaemon(keeper, metrics, settings, reader.desk.ledger.address)


@asynccontextmanager
async def running(
    daemon: KeeperDaemon, *, chance: Callable[[], float] = random.random
) -> AsyncIterator[asyncio.Task[None]]:
    """Run it beside something else, and stop it afterwards."""
    task = asyncio.create_task(daemon.run(chance=chance))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _wad(amount: Decimal) -> int:
    return to_units(amount, 18) if amount < WAD else int(amount) * WAD
