"""`peersettle backstop`: the pool of those who bear what accounts cannot."""

from __future__ import annotations

from typing import Annotated

import typer

from peersettle.cli.invocation import invocation
from peersettle.cli.options import KeyOption, PasswordFileOption

app = typer.Typer(help="The pool behind all accounts: come, look, leave.", rich_markup_mode=None)

AmountArgument = Annotated[str, typer.Argument(help='"1000 USDC", of the settlement currency.', metavar="AMOUNT")]
SharesOption = Annotated[str | None, typer.Option(help="So many shares; else all.", metavar="NUMBER")]


@app.command()
def show(
    context: typer.Context,
    owner: Annotated[str | None, typer.Argument(help="An address or key; else only the pool.", metavar="OWNER")] = None,
) -> None:
    """What the pool has, what it has lent and taken over, and what somebody's shares are worth."""
    from peersettle.cli.margins import exact, money
    from peersettle.types import from_units

    run = invocation(context)
    pool, now = run.desk.margin.backstop, run.desk.chain.now()
    low, high = pool.valuations()
    found: dict[str, object] = {
        "backstop": pool.address,
        "worth_at_least": exact(low),
        "worth_at_most": exact(high),
        "free": exact(pool.capital()),
        "reserved": exact(pool.reserved()),
        "lent": exact(pool.lent()),
        "room": exact(pool.room()),
        "inventory": [str(pool.inventory_account(slot)) for slot in pool.inventory()],
        "shares": from_units(pool.total_shares(), 18),
    }
    rows = [
        ("worth", f"{money(low)} to {money(high)}"),
        ("free", money(pool.capital())),
        ("reserved for expiries", money(pool.reserved())),
        ("lent to accounts", money(pool.lent())),
        ("room for one more account", money(pool.room())),
        ("taken over", ", ".join(str(slot) for slot in pool.inventory()) or "nothing"),
    ]
    if owner is not None:
        who = run.desk.party(owner)
        shares, leaving = pool.shares(who), pool.leaving(who)
        cash = run.desk.tokens.find(run.desk.deployment.cash or "")
        worth = pool.value_of(shares + leaving.shares)
        found["owner"] = {
            "address": who,
            "shares": from_units(shares, 18),
            "worth": cash.show(worth),
            "leaving": from_units(leaving.shares, 18),
            "ready_at": leaving.ready_at or None,
        }
        rows.append((f"shares of {owner}", f"{from_units(shares, 18)}, with what is leaving worth {cash.show(worth)}"))
        if leaving.shares:
            left = max(leaving.ready_at - now, 0)
            when = f"in {left // 3600} h" if left else "now, peersettle backstop redeem"
            rows.append(("asked to leave with", f"{from_units(leaving.shares, 18)}: {when}"))
    run.out.json(found)
    run.out.table("", ("backstop", pool.address), rows)


@app.command()
def deposit(
    context: typer.Context, amount: AmountArgument, key: KeyOption = None, password_file: PasswordFileOption = None
) -> None:
    """Bring cash from your account (sub-account zero) to the pool, at the higher of its two valuations."""
    from peersettle.cli.margins import send_judged
    from peersettle.types import Account, from_units

    run = invocation(context)
    desk = run.desk
    signer = desk.signer(key, password_file)
    token, units = desk.tokens.amount(amount, "amount")
    pool = desk.margin.backstop
    before = pool.shares(signer.address)
    held = [Account(signer.address), *(pool.inventory_account(slot) for slot in pool.inventory())]
    with run.out.working("depositing"):
        carried = send_judged(desk, signer, pool.deposit(units, signer.address), held)
    minted = pool.shares(signer.address) - before
    run.out.json({"assets": str(units), "shares": from_units(minted, 18), "tx_hash": carried.receipt.tx_hash})
    run.out.done(f"brought {token.show(units)} for {from_units(minted, 18)} shares")


@app.command()
def leave(
    context: typer.Context, shares: SharesOption = None, key: KeyOption = None, password_file: PasswordFileOption = None
) -> None:
    """Give notice: in two days, and then for two days, the shares can be redeemed. Until then they bear losses."""
    from peersettle.types import from_units, to_units

    run = invocation(context)
    signer = run.desk.signer(key, password_file)
    pool = run.desk.margin.backstop
    amount = to_units(shares, 18) if shares else pool.shares(signer.address)
    receipt = run.desk.sender(signer).send(pool.request(amount))
    asked = pool.leaving(signer.address)
    run.out.json({"shares": from_units(asked.shares, 18), "ready_at": asked.ready_at, "tx_hash": receipt.tx_hash})
    run.out.done(f"asked to leave with {from_units(asked.shares, 18)} shares")
    run.out.hint("in two days, and for two days: peersettle backstop redeem")


@app.command()
def stay(context: typer.Context, key: KeyOption = None, password_file: PasswordFileOption = None) -> None:
    """Take the notice back."""
    run = invocation(context)
    receipt = run.desk.sender(run.desk.signer(key, password_file)).send(run.desk.margin.backstop.stay())
    run.out.json({"tx_hash": receipt.tx_hash})
    run.out.done("the notice is taken back")


@app.command()
def redeem(
    context: typer.Context, shares: SharesOption = None, key: KeyOption = None, password_file: PasswordFileOption = None
) -> None:
    """Leave with shares whose notice is over. The cash comes to your account (sub-account zero)."""
    from peersettle.cli.margins import money, send_judged
    from peersettle.types import Account, to_units

    run = invocation(context)
    desk = run.desk
    signer = desk.signer(key, password_file)
    pool, me = desk.margin.backstop, Account(signer.address)
    amount = to_units(shares, 18) if shares else pool.leaving(signer.address).shares
    before = desk.margin.ledger.head(me).cash
    held = [pool.inventory_account(slot) for slot in pool.inventory()]
    with run.out.working("redeeming"):
        carried = send_judged(desk, signer, pool.redeem(amount, signer.address, signer.address), held)
    got = desk.margin.ledger.head(me).cash - before
    run.out.json({"shares": str(amount), "cash": str(got), "tx_hash": carried.receipt.tx_hash})
    run.out.done(f"left with {money(got)}, which is in your account")
