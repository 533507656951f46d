"""`peersettle deploy`: the contracts on a chain, and the record of where they are."""

from __future__ import annotations

from typing import Annotated

import typer

from peersettle.cli.invocation import invocation
from peersettle.cli.options import KeyOption, PasswordFileOption


def deploy(
    context: typer.Context,
    demo_tokens: Annotated[
        bool, typer.Option("--demo-tokens", help="Deploy a USDC and a WETH to try things with, too.")
    ] = False,
    to: Annotated[
        list[str] | None,
        typer.Option(help="Give demo tokens to this address or key; may be repeated.", metavar="ADDRESS"),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Deploy anew where there is a record.")] = False,
    key: KeyOption = None,
    password_file: PasswordFileOption = None,
) -> None:
    """Deploy Settlement and its check, recorded in deployments/CHAIN_ID.json; done already, says where."""
    from peersettle.cli.deploying import deploy_contracts

    run = invocation(context)
    holders = [run.desk.party(text) for text in to or ()]
    with run.out.working("deploying"):
        deployment, is_new = deploy_contracts(
            run.desk, key, password_file, demo_tokens=demo_tokens, holders=holders, again=again
        )
    record = run.loaded.settings.paths.deployments / f"{deployment.chain_id}.json"
    run.out.json(
        {
            "deployed": is_new,
            "chain_id": deployment.chain_id,
            "settlement": deployment.settlement,
            "check": deployment.check,
            "permit2": deployment.permit2,
            "block": deployment.block,
            "tokens": dict(deployment.tokens),
            "record": str(record),
        }
    )
    run.out.done(f"{'deployed' if is_new else 'deployed already'} on chain {deployment.chain_id}")
    rows = [("Settlement", deployment.settlement), ("SettlementCheck", deployment.check)]
    run.out.table("", ("contract", "address"), [*rows, *deployment.tokens.items()])
    run.out.line(f"recorded in {record}")
