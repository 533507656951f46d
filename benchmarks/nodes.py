"""How fast two nodes agree and settle: a maker in a process of its own, a taker in this one, libp2p between them on
loopback, and an anvil that mines at once.

    python -m benchmarks.nodes [--trades 10000]    the memory of the maker after so many trades, too
    python -m benchmarks.nodes maker ...           the maker's process
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from peersettle.bindings import Token
from peersettle.chain import Anvil, Chain, Deployment, FeePolicy, TransactionSender, connect, deploy, fund
from peersettle.making import Book, Inquiry, Price, Quotation
from peersettle.network import Contact, Rules
from peersettle.network.libp2p import Libp2pOptions, Libp2pTransport
from peersettle.node.node import Node
from peersettle.rfq import Asset, Item, Message, Offer, Request, TakerState
from peersettle.signing import KeySigner
from peersettle.store import Store
from peersettle.trades import LegKind
from peersettle.types import Address

ETHER = 10**18
USD = 10**6
ONE_BY_ONE = 200
CONCURRENT = 200
SETTLED = 100
QUOTES = 5_000
PATIENT = Rules(direct_rate=100_000, direct_burst=100_000)


class Fixed:
    """Two thousand a piece."""

    def quote(self, inquiry: Inquiry, book: Book) -> Quotation:  # noqa: ARG002 (a strategy's signature)
        return Quotation((Price(inquiry.request.items[0].amount * 2_000 * USD // ETHER),), 30, 60)

    def last_look(self, inquiry: Inquiry, price: Price, book: Book) -> None:  # noqa: ARG002
        return None


@asynccontextmanager
async def running(
    url: str, home: Path, key: bytes, *, makes: bool, knows: Contact | None = None
) -> AsyncIterator[Node]:
    """A node over libp2p."""
    with connect(url) as chain, Store.open(home / "node.db") as store:
        deployment = Deployment.load(home.parent / "deployments", chain.chain_id)
        transport = Libp2pTransport(Libp2pOptions(home / "peer.key"))
        names = {} if knows is None else {"other": knows}
        signer, strategy = KeySigner(key), Fixed() if makes else None
        node = Node(chain, deployment, signer, store, transport, strategy=strategy, names=names, rules=PATIENT)
        await node.start()
        try:
            yield node
        finally:
            await node.stop()


async def serve(url: str, home: Path, key: bytes) -> None:
    """The maker, until it is told to stop."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with running(url, home, key, makes=True) as node:
        card = node.peers.card
        print(json.dumps({"peer": card.peer, "addresses": card.listens}), flush=True)
        await stop.wait()


class Taker:
    """Asks the maker."""

    def __init__(self, node: Node, maker: str) -> None:
        self.node, self.maker = node, maker
        tokens = node.deployment.tokens
        self.weth, self.usd = (Asset(LegKind.ERC20, tokens[symbol]) for symbol in ("WETH", "USD"))

    def request(self) -> Request:
        return Request(
            secrets.token_hex(16),
            self.node.domain,
            self.node.signer.address,
            (Item(self.weth, 10**15, to_taker=True),),
            self.usd,
            int(time.time()) + 60,
        )

    async def quoted(self) -> tuple[str, float]:
        """A request's key, and seconds until its firm offer was here, checked and on disk."""
        request, began = self.request(), time.perf_counter()
        with self.node.engine.hub.listen() as changes:
            await self.node.engine.request(request, [self.maker])
            async with asyncio.timeout(60):
                async for change in changes:
                    state = change.state
                    if change.key != request.request_id or not isinstance(state, TakerState):
                        continue
                    if (answer := state.answers.get(self.maker)) is not None and answer.offer:
                        return change.key, time.perf_counter() - began
        raise AssertionError("the node has stopped")

    async def settled(self) -> float:
        """Seconds from a request to its trade in a block."""
        began = time.perf_counter()
        with self.node.engine.hub.listen() as changes:
            key, _ = await self.quoted()
            await self.node.engine.accept(key, self.maker, 0, 0)
            async with asyncio.timeout(60):
                async for change in changes:
                    if change.key == key and change.state.status in ("settled", "final"):
                        return time.perf_counter() - began
        raise AssertionError("the node has stopped")


class Silent:
    """A network of one: counts what would be sent."""

    def __init__(self) -> None:
        self.offers = 0
        self.all = asyncio.Event()

    async def send(self, peer: str, message: Message) -> None:  # noqa: ARG002
        self.offers += isinstance(message, Offer)
        if self.offers == QUOTES:
            self.all.set()


async def quotes_per_second(url: str, home: Path, key: bytes, taker: Address) -> float:
    """Of one maker's process: read, priced, numbered, written down, signed and handed to the network."""
    from peersettle.rfq import MESSAGE_CODEC, dump, parse

    async with running(url, home, key, makes=True) as node:
        silent = Silent()
        assert node.engine._acting is not None
        setattr(node.engine._acting._courier, "_peers", silent)  # noqa: B010 (a network of one)
        tokens = node.deployment.tokens
        weth, usd = (Asset(LegKind.ERC20, tokens[symbol]) for symbol in ("WETH", "USD"))
        now = int(time.time())
        wire = [
            dump(
                MESSAGE_CODEC.encode(
                    Request(secrets.token_hex(16), node.domain, taker, (Item(weth, 10**15, True),), usd, now + 600)
                )
            )
            for _ in range(QUOTES)
        ]
        limit = asyncio.Semaphore(CONCURRENT)

        async def hear(number: int, data: bytes) -> None:
            async with limit:
                await node.engine.on_message(f"taker{number % 20}", MESSAGE_CODEC.decode(parse(data)))

        began = time.perf_counter()
        await asyncio.gather(*(hear(number, data) for number, data in enumerate(wire)))
        await silent.all.wait()
        return QUOTES / (time.perf_counter() - began)


def resident(pid: int) -> float:
    """Megabytes of memory that a process has."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1e3


def prepared(chain: Chain, home: Path, keys: list[bytes]) -> None:
    """Contracts, and tokens with allowances for all."""
    deployer = KeySigner.random()
    fund(chain, deployer.address, 100 * ETHER)
    policy = FeePolicy(poll_interval=0.01)
    tokens = [("Ether", "WETH", 18), ("Dollar", "USD", 6)]
    sender = TransactionSender(chain, deployer, policy=policy)
    deployment = deploy(chain, sender, directory=home / "deployments", demo_tokens=tokens)
    for key in keys:
        signer = KeySigner(key)
        fund(chain, signer.address, 10_000 * ETHER)
        sender = TransactionSender(chain, signer, policy=policy)
        for symbol in ("WETH", "USD"):
            token = Token(chain, deployment.tokens[symbol])
            sender.send(token.mint(signer.address, 10**30))
            sender.send(token.approve(deployment.settlement, 2**256 - 1))


async def compare(url: str, home: Path, keys: list[bytes], trades: int) -> dict[str, float]:
    """Two processes."""
    for name in ("maker", "taker", "alone"):
        (home / name).mkdir()
    arguments = (sys.executable, "-m", "benchmarks.nodes", "maker", url, str(home / "maker"))
    process = await asyncio.create_subprocess_exec(
        *arguments, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(keys[0].hex().encode() + b"\n")
    try:
        while not (line := await process.stdout.readline()).startswith(b"{"):
            assert line, "the maker has not started"
        said = json.loads(line)
        maker = Contact(said["peer"], tuple(said["addresses"]))
        async with running(url, home / "taker", keys[1], makes=False, knows=maker) as node:
            taker = Taker(node, maker.peer)
            for _ in range(20):
                await taker.quoted()
            quoted = [(await taker.quoted())[1] for _ in range(ONE_BY_ONE)]
            began = time.perf_counter()
            together = await asyncio.gather(*(taker.quoted() for _ in range(CONCURRENT)))
            assert len({key for key, _ in together}) == CONCURRENT, "a request was lost"
            at_once = time.perf_counter() - began
            settled = [await taker.settled() for _ in range(SETTLED)]
            done = SETTLED
            while done < trades:
                await asyncio.gather(*(taker.settled() for _ in range(20)))
                done += 20
                if done % 1_000 == 0:
                    print(f"{done} trades; maker {resident(process.pid):.0f} MB", file=sys.stderr, flush=True)
        figures = {
            "ms.rfq_p50": round(statistics.median(quoted) * 1e3, 2),
            "ms.rfq_p95": round(statistics.quantiles(quoted, n=20)[18] * 1e3, 2),
            "ms.rfq_200_at_once": round(at_once * 1e3, 1),
            "ms.rfq_settled_p50": round(statistics.median(settled) * 1e3, 1),
            "mb.node_rss": round(resident(process.pid), 1),
        }
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    figures["rate.quotes_per_s"] = round(
        await quotes_per_second(url, home / "alone", keys[0], KeySigner(keys[1]).address)
    )
    return figures


def measure(trades: int = 500) -> dict[str, float]:
    """Figures by name: milliseconds, megabytes of the maker after so many trades, offers a second."""
    with tempfile.TemporaryDirectory() as folder, Anvil() as anvil, connect(anvil.url) as chain:
        home, keys = Path(folder), [secrets.token_bytes(32), secrets.token_bytes(32)]
        prepared(chain, home, keys)
        return asyncio.run(compare(anvil.url, home, keys, trades))


if __name__ == "__main__":
    if sys.argv[1:2] == ["maker"]:
        asyncio.run(serve(sys.argv[2], Path(sys.argv[3]), bytes.fromhex(sys.stdin.readline().strip())))
    else:
        parser = argparse.ArgumentParser(prog="python -m benchmarks.nodes")
        parser.add_argument("--trades", type=int, default=500)
        for name, figure in measure(parser.parse_args().trades).items():
            print(f"{name:24} {figure:12,}")
