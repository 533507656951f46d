"""`peersettle auction`: look at an account that has too little margin, and buy it."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated

import typer

from peersettle.cli.invocation import Invocation, invocation
from peersettle.cli.options import KeyOption, PasswordFileOption

app = typer.Typer(help="Accounts below maintenance: look, bid, take over.", rich_markup_mode=None)

AccountArgument = Annotated[str, typer.Argument(help="OWNER or OWNER/SUB, by address or key.", metavar="ACCOUNT")]
IntoOption = Annotated[int, typer.Option("--into", help="Your sub-account that buys.", min=0)]
LimitOption = Annotated[
    str | None,
    typer.Option(help="The most to pay, in settlement currency; below zero, the least to be paid.", metavar="CASH"),
]


@app.command()
def show(context: typer.Context, account: AccountArgument) -> None:
    """An account's margin, whether it is for sale, how much of it, and at what price now."""
    from peersettle.cli.margins import account_of, exact, money
    from peersettle.types import WAD

    run = invocation(context)
    who = account_of(run.desk, account, 0)
    auctions, now = run.desk.margin.auction, run.desk.chain.now()
    state, quote = auctions.auction(who), auctions.quote(who)
    price = quote.price(quote.most)
    run.out.json(
        {
            "account": str(who),
            "equity": exact(quote.equity),
            "maintenance": exact(quote.maintenance),
            "initial": exact(quote.initial),
            "live": state.is_live(now),
            "started_at": state.started_at or None,
            "insolvent_at": state.insolvent_at or None,
            "run_off": state.run_off,
            "fraction": exact(quote.most),
            "rate": exact(quote.paid),
            "fee": exact(quote.fee),
            "price": exact(price),
        }
    )
    age = f"{now - state.started_at} s old" if state.is_live(now) else "not begun"
    rows = [
        ("equity", money(quote.equity)),
        ("maintenance", money(quote.maintenance)),
        ("initial", money(quote.initial)),
        ("auction", "in run-off" if state.run_off else age),
        ("on sale", f"{quote.most * 100 / WAD:.2f} %"),
        ("rate and fee, of maintenance relieved", f"{quote.paid * 100 / WAD:.2f} % and {quote.fee * 100 / WAD:.2f} %"),
        ("price of what is on sale", money(price)),
    ]
    run.out.table("", ("account", str(who)), rows)
    if not quote.most:
        run.out.hint("it is not for sale: it has enough, or a price waits for its confirmation")


@app.command()
def start(
    context: typer.Context, account: AccountArgument, key: KeyOption = None, password_file: PasswordFileOption = None
) -> None:
    """Begin an auction, or note that the account has fallen below zero. A bid does so by itself."""
    _send(invocation(context), "start", account, key, password_file, "the auction has begun")


@app.command()
def end(
    context: typer.Context, account: AccountArgument, key: KeyOption = None, password_file: PasswordFileOption = None
) -> None:
    """End the auction of an account that has enough again, or whose time is up."""
    _send(invocation(context), "end", account, key, password_file, "the auction is over")


@app.command()
def rescue(
    context: typer.Context, account: AccountArgument, key: KeyOption = None, password_file: PasswordFileOption = None
) -> None:
    """Have the backstop take over what nobody has wanted for ten minutes."""
    _send(invocation(context), "rescue", account, key, password_file, "the backstop has taken the account over")


@app.command("run-off")
def run_off(
    context: typer.Context, account: AccountArgument, key: KeyOption = None, password_file: PasswordFileOption = None
) -> None:
    """Bar an insolvent account from trading that nobody wants and the backstop has no room for."""
    _send(invocation(context), "run_off", account, key, password_file, "the account is in run-off")


@app.command()
def bid(
    context: typer.Context,
    account: AccountArgument,
    most: Annotated[str, typer.Option(help="The largest part wanted, in percent.", metavar="PERCENT")] = "100",
    least: Annotated[str, typer.Option(help="The smallest, in percent.", metavar="PERCENT")] = "0",
    limit: LimitOption = None,
    into: IntoOption = 0,
    key: KeyOption = None,
    password_file: PasswordFileOption = None,
) -> None:
    """Buy a part of an account: positions, collateral and cash alike, at the price of now."""
    run = invocation(context)
    fractions = (min(_percent(most, "most"), 10**18 - 1), _percent(least, "least"))
    _buy(run, account, into, key, password_file, (*fractions, _cash(limit)), "bid")


@app.command("take-over")
def take_over(
    context: typer.Context,
    account: AccountArgument,
    limit: LimitOption = None,
    into: IntoOption = 0,
    key: KeyOption = None,
    password_file: PasswordFileOption = None,
) -> None:
    """Buy all of an account into one of yours that has nothing but cash."""
    _buy(invocation(context), account, into, key, password_file, (_cash(limit),), "take_over")


def _send(run: Invocation, verb: str, account: str, key: str | None, password_file: Path | None, done: str) -> None:
    from peersettle.cli.margins import account_of, send_judged

    signer = run.desk.signer(key, password_file)
    who = account_of(run.desk, account, 0)
    with run.out.working("sending"):
        carried = send_judged(run.desk, signer, getattr(run.desk.margin.auction, verb)(who), [who])
    run.out.json({"account": str(who), "tx_hash": carried.receipt.tx_hash})
    run.out.done(f"{who}: {done}")


def _buy(
    run: Invocation,
    account: str,
    into: int,
    key: str | None,
    password_file: Path | None,
    terms: tuple[int, ...],
    verb: str,
) -> None:
    from peersettle.cli.margins import account_of, exact, money, send_judged
    from peersettle.types import Account

    desk = run.desk
    signer = desk.signer(key, password_file)
    who, mine = account_of(desk, account, 0), Account(signer.address, into)
    call = getattr(desk.margin.auction, verb)(who, into, *terms)
    with run.out.working("bidding"):
        carried = send_judged(desk, signer, call, [who, mine])
        health = desk.margin.ledger.health(mine)
    run.out.json(
        {
            "account": str(who),
            "bidder": str(mine),
            "tx_hash": carried.receipt.tx_hash,
            "gas_used": carried.receipt.gas_used,
            "first": carried.plan.explain() or None,
            "equity": exact(health.equity),
            "initial": exact(health.initial),
        }
    )
    run.out.done(f"bought of {who}; {mine} has now {money(health.equity)}, and needs {money(health.initial)}")


def _percent(text: str, field: str) -> int:
    """A percentage as a fraction in wad, rounded down."""
    from peersettle.errors import InvalidField

    try:
        share = Decimal(text.removesuffix("%").strip())
    except InvalidOperation:
        share = Decimal(-1)
    if not 0 <= share <= 100:
        raise InvalidField(field, text, "give a percentage from 0 to 100")
    return int(share * 10**16)


def _cash(text: str | None) -> int:
    """A limit in wad; without one, any price."""
    from peersettle.bindings import ANY_PRICE
    from peersettle.errors import InvalidField

    if text is None:
        return ANY_PRICE
    try:
        return int(Decimal(text) * 10**18)
    except InvalidOperation:
        raise InvalidField("limit", text, "give an amount, as 1250.50 or -300") from None
