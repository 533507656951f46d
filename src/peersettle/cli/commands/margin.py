"""`peersettle margin`: the contracts of margin accounts, and the markets listed in them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from peersettle.cli.invocation import Invocation, invocation
from peersettle.cli.options import KeyOption, PasswordFileOption

if TYPE_CHECKING:
    from peersettle.chain import Call, Receipt

app = typer.Typer(help="Margin contracts and markets: deploy, propose, activate.", rich_markup_mode=None)

MarketFileArgument = Annotated[Path, typer.Argument(help="The market's description (TOML).", metavar="FILE")]
NumberArgument = Annotated[int, typer.Argument(help="The market's number.", metavar="MARKET", min=0, max=63)]


@app.command()
def deploy(
    context: typer.Context,
    cash: Annotated[str, typer.Option(help="The settlement currency.", metavar="TOKEN")] = "USDC",
    steward: Annotated[
        str | None, typer.Option(help="Who may propose markets and risk parameters; else nobody.", metavar="ADDRESS")
    ] = None,
    delay: Annotated[str, typer.Option(help="How long a proposal waits: 1h to 30d.")] = "7d",
    ramp: Annotated[str, typer.Option(help="How long what tightens takes to come in: 1h to 14d.")] = "3d",
    again: Annotated[bool, typer.Option("--again", help="Deploy anew where there is a record.")] = False,
    key: KeyOption = None,
    password_file: PasswordFileOption = None,
) -> None:
    """Deploy Parameters, Backstop, Risk, Auction and Ledger, and add them to the record of the chain.

    Needs an Oracle.
    """
    from peersettle.chain import deploy_margin
    from peersettle.config import parse_duration
    from peersettle.types import ZERO_ADDRESS

    run = invocation(context)
    desk = run.desk
    before = desk.deployment
    currency = desk.tokens.find(cash)
    with run.out.working("deploying"):
        deployment = deploy_margin(
            desk.chain,
            desk.sender(desk.signer(key, password_file)),
            before,
            currency.address,
            steward=desk.party(steward) if steward else ZERO_ADDRESS,
            delay=parse_duration(delay, "delay"),
            ramp=parse_duration(ramp, "ramp"),
            directory=desk.settings.paths.deployments,
            force=again,
        )
    is_new = deployment.ledger != before.ledger
    parts = {
        name: getattr(deployment, name) for name in ("ledger", "risk", "parameters", "backstop", "auction", "cash")
    }
    run.out.json({"deployed": is_new, "chain_id": deployment.chain_id, **parts, "block": deployment.ledger_block})
    run.out.done(f"{'deployed' if is_new else 'deployed already'} on chain {deployment.chain_id}")
    run.out.table("", ("contract", "address"), [(name.capitalize(), str(where)) for name, where in parts.items()])
    if is_new:
        run.out.hint("the steward: peersettle margin propose FILE")


@app.command()
def markets(context: typer.Context) -> None:
    """List the markets: feeds, collateral, grid, price and risk parameters, and what is proposed."""
    from peersettle.cli.margins import exact, money
    from peersettle.types import ZERO_ADDRESS, from_units

    run = invocation(context)
    desk, now = run.desk, run.desk.chain.now()
    found, rows = [], []
    for item in desk.margin.listings:
        parameters = desk.margin.parameters.risk_parameters(item.number)
        reading = desk.margin.oracle.read(item.spot_feed)
        token = None if item.terms.token == ZERO_ADDRESS else desk.tokens.at(item.terms.token)
        found.append(
            {
                "number": item.number,
                "symbol": item.market.symbol,
                "spot_feed": item.spot_feed.name,
                "surface_feed": item.surface_feed.name,
                "token": token.address if token else None,
                "lot": exact(item.market.lot),
                "tick": exact(item.market.tick),
                "spot": exact(reading.value) if reading.observed_at else None,
                "age": reading.age(now) if reading.observed_at else None,
                "risk": parameters.to_percentages(),
            }
        )
        percent = parameters.to_percentages()
        rows.append(
            (
                str(item.number),
                item.market.symbol,
                money(reading.value) if reading.observed_at else "none",
                f"{reading.age(now)} s" if reading.observed_at else "",
                token.symbol if token else "none",
                from_units(item.market.lot, 18),
                from_units(item.market.tick, 18),
                f"{percent['scan']} %",
                f"{percent['shock']} %",
                f"{percent['initial_factor']} %",
            )
        )
    proposed = [_proposal(run, number) for number in range(len(rows) + 1)]
    waiting = [item for item in proposed if item is not None]
    run.out.json({"markets": found, "proposed": waiting})
    columns = ("market", "symbol", "spot", "age", "collateral", "lot", "tick", "scan", "shock", "initial")
    if rows:
        run.out.table("", columns, rows, right=",".join(columns[2:]))
    else:
        run.out.line("no market is listed yet")
    for offer in waiting:
        when = datetime.fromtimestamp(int(str(offer["ready_at"])), UTC).strftime("%Y-%m-%d %H:%M:%S")
        run.out.hint(
            f"market {offer['number']} is proposed: from {when} UTC, peersettle margin activate {offer['number']}"
        )


@app.command()
def propose(
    context: typer.Context,
    file: MarketFileArgument,
    market: Annotated[
        int | None, typer.Option(help="Propose other risk parameters of this market.", metavar="MARKET")
    ] = None,
    key: KeyOption = None,
    password_file: PasswordFileOption = None,
) -> None:
    """Announce a market, or with --market the [risk] of one that is listed: the steward only.

    The file says feeds, collateral, lot, tick, and the risk parameters in percent and settlement currency.
    """
    from peersettle.config.market import load_market, load_risk

    run = invocation(context)
    desk = run.desk
    parameters = desk.margin.parameters
    if market is None:
        described = load_market(file)
        token = desk.tokens.find(described.token) if described.token else None
        terms = described.terms(token.address if token else None, token.decimals if token else None)
        number = parameters.market_count()
        call = parameters.propose_market(terms, described.risk.parameters)
    else:
        number, call = market, parameters.propose_parameters(market, load_risk(file))
    receipt = _send(run, key, password_file, call)
    proposal = parameters.proposal(number)
    ready_at = proposal.ready_at if proposal else None
    run.out.json({"market": number, "ready_at": ready_at, "tx_hash": receipt.tx_hash})
    run.out.done(f"proposed for market {number}; may be activated from {ready_at} on")
    run.out.hint(f"then anybody: peersettle margin activate {number}")


@app.command()
def withdraw(
    context: typer.Context, market: NumberArgument, key: KeyOption = None, password_file: PasswordFileOption = None
) -> None:
    """Take what is announced for a market back: the steward only."""
    run = invocation(context)
    receipt = _send(run, key, password_file, run.desk.margin.parameters.withdraw_proposal(market))
    run.out.json({"market": market, "tx_hash": receipt.tx_hash})
    run.out.done(f"the proposal for market {market} is withdrawn")


@app.command()
def activate(
    context: typer.Context, market: NumberArgument, key: KeyOption = None, password_file: PasswordFileOption = None
) -> None:
    """Put what is announced for a market in force once its time has come: anybody can."""
    run = invocation(context)
    receipt = _send(run, key, password_file, run.desk.margin.parameters.activate(market))
    symbol = run.desk.margin.listings[market].market.symbol
    run.out.json({"market": market, "symbol": symbol, "tx_hash": receipt.tx_hash})
    run.out.done(f"market {market}, {symbol}, is in force")


def _proposal(run: Invocation, number: int) -> dict[str, object] | None:
    found = run.desk.margin.parameters.proposal(number)
    if found is None:
        return None
    return {"number": number, "ready_at": found.ready_at, "risk": found.parameters.to_percentages()}


def _send(run: Invocation, key: str | None, password_file: Path | None, call: Call) -> Receipt:
    with run.out.working(call.what):
        return run.desk.sender(run.desk.signer(key, password_file)).send(call)
