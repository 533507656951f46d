"""A node in a process of its own that kills itself at a step: `python -m tests.integration.node.mortal < config`.

The first line of stdin is JSON: url, home, deployments, key, makes, dies ("" or TYPE:before or TYPE:after the writing
down of an event), other (whom to ask). It says its contact, then each change of its negotiation, one JSON a line. A
taker asks once, accepts what it is offered, and goes on where it was after a restart.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import sys
import time
from pathlib import Path

from tests.integration.node.strategies import ETHER, Fixed

from peersettle.chain import Deployment, connect
from peersettle.errors import NegotiationError
from peersettle.network import Contact
from peersettle.network.libp2p import Libp2pOptions, Libp2pTransport
from peersettle.node.node import Node
from peersettle.rfq import Asset, Item, Request, TakerPhase
from peersettle.signing import KeySigner
from peersettle.store import Store
from peersettle.trades import LegKind


class Mortal:
    """A writer that dies."""

    def __init__(self, writer, dies):
        self._writer = writer
        self._type, _, self._when = dies.partition(":")

    async def append(self, *entries):
        found = [json.loads(entry.text) for entry in entries]
        types = [item["message"]["type"] if item["type"] == "received" else item["type"] for item in found]
        is_it = self._type in types
        if is_it and self._when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        await self._writer.append(*entries)
        if is_it:
            os.kill(os.getpid(), signal.SIGKILL)

    async def close(self):
        await self._writer.close()


def say(**values):
    print(json.dumps(values), flush=True)


async def take(node, other):
    """Ask, unless that was done; accept; tell what becomes of it."""
    with node.engine.hub.listen() as changes:
        kept = node.store.negotiations.list(side="taker")
        if kept:
            key = kept[0].key
        else:
            weth, usd = (Asset(LegKind.ERC20, node.deployment.tokens[symbol]) for symbol in ("WETH", "USD"))
            request = Request(
                secrets.token_hex(16),
                node.domain,
                node.signer.address,
                (Item(weth, ETHER, to_taker=True),),
                usd,
                int(time.time()) + 600,
            )
            key = await node.engine.request(request, [other])
        await accept(node, key)
        async for change in changes:
            await accept(node, key)
            say(status=change.state.status)


async def accept(node, key):
    state = node.engine.state(key)
    say(status=state.status)
    if state.phase is TakerPhase.OPEN:
        for peer, answer in state.answers.items():
            if answer.live_offer(time.time()) is not None:
                try:
                    await node.engine.accept(key, peer, answer.offer.number, 0)
                except NegotiationError as error:
                    say(refused=str(error))


async def tell(node):
    with node.engine.hub.listen() as changes:
        for state in node.engine.live().values():
            say(status=state.status)
        async for change in changes:
            say(status=change.state.status)


async def main():
    config = json.loads(sys.stdin.readline())
    home = Path(config["home"])
    port = home / "port"
    listen = f"/ip4/127.0.0.1/tcp/{port.read_text() if port.exists() else 0}"
    other = Contact(config["other"][0], tuple(config["other"][1])) if config["other"] else None
    with connect(config["url"]) as chain, Store.open(home / "node.db") as store:
        node = Node(
            chain,
            Deployment.load(Path(config["deployments"]), chain.chain_id),
            KeySigner(bytes.fromhex(config["key"])),
            store,
            Libp2pTransport(Libp2pOptions(home / "peer.key", listen)),
            strategy=Fixed(life=300) if config["makes"] else None,
            names={"other": other} if other else {},
        )
        original = node._new_writer
        setattr(node, "_new_writer", lambda: Mortal(original(), config["dies"]))  # noqa: B010 (a method)
        await node.start()
        card = node.peers.card
        port.write_text(card.listens[0].rpartition("/")[2])
        say(peer=card.peer, listens=card.listens)
        await (take(node, other.peer) if other else tell(node))


if __name__ == "__main__":
    asyncio.run(main())
