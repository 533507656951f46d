"""The API over a node whose chain, peers and engine are stand-ins; record, hub and negotiations are real."""

import asyncio
import time
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from peersettle.api import create_app
from peersettle.api.server import serve
from peersettle.chain import Deployment
from peersettle.errors import InvalidField, NegotiationError
from peersettle.network import Card, Claim
from peersettle.node.hub import Change, Hub
from peersettle.rfq import (
    Accepted,
    Alternative,
    Begun,
    Cancelled,
    Offer,
    Received,
    Seen,
    Side,
    Standing,
    Submitted,
    TakerState,
    Wanted,
    document_of,
)
from peersettle.signing import KeySigner, sign_message
from peersettle.store import Entry, Store
from peersettle.trades import Quote
from peersettle.types import Address

TOKEN = "t" * 43
USDC = Address("0x" + "1" * 40)
WETH = Address("0x" + "2" * 40)
TX = "0x" + "ab" * 32


def signed_part(document):
    return document.swap if isinstance(document, Quote) else document.trade


class FakeChain:
    """Two tokens, which a book asks for their symbols, decimals and balances."""

    chain_id = 31_337

    def block(self, *_):
        return SimpleNamespace(number=7, timestamp=1_700_000_000)


class FakeToken:
    def __init__(self, _, where):
        self.where = where

    def decimals(self):
        return {USDC: 6, WETH: 18}.get(self.where)

    def symbol(self):
        return {USDC: "USDC", WETH: "WETH"}[self.where]

    def balance(self, _):
        return {USDC: 5_000_000, WETH: 2 * 10**18}[self.where]


class FakePeers:
    def __init__(self, cards):
        from peersettle.network.limits import Limits

        self.cards = {card.peer: card for card in cards}
        self.limits = Limits()

    def known(self):
        return tuple(self.cards.values())

    def find(self, text):
        for card in self.cards.values():
            if text in (card.peer, *card.accounts):
                return card.peer
        raise InvalidField("peer", text, "no peer that we have heard of")

    def ban(self, peer, seconds=None):
        self.limits.ban(peer, time.time() + (seconds or 600))

    def unban(self, peer):
        self.limits.unban(peer)


class FakeEngine:
    """Runs the real state of a taker; what makers and the chain do is said by the test."""

    def __init__(self, signer, domain):
        self.signer, self.domain = signer, domain
        self.hub = Hub()
        self.states = {}
        self.store: Any = None
        self.numbers: dict[str, int] = {}

    async def request(self, request, peers=()):
        self._step(request.request_id, Begun(request, tuple(peers), time.time()))
        return request.request_id

    async def want_firm(self, key, peer):
        self._step(key, Wanted(peer, time.time()))

    async def accept(self, key, peer, number, choice):
        document = self.states[key].document(peer, number, choice)
        signature = sign_message(self.signer, document.domain, signed_part(document))
        return self._step(key, Accepted(peer, number, choice, signature, time.time()))

    async def cancel(self, key):
        self._step(key, Cancelled(time.time()))

    def state(self, key):
        if key not in self.states:
            raise NegotiationError(f"there is no negotiation {key}")
        return self.states[key]

    def live(self):
        return {key: state for key, state in self.states.items() if not state.is_over}

    def hears(self, key, peer, message):
        self._step(key, Received(peer, message, time.time()))

    def sees(self, key, event):
        self._step(key, event)

    def _step(self, key, event):
        state, _ = self.states[key].step(event) if key in self.states else TakerState.begun(event)
        number = self.numbers.get(key, -1) + 1
        self.numbers[key] = number
        digest = "0x" + state.deal.document.digest.hex() if state.deal else None
        self.store.negotiations.append(
            [Entry(key, "taker", key, "", 31_337, state.status, state.is_over, digest, number, "{}", event.at)]
        )
        self.states[key] = state
        self.hub.tell(Change(key, Side.TAKER, state, event))
        return state


@dataclass
class Maker:
    """A peer that answers when it is told to."""

    signer: KeySigner
    peer: str
    node: Any
    nonce: int = 1

    def offers(self, key, price, *, number=0, life=60, signed=True, parts=(10_000,)):
        request = self.node.engine.states[key].request
        expires_at = int(time.time()) + life
        made = []
        for part in parts:
            bare = Alternative(price * part // 10_000, self.nonce, expires_at + 60, part)
            document = document_of(request, self.signer.address, bare)
            signature = sign_message(self.signer, document.domain, signed_part(document)) if signed else b""
            made.append(replace(bare, signature=signature))
        self.nonce += 1
        self.node.engine.hears(key, self.peer, Offer(key, number, self.signer.address, tuple(made), expires_at))

    def says(self, key, message):
        self.node.engine.hears(key, self.peer, message)


@dataclass
class World:
    """The node, its makers, and the application."""

    node: Any
    makers: list[Maker]
    app: object = None
    url: str = ""
    tasks: list = field(default_factory=list)

    def settles(self, key, *standings):
        self.node.engine.sees(key, Submitted(TX, time.time()))
        for standing in standings:
            self.node.engine.sees(key, Seen(standing, TX, 0, time.time()))

    def included(self, key):
        self.settles(key, Standing.INCLUDED)


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.setattr("peersettle.bindings.token.Token", FakeToken)
    monkeypatch.setattr("peersettle.api.holdings.Token", FakeToken)
    signer = KeySigner.random()
    deployment = Deployment(
        31_337,
        Address("0x" + "3" * 40),
        Address("0x" + "4" * 40),
        Address("0x" + "5" * 40),
        1,
        signer.address,
        {"USDC": USDC, "WETH": WETH},
    )
    made = [KeySigner.random(), KeySigner.random()]
    now = int(time.time())
    cards = [
        Card(f"peer{place}", 31_337, ("/memory",), now, now + 600, (Claim(each.address, bytes(65)),))
        for place, each in enumerate(made)
    ]
    engine = FakeEngine(signer, deployment.domain)
    with Store.open(tmp_path / "trades.db") as store:
        engine.store = store
        node: Any = SimpleNamespace(
            engine=engine,
            peers=FakePeers(cards),
            store=store,
            chain=FakeChain(),
            deployment=deployment,
            domain=deployment.domain,
            signer=signer,
            margin=None,
            metrics=SimpleNamespace(text=lambda: b"peersettle_node_peers 2.0\n"),
            status=lambda: {"peer": "me", "account": signer.address},
        )
        found = World(node, [Maker(each, card.peer, node) for each, card in zip(made, cards, strict=True)])
        found.app = create_app(node, TOKEN, heartbeat=0.05)
        yield found


class Client:
    """Asks the application without a socket, each time in a loop of its own."""

    def __init__(self, app, base_url="http://127.0.0.1:9480", token=TOKEN):
        self.app, self.base_url = app, base_url
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def request(self, method, path, headers=(), **given):
        async def ask():
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url=self.base_url, headers=self.headers) as client:
                return await client.request(method, path, headers=dict(headers), **given)

        return asyncio.run(ask())

    def get(self, path, **given):
        return self.request("GET", path, **given)

    def post(self, path, **given):
        return self.request("POST", path, **given)


@pytest.fixture
def client(world):
    """Says the token."""
    return Client(world.app)


@pytest.fixture
def run(world):
    """Run a coroutine while the API is served on a port of its own."""

    def go(work):
        async def main():
            ready = asyncio.Event()

            def is_ready(url):
                world.url = url
                ready.set()

            serving = asyncio.create_task(serve(world.app, ("127.0.0.1", 0), is_ready))
            try:
                await asyncio.wait_for(ready.wait(), 30)
                return await asyncio.wait_for(work(), 90)
            finally:
                world.node.engine.hub.tell(None)
                serving.cancel()
                await asyncio.gather(serving, return_exceptions=True)

        return asyncio.run(main())

    return go
