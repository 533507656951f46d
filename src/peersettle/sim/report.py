"""The report of a replay: one HTML page with everything in it, for a screen or a phone, light or dark."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from importlib import resources
from typing import Any, Final

from peersettle.sim.charts import Line, plot

SHOWN_AUCTIONS: Final = 8
LISTED_AUCTIONS: Final = 40


def html(result: dict[str, Any]) -> str:
    """The page. `result` is what `replay.run` returns, or the same read back from its JSON."""
    style = (resources.files("peersettle.sim") / "report.css").read_text(encoding="utf-8")
    scenario, series = result["scenario"], result["series"]
    title = f"Replay: {scenario['name']}"
    body = [
        _head(result),
        _figures(result["summary"]),
        _verdicts(result["verdicts"]),
        "<h2>Price</h2>",
        plot(
            "Market price, what the feed had confirmed, and prices that waited for confirmation",
            series["times"],
            [
                Line("market", series["price"], "line", "quiet"),
                Line("confirmed", series["confirmed"], "step", "c1"),
                Line("candidate", series["candidate"], "dots", "c2"),
            ],
            height=300,
        ),
        "<h2>Accounts</h2>",
        _accounts(result),
        "<h2>Auctions</h2>",
        _auctions(result),
        "<h2>Backstop and shortfalls</h2>",
        _backstop(result),
        "<h2>Gas</h2>",
        _gas(result),
        _foot(result),
    ]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<style>{style}</style></head><body><main>{''.join(body)}</main></body></html>\n"
    )


def _head(result: dict[str, Any]) -> str:
    scenario = result["scenario"]
    good = result["holds"]
    word = "every invariant held" if good else "an invariant was broken"
    engine = {"fast": "specification, all accounts in one process", "chain": "contracts on a chain in this process"}
    return (
        f"<header><p class='over'>PeerSettle replay</p><h1>{escape(scenario['name'])}</h1>"
        f"<p class='verdict {'good' if good else 'bad'}'>{'✓' if good else '✗'} {word}</p>"
        f"<p class='quietly'>{_when(result['from'])} to {_when(result['to'])} UTC · "
        f"{result['steps']:,} prices, one every {scenario['step']} s · {result['accounts']:,} accounts · "
        f"seed {scenario['seed']} · "
        f"{escape(engine.get(result['engine'], 'contracts on anvil'))} · {result['seconds']['all']:.0f} s</p></header>"
    )


def _figures(summary: dict[str, Any]) -> str:
    lowest = summary["price_low"] / summary["price_first"] - 1
    items = (
        ("lowest price", f"{summary['price_low']:,.2f}", f"{lowest:+.0%} from the first"),
        ("auctions", f"{summary['auctions']:,}", f"of {summary['accounts_auctioned']:,} accounts"),
        ("sales", f"{summary['sales']:,}", f"{summary['rescues']} to the backstop"),
        ("lost by those auctioned", _money(summary["losses_of_auctioned"]), "to bidders and fees"),
        ("backstop", f"{summary['backstop_result']:+,.0f}", f"on {_money(summary['backstop_brought'])}"),
        ("shortfall", _money(summary["shortfall"]), f"{_money(summary['covered'])} covered"),
        ("below zero at most", _money(summary["bad_debt_most"]), f"{_money(summary['bad_debt_last'])} in the end"),
        ("keepers' gas", _money(summary["gas_cost"]), f"{summary['gas'] / 1e6:,.1f}M gas"),
    )
    cells = "".join(f"<div><dt>{name}</dt><dd>{value}</dd><small>{more}</small></div>" for name, value, more in items)
    return f"<dl class='figures'>{cells}</dl>"


def _verdicts(verdicts: list[dict[str, Any]]) -> str:
    rows = []
    for one in verdicts:
        kind, word = ("good", "held") if one["holds"] else ("bad", "broken")
        if one["holds"] and not one["checks"]:
            kind, word = "none", "no case"
        worst = "" if one["worst"] is None else f"{_worst(one['worst'])} <small>{escape(one['measure'])}</small>"
        examples = "".join(f"<br><code>{escape(item)}</code>" for item in one["examples"])
        said = f"<b>{escape(one['name'])}</b><br><span class='quietly'>{escape(one['statement'])}</span>{examples}"
        mark = f"<span class='mark {kind}'>{word}</span>"
        rows.append((mark, said, f"{one['checks']:,}", f"{one['violations']:,}", worst))
    return "<h2>Verdict</h2>" + _table(("", "what must hold", "checks#", "broken#", "worst seen"), rows)


def _accounts(result: dict[str, Any]) -> str:
    times, found = result["series"]["times"], []
    for name, columns in result["accounts_followed"].items():
        lines = [
            Line("equity", columns["equity"], "line", "c1"),
            Line("maintenance requirement", columns["maintenance"], "area", "c2"),
        ]
        found.append(plot(name, times, lines, height=200, zero=True))
    return f"<div class='pairs'>{''.join(found)}</div>"


def _auctions(result: dict[str, Any]) -> str:
    series, auctions = result["series"], result["auctions"]
    overview = plot(
        "Auctions that were open, and accounts below maintenance",
        series["times"],
        [
            Line("open auctions", series["live_auctions"], "area", "c1"),
            Line("below maintenance", series["below_maintenance"], "line", "c2"),
        ],
        height=180,
        zero=True,
    )
    longest = sorted((one for one in auctions if len(one["offers"]) > 1), key=lambda one: -one["equity"])
    return overview + _sales(result) + _discounts(longest[:SHOWN_AUCTIONS]) + _auction_table(auctions)


def _sales(result: dict[str, Any]) -> str:
    """At what discount each sale was made, over time."""
    found = [(result["from"], None), (result["to"], None)]
    for sale in (sale for auction in result["auctions"] for sale in auction["sales"]):
        relieved = sale["maintenance_before"] - sale["maintenance_after"]
        if sale["equity_before"] > 0 and relieved > 0:
            given = sale["lost"] * sale["maintenance_before"] / (sale["equity_before"] * relieved)
            found.append((sale["time"], given))
    found.sort(key=lambda item: item[0])
    dots = Line("a sale by a solvent account", [value for _, value in found], "dots", "c2")
    title = "Discount at which parts were sold: the share of the sold equity that bidder and fee got"
    return plot(title, [time for time, _ in found], [dots], unit="%", height=200, zero=True)


def _discounts(auctions: list[dict[str, Any]]) -> str:
    """What a bidder got of the equity that it bought, by the age of the auction."""
    if not auctions:
        return ""
    ages = sorted({offer[0] - one["started_at"] for one in auctions for offer in one["offers"]})
    lines = []
    for one in auctions:
        by_age = {offer[0] - one["started_at"]: offer[1] for offer in one["offers"]}
        known = [age for age in ages if age in by_age]
        values = [by_age.get(age) if known and known[0] <= age <= known[-1] else None for age in ages]
        lines.append(Line(f"{one['account']}, {_clock(one['started_at'])}", _filled(values)))
    return plot(
        "Discount by age of the auction (hours:minutes): a bidder's share of the equity it buys, never above a half",
        ages if len(ages) > 1 else [0, 1],
        lines if len(ages) > 1 else [],
        unit="%",
        height=220,
        zero=True,
    )


def _filled(values: list[float | None]) -> list[float | None]:
    """A gap between two known values holds the first."""
    found: list[float | None] = []
    ahead = [any(value is not None for value in values[place:]) for place in range(len(values))]
    for value, more in zip(values, ahead, strict=True):
        found.append(value if value is not None or not found or not more else found[-1])
    return found


def _auction_table(auctions: list[dict[str, Any]]) -> str:
    shown = sorted(auctions, key=lambda one: (-sum(abs(sale["lost"]) for sale in one["sales"]), one["started_at"]))
    rows = []
    for one in shown[:LISTED_AUCTIONS]:
        sales = one["sales"]
        ended = "" if one["ended_at"] is None else f"{(one['ended_at'] - one['started_at']) / 60:.0f} min"
        rows.append(
            (
                _when(one["started_at"]),
                escape(one["account"]),
                f"{one['equity']:,.0f}",
                f"{one['maintenance']:,.0f}",
                f"{sum(sale['fraction'] for sale in sales):.0%}" if sales else "",
                escape(", ".join(dict.fromkeys(sale["to"] for sale in sales))),
                f"{sum(sale['lost'] for sale in sales):,.0f}",
                ended,
                escape(one["ending"]),
            )
        )
    if not rows:
        return "<p class='none'>there was no auction</p>"
    more = ""
    if len(auctions) > LISTED_AUCTIONS:
        more = f"<p class='quietly'>{len(auctions):,} in all; these with the largest losses</p>"
    heads = ("began", "account", "equity#", "maintenance#", "sold#", "to", "lost#", "took#", "ended")
    return _table(heads, rows) + more


def _backstop(result: dict[str, Any]) -> str:
    series = result["series"]
    lines = [
        Line("idle", series["idle"], "step", "c1"),
        Line("behind what it took over", series["inventory"], "step", "c2"),
        Line("reserved for expiries", series["reserved"], "step", "c3"),
        Line("lent", series["lent"], "step", "c4"),
    ]
    found = plot("The backstop", series["times"], lines, zero=True)
    debt = [Line("equity below zero, all accounts", series["bad_debt"], "area", "c2")]
    found += plot("What accounts owe beyond what they have", series["times"], debt, height=160, zero=True)
    rows = [
        (
            _when(one["expiry"]),
            f"{one['price']:,.6g}",
            f"{one['shortfall']:,.2f}",
            f"{one['covered']:,.2f}",
            f"{one['haircut']:,.2f}",
        )
        for one in result["expiries"]
    ]
    if not rows:
        return found + "<p class='none'>nothing expired</p>"
    heads = ("expiry", "fixing#", "shortfall#", "covered by the backstop#", "borne by receivers#")
    return found + _table(heads, rows)


def _gas(result: dict[str, Any]) -> str:
    series = result["series"]
    found = plot(
        "What keepers have spent on gas",
        series["times"],
        [Line("keepers", series["gas_cost"], "area", "c5")],
        height=160,
        zero=True,
    )
    rows = [
        (
            escape(who),
            f"{int(one['transactions']):,}",
            f"{int(one['refused']):,}",
            f"{one['gas'] / 1e6:,.2f}",
            f"{one['cost']:,.2f}",
        )
        for who, one in sorted(result["gas"].items())
    ]
    return found + _table(("who", "transactions#", "refused#", "million gas#", "cost#"), rows)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Cells are HTML. A heading that ends with # is of a column of numbers."""
    kinds = [" class='n'" if head.endswith("#") else "" for head in heads]
    above = "".join(f"<th{kind}>{head.rstrip('#')}</th>" for head, kind in zip(heads, kinds, strict=True))
    below = "".join(
        "<tr>" + "".join(f"<td{kind}>{cell}</td>" for cell, kind in zip(row, kinds, strict=True)) + "</tr>"
        for row in rows
    )
    return f"<div class='wide'><table><thead><tr>{above}</tr></thead><tbody>{below}</tbody></table></div>"


def _foot(result: dict[str, Any]) -> str:
    refused = ", ".join(f"{escape(reason)} x {count:,}" for reason, count in list(result["refusals"].items())[:8])
    more = f"<p>Refused: {refused}.</p>" if refused else ""
    blocks = result["blocks"]
    more += (
        f"<p>The fullest block has {blocks['fullest']:,} of {blocks['limit']:,} gas; {blocks['full']:,} were full.</p>"
    )
    return (
        f"<footer>{more}<p>Money in settlement currency, times in UTC. Prices between the known ones are bridged with "
        f"seeded noise; the same file, scenario and seed give the same replay.</p></footer>"
    )


def _when(time: int) -> str:
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M}"


def _clock(time: int) -> str:
    return f"{datetime.fromtimestamp(time, UTC):%d %b %H:%M}"


def _money(value: float) -> str:
    return f"{value:,.0f}"


def _worst(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:.4g}"
