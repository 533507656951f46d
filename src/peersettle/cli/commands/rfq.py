"""`peersettle rfq`, `quotes`, `positions` and `peers`: what a running node is asked for."""

from __future__ import annotations

from typing import Annotated

import typer

from peersettle.cli.invocation import invocation


def rfq(
    context: typer.Context,
    asset: Annotated[
        str, typer.Argument(help="An instrument, as ETH-26JUN26-3000-C, or a token, as WETH.", metavar="INSTRUMENT")
    ],
    side: Annotated[str, typer.Argument(help="buy or sell.", metavar="buy|sell")],
    quantity: Annotated[str, typer.Argument(help="How much of it.", metavar="QUANTITY")],
    to: Annotated[
        list[str] | None,
        typer.Option(help="Ask this peer alone: a name, an address or an identity; may be repeated.", metavar="PEER"),
    ] = None,
    currency: Annotated[
        str | None, typer.Option("--for", help="What prices are in; else cash, or USDC for tokens.", metavar="CURRENCY")
    ] = None,
    wait: Annotated[str, typer.Option(help="How long to wait for quotes.")] = "2s",
    life: Annotated[str | None, typer.Option(help="How long makers may answer: 30s, 2m.")] = None,
    partial: Annotated[bool, typer.Option("--partial", help="A part would do, too.")] = False,
    last_look: Annotated[bool, typer.Option("--last-look", help="Makers may still say no after you accept.")] = False,
    indicative: Annotated[bool, typer.Option("--indicative", help="Prices that bind nobody.")] = False,
    maker_sends: Annotated[bool, typer.Option("--maker-sends", help="The maker sends the transaction.")] = False,
    sub: Annotated[int | None, typer.Option(help="Your sub-account, for instruments.", min=0)] = None,
    take_best: Annotated[bool, typer.Option("--take-best", help="Accept the best within --limit.")] = False,
    limit: Annotated[
        str | None,
        typer.Option(help="The most to pay, or the least to get, for each unit.", metavar="PRICE"),
    ] = None,
) -> None:
    """Ask peers for quotes through the running node, and show them as they come; the best first.

    With --take-best the best one is accepted and settled.
    """
    from peersettle.cli import negotiating
    from peersettle.config import parse_duration
    from peersettle.errors import InputError, InvalidField

    run = invocation(context)
    if side not in ("buy", "sell"):
        raise InvalidField("side", side, "buy or sell")
    if take_best and limit is None:
        raise InputError("--take-best accepts what nobody has looked at: say --limit PRICE")
    if take_best and indicative:
        raise InputError("an indication cannot be taken: drop --indicative or --take-best")
    if limit is not None and not take_best:
        raise InputError("--limit goes with --take-best")
    body = {
        "asset": asset,
        "side": side,
        "quantity": quantity,
        "currency": currency,
        "life": parse_duration(life, "life") if life else None,
        "firm": not indicative,
        "last_look": last_look,
        "partial": partial,
        "submitter": "maker" if maker_sends else "taker",
        "sub_account": sub,
    }
    negotiating.request_quotes(run, body, to or [], parse_duration(wait, "wait"), limit if take_best else None)


def quotes(
    context: typer.Context,
    key: Annotated[str | None, typer.Argument(help="Of a request; the first digits do.", metavar="KEY")] = None,
    firm: Annotated[str | None, typer.Option(help="Ask this peer to make its indication firm.", metavar="PEER")] = None,
) -> None:
    """Show the quotes for a request, or all requests that are not over, of ours and of others."""
    from peersettle.cli import negotiating
    from peersettle.errors import InputError

    run = invocation(context)
    if key is not None:
        negotiating.show_quotes(run, key, firm)
    elif firm is not None:
        raise InputError("--firm needs the KEY of a request")
    else:
        negotiating.list_requests(run)


def positions(
    context: typer.Context,
    sub: Annotated[
        list[int] | None, typer.Option(help="A sub-account; may be repeated. Else as [node] says.", min=0)
    ] = None,
) -> None:
    """Show what the running node's address has: tokens, and its margin accounts."""
    from peersettle.cli import negotiating

    negotiating.show_positions(invocation(context), sub or [])


def peers(
    context: typer.Context,
    ban: Annotated[str | None, typer.Option(help="Do not hear this peer any more.", metavar="PEER")] = None,
    unban: Annotated[str | None, typer.Option(help="Hear it again.", metavar="PEER")] = None,
) -> None:
    """Show the peers that the running node knows."""
    from peersettle.cli import negotiating

    negotiating.show_peers(invocation(context), ban, unban)
