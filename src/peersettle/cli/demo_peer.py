"""One of the demo's nodes: a process of its own, which ends when whoever started it does.

It reads a line of JSON that says what to be, with the key, and then lines that say what to do; the end of its input is
its own. It writes lines of JSON that say what has happened. What it logs goes to stderr.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from peersettle.service.clock import SystemClock

if TYPE_CHECKING:
    from peersettle.making import Answer, Book, Inquiry, No, Price, Strategy
    from peersettle.node.hub import Listener
    from peersettle.node.node import Node

PATIENCE: Final = 5.0
"""Seconds to stop in good order."""
_WETH, _USDC = 10**18, 10**6


class AheadClock(SystemClock):
    """The time of a chain whose blocks are ahead of the wall clock."""

    def __init__(self, ahead: float) -> None:
        self._ahead = ahead

    def now(self) -> float:
        """Unix seconds."""
        return time.time() + self._ahead


@dataclass(frozen=True)
class Posted:
    """A strategy: WETH about a price in USDC, a little worse the more is wanted, and not too much at once."""

    mid: int = 2_500
    largest: int = 5

    def quote(self, inquiry: Inquiry, book: Book) -> Answer:  # noqa: ARG002
        """The whole, and the half where a part would do."""
        from peersettle.making import No, Price, Quotation

        (item,) = inquiry.request.items
        if item.amount > self.largest * _WETH:
            return No("too_large", f"at most {self.largest} WETH at once")
        sign = 1 if item.to_taker else -1
        prices = []
        for part in (10_000, 5_000) if inquiry.request.partial else (10_000,):
            amount = item.amount * part // 10_000
            basis_points = 10_000 + sign * (5 + amount // _WETH)
            prices.append(Price(sign * (amount * self.mid * _USDC // _WETH * basis_points // 10_000), part))
        return Quotation(tuple(prices), life=60, settle_within=3_600)

    def last_look(self, inquiry: Inquiry, price: Price, book: Book) -> No | None:  # noqa: ARG002
        """What was offered holds."""
        return None


def strategy_of(name: str | None) -> Strategy | None:
    """The maker's: posted prices, or the built-in one, which reads the oracle."""
    from peersettle.making import Policy, SpreadStrategy

    if name is None:
        return None
    if name == "posted":
        return Posted()
    limit = 1_000_000
    policy = Policy(
        max_delta=limit, max_vega=limit, max_exposure=limit, max_spot_age=120, quote_life=60, settle_within=3_600
    )
    return SpreadStrategy(policy)


async def serve(what: dict[str, Any], orders: Orders) -> None:
    """A node, until there are no more orders."""
    from peersettle.bindings import MarginDesk
    from peersettle.chain import Deployment, connect
    from peersettle.chain.tracker import AT_ONCE
    from peersettle.network import Contact
    from peersettle.network.libp2p import Libp2pOptions, Libp2pTransport
    from peersettle.node.node import Node
    from peersettle.signing import KeySigner
    from peersettle.store import Store

    with connect(what["url"]) as chain, Store.open(Path(what["store"])) as store:
        deployment = Deployment.load(Path(what["deployments"]), chain.chain_id)
        node = Node(
            chain,
            deployment,
            KeySigner(bytes.fromhex(what.pop("key"))),
            store,
            Libp2pTransport(Libp2pOptions(Path(what["peer_key"]), listen=what["listen"])),
            strategy=strategy_of(what["strategy"]),
            margin=MarginDesk(chain, deployment) if deployment.ledger is not None else None,
            names={name: Contact(peer, tuple(addresses)) for name, (peer, addresses) in what["names"].items()},
            finality=AT_ONCE,
            clock=AheadClock(what["ahead"]),
        )
        await node.start()
        try:
            card = node.peers.card
            with node.engine.hub.listen() as changes:
                telling = asyncio.create_task(_tell(changes))
                await _acquainted(node, {peer for peer, _ in what["names"].values()})
                say(kind="ready", peer=card.peer, addresses=list(card.listens), pid=os.getpid())
                await _obey(node, orders)
                telling.cancel()
        finally:
            await node.stop()


class Orders:
    """Lines of our input. Who gave them is gone when they end, and so are we: soon, whatever we are doing."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        threading.Thread(target=self._read, name="orders", daemon=True).start()

    async def next(self) -> dict[str, Any] | None:
        """One more; None at the end."""
        return await self._queue.get()

    def _read(self) -> None:
        for line in sys.stdin:
            self._loop.call_soon_threadsafe(self._queue.put_nowait, json.loads(line))
        alarm = threading.Timer(PATIENCE, os._exit, (1,))
        alarm.daemon = True
        alarm.start()
        self._loop.call_soon_threadsafe(self._queue.put_nowait, None)


def say(**what: Any) -> None:
    """One line of our output."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


async def _acquainted(node: Node, peers: set[str]) -> None:
    """Wait until these have shown who they are, or until it takes too long: then a request does it."""
    for _ in range(100):
        if peers <= {card.peer for card in node.peers.known()}:
            return
        await asyncio.sleep(0.05)


async def _obey(node: Node, orders: Orders) -> None:
    from peersettle.errors import PeerSettleError
    from peersettle.rfq import MESSAGE_CODEC, Request

    while (order := await orders.next()) is not None:
        try:
            if order["do"] == "ask":
                request = MESSAGE_CODEC.decode(order["request"])
                assert isinstance(request, Request)
                await node.engine.request(request, [order["peer"]])
            else:
                await node.engine.accept(order["key"], order["peer"], order["number"], order["choice"])
        except PeerSettleError as error:
            say(kind="failed", why=error.message)


async def _tell(changes: Listener) -> None:
    """Each change, with the milliseconds since the first of its negotiation."""
    from peersettle.rfq import text_of
    from peersettle.trades.documents import dump

    began: dict[str, float] = {}
    async for change in changes:
        since = began.setdefault(change.key, time.perf_counter())
        deal = change.state.deal
        say(
            kind="change",
            key=change.state.request.request_id,
            status=change.state.status,
            event=text_of(change.event),
            ms=round((time.perf_counter() - since) * 1e3, 1),
            tx_hash=deal.tx_hash if deal else "",
            problem=deal.problem if deal else "",
            document=dump(deal.document) if deal else "",
        )


async def _main(what: dict[str, Any]) -> None:
    from peersettle.cli.failures import conceal
    from peersettle.service.logs import log_to_stderr

    log_to_stderr("info", as_json=True, conceal=conceal)
    await serve(what, Orders())


def _load() -> None:
    """Seconds of imports, while whoever started us prepares what to tell us."""
    import peersettle.bindings
    import peersettle.chain.transport
    import peersettle.making.spread
    import peersettle.network.libp2p.host
    import peersettle.node.node  # noqa: F401
    from peersettle.pricing import black76

    black76.greeks(1.0, 1.0, 1.0, 1.0, True)  # the first time takes longest


if __name__ == "__main__":
    _load()
    if line := sys.stdin.readline():
        asyncio.run(_main(json.loads(line)))
