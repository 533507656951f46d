"""The reference names what the code has."""

from collections.abc import Iterator
from pathlib import Path

from peersettle import errors

DOCS = Path(__file__).parents[2] / "docs"


def descendants(kind: type[errors.PeerSettleError]) -> Iterator[type[errors.PeerSettleError]]:
    for child in kind.__subclasses__():
        yield child
        yield from descendants(child)


def test_every_error_is_in_the_reference_with_its_code_or_reason():
    text = (DOCS / "reference" / "errors.md").read_text()
    for kind in descendants(errors.PeerSettleError):
        if not kind.__module__.startswith(errors.__name__):
            continue
        if issubclass(kind, errors.Reverted) and kind is not errors.Reverted:
            reason = f"`{kind.reason}`" if kind.reason else "any other"
            assert f"| {reason} | `{kind.__name__}` | {kind.hint} |" in text
        elif kind is not errors.Reverted:
            assert f"| `{kind.__name__}` | {kind.exit_code} |" in text


def test_every_revert_reason_of_the_contracts_has_a_class():
    contracts = Path(errors.__file__).parents[1] / "contracts"
    sources = [
        *(path for path in contracts.glob("*.vy") if path.stem not in ("DemoToken", "SettlementCheck")),
        *(contracts / "modules").glob("*.vy"),
    ]
    reasons = {
        line.rsplit('"', 2)[1]
        for source in sources
        for line in source.read_text().splitlines()
        if line.strip().startswith(("assert ", "raise ")) and line.rstrip().endswith('"')
    }
    assert reasons
    assert reasons == {kind.reason for kind in errors.Reverted.__subclasses__() if kind.reason}


def test_every_command_is_in_the_reference():
    from typer.main import get_command

    from peersettle.cli.app import app

    text = (DOCS / "reference" / "cli.md").read_text()
    assert "## `peersettle settle`" in text
    commands = getattr(get_command(app), "commands", {})
    assert len(commands) >= 12
    for name, command in commands.items():
        assert f"## `peersettle {name}`" in text
        for inner in getattr(command, "commands", {}):
            assert f"## `peersettle {name} {inner}`" in text
