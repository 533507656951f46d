"""`peersettle account`: margin accounts, from the first deposit to what is left at expiry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from peersettle.cli.invocation import Invocation, invocation
from peersettle.cli.options import KeyOption, PasswordFileOption

if TYPE_CHECKING:
    from peersettle.types import Account

app = typer.Typer(help="Margin accounts: deposit, look, try a trade, settle.", rich_markup_mode=None)

SubOption = Annotated[int, typer.Option(help="Sub-account; each stands for itself.", min=0)]
AccountArgument = Annotated[
    str | None, typer.Argument(help="OWNER or OWNER/SUB, by address or key; else yours.", metavar="ACCOUNT")
]
ForOption = Annotated[
    str | None, typer.Option("--for", help="Another's account, which must know the token.", metavar="ACCOUNT")
]


@app.command("open")
def open_account(
    context: typer.Context,
    amount: Annotated[list[str], typer.Argument(help='"1000 USDC"; cash or collateral.', metavar="AMOUNT")],
    sub: SubOption = 0,
    key: KeyOption = None,
    password_file: PasswordFileOption = None,
) -> None:
    """Open a margin account of yours with its first deposits. Nothing is registered: it is an owner and a number.

    A permit is signed where the token has one; else exactly the amount is approved first.
    """
    from peersettle.cli.margins import deposit as bring
    from peersettle.errors import InputError
    from peersettle.types import Account

    run = invocation(context)
    desk = run.desk
    signer = desk.signer(key, password_file)
    account = Account(signer.address, sub)
    head = desk.margin.ledger.head(account)
    if head.cash or head.markets:
        raise InputError(
            f"{account} is open already", next_step="peersettle account deposit AMOUNT, or another --sub NUMBER"
        )
    made = []
    for item in amount:
        with run.out.working(f"depositing {item}"):
            made.append(bring(desk, signer, account, item))
    run.out.json(
        {
            "account": str(account),
            "id": str(account.id),
            "deposits": [{"token": token.address, "amount": str(units)} for token, units, _ in made],
            "transactions": [receipt.tx_hash for *_, receipts in made for receipt in receipts],
        }
    )
    run.out.done(f"{account} is open, with {', '.join(token.show(units) for token, units, _ in made)}")
    run.out.hint(f'peersettle quote --give "1 ETH-26JUN26-3000-C" --want "100 USDC" --to PEER{_sub(sub)}')


@app.command()
def deposit(
    context: typer.Context,
    amount: Annotated[str, typer.Argument(help='"1000 USDC"; cash or collateral.', metavar="AMOUNT")],
    sub: SubOption = 0,
    whose: ForOption = None,
    key: KeyOption = None,
    password_file: PasswordFileOption = None,
) -> None:
    """Bring cash or collateral from your wallet to a margin account, by permit where the token has one."""
    from peersettle.cli.margins import account_of, money
    from peersettle.cli.margins import deposit as bring

    run = invocation(context)
    signer = run.desk.signer(key, password_file)
    account = account_of(run.desk, whose, sub, signer)
    with run.out.working("depositing"):
        token, units, receipts = bring(run.desk, signer, account, amount)
    cash = run.desk.margin.ledger.head(account).cash
    run.out.json(
        {
            "account": str(account),
            "token": token.address,
            "amount": str(units),
            "tx_hash": receipts[-1].tx_hash,
            "transactions": [receipt.tx_hash for receipt in receipts],
            "gas_used": sum(receipt.gas_used for receipt in receipts),
        }
    )
    run.out.done(f"deposited {token.show(units)} for {account}")
    run.out.line(f"  transaction {receipts[-1].tx_hash}; its cash is now {money(cash)}")


@app.command()
def withdraw(
    context: typer.Context,
    amount: Annotated[str, typer.Argument(help='"1000 USDC"; cash or collateral.', metavar="AMOUNT")],
    sub: SubOption = 0,
    to: Annotated[str | None, typer.Option(help="Where it goes; else to you.", metavar="ADDRESS")] = None,
    key: KeyOption = None,
    password_file: PasswordFileOption = None,
) -> None:
    """Take cash or collateral out of a margin account of yours. What is left must meet initial margin."""
    from peersettle.cli.margins import withdraw as take
    from peersettle.types import Account

    run = invocation(context)
    receiver = run.desk.party(to) if to else None
    signer = run.desk.signer(key, password_file)
    account = Account(signer.address, sub)
    with run.out.working("withdrawing"):
        token, carried = take(run.desk, signer, account, amount, receiver)
    units = run.desk.tokens.amount(amount, "amount")[1]
    run.out.json(
        {
            "account": str(account),
            "token": token.address,
            "amount": str(units),
            "receiver": receiver or account.owner,
            "tx_hash": carried.receipt.tx_hash,
            "transactions": [receipt.tx_hash for receipt in carried.receipts],
            "first": carried.plan.explain() or None,
        }
    )
    run.out.done(f"withdrew {token.show(units)} from {account}")
    if said := carried.plan.explain():
        run.out.line(f"  {said}")
    run.out.line(f"  transaction {carried.receipt.tx_hash}")


@app.command()
def show(
    context: typer.Context,
    account: AccountArgument = None,
    sub: SubOption = 0,
    key: KeyOption = None,
) -> None:
    """Show an account: cash, collateral, positions, marks, Greeks, equity, margin, and what each scenario would do."""
    from peersettle.cli.margins import price_updates
    from peersettle.cli.statements import show_statement, statement_json

    run = invocation(context)
    who = _whose(run, account, sub, key)
    with run.out.working("reading"):
        head = run.desk.margin.ledger.head(who)
        updates = price_updates(run.desk, head.markets)
        statement = run.desk.margin.statement(who, updates=updates)
    run.out.json(statement_json(statement, run.desk.margin.listings))
    show_statement(run.out, statement, run.desk.margin.listings, _cash(run))


@app.command()
def preview(
    context: typer.Context,
    give: Annotated[str | None, typer.Option(help='"10 ETH-26JUN26-3000-C, 5 cash"', metavar="AMOUNT")] = None,
    get: Annotated[str | None, typer.Option(help='"450 cash, 2 ETH collateral"', metavar="AMOUNT")] = None,
    account: AccountArgument = None,
    sub: SubOption = 0,
    key: KeyOption = None,
) -> None:
    """Show what a trade would do to an account: equity, margin, and the prices at which it would be liquidated."""
    from peersettle.cli.margins import money
    from peersettle.cli.previews import moves_of, preview_trade
    from peersettle.cli.statements import health_json, liquidation_json, status_words

    run = invocation(context)
    moves = moves_of(run.desk, give, get)
    who = _whose(run, account, sub, key)
    with run.out.working("working it out"):
        found = preview_trade(run.desk, who, moves)
    listings = run.desk.margin.listings
    run.out.json(
        {
            "account": str(who),
            "before": health_json(found.before),
            "after": health_json(found.after),
            "cash": str(found.account.cash),
            "liquidation_before": {
                listings[number].market.symbol: liquidation_json(prices)
                for number, prices in found.liquidation_before.items()
            },
            "liquidation": {
                listings[number].market.symbol: liquidation_json(prices) for number, prices in found.liquidation.items()
            },
            "meets_initial_margin": found.meets_initial_margin,
        }
    )
    pairs = [
        ("equity", found.before.equity, found.after.equity),
        ("maintenance margin", found.before.maintenance, found.after.maintenance),
        ("initial margin", found.before.initial, found.after.initial),
        ("free", found.before.equity - found.before.initial, found.after.equity - found.after.initial),
    ]
    rows = [(name, money(old), money(new), money(new - old)) for name, old, new in pairs]
    for number, prices in found.liquidation.items():
        old = found.liquidation_before.get(number)
        symbol = listings[number].market.symbol
        for side in ("down", "up"):
            before = getattr(old, side) if old else None
            after = getattr(prices, side)
            was, will_be = ("none" if price is None else money(price) for price in (before, after))
            rows.append((f"liquidated with {symbol} {side} at", was, will_be, ""))
    run.out.table(f"{who}", ("", "before", "after", "change"), rows, right="before,after,change")
    for word in status_words(found.after.status):
        run.out.warn(word)
    if found.meets_initial_margin:
        run.out.done("meets initial margin")
    else:
        run.out.warn("does not meet initial margin; it goes through only where it lowers the account's risk")


@app.command("settle-expired")
def settle_expired(
    context: typer.Context,
    accounts: Annotated[
        list[str] | None, typer.Argument(help="OWNER or OWNER/SUB; else your own.", metavar="ACCOUNT")
    ] = None,
    sub: SubOption = 0,
    key: KeyOption = None,
    password_file: PasswordFileOption = None,
) -> None:
    """Fix what has expired, and settle it in these accounts. Anybody may, for a small fee of each position."""
    from peersettle.cli.margins import account_of, money, settle_expired

    run = invocation(context)
    signer = run.desk.signer(key, password_file)
    who = [account_of(run.desk, text, sub) for text in accounts or ()] or [account_of(run.desk, None, sub, signer)]
    before = {account: run.desk.margin.ledger.head(account).cash for account in who}
    with run.out.working("settling"):
        done = settle_expired(run.desk, signer, who)
    after = {account: run.desk.margin.ledger.head(account).cash for account in who}
    run.out.json(
        {
            "settled": done.names,
            "waiting": done.waiting,
            "transactions": [receipt.tx_hash for receipt in done.carried.receipts] if done.carried else [],
            "cash": {str(account): str(cash) for account, cash in after.items()},
        }
    )
    for text in done.waiting:
        run.out.warn(text)
    if done.carried is None:
        run.out.line("nothing has expired that can be settled")
        return
    if done.names:
        run.out.done(f"settled {', '.join(done.names)}")
    for account in who:
        run.out.line(f"  {account}: cash {money(before[account])} -> {money(after[account])}")
    run.out.line(f"  transaction {done.carried.receipt.tx_hash}")


def _whose(run: Invocation, text: str | None, sub: int, key: str | None) -> Account:
    """An account to look at; its owner's key need not be unlocked."""
    from peersettle.cli.margins import account_of
    from peersettle.errors import InputError

    chosen = run.desk.settings.signer
    named = text or key or (chosen.name if chosen.kind == "keystore" else chosen.address)
    if named is None:
        raise InputError("whose account? give an address, the name of a key, or --key")
    return account_of(run.desk, named, sub)


def _cash(run: Invocation) -> str:
    cash = run.desk.deployment.cash
    return run.desk.tokens.at(cash).symbol if cash else "cash"


def _sub(sub: int) -> str:
    return f" --sub {sub}" if sub else ""
