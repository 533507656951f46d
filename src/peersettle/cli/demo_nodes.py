"""The demo's nodes: a maker and a taker in processes of their own, over libp2p, and what they say to each other."""

from __future__ import annotations

import json
import queue
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, TypeVar

from peersettle.cli.demo_world import Deviation, World
from peersettle.rfq import (
    MESSAGE_CODEC,
    Accepted,
    Asset,
    Begun,
    Decline,
    Declined,
    Event,
    Item,
    Offer,
    Offered,
    Received,
    Request,
    Side,
    event_of,
)
from peersettle.rfq.messages import Alternative
from peersettle.trades import Document, LegKind, Quote, load
from peersettle.types import from_units, to_units

if TYPE_CHECKING:
    from peersettle.chain import Receipt
    from peersettle.risk.instruments import Instrument

T = TypeVar("T")

NAMES: Final = ("maker", "taker")
MODULE: Final = "peersettle.cli.demo_peer"
START: Final = 60.0
"""Seconds that a node may take to be there."""
ANSWER: Final = 30.0
"""And to do anything that is asked of it."""
LIFE: Final = 60
_STOP: Final = 8.0
_ANYWHERE: Final = "/ip4/127.0.0.1/tcp/0"


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to a negotiation, as one of the nodes tells it."""

    event: Event
    status: str
    ms: float
    """Since the node first heard of it."""
    tx_hash: str
    problem: str
    document: str


class NodeProcess:
    """A node in a process of its own. Its key goes over its input, and it ends when that does: with us, at the latest.

    It is there at once, and loads what it needs; `begin` makes it a node.
    """

    def __init__(self, name: str, log: Path) -> None:
        self.name = name
        self.peer = ""
        self.addresses: tuple[str, ...] = ()
        self._lines: queue.Queue[dict[str, Any] | None] = queue.Queue()
        with log.open("ab") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, "-m", MODULE],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                start_new_session=True,  # an interrupt at the terminal is ours to pass on
            )
        self._log = log
        assert self._process.stdout is not None
        threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True).start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        """Whether it is gone."""
        return self._process.poll() is not None

    def tell(self, **order: Any) -> None:
        """Give it an order.

        Raises:
            Deviation: it is not there any more.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            raise self._gone() from None

    def begin(self, what: dict[str, Any]) -> None:
        """Be this, and wait until it listens.

        Raises:
            Deviation: it does not.
        """
        self.tell(**what)
        end = time.monotonic() + START
        while (said := self._next(end))["kind"] != "ready":
            pass  # of earlier negotiations
        self.peer, self.addresses = said["peer"], tuple(said["addresses"])

    def until(self, key: str, wanted: Callable[[Change], T | None]) -> T:
        """Wait until something wanted happens to a negotiation.

        Raises:
            Deviation: it does not, or the node is gone.
        """
        end = time.monotonic() + ANSWER
        while True:
            said = self._next(end)
            if said["kind"] == "failed":
                raise Deviation(f"the {self.name}'s node: {said['why']}")
            if said["kind"] == "change" and said["key"] == key:
                names = ("status", "ms", "tx_hash", "problem", "document")
                change = Change(event_of(said["event"]), **{name: said[name] for name in names})
                if (found := wanted(change)) is not None:
                    return found

    def kill(self) -> None:
        """SIGKILL: it has no time for anything."""
        self._process.kill()
        self._process.wait()
        self._close()

    def hang_up(self) -> None:
        """Let it end."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()

    def stop(self) -> None:
        """End it, by force where it does not go of itself."""
        self.hang_up()
        try:
            self._process.wait(_STOP)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self.kill()

    def _close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()

    def _read(self, pipe: IO[bytes]) -> None:
        with suppress(OSError, ValueError):
            for line in pipe:
                if line.startswith(b"{"):
                    self._lines.put(json.loads(line))
        self._lines.put(None)

    def _next(self, end: float) -> dict[str, Any]:
        try:
            said = self._lines.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            raise Deviation(f"nothing is heard of the {self.name}'s node; its log is {self._log}") from None
        if said is None:
            raise self._gone()
        return said

    def _gone(self) -> Deviation:
        return Deviation(f"the {self.name}'s node has ended; its log is {self._log}")


@dataclass(frozen=True, slots=True)
class Traded:
    """One trade between the nodes: what was said, in words, and how long it took from the request on."""

    said: tuple[str, ...]
    firm_ms: float
    block_ms: float
    receipt: Receipt
    document: Document

    def to_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "said": list(self.said),
            "firm_ms": self.firm_ms,
            "block_ms": self.block_ms,
            "block": self.receipt.block_number,
            "gas": self.receipt.gas_used,
        }


class Nodes:
    """A maker's node and a taker's: `with Nodes(world) as nodes: nodes.listen()`. Where the block ends, so do they.

    Args:
        strategy: of the maker, as `demo_peer` names it.
    """

    def __init__(self, world: World, strategy: str = "posted") -> None:
        self.world: Final = world
        self._strategy = strategy
        self._instruments: tuple[Instrument, ...] = ()
        self._running: dict[str, NodeProcess] = {}
        self._stack = ExitStack()
        self._home = world.directory / "nodes"

    def __enter__(self) -> Nodes:
        from peersettle.chain.serving import ChainServer

        self._home.mkdir(exist_ok=True)
        try:
            # A peer's identity lives as long as its node; its store is part of the record.
            self._secrets = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="peersettle-")))
            self._url = self._stack.enter_context(ChainServer(self.world.chain)).url
            for name in NAMES:
                self._spawn(name)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for node in self._running.values():
            node.hang_up()  # so that they end at the same time
        self._stack.close()

    def listen(self, instruments: tuple[Instrument, ...] = ()) -> None:
        """Have both begin, on the chain as it is now. `instruments` are those that will be spoken of.

        Raises:
            Deviation: one does not.
        """
        self._instruments = instruments
        # Blocks are a second apart at least, and the demo lets time pass: the chain's clock is not the wall's.
        self._ahead = self.world.chain.now() - time.time()
        self.maker.begin(self._what("maker"))
        self.taker.begin({**self._what("taker"), "names": {"maker": (self.maker.peer, self.maker.addresses)}})

    @property
    def maker(self) -> NodeProcess:
        """Answers."""
        return self._running["maker"]

    @property
    def taker(self) -> NodeProcess:
        """Asks."""
        return self._running["taker"]

    def lines(self) -> list[str]:
        """Who is where."""
        return [
            f"{node.name:7} process {node.pid}, peer {node.peer[:6]}…{node.peer[-6:]} at {node.addresses[0]}"
            for node in (self.maker, self.taker)
        ]

    # What they do

    def declined(self, request: Request) -> tuple[list[str], Decline]:
        """A request that the maker does not want; what was said, and its words."""
        said = self._ask(request)
        self.maker.until(request.request_id, lambda change: isinstance(change.event, Declined) or None)
        decline = self.taker.until(request.request_id, _declined)
        return [*said, f"maker   declines: {decline.code}, {decline.text}"], decline

    def trade(self, name: str, request: Request, part: int = 10_000, *, kill_maker: bool = False) -> Traded:
        """From a request to its settlement, which both must see, and which is checked to the last unit.

        With `kill_maker` the maker's process gets SIGKILL once its offer is out, and is started again only when the
        taker has accepted. Should it be slow to come back, the taker sends the trade in its stead.

        Raises:
            Deviation: anything else happens.
        """
        world, key = self.world, request.request_id
        said = self._ask(request)
        self.maker.until(key, lambda change: isinstance(change.event, Offered) or None)
        offer, firm_ms = self.taker.until(key, _offer)
        choice = next(number for number, item in enumerate(offer.alternatives) if item.part == part)
        offered = " or ".join(self._price(request, item) for item in offer.alternatives)
        said.append(f"maker   offers, signed: {offered}; {firm_ms:.0f} ms after it was asked")
        if kill_maker:
            self.maker.kill()
            said.append(f"        the maker's process {self.maker.pid} gets SIGKILL")
        self.taker.tell(do="accept", key=key, peer=self.maker.peer, number=offer.number, choice=choice)
        self.taker.until(key, lambda change: isinstance(change.event, Accepted) or None)
        accepted = self._price(request, offer.alternatives[choice])
        said.append(f"taker   accepts: {accepted}" + ("; nobody is there to hear it" if kill_maker else ""))
        if kill_maker:
            began = time.monotonic()
            self._restart_maker()
            said.append(
                f"        the maker is back after {time.monotonic() - began:.1f} s, process {self.maker.pid}, and "
                "finds on its disk what it has signed"
            )
        last = self.taker.until(key, _settled)
        self.maker.until(key, _settled)
        receipt = world.chain.receipt(last.tx_hash)
        if receipt is None or not receipt.succeeded:
            raise Deviation(f"the nodes take {last.tx_hash} for a settlement, and the chain does not")
        who = next(peer.name for peer in world.peers.values() if peer.address == receipt.sender)
        said.append(f"{who:7} sends it: in block {receipt.block_number}, {last.ms:,.0f} ms after the request")
        document = load(last.document)
        world.record(document, name)
        legs = document.swap.legs() if isinstance(document, Quote) else document.trade.legs
        world.moved(leg for leg in legs if leg.kind is not LegKind.POSITION)
        world.assert_balances()
        return Traded(tuple(said), firm_ms, last.ms, receipt, document)

    def request(self, *items: Item, partial: bool = False, submitter: Side = Side.TAKER) -> Request:
        """A request of the taker's, for a price in USDC."""
        return Request(
            request_id=secrets.token_hex(16),
            domain=self.world.domain,
            taker=self.world.peers["taker"].address,
            items=items,
            currency=self.asset("USDC"),
            expires_at=self.world.chain.now() + LIFE,
            partial=partial,
            submitter=submitter,
        )

    def asset(self, symbol: str) -> Asset:
        """A token."""
        return Asset(LegKind.ERC20, self.world.tokens[symbol].address)

    def item(self, symbol: str, amount: str, *, buy: bool) -> Item:
        """So much of a token, for the taker or of it."""
        return Item(self.asset(symbol), to_units(amount, self.world.tokens[symbol].decimals), buy)

    # Inside

    def _spawn(self, name: str) -> NodeProcess:
        node = self._running[name] = NodeProcess(name, self._home / f"{name}.log")
        self._stack.callback(node.stop)
        return node

    def _what(self, name: str, listen: str = _ANYWHERE) -> dict[str, Any]:
        return {
            "url": self._url,
            "deployments": str(self.world.directory),
            "store": str(self._home / f"{name}.db"),
            "peer_key": str(self._secrets / f"{name}.key"),
            "key": self.world.peers[name].secret.hex(),
            "listen": listen,
            "strategy": self._strategy if name == "maker" else None,
            "ahead": self._ahead,
            "names": {},
        }

    def _restart_maker(self) -> None:
        was = self.maker
        self._spawn("maker").begin(self._what("maker", was.addresses[0].split("/p2p/")[0]))
        if self.maker.peer != was.peer:
            raise Deviation("the maker has come back as another peer")

    def _ask(self, request: Request) -> list[str]:
        self.taker.tell(do="ask", request=MESSAGE_CODEC.encode(request), peer=self.maker.peer)
        self.taker.until(request.request_id, lambda change: isinstance(change.event, Begun) or None)
        (item,) = request.items
        wish = f"taker   asks to {'buy' if item.to_taker else 'sell'} {self._amount(item.asset, item.amount)}"
        if request.partial:
            wish += "; a part would do"
        return [wish + ("; the maker is to send it" if request.submitter is Side.MAKER else "")]

    def _price(self, request: Request, alternative: Alternative) -> str:
        (item,) = request.items
        amount = self._amount(item.asset, item.amount * alternative.part // 10_000)
        return f"{amount} for {self._amount(request.currency, abs(alternative.price))}"

    def _amount(self, asset: Asset, units: int) -> str:
        if asset.kind is LegKind.POSITION:
            instrument = next(one for one in self._instruments if one.move_id == asset.id)
            return f"{from_units(units * instrument.market.lot, 18)} {instrument.name}"
        return next(token for token in self.world.tokens.values() if token.address == asset.token).show(units)


def _offer(change: Change) -> tuple[Offer, float] | None:
    match change.event:
        case Received(_, Offer() as offer):
            return offer, change.ms
        case Received(_, Decline(_, code, text)):
            raise Deviation(f"the maker declines: {code}, {text}")
    return None


def _declined(change: Change) -> Decline | None:
    if isinstance(change.event, Received) and isinstance(change.event.message, Decline):
        return change.event.message
    if isinstance(change.event, Received) and isinstance(change.event.message, Offer):
        raise Deviation("the maker offers what it must decline")
    return None


def _settled(change: Change) -> Change | None:
    if change.status in ("expired", "failed"):
        raise Deviation(f"the trade does not settle: {change.problem}")
    return change if change.status == "final" else None
