"""`peersettle check`, `settle` and `cancel`: from a signed document to the chain, or to nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from peersettle.cli.invocation import Invocation, invocation
from peersettle.cli.options import DocumentArgument, KeyOption, PasswordFileOption, is_key, refuse

if TYPE_CHECKING:
    from peersettle.cli.settling import Outcome


def check(
    context: typer.Context,
    document: DocumentArgument,
    sender: Annotated[
        str | None, typer.Option(help="Who would send it; the taker by default.", metavar="ADDRESS")
    ] = None,
) -> None:
    """Print every reason why it would not settle now, then try it without sending. Exit 0 or 4."""
    from peersettle.cli.documents import read_document
    from peersettle.cli.settling import check_document, usual_sender

    run = invocation(context)
    given = read_document(document)
    who = run.desk.party(sender) if sender else usual_sender(given)
    with run.out.working("checking"):
        report = check_document(run.desk, given, who)
    run.out.json(
        {
            "digest": given.digest,
            "sender": who,
            "would_settle": report.would_settle,
            "problems": [problem.to_json() for problem in report.problems],
            "gas": report.gas,
        }
    )
    if report.would_settle:
        run.out.done(f"would settle, sent by {who}, with about {report.gas:,} gas")
        return
    parties = list(dict.fromkeys(problem.party for problem in report.problems))
    for party in parties:
        run.out.line(f"{party}" if party else "the whole", "bold")
        for problem in report.problems:
            if problem.party == party:
                run.out.line(f"  - {problem.explain()}", "red")
    raise typer.Exit(4)


def settle(
    context: typer.Context,
    document: DocumentArgument,
    wait: Annotated[
        str | None, typer.Option(help="How far to wait: included, safe or finalized.", metavar="STEP")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Send in spite of problems found.")] = False,
    key: KeyOption = None,
    password_file: PasswordFileOption = None,
) -> None:
    """Settle a signed document. Run again, it follows what was sent before and never sends twice."""
    from peersettle.cli.documents import read_document
    from peersettle.cli.settling import settle_document
    from peersettle.errors import InvalidField

    run = invocation(context)
    goal = wait or run.loaded.settings.defaults.wait
    if goal not in ("included", "safe", "finalized"):
        raise InvalidField("wait", goal, "included, safe or finalized")
    given = read_document(document)
    run.desk.assert_ours(given)
    signer = run.desk.signer(key, password_file)
    with run.out.working(f"settling, until {goal}"):
        outcome = settle_document(run.desk, given, signer, wait=goal, force=force)
    show_settled(run, outcome)


def cancel(
    context: typer.Context,
    document: Annotated[
        Path | None,
        typer.Argument(help="A quote of yours, or a trade; or the key of a request, see rfq.", metavar="FILE|KEY"),
    ] = None,
    word: Annotated[str | None, typer.Option(help="Nonce word of your quotes.")] = None,
    mask: Annotated[str | None, typer.Option(help="Bits of the word to cancel, as 0x… or decimal.")] = None,
    key: KeyOption = None,
    password_file: PasswordFileOption = None,
) -> None:
    """Cancel a quote at once, or give 60 seconds' notice for a trade. Or many quotes: --word and --mask.

    With the KEY of a request, the running node wants it no more.
    """
    from peersettle.cli import settling
    from peersettle.cli.documents import read_document
    from peersettle.errors import InputError

    run = invocation(context)
    if (document is None) == (word is None or mask is None):
        raise InputError("give a FILE, or both --word and --mask")
    if document is not None and is_key(document):
        from peersettle.cli.negotiating import cancel_request

        refuse(key=key, password_file=password_file)
        cancel_request(run, str(document))
        return
    given = read_document(document) if document else None
    signer = run.desk.signer(key, password_file)
    with run.out.working("cancelling"):
        if given is not None:
            receipt, effective = settling.cancel_document(run.desk, given, signer)
        else:
            receipt, effective = settling.cancel_bits(run.desk, signer, str(word), str(mask))
    run.out.json(
        {
            "tx_hash": receipt.tx_hash,
            "effective_at": effective,
            "gas_used": receipt.gas_used,
            "by": signer.address,
        }
    )
    later = effective > run.desk.chain.now()
    run.out.done(f"{'cancelled as of ' + str(effective) if later else 'cancelled'}, transaction {receipt.tx_hash}")
    if later:
        run.out.warn("until then the others can still settle it; all together cancel at once with an empty trade")


def show_settled(run: Invocation, outcome: Outcome) -> None:
    """How a settlement stands."""
    run.out.json(outcome.to_json())
    record, receipt = outcome.record, outcome.receipt
    said = "settled" if outcome.sent_now else "settled already; nothing was sent"
    run.out.done(f"{said}: {record.status}")
    run.out.line(f"  digest       {record.digest}\n  transaction  {record.tx_hash}")
    run.out.line(f"  block        {record.block_number}")
    if receipt:
        run.out.line(f"  gas          {receipt.gas_used:,}")
