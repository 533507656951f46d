"""Speaking to the running node: asking, showing, accepting."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from peersettle.api.choosing import choose, reached
from peersettle.api.client import Peer, connect
from peersettle.api.models import NegotiationView, QuoteView
from peersettle.cli.invocation import Invocation
from peersettle.errors import InputError, InvalidField

T = TypeVar("T")

_FIRM_WITHIN = 5.0
_COLUMNS = ("peer", "part", "price", "each", "kind", "good for")


def ask_node(run: Invocation, work: Callable[[Peer], Awaitable[T]]) -> T:
    """Do something with the node that the settings name.

    Raises:
        NoNode: it does not run.
    """

    async def main() -> T:
        async with connect(config=run.loaded.settings) as peer:
            return await work(peer)

    return asyncio.run(main())


def request_quotes(
    run: Invocation, body: Mapping[str, Any], to: Sequence[str], seconds: float, limit: str | None
) -> None:
    """Ask, show what comes, and take the best within a limit where one is given."""

    async def work(peer: Peer) -> None:
        asked = await peer.ask(**body, peers=to)
        found = await _gather(run, peer, asked, seconds)
        if limit is None:
            run.out.json(found.model_dump())
            _show(run, found)
            return
        best = choose(found.quotes, limit, minimum_part=1 if body["partial"] else 10_000)
        if best is None:
            if not found.is_over:
                await peer.cancel(asked.key)
            raise InputError(
                f"none of {len(found.quotes)} quotes is within {limit}; nothing was accepted",
                key=asked.key,
                quotes=[quote.model_dump() for quote in found.quotes],
                next_step="ask again, later or with another --limit",
            )
        _show(run, found, hint=False)
        await _accept(run, peer, best, None)

    ask_node(run, work)


def accept_quote(
    run: Invocation, key: str, name: str | None, choice: int | None, limit: str | None, wait: str | None
) -> None:
    """Accept a peer's quote, or the best of all, and wait until it is settled."""

    async def work(peer: Peer) -> None:
        found = await peer.get(key)
        quotes = [quote for quote in found.quotes if name is None or _is_of(run, quote, name)]
        if name is not None and not quotes:
            raise InputError(f"{name} has made no quote for {found.key}", next_step=f"peersettle quotes {found.key}")
        if choice is not None:
            quotes = [quote for quote in quotes if quote.choice == choice]
        # A part is taken where somebody has named it, not because its price is better.
        best = choose(quotes, limit) or (choose(quotes, limit, minimum_part=1) if choice is not None else None)
        if best is None:
            within = "" if limit is None else f" within {limit}"
            raise InputError(
                f"no quote for {found.key} can be accepted{within}: it is {found.status}",
                next_step=f"peersettle quotes {found.key}",
            )
        await _accept(run, peer, best, wait)

    ask_node(run, work)


def cancel_request(run: Invocation, key: str) -> None:
    """Want a request no more."""
    found = ask_node(run, lambda peer: peer.cancel(key))
    run.out.json(found.model_dump())
    run.out.done(f"{found.key} is {found.status}")


def show_quotes(run: Invocation, key: str, firm: str | None) -> None:
    """One request; with `firm`, once that peer has made its indication a signed offer."""

    async def work(peer: Peer) -> NegotiationView:
        found = await peer.get(key)
        if firm is None:
            return found
        indicated = next((quote for quote in found.quotes if _is_of(run, quote, firm) and not quote.firm), None)
        if indicated is None:
            raise InputError(f"{firm} has indicated nothing for {found.key}")
        with run.out.working("asking for a signed offer"):
            return (await peer.firm(indicated, _FIRM_WITHIN)).negotiation

    found = ask_node(run, work)
    run.out.json(found.model_dump())
    _show(run, found)


def list_requests(run: Invocation) -> None:
    """Requests that are not over."""

    async def work(peer: Peer) -> list[NegotiationView]:
        return [await peer.get(each.key) for each in await peer.requests(is_over=False)]

    found = ask_node(run, work)
    run.out.json([each.model_dump() for each in found])
    if not found:
        run.out.line("no request is open")
        run.out.hint("ask for quotes: peersettle rfq WETH buy 1")
        return
    rows = [(each.key, each.side, _wanted(each), each.status, str(len(each.quotes))) for each in found]
    run.out.table("", ("key", "we are", "what", "status", "quotes"), rows, right="quotes")


def show_positions(run: Invocation, sub_accounts: Sequence[int]) -> None:
    """Tokens and margin accounts."""
    found = ask_node(run, lambda peer: peer.positions(sub_accounts))
    run.out.json(found.model_dump())
    run.out.table(found.owner, ("token", "balance"), [(each.asset, each.amount) for each in found.balances], "balance")
    for account in found.accounts:
        rows = [("cash", account.cash), *((each.asset, each.amount) for each in account.holdings)]
        run.out.table(f"margin account {account.account}", ("what", "amount"), rows, right="amount")
        if account.equity is None:
            run.out.warn("its margin cannot be told before a refresh")
        else:
            run.out.line(f"  equity {account.equity}, initial {account.initial}, maintenance {account.maintenance}")


def show_peers(run: Invocation, ban: str | None, unban: str | None) -> None:
    """Peers that the node knows, after a change."""

    async def work(peer: Peer) -> list[Any]:
        if ban is not None:
            await peer.ban(ban)
        if unban is not None:
            await peer.unban(unban)
        return await peer.peers()

    found = ask_node(run, work)
    run.out.json([each.model_dump() for each in found])
    if not found:
        run.out.line("no peer is known yet")
        return
    rows = [
        (each.peer, ", ".join(each.accounts), ", ".join(each.addresses), "banned" if each.banned_until else "")
        for each in found
    ]
    run.out.table("", ("peer", "speaks for", "listens at", ""), rows)


async def _gather(run: Invocation, peer: Peer, asked: NegotiationView, seconds: float) -> NegotiationView:
    """Wait for answers, and tell each as it comes."""
    many = len(asked.peers) or sum(each.banned_until is None for each in await peer.peers())
    if not many:
        run.out.warn("the node knows no peer yet")
    else:
        run.out.line(f"asking {many} peer{'s' if many > 1 else ''} for {_wanted(asked)}; request {asked.key}")
    end = time.monotonic() + seconds
    found, told = asked, set[str]()
    while (left := end - time.monotonic()) > 0 and not found.is_over:
        found = await peer.wait(asked.key, "answered", left, answers=len(told) + 1)
        news = [quote for quote in found.quotes if quote.peer not in told]
        for quote in news:
            run.out.line(f"  {quote.peer}: {_price(quote)}")
        told |= {quote.peer for quote in found.quotes} | {each.peer for each in found.declines}
        if many and len(told) >= many:
            break
    return found


async def _accept(run: Invocation, peer: Peer, quote: QuoteView, wait: str | None) -> None:
    settings = run.loaded.settings
    goal = wait or settings.defaults.wait
    if goal not in ("included", "safe", "finalized"):
        raise InvalidField("wait", goal, "included, safe or finalized")
    accepted = await peer.accept(quote, wait=None)
    run.out.line(f"accepted from {quote.peer}: {_price(quote)}")
    with run.out.working(f"settling, until {goal}"):
        found = reached(await peer.wait(accepted.key, goal, settings.chain.patience), goal)
    run.out.json(found.model_dump())
    assert found.deal is not None
    run.out.done(f"settled: you give {', '.join(found.deal.gives)}, you get {', '.join(found.deal.gets)}")
    run.out.line(f"  transaction {found.deal.tx_hash}")


def _show(run: Invocation, found: NegotiationView, *, hint: bool = True) -> None:
    title = f"{found.key}: {_wanted(found)}, {found.status}"
    if found.quotes:
        run.out.table(title, _COLUMNS, [_row(each) for each in found.quotes], right="part,price,each,good for")
    else:
        run.out.line(title)
    for each in found.declines:
        run.out.line(f"  {each.peer} gives no price: {each.text or each.code}")
    if found.note:
        run.out.warn(found.note)
    if found.deal is not None:
        deal = found.deal
        run.out.line(f"  you give {', '.join(deal.gives)}, you get {', '.join(deal.gets)}: {deal.phase}")
        if deal.tx_hash:
            run.out.line(f"  transaction {deal.tx_hash}, {deal.settlement or 'not seen yet'}")
        if deal.problem:
            run.out.warn(deal.problem)
    elif not found.quotes:
        run.out.line("no quotes")
    elif hint and any(quote.is_open for quote in found.quotes) and found.side == "taker":
        run.out.hint(f"peersettle accept {found.key}")


def _is_of(run: Invocation, quote: QuoteView, name: str) -> bool:
    """Whether a quote is of the peer that is meant by an identity, an address, or a name of the settings."""
    configured = run.loaded.settings.network.peers.get(name, "").rpartition("/p2p/")[2]
    return quote.peer in (name, configured) or (quote.maker or "").lower() == name.lower()


def _row(quote: QuoteView) -> tuple[str, ...]:
    kind = "indication" if not quote.firm else "signed" if quote.signed else "last look"
    left = quote.expires_at - time.time()
    good = f"{left:.0f} s" if quote.is_open and left > 0 else "-"
    part = f"{quote.quantity}" if quote.quantity else f"{quote.part / 100:g} %"
    return quote.peer, part, f"{quote.price} {quote.currency}", quote.per_unit or "-", kind, good


def _price(quote: QuoteView) -> str:
    each = f", {quote.per_unit} each" if quote.per_unit else ""
    return f"{quote.price} {quote.currency}{each}"


def _wanted(found: NegotiationView) -> str:
    return ", ".join(f"{item.side} {item.quantity} {item.asset}" for item in found.items) + f" for {found.currency}"
