"""Everything the commands print: rich at a terminal, plain text in a pipe, one JSON value with `--json`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from peersettle.cli.failures import Failure, conceal

if TYPE_CHECKING:
    from rich.console import Console


class Output:
    """Where a command's results go. With `as_json`, the only thing on stdout is one JSON value."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json

    @cached_property
    def console(self) -> Console:
        """For results."""
        from rich.console import Console

        return Console(highlight=False, soft_wrap=not sys.stdout.isatty(), emoji=False)

    @cached_property
    def errors(self) -> Console:
        """For failures and progress, on stderr."""
        from rich.console import Console

        return Console(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty(), emoji=False)

    def json(self, value: Any) -> None:
        """The result, for scripts. Does nothing without `--json`."""
        if self.as_json:
            sys.stdout.write(json.dumps(value, indent=2, default=_plain) + "\n")
            sys.stdout.flush()  # a command that goes on running is heard through a pipe, too

    def line(self, text: str = "", style: str | None = None) -> None:
        """A line for people."""
        if not self.as_json:
            self.console.print(text, style=style, markup=False)
            sys.stdout.flush()

    def done(self, text: str) -> None:
        """A line that says that something has worked."""
        self.line(f"✓ {text}" if self._encodes("✓") else text, "green")

    def hint(self, text: str) -> None:
        """What to do next."""
        self.line(f"→ {text}" if self._encodes("→") else text, "cyan")

    def warn(self, text: str) -> None:
        """Something to look at."""
        self.line(f"! {text}", "yellow")

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], right: str = "") -> None:
        """A table for people. `right` names, separated by commas, the columns that are set to the right."""
        if self.as_json:
            return
        if not self.console.is_terminal:
            self._plain_table(title, columns, rows, right)
            return
        from rich import box
        from rich.table import Table

        table = Table(title=title or None, box=box.ROUNDED, title_justify="left", title_style="bold")
        for column in columns:
            table.add_column(column, justify="right" if column in right.split(",") else "left", overflow="fold")
        for row in rows:
            table.add_row(*row)
        self.console.print(table)

    @contextmanager
    def working(self, text: str) -> Iterator[None]:
        """Show that something takes a while."""
        if self.as_json or not self.errors.is_terminal:
            yield
            return
        with self.errors.status(text):
            yield

    def failed(self, failure: Failure) -> None:
        """A failure: on stdout as JSON, or else on stderr."""
        if self.as_json:
            sys.stdout.write(conceal(json.dumps(failure.data, indent=2, default=_plain)) + "\n")
            return
        self.errors.print(f"error: {failure.message}", style="bold red", markup=False)
        if failure.next_step:
            self.errors.print(f"next:  {failure.next_step}", style="cyan", markup=False)

    def _plain_table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], right: str) -> None:
        if title:
            self.line(title)
        widths = [max(len(row[i]) for row in [columns, *rows]) for i in range(len(columns))]
        for row in [columns, *rows]:
            cells = [
                cell.rjust(width) if column in right.split(",") else cell.ljust(width)
                for cell, width, column in zip(row, widths, columns, strict=True)
            ]
            self.line("  " + "  ".join(cells).rstrip())

    def _encodes(self, mark: str) -> bool:
        try:
            mark.encode(sys.stdout.encoding or "ascii")
        except UnicodeEncodeError:
            return False
        return True


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    return str(value)
