"""Replays on the terminal: their progress, their verdicts, and where the report is."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from peersettle.cli.output import Output


def write(result: dict[str, Any], directory: Path, stem: str) -> tuple[Path, Path]:
    """Write a result as a page and as JSON, into a directory that is made; both paths."""
    from peersettle.sim.report import html

    directory.mkdir(parents=True, exist_ok=True)
    report, values = directory / f"{stem}.html", directory / f"{stem}.json"
    report.write_text(html(result), encoding="utf-8")
    values.write_text(json.dumps(result) + "\n", encoding="utf-8")
    return report, values


def short(result: dict[str, Any]) -> dict[str, Any]:
    """Of a result, what `--json` prints."""
    return {name: result[name] for name in ("engine", "holds", "accounts", "steps", "seconds", "summary", "verdicts")}


def show(out: Output, result: dict[str, Any]) -> None:
    """The verdicts as a table, and the sums."""
    summary = result["summary"]
    rows = [
        (
            "held" if one["holds"] and one["checks"] else "no case" if one["holds"] else "BROKEN",
            one["name"],
            f"{one['checks']:,}",
            "" if one["worst"] is None else f"{one['worst']:.4g}",
            one["measure"],
        )
        for one in result["verdicts"]
    ]
    out.table("", ("verdict", "what must hold", "checks", "worst", "of"), rows, right="checks,worst")
    out.line(
        f"{summary['auctions']:,} auctions of {summary['accounts_auctioned']:,} accounts, {summary['sales']:,} sales; "
        f"those auctioned lost {summary['losses_of_auctioned']:,.0f}, the backstop's result is "
        f"{summary['backstop_result']:+,.0f}, shortfall {summary['shortfall']:,.0f} "
        f"({summary['covered']:,.0f} covered), gas {summary['gas_cost']:,.0f}"
    )
    if result["holds"]:
        out.done(f"every invariant held, in {result['seconds']['all']:.0f} s")
    else:
        out.warn("an invariant was broken: the report has the places")


@contextmanager
def progress(out: Output, name: str) -> Iterator[Callable[[int, int, str], None]]:
    """A bar on stderr; nothing in a pipe."""
    if out.as_json or not out.errors.is_terminal:
        yield lambda _done, _all, _word: None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[word]}"), TimeRemainingColumn())
    with Progress(*columns, console=out.errors, transient=True) as bar:
        task = bar.add_task(f"replaying {name}", total=None, word="opening accounts")
        yield lambda done, total, word: bar.update(task, completed=done, total=total, word=word)
