"""The tables of `docs/reference/tokens.md`, and outcomes in their words."""

from pathlib import Path

from tests.contracts.unit.scene import Outcome, reason_of

from peersettle.errors import Reverted

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "tokens.md"
OURS = {kind.reason for kind in Reverted.__subclasses__()} - {None}


def table(title: str) -> dict[tuple[str, str], str]:
    """The cells of the table under a heading, by row and column."""
    section = PAGE.read_text(encoding="utf-8").split(f"\n## {title}\n")[1].split("\n## ")[0]
    lines = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    head, _, *rows = ([cell.strip() for cell in line] for line in lines)
    cells = {(row[0], column): cell for row in rows for column, cell in zip(head[1:], row[1:], strict=True)}
    if len(cells) != len(rows) * (len(head) - 1):
        raise ValueError(f"{PAGE}: two rows of {title!r} have one name")
    return cells


def told(done: Outcome, verb: str = "reverts") -> str:
    """A failure in the words of the tables."""
    if done.reason in OURS:
        return f"{verb}: `{done.reason}`"
    return f"{verb}: its own" if done.output else f"{verb}: silent"


def skipped(done: Outcome) -> dict[int, str]:
    """The entries that a batch has skipped, in the words of the tables."""
    reasons = {event.entry: bytes(event.reason) for event in done.events if type(event).__name__ == "EntrySkipped"}
    return {entry: told(Outcome(reason_of(raw), raw, 0, ()), "skipped") for entry, raw in reasons.items()}
