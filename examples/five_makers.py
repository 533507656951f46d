"""Five makers and a taker, each a node of its own: the taker asks all, the best price wins, and every trade settles.

The nodes talk over libp2p on this machine, and settle on a chain inside this process.

python examples/five_makers.py
"""

import asyncio
import logging
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import structlog

from peersettle import KeySigner, Token, TransactionSender, deploy, embedded, from_units, fund, to_units
from peersettle.chain import Chain, DemoToken, Deployment
from peersettle.making import Answer, Book, Inquiry, No, Price, Quotation, Requirement, best, candidates
from peersettle.network import Contact
from peersettle.network.libp2p import Libp2pOptions, Libp2pTransport
from peersettle.node.node import Node
from peersettle.rfq import Asset, Item, Request, TakerState
from peersettle.rfq.messages import new_request_id
from peersettle.store import Store
from peersettle.trades import LegKind

WETH, USDC = 10**18, 10**6


@dataclass
class Posted:
    """Two prices about a mid: half a spread away from it, and further the more is wanted. In basis points."""

    mid: int = 2_500
    spread: float = 10
    per_weth: float = 0
    most: int = 100
    sells: bool = True

    def quote(self, inquiry: Inquiry, book: Book) -> Answer:  # noqa: ARG002
        (item,) = inquiry.request.items
        if item.amount > self.most * WETH:
            return No("too_large", f"at most {self.most} WETH at once")
        if item.to_taker and not self.sells:
            return No("one_sided", "this maker only buys")
        sign = 1 if item.to_taker else -1  # the taker pays the price, or gets it
        away = self.spread + self.per_weth * item.amount / WETH
        rate = round(self.mid * USDC * (1 + sign * away / 10_000))
        return Quotation((Price(sign * item.amount * rate // WETH),), life=30, settle_within=600)

    def last_look(self, inquiry: Inquiry, price: Price, book: Book) -> No | None:  # noqa: ARG002
        return None


MAKERS = {
    "tight": Posted(spread=2, most=1),
    "deep": Posted(spread=10),
    "widening": Posted(spread=3, per_weth=2),
    "bullish": Posted(mid=2_505, spread=5, most=2),
    "buyer": Posted(spread=1, sells=False),
}
REQUESTS = (("buy", "0.5"), ("buy", "3"), ("buy", "20"), ("sell", "1.5"), ("sell", "10"))


def prepare(home: Path) -> tuple[Chain, Deployment, dict[str, KeySigner]]:
    """A chain with the contracts, and keys whose tokens may be settled."""
    chain = embedded()
    signers = {name: KeySigner.random() for name in (*MAKERS, "taker")}
    for signer in signers.values():
        fund(chain, signer.address, 10**19)
    senders = {name: TransactionSender(chain, signer) for name, signer in signers.items()}
    tokens = (DemoToken("Demo Dollar", "USDC", 6), DemoToken("Demo Ether", "WETH", 18))
    deployment = deploy(chain, senders["taker"], directory=home, demo_tokens=tokens)
    for symbol, amount in (("USDC", 10**6 * USDC), ("WETH", 500 * WETH)):
        token = Token(chain, deployment.tokens[symbol])
        for name, sender in senders.items():
            sender.send(token.mint(signers[name].address, amount))
            sender.send(token.approve(deployment.settlement, amount))
    return chain, deployment, signers


async def trade(taker: Node, names: dict[str, str], side: str, amount: str) -> str:
    """Ask every maker, accept the best, and wait for the block; a line of the table. `names` are by peer."""
    tokens = {symbol: Asset(LegKind.ERC20, token) for symbol, token in taker.deployment.tokens.items()}
    request = Request(
        request_id=new_request_id(),
        domain=taker.domain,
        taker=taker.signer.address,
        items=(Item(tokens["WETH"], to_units(amount, 18), to_taker=side == "buy"),),
        currency=tokens["USDC"],
        expires_at=int(time.time()) + 30,
    )
    with taker.engine.hub.listen() as changes:
        key = await taker.engine.request(request, list(names))
        accepted = False
        async for change in changes:
            state = change.state
            if change.key != key or not isinstance(state, TakerState):
                continue
            offers = {peer: answer.offer for peer, answer in state.answers.items() if answer.offer}
            if len(state.answers) == len(names) and not accepted:
                found = (one for peer, offer in offers.items() for one in candidates(peer, offer))
                winner = best(found, Requirement(), time.time())
                assert winner is not None, "nobody wants to"
                accepted = True
                await taker.engine.accept(key, winner.peer, winner.number, winner.choice)
            if state.status == "final" and state.deal and state.accepted:
                break
    receipt = taker.chain.receipt(state.deal.tx_hash)
    assert receipt is not None
    assert receipt.succeeded
    rates = {
        names[peer]: from_units(abs(offer.alternatives[0].price) * WETH // request.items[0].amount, 6)
        for peer, offer in offers.items()
    }
    cells = "".join(f"{rates.get(name, 'no'):>10}" for name in MAKERS)
    return f"{side:4} {amount:>4} WETH{cells}   {names[state.accepted.peer]:9} settled in block {receipt.block_number}"


async def main() -> None:
    """Start six nodes, trade, and show who was best."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        chain, deployment, signers = prepare(home)
        nodes: list[Node] = []

        async def start(name: str, knows: dict[str, Contact]) -> Node:
            store = stack.enter_context(Store.open(home / f"{name}.db"))
            transport = Libp2pTransport(Libp2pOptions(home / f"{name}.key"))
            node = Node(chain, deployment, signers[name], store, transport, strategy=MAKERS.get(name), names=knows)
            nodes.append(node)
            await node.start()
            return node

        try:
            contacts = {name: (await start(name, {})).peers.card.contact for name in MAKERS}
            taker = await start("taker", contacts)
            names = {contact.peer: name for name, contact in contacts.items()}
            print("USDC for a WETH" + "".join(f"{name:>10}" for name in MAKERS) + "   best")
            for side, amount in REQUESTS:
                print(await asyncio.wait_for(trade(taker, names, side, amount), 60), flush=True)
        finally:
            await asyncio.gather(*(node.stop() for node in nodes))
        for symbol, decimals in (("USDC", 6), ("WETH", 18)):
            token = Token(chain, deployment.tokens[symbol])
            has = token.balance(signers["taker"].address)
            print(f"the taker has {from_units(has, decimals)} {symbol}")


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("error"))
    logging.getLogger("libp2p").setLevel(logging.CRITICAL)
    asyncio.run(main())
