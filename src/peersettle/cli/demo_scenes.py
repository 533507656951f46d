"""What the demo shows, scene by scene; each checks what it claims and raises `Deviation` otherwise."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from peersettle.cli.demo_nodes import Nodes, Traded
from peersettle.cli.demo_world import Deviation, Peer, World
from peersettle.errors import BadSignature, NonceUsed, Reverted, SignatureError
from peersettle.rfq import Side
from peersettle.signing import sign_as
from peersettle.trades import (
    Document,
    Leg,
    LegKind,
    Quote,
    SignedTrade,
    Swap,
    Trade,
    check_swap,
    check_trade,
    load,
)
from peersettle.trades.documents import dump
from peersettle.types import UINT256_MAX, Address, to_units

if TYPE_CHECKING:
    from peersettle.chain import RpcWalletView

TRADES_A_DAY: Final = 50
DAY_WORD: Final = 20_260
"""The nonce word of the day's trades: any number that the peers agree on, here days since 1970."""
_LIFE: Final = 3600


@dataclass(frozen=True, slots=True)
class Gas:
    """Gas of one settlement."""

    what: str
    gas: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """One attempt that must fail: what it said here, before sending, and what the contract said."""

    what: str
    here: str
    contract: str


def spot_trades(nodes: Nodes) -> Iterator[tuple[str, Traded]]:
    """Delivery versus payment: WETH against USDC, each trade with the name of its gas, when it has settled."""
    part = nodes.request(nodes.item("WETH", "4", buy=True), partial=True)
    yield "swap, first of its nonce word", nodes.trade("spot-0", part, part=5_000)
    yield "swap", nodes.trade("spot-1", nodes.request(nodes.item("WETH", "1", buy=False)))
    relayed = nodes.request(nodes.item("WETH", "2", buy=False), submitter=Side.MAKER)
    yield "swap, relayed", nodes.trade("spot-2", relayed)


def killed_maker(nodes: Nodes) -> Traded:
    """A trade that the maker has signed, was killed before it could hear it accepted, and settles all the same."""
    request = nodes.request(nodes.item("WETH", "1", buy=True), submitter=Side.MAKER)
    return nodes.trade("spot-killed", request, kill_maker=True)


def allow_all_day(world: World) -> None:
    """A standing allowance of who trades all day."""
    for name in ("maker", "taker"):
        world.allow(name, {"USDC": UINT256_MAX, "WETH": UINT256_MAX})


def four_legs(world: World) -> tuple[Gas, list[str]]:
    """Four parties, four tokens, in a ring that no two of them could settle alone."""
    names = ("maker", "taker", "broker", "hedger")
    symbols = {token.address: symbol for symbol, token in world.tokens.items()}
    amounts = (("USDC", "25000"), ("WETH", "10"), ("WBTC", "0.4"), ("DAI", "25010"))
    legs = tuple(
        _leg(world, giver, receiver, symbol, amount)
        for giver, receiver, (symbol, amount) in zip(names, (*names[1:], names[0]), amounts, strict=True)
    )
    for name, leg in zip(names[2:], legs[2:], strict=True):
        world.allow(name, {symbols[leg.token]: leg.amount})
    parties = tuple(world.peers[name].address for name in names)
    signed = SignedTrade(world.domain, Trade(parties, legs, 0, 1, 0, world.chain.now() + _LIFE))
    for name in names:
        signed = sign_as(world.peers[name].signer, signed)
    world.record(signed, "four-legs")
    receipt = world.settle(signed, world.peers["hedger"])
    for name, leg in zip(names[2:], legs[2:], strict=True):
        if left := world.allowance(name, symbols[leg.token]):
            raise Deviation(f"{left} units of {name}'s allowance are left; it allowed exactly its leg")
    return Gas("trade of four legs, four parties", receipt.gas_used), trade_text(world, signed)


def day_of_trades(world: World) -> list[SignedTrade]:
    """Fifty trades of a day, each signed by both and kept off chain: enforceable at any time, unsettled."""
    dice = random.Random(50)
    deadline = world.chain.now() + _LIFE
    day = []
    for number in range(TRADES_A_DAY):
        weth = dice.randint(1, 300)
        usdc = weth * dice.randint(2_480, 2_520)
        buyer, seller = ("maker", "taker") if dice.random() < 0.5 else ("taker", "maker")
        legs = (
            _leg(world, buyer, seller, "USDC", f"{usdc / 100:.2f}"),
            _leg(world, seller, buyer, "WETH", f"{weth / 100:.2f}"),
        )
        signed = _signed_by_both(world, Trade(_pair(world), legs, DAY_WORD, 1 << number, 0, deadline))
        world.record(signed, f"day-{number:02}")
        day.append(signed)
    return day


def novation(world: World, day: list[SignedTrade]) -> tuple[Gas, SignedTrade]:
    """One net trade in place of the whole day: its mask retires all fifty."""
    net: dict[tuple[Address, Address], int] = {}
    mask = 0
    for signed in day:
        mask |= signed.trade.nonce_mask
        for leg in signed.trade.legs:
            net[leg.token, leg.giver] = net.get((leg.token, leg.giver), 0) + leg.amount
            net[leg.token, leg.receiver] = net.get((leg.token, leg.receiver), 0) - leg.amount
    maker, taker = world.peers["maker"].address, world.peers["taker"].address
    legs = tuple(
        Leg(giver, taker if giver == maker else maker, LegKind.ERC20, token, 0, amount)
        for (token, giver), amount in net.items()
        if amount > 0
    )
    trade = Trade(_pair(world), legs, DAY_WORD, mask, 0, world.chain.now() + _LIFE)
    signed = _signed_by_both(world, trade)
    world.record(signed, "day-net")
    receipt = world.settle(signed, world.peers["taker"])
    used = world.settlement.used_trades(trade.parties, DAY_WORD)
    if used & mask != mask:
        raise Deviation("the net trade has not retired every trade of the day")
    return Gas(f"one net trade retiring {len(day)}", receipt.gas_used), signed


def retired_trade(world: World, day: list[SignedTrade]) -> Refusal:
    """One trade of the day cannot settle any more."""
    signed = day[17]
    sender = world.peers["taker"]
    problems = check_trade(signed, _view(world), sender.address)
    here = next((p.explain() for p in problems if p.code.name == "NONCE"), "")
    return _refused(world, "trade 17 of the day", here, signed, sender, NonceUsed)


def tampered_quote(world: World) -> Refusal:
    """A quote whose file was changed on its way: ten times the amount."""
    data = json.loads(dump(_quote(world, 3, "2500", "1")))
    data["swap"]["maker_amount"] += "0"
    tampered = load(json.dumps(data))
    assert isinstance(tampered, Quote)
    try:
        tampered.verify()
    except SignatureError as error:
        here = error.message
    else:
        raise Deviation("a tampered quote was taken for genuine")
    return _refused(world, "tampered quote", here, tampered, world.peers["taker"], BadSignature)


def replay(world: World) -> Refusal:
    """A settled quote, sent once more."""
    quote = load((world.directory / "documents" / "spot-1.json").read_text())
    assert isinstance(quote, Quote)
    sender = world.peers["taker"]
    problems = check_swap(quote, _view(world), sender.address)
    here = next((p.explain() for p in problems if p.code.name == "NONCE"), "")
    return _refused(world, "replayed quote", here, quote, sender, NonceUsed)


def trade_text(world: World, signed: SignedTrade) -> list[str]:
    """The legs of a trade between peers, in words."""
    names = {peer.address: peer.name for peer in world.peers.values()}
    book = {token.address: token for token in world.tokens.values()}
    return [
        f"{names[leg.giver]} gives {book[leg.token].show(leg.amount)} to {names[leg.receiver]}"
        for leg in signed.trade.legs
    ]


def _refused(world: World, what: str, here: str, document: Document, sender: Peer, kind: type[Reverted]) -> Refusal:
    if not here:
        raise Deviation(f"the check before sending did not see the {what}")
    try:
        if isinstance(document, Quote):
            sender.sender.send(world.settlement.for_quote(document, sender.address))
        else:
            sender.sender.send(world.settlement.settle(document))
    except Reverted as error:
        if not isinstance(error, kind):
            raise Deviation(f"the {what} was refused, but for another reason: {error}") from error
        world.assert_balances()
        for peer in world.peers.values():
            here = here.replace(peer.address, peer.name)
        return Refusal(what, here, str(error.reason))
    raise Deviation(f"the {what} settled")


def _quote(world: World, nonce: int, usdc: str, weth: str) -> Quote:
    maker, taker = world.peers["maker"], world.peers["taker"]
    gives, wants = world.tokens["USDC"], world.tokens["WETH"]
    swap = Swap(
        maker=maker.address,
        taker=taker.address,
        maker_token=gives.address,
        maker_amount=to_units(usdc, gives.decimals),
        taker_token=wants.address,
        taker_amount=to_units(weth, wants.decimals),
        nonce=nonce,
        deadline=world.chain.now() + _LIFE,
    )
    return sign_as(maker.signer, Quote(world.domain, swap))


def _leg(world: World, giver: str, receiver: str, symbol: str, amount: str) -> Leg:
    token = world.tokens[symbol]
    units = to_units(amount, token.decimals)
    return Leg(world.peers[giver].address, world.peers[receiver].address, LegKind.ERC20, token.address, 0, units)


def _pair(world: World) -> tuple[Address, Address]:
    return world.peers["maker"].address, world.peers["taker"].address


def _signed_by_both(world: World, trade: Trade) -> SignedTrade:
    signed = SignedTrade(world.domain, trade)
    for name in ("maker", "taker"):
        signed = sign_as(world.peers[name].signer, signed)
    return signed


def _view(world: World) -> RpcWalletView:
    from peersettle.chain import RpcWalletView

    return RpcWalletView(world.chain, world.deployment)
