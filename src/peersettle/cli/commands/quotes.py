"""`peersettle approve`, `quote` and `accept`: what two peers do before anything moves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from peersettle.cli.invocation import Invocation, invocation
from peersettle.cli.options import KeyOption, LimitOption, OutOption, PasswordFileOption, is_key, refuse

if TYPE_CHECKING:
    from peersettle.trades import Document
    from peersettle.types import Address


def approve(
    context: typer.Context,
    amount: Annotated[str, typer.Argument(help='"100 USDC"; replaces what was allowed.', metavar="AMOUNT")],
    key: KeyOption = None,
    password_file: PasswordFileOption = None,
) -> None:
    """Allow Settlement to move this much of a token of yours, and not more. Zero takes it back."""
    from peersettle.cli.quoting import set_allowance

    run = invocation(context)
    desk = run.desk
    token, units = desk.tokens.amount(amount, "amount")
    signer = desk.signer(key, password_file)
    with run.out.working("approving"):
        receipts = set_allowance(desk, signer, token.address, units)
    allowed = desk.token(token.address).allowance(signer.address, desk.deployment.settlement)
    run.out.json(
        {
            "owner": signer.address,
            "token": token.address,
            "allowed": str(allowed),
            "transactions": [receipt.tx_hash for receipt in receipts],
            "gas_used": sum(receipt.gas_used for receipt in receipts),
        }
    )
    run.out.done(f"{signer.address} allows Settlement {token.show(allowed)}")
    for receipt in receipts:
        run.out.line(f"  transaction {receipt.tx_hash}, {receipt.gas_used:,} gas")


def quote(
    context: typer.Context,
    give: Annotated[
        str | None, typer.Option(help='What you give: "100 USDC", or "10 ETH-26JUN26-3000-C".', metavar="AMOUNT")
    ] = None,
    want: Annotated[
        str | None, typer.Option(help='What you want: "0.05 WETH", or "450 cash" in the ledger.', metavar="AMOUNT")
    ] = None,
    to: Annotated[str | None, typer.Option(help="The only taker.", metavar="ADDRESS")] = None,
    is_open: Annotated[bool, typer.Option("--open", help="Whoever takes it first.")] = False,
    trade: Annotated[
        Path | None,
        typer.Option(help="A file of legs (TOML or JSON) instead of give and want.", metavar="FILE"),
    ] = None,
    expires: Annotated[str | None, typer.Option(help="How long it holds: 90s, 10m, 2h, 1d.")] = None,
    sub: Annotated[int, typer.Option(help="Your sub-account, for instruments.", min=0)] = 0,
    to_sub: Annotated[int, typer.Option(help="The taker's sub-account.", min=0)] = 0,
    nettable: Annotated[bool, typer.Option("--nettable", help="May be netted with others.")] = False,
    terms_file: Annotated[
        Path | None,
        typer.Option(help="What was agreed off chain; its salted hash is signed.", metavar="FILE"),
    ] = None,
    key: KeyOption = None,
    password_file: PasswordFileOption = None,
    out: OutOption = None,
) -> None:
    """Sign a quote, or a trade of many legs, and write it to a file for the other side. Nothing moves yet.

    Options and forwards are named, as ETH-26JUN26-3000-C; several amounts are separated by commas.
    """
    from peersettle.cli import quoting
    from peersettle.cli.documents import write_document
    from peersettle.config import parse_duration
    from peersettle.errors import InputError
    from peersettle.types import ZERO_ADDRESS

    run = invocation(context)
    life = parse_duration(expires or run.loaded.settings.defaults.quote_life, "expires")
    terms = quoting.Terms.of(terms_file) if terms_file else None
    document: Document
    if trade is not None:
        if given := [name for name, value in (("--give", give), ("--want", want), ("--to", to)) if value]:
            raise InputError(f"--trade has it all in its file; drop {', '.join(given)}")
        signer = run.desk.signer(key, password_file)
        document = quoting.make_trade(run.desk, signer, trade, life, terms)
    elif quoting.names_positions(give, want):
        if to is None:
            raise InputError("a quote of instruments is for one taker; give --to")
        taker = run.desk.party(to)
        signer = run.desk.signer(key, password_file)
        document = quoting.make_position_trade(
            run.desk, signer, give, want, taker, life, sub_accounts=(sub, to_sub), terms=terms
        )
    else:
        if give is None or want is None or (to is None) == (not is_open):
            raise InputError("a quote needs --give, --want and either --to or --open; or else --trade FILE")
        taker = run.desk.party(to) if to is not None else ZERO_ADDRESS
        signer = run.desk.signer(key, password_file)
        document = quoting.make_quote(run.desk, signer, give, want, taker, life, nettable=nettable, terms=terms)
    path = write_document(out or Path(f"quote-{document.digest.hex()[:8]}.json"), document)
    salt_path = terms.write_beside(path) if terms else None
    _show_written(run, document, signer.address, path, key, salt_path)


def accept(
    context: typer.Context,
    document: Annotated[
        Path,
        typer.Argument(help="A signed quote or trade (JSON); or the key of a request, see rfq.", metavar="FILE|KEY"),
    ],
    peer: Annotated[str | None, typer.Argument(help="With a KEY: whose quote; else the best.", metavar="PEER")] = None,
    key: KeyOption = None,
    password_file: PasswordFileOption = None,
    out: OutOption = None,
    send: Annotated[bool, typer.Option("--send", help="Settle it at once, as the one who sends.")] = False,
    choice: Annotated[
        int | None, typer.Option(help="With a KEY: which of the peer's alternatives, from 0.", min=0)
    ] = None,
    limit: LimitOption = None,
    wait: Annotated[
        str | None, typer.Option(help="With a KEY: until included, safe or finalized.", metavar="STEP")
    ] = None,
) -> None:
    """Verify a quote or trade, show what you give and get, and sign your side of it.

    With the KEY of a request, the running node accepts a quote and settles it.
    """
    from peersettle.bindings.settling import keep
    from peersettle.cli.commands.settlement import show_settled
    from peersettle.cli.documents import read_document, verify, write_document
    from peersettle.cli.quoting import assert_alive
    from peersettle.cli.settling import settle_document
    from peersettle.errors import InputError
    from peersettle.signing import sign_as

    run = invocation(context)
    if is_key(document):
        from peersettle.cli.negotiating import accept_quote

        refuse(key=key, password_file=password_file, out=out, send=send)
        accept_quote(run, str(document), peer, choice, limit, wait)
        return
    if peer is not None or choice is not None or limit is not None or wait is not None:
        raise InputError(f"{document} is a file; PEER, --choice, --limit and --wait go with the key of a request")
    given = read_document(document)
    run.desk.assert_ours(given)
    verify(given, run.desk.view())
    signer = run.desk.signer(key, password_file)
    show_flows(run, given, signer.address)
    if send:
        with run.out.working("settling"):
            settled = settle_document(run.desk, given, signer, wait=run.loaded.settings.defaults.wait)
        show_settled(run, settled)
        return
    assert_alive(run.desk, given, signer.address)
    signed: Document = sign_as(signer, given)
    keep(run.desk.store, signed, signed.role_of(signer.address), signer.address)
    path = write_document(out or document.with_name(f"{document.stem}.accepted.json"), signed)
    _show_written(run, signed, signer.address, path, key)


def show_flows(run: Invocation, document: Document, party: Address) -> None:
    """What a party gives and gets."""
    from peersettle.cli.flows import flows

    for flow in flows(document, party, run.desk.tokens):
        verb, side = ("you give", "to") if flow.gives else ("you get ", "from")
        run.out.line(f"{verb} {flow.text} {side} {flow.counterparty}")


def _show_written(
    run: Invocation,
    document: Document,
    party: Address,
    path: Path,
    key: str | None,
    salt_path: Path | None = None,
) -> None:
    from peersettle.cli import quoting
    from peersettle.cli.documents import missing_signatures
    from peersettle.cli.flows import flows

    problems = quoting.own_problems(run.desk, document, party)
    needed = quoting.approvals_needed(document, problems, run.desk.tokens, party, key)
    missing = missing_signatures(document)
    seconds = document.deadline - run.desk.chain.now()
    gives = [flow.text for flow in flows(document, party, run.desk.tokens) if flow.gives]
    gets = [flow.text for flow in flows(document, party, run.desk.tokens) if not flow.gives]
    run.out.json(
        {
            "file": str(path),
            "digest": document.digest,
            "signer": party,
            "gives": gives,
            "gets": gets,
            "deadline": document.deadline,
            "missing_signatures": missing,
            "problems": [problem.to_json() for problem in problems],
            "approvals_needed": needed,
            "terms": str(salt_path) if salt_path else None,
            "document": document.to_json(),
        }
    )
    run.out.done(f"signed by {party}: gives {', '.join(gives) or 'nothing'}, gets {', '.join(gets) or 'nothing'}")
    run.out.line(f"  written to {path}; it holds for {seconds} s")
    if salt_path:
        run.out.line(f"  {salt_path} has the salt of the terms; give it to the other side, too, and keep it")
    for problem in problems:
        run.out.warn(problem.explain())
    for command in needed:
        run.out.hint(command)
    if missing:
        run.out.hint(f"send the file to {', '.join(missing)}, who runs: peersettle accept {path.name}")
    else:
        run.out.hint(f"everybody has signed; anybody can send it: peersettle settle {path.name}")
