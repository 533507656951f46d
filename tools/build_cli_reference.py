"""Write the help of every command into docs/reference/cli.md, below what people wrote there.

python tools/build_cli_reference.py            bring the page to what the commands say
python tools/build_cli_reference.py --check    write nothing; fail where it is not
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "cli.md"
FIRST = "\n## `peersettle "


def sections() -> list[str]:
    """One section for each command, in the order of the help."""
    os.environ["COLUMNS"] = "80"
    from typer.main import get_command

    from peersettle.cli.app import app

    found = []

    def walk(command: Any, name: str, above: Any) -> None:
        context = command.make_context(name.rsplit(" ", 1)[-1], [], parent=above, resilient_parsing=True)
        if above is not None:
            found.append(f"## `{name}`\n\n```\n{command.get_help(context).rstrip()}\n```\n")
        for inner_name, inner in getattr(command, "commands", {}).items():
            walk(inner, f"{name} {inner_name}", context)

    walk(get_command(app), "peersettle", None)
    return found


def render() -> str:
    """The whole page: what people wrote, then the commands."""
    head = PAGE.read_text().split(FIRST, 1)[0].rstrip("\n")
    return head + "\n\n" + "\n".join(sections())


def main() -> int:
    """Write or check; the exit code."""
    text = render()
    if PAGE.read_text() == text:
        return 0
    if "--check" in sys.argv[1:]:
        print(f"error: {PAGE.name} is not what the commands say; run python {Path(__file__).name}", file=sys.stderr)
        return 1
    PAGE.write_text(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
