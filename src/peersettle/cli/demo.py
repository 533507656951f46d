"""`peersettle demo`: the scenes in order, shown as they happen, with every balance checked."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from peersettle.cli import demo_margin, demo_oracle
from peersettle.cli import demo_scenes as scenes
from peersettle.cli.demo_nodes import Nodes, Traded
from peersettle.cli.demo_world import PEERS, Deviation, World, build_world
from peersettle.cli.margins import money
from peersettle.cli.output import Output
from peersettle.cli.replays import progress, short, show, write
from peersettle.errors import InputError
from peersettle.rfq import Decline
from peersettle.types import from_units

BENCH: Final = Path("build/bench.json")
CRASH: Final = ("2020-03-12T09:50", "2020-03-12T11:20")
PEER_GAS: Final = {
    "gas.peer.airswap_swap": 76_254,
    "gas.peer.zeroex_otc": 81_547,
    "gas.peer.zeroex_otc_relayed": 86_584,
}
"""The last figures of `make bench` when this was released."""


def run_demo(out: Output, directory: Path | None) -> dict[str, Any]:
    """Run every scene; the summary that `--json` prints.

    Raises:
        Deviation: something is not as it must be.
    """
    began = time.monotonic()
    where = _fresh_directory(directory)
    with out.working("a chain in this process, four peers with fresh keys, Settlement and four tokens"):
        world = build_world(where)
    with world.store:
        summary = _play(out, world)
    summary["seconds"] = round(time.monotonic() - began, 1)
    summary["record"] = {"directory": str(where), "documents": len(list((where / "documents").iterdir()))}
    (where / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    out.json(summary)
    _show_end(out, summary, where)
    return summary


def _play(out: Output, world: World) -> dict[str, Any]:
    _heading(out, "1", "Four peers, each with a key of its own; Settlement has no owner")
    for peer in world.peers.values():
        out.line(f"  {peer.name:7} {peer.address}")
    out.line(f"  Settlement at {world.settlement.address}")
    before = world.balances()

    _heading(out, "2", "Spot, between two nodes: each a process with a key, a store and a port of its own")
    gas, spot, decline = _spot(out, world)

    _heading(out, "3", "Four parties, four legs, one transaction")
    with out.working("settling a trade of four legs"):
        ring, legs = scenes.four_legs(world)
    for line in legs:
        out.line(f"  {line}")
    out.line("  broker and hedger have allowed exactly this much; nothing is left of it")
    out.done(f"settled whole, {ring.gas:,} gas")

    _heading(out, "4", f"A day of {scenes.TRADES_A_DAY} trades, netted by novation")
    with out.working(f"signing {scenes.TRADES_A_DAY} trades"):
        day = scenes.day_of_trades(world)
    out.done(f"{len(day)} trades signed by both and kept as files; nothing is on chain yet")
    with out.working("settling the net"):
        net, net_trade = scenes.novation(world, day)
    for line in scenes.trade_text(world, net_trade):
        out.line(f"  {line}")
    each = net.gas // len(day)
    out.done(f"one net trade has retired all {len(day)}: {net.gas:,} gas, {each:,} a trade")

    _heading(out, "5", "A price that one liar cannot move: three reporters, one lying")
    with out.working("deploying an Oracle, reporting six rounds"):
        stage, rounds, two = demo_oracle.play(world)
    oracle = stage.oracle.address
    out.line(f"  Oracle at {oracle}; three reports make a round")
    rows = [(r.what, *r.reported, r.confirmed, r.candidate or "-") for r in rounds]
    columns = ("round", "reporter 1", "reporter 2", "the liar", "confirmed", "candidate")
    out.table("", columns, rows, right=",".join(columns[1:]))
    out.line(f"  a round of two, honest or not: the contract reverts with {two!r}")
    out.done("the liar moved nothing, the bad tick never counted, the crash counted one round later")

    _heading(out, "6", "What is refused, first here and then by the contract itself")
    refusals = [scenes.retired_trade(world, day), scenes.tampered_quote(world), scenes.replay(world)]
    for refusal in refusals:
        out.line(f"  {refusal.what}", "bold")
        out.line(f"    before sending: {refusal.here}")
        out.line(f"    the contract:   reverts with {refusal.contract!r}")

    _heading(out, "7", "Margin accounts: a call against a premium, a forward, and their expiry")
    with out.working("deploying the Ledger, trading between the nodes, and letting a week pass"):
        margin = demo_margin.play(world, stage)
    _show_margin(out, margin)
    world.assert_balances()
    after = world.balances()

    _heading(out, "8", "A real crash, replayed on the real contracts: ETH on 12 March 2020, 09:50 to 11:20 UTC")
    out.line("  traders, option sellers, leveraged borrowers, two keepers and four reporters, on a chain of their own")
    crash = _crash(out)
    report, _ = write(crash, world.directory, "march-2020")
    show(out, crash)
    if not crash["holds"]:
        raise Deviation(f"an invariant was broken in the replay; {report} has the places")

    gas += [ring, net, scenes.Gas("oracle, a round of three", min(told.gas for told in rounds)), *margin.gas]
    figures, source = peer_gas()
    _show_balances(out, world, before, after)
    _show_gas(out, gas, each, figures, source)
    return {
        "peers": {peer.name: peer.address for peer in world.peers.values()},
        "settlement": world.settlement.address,
        "balances": {"before": _by_peer(world, before), "after": _by_peer(world, after)},
        "gas": {
            **{item.what: item.gas for item in gas},
            "a trade, by novation": each,
            "peers": figures,
            "peers_source": source,
        },
        "nodes": {
            "trades": {what: traded.to_json() for what, traded in (spot | margin.trades).items()},
            "declined": {"code": decline.code, "text": decline.text},
        },
        "oracle": {"address": oracle, "rounds": [told.to_json() for told in rounds]},
        "margin": margin.to_json(),
        "trades_netted": len(day),
        "replay": {"report": str(report), **short(crash)},
        "refused": [{"what": r.what, "here": r.here, "contract": r.contract} for r in refusals],
    }


def _spot(out: Output, world: World) -> tuple[list[scenes.Gas], dict[str, Traded], Decline]:
    """Three trades, and a request that comes to nothing."""
    spot = {}
    with Nodes(world) as nodes:
        with out.working("starting the two nodes"):
            scenes.allow_all_day(world)
            nodes.listen()
        for line in nodes.lines():
            out.line(f"  {line}")
        out.line("  they give Settlement a standing allowance, as who trades all day does; nobody is between them")
        for what, traded in scenes.spot_trades(nodes):
            _show_said(out, traded.said)
            spot[what] = traded
        gas = [scenes.Gas(what, traded.receipt.gas_used) for what, traded in spot.items()]
        spot["maker killed"] = killed = scenes.killed_maker(nodes)
        _show_said(out, killed.said)
        said, decline = nodes.declined(nodes.request(nodes.item("WETH", "50", buy=True)))
        _show_said(out, said)
    out.line()
    out.done(f"{len(spot)} trades, agreed between two processes and settled, each once, whoever was killed")
    return gas, spot, decline


def _show_said(out: Output, said: Iterable[str]) -> None:
    out.line()
    for line in said:
        out.line(f"  {line}")


def _crash(out: Output) -> dict[str, Any]:
    """The steepest hour and a half of the crash, minute by minute."""
    from peersettle.sim import replay
    from peersettle.sim.prices import march_2020
    from peersettle.sim.scenario import load, to_time

    first, last = (to_time(text) for text in CRASH)
    with progress(out, "march-2020") as tell:
        return replay.run(load("march-2020"), march_2020(), engine="chain", first=first, last=last, progress=tell)


def peer_gas() -> tuple[dict[str, int], str]:
    """What the same swap costs elsewhere: from the last `make bench` here, else as last measured."""
    try:
        measured = json.loads(BENCH.read_text())
        return {name: int(measured[name]) for name in PEER_GAS}, str(BENCH)
    except (OSError, ValueError, KeyError, TypeError):
        return dict(PEER_GAS), "measured with make bench"


def _show_margin(out: Output, told: demo_margin.Told) -> None:
    call, forward = told.instruments
    out.line(f"  Ledger at {told.ledger}; an account is an owner and a number, and nothing is listed by anybody")
    out.line(
        f"  the maker's node prices {call} and {forward}"
        " from the oracle's spot and surface; premiums go from wallet to wallet"
    )
    for traded in told.trades.values():
        _show_said(out, traded.said)
    out.line()
    rows = [(m.who, money(m.cash), money(m.equity), money(m.maintenance), money(m.initial)) for m in told.margins]
    columns = ("account", "cash", "equity", "maintenance", "initial")
    out.table("", columns, rows, right=",".join(columns[1:]))
    out.line(f"  a week later the fixing is {told.fixing}, the average of the last half hour")
    for who, amount in told.paid_out.items():
        out.line(f"  {who} takes out {amount}{', the fees of who settles others' if who == 'broker' else ''}")
    out.done("each was paid to the last unit, and everybody could leave without asking for a price")


def _show_balances(
    out: Output, world: World, before: dict[tuple[str, str], int], after: dict[tuple[str, str], int]
) -> None:
    out.line()
    rows = []
    for (name, symbol), units in after.items():
        old = before[name, symbol]
        if not old and not units:
            continue
        decimals = world.tokens[symbol].decimals
        change = from_units(abs(units - old), decimals)
        sign = "" if units == old else "+" if units > old else "-"
        rows.append((name, symbol, from_units(old, decimals), from_units(units, decimals), f"{sign}{change}"))
    out.table("Balances", ("peer", "token", "before", "after", "change"), rows, right="before,after,change")


def _show_gas(out: Output, gas: list[scenes.Gas], each: int, figures: dict[str, int], source: str) -> None:
    airswap, zeroex, relayed = (f"{figure:,}" for figure in figures.values())
    beside = {"swap": (airswap, zeroex), "swap, relayed": ("-", relayed)}
    rows = [(item.what, f"{item.gas:,}", *beside.get(item.what, ("-", "-"))) for item in gas]
    rows.append(("a trade, by novation", f"{each:,}", "-", "-"))
    out.table(
        "Gas of the whole transaction",
        ("settlement", "PeerSettle", "AirSwap", "0x OTC"),
        rows,
        right="PeerSettle,AirSwap,0x OTC",
    )
    out.line(f"  AirSwap and 0x: {source}. Gas here is as in a receipt of any chain with the Cancun rules.")


def _show_end(out: Output, summary: dict[str, Any], where: Path) -> None:
    out.line()
    out.done(f"every balance is what the signed documents say; {summary['seconds']} s")
    count = summary["record"]["documents"]
    out.line(f"  the record is in {where}: {count} signed documents as JSON, peersettle.db, nodes, summary.json")
    out.line("  the keys are gone with this process")
    verdicts = summary["replay"]["verdicts"]
    held = sum(one["holds"] and one["checks"] > 0 for one in verdicts)
    out.hint("the same between two people: peersettle chain up --anvil, then peersettle keys new NAME")
    out.hint(f"the crash: {held} invariants held, none was broken; the report: {summary['replay']['report']}")


def _heading(out: Output, number: str, text: str) -> None:
    out.line()
    out.line(f"{number}. {text}", "bold cyan")


def _by_peer(world: World, balances: dict[tuple[str, str], int]) -> dict[str, dict[str, str]]:
    return {
        name: {symbol: from_units(balances[name, symbol], token.decimals) for symbol, token in world.tokens.items()}
        for name in PEERS
    }


def _fresh_directory(wanted: Path | None) -> Path:
    if wanted is not None:
        if wanted.exists() and any(wanted.iterdir()):
            raise InputError(f"{wanted} is not empty; it is left as it is", next_step="give another --out")
        return wanted
    usual = Path("build/demo")
    try:
        usual.mkdir(parents=True, exist_ok=True)
        number = 1 + max((int(p.name) for p in usual.iterdir() if p.name.isdigit()), default=0)
        fresh = usual / f"{number:03}"
        fresh.mkdir()
    except OSError:
        return Path(tempfile.mkdtemp(prefix="peersettle-demo-"))
    return fresh
