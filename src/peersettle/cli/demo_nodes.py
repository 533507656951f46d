"""The demo's nodes: a maker and a taker in processes of their own, over libp2p, and what they say to each other."""

from __future__ import annotations

import secrets
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from peersettle.cli.demo_process import Change, NodeProcess
from peersettle.cli.demo_world import Deviation, World
from peersettle.rfq import (
    MESSAGE_CODEC,
    Accepted,
    Asset,
    Begun,
    Decline,
    Declined,
    Item,
    Offer,
    Offered,
    Received,
    Request,
    Side,
)
from peersettle.rfq.messages import Alternative
from peersettle.trades import Document, LegKind, Quote, load
from peersettle.types import from_units, to_units

if TYPE_CHECKING:
    from peersettle.chain import Receipt
    from peersettle.risk.instruments import Instrument

NAMES: Final = ("maker", "taker")
LIFE: Final = 60
_ANYWHERE: Final = "/ip4/127.0.0.1/tcp/0"


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
