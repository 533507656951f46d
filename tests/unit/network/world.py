"""Peers in one process, with keys, a clock that stands until it is moved, and messages to say."""

import asyncio
from contextlib import asynccontextmanager

from peersettle.network import Identity, MemoryNetwork, Peers
from peersettle.rfq import Alternative, Ask, Asset, Item, Offer, Request
from peersettle.signing import KeySigner
from peersettle.trades import Domain, LegKind
from peersettle.types import Address

NOW = 1_780_000_000.0
TAKER = KeySigner((11).to_bytes(32, "big"))
MAKER = KeySigner((22).to_bytes(32, "big"))
OTHER = KeySigner((33).to_bytes(32, "big"))
DOMAIN = Domain(31337, Address("0x5FbDB2315678afecb367f032d93F642f64180aa3"))
ETH = Asset(LegKind.ERC20, Address("0x9fE46736679d2D9a65F0992F2272dE9f3c7fa6e0"))
USDC = Asset(LegKind.ERC20, Address("0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512"))


def request(number=0, taker=TAKER, **changes) -> Request:
    fields = {
        "request_id": f"{number:032x}",
        "domain": DOMAIN,
        "taker": taker.address,
        "items": (Item(ETH, 10 * 10**18, to_taker=True),),
        "currency": USDC,
        "expires_at": int(NOW) + 30,
    }
    return Request(**{**fields, **changes})


def ask(number=0) -> Ask:
    return Ask(f"{number:032x}")


def offer(number=0, maker=MAKER) -> Offer:
    alternative = Alternative(20_000 * 10**6, 7 << 8, int(NOW) + 120, signature=bytes(65))
    return Offer(f"{number:032x}", 1, maker.address, (alternative,), int(NOW) + 60)


class ManualClock:
    """Time passes only when a test says so."""

    def __init__(self, now=NOW):
        self.time = now
        self._sleepers = []

    def now(self):
        return self.time

    async def sleep(self, seconds):
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.time + seconds, future))
        await future

    async def advance(self, seconds):
        end = self.time + seconds
        await settle()
        while due := [item for item in self._sleepers if item[0] <= end]:
            first = min(due, key=lambda item: item[0])
            self.time = max(self.time, first[0])
            self._sleepers.remove(first)
            if not first[1].done():
                first[1].set_result(None)
            await settle()
        self.time = end


async def settle(turns=30):
    """Let everything that can go on without waiting go on."""
    for _ in range(turns):
        await asyncio.sleep(0)


class Inbox(list):
    """What was heard: (peer, message). `fails` is raised instead."""

    fails = None

    async def __call__(self, peer, message):
        if self.fails is not None:
            raise self.fails
        self.append((peer, message))

    @property
    def messages(self):
        return [message for _, message in self]


class World:
    """A network with a manual clock, and nodes by name: `nodes["taker"]` and what it heard, `inboxes["taker"]`."""

    def __init__(self, seed=0, faults=None):
        self.clock = ManualClock()
        self.network = MemoryNetwork(seed, faults, self.clock)
        self.nodes, self.inboxes = {}, {}

    async def node(self, name, *signers, clock=None, domain=DOMAIN, **options):
        inbox = self.inboxes.setdefault(name, Inbox())
        node = Peers(
            self.network.transport(name),
            Identity(domain, signers),
            inbox,
            clock=clock or self.clock,
            random=lambda: 0.5,
            **options,
        )
        await node.start()
        self.nodes[name] = node
        return node

    async def while_time_passes(self, work, seconds=10.0):
        """What an awaitable comes to while the clock runs."""
        task = asyncio.ensure_future(work)
        for _ in range(int(seconds * 2)):
            if task.done():
                break
            await self.clock.advance(0.5)
        return await asyncio.wait_for(task, 10)


@asynccontextmanager
async def world(*pairs, seed=0, faults=None, **options):
    """Nodes of these names and signers, stopped at the end."""
    place = World(seed, faults)
    try:
        for name, signer in pairs:
            await place.node(name, signer, **options)
        yield place
    finally:
        for node in place.nodes.values():
            await node.stop()


def taker_and_maker(**options):
    return world(("taker", TAKER), ("maker", MAKER), **options)
