"""Running a node with its API, from the desk."""

from __future__ import annotations

import asyncio
import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peersettle.api.app import create_app
from peersettle.api.server import serve
from peersettle.api.token import read_or_make_token, token_path
from peersettle.cli.desk import Desk
from peersettle.cli.failures import keep_secret
from peersettle.cli.margins import price_updates
from peersettle.errors import ConfigError
from peersettle.node.node import Node

if TYPE_CHECKING:
    from peersettle.making import Strategy
    from peersettle.network import Transport


async def run_node(
    desk: Desk,
    strategy: Strategy | None,
    key: str | None,
    password_file: Path | None,
    ready: Callable[[str, dict[str, Any]], None],
    *,
    transport: Transport | None = None,
) -> None:
    """Run until cancelled. `ready` is told the API's URL and who the node is.

    Raises:
        ConfigError: another node runs here, or it cannot listen.
        KeyStoreError, ChainError, StoreError: it cannot begin.
    """
    settings = desk.settings
    with _alone(settings.paths.state):
        token = read_or_make_token(token_path(settings))
        keep_secret(token)
        signer = desk.signer(key, password_file)
        desk.deployment.verify(desk.chain)
        node = Node.build(
            settings,
            desk.chain,
            desk.deployment,
            signer,
            desk.store,
            strategy=strategy,
            transport=transport,
            updates=lambda markets: price_updates(desk, markets),
            exclusive=lambda: desk.exclusive("settle"),
        )
        try:
            await node.start()
            app = create_app(
                node,
                token,
                named=settings.tokens_on(desk.chain.chain_id),
                hosts=[settings.node.address[0]],
                open_metrics=settings.node.open_metrics,
                request_life=settings.node.request_life,
                sub_account=settings.node.sub_account,
            )
            who = node.status()
            who["dial"] = [f"{address}/p2p/{who['peer']}" for address in who["addresses"]]  # as others name it
            who["token_file"] = str(token_path(settings))
            await serve(app, settings.node.address, lambda url: ready(url, who))
        finally:
            await asyncio.shield(node.stop())


@contextmanager
def _alone(state: Path) -> Iterator[None]:
    """One node with this state: two would write to one record."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (state / "node.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigError(
                f"a node runs here already, with {state}",
                next_step="use that one; or give this one paths.state, paths.store and node.listen of its own",
            ) from None
        yield
