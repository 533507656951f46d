"""`peersettle keys`: encrypted keys of this user."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from peersettle.cli.invocation import Invocation, invocation
from peersettle.cli.options import PasswordFileOption

if TYPE_CHECKING:
    from peersettle.signing import KeyRecord, KeySigner

app = typer.Typer(help="Keep keys, encrypted.", rich_markup_mode=None)

NameArgument = Annotated[str, typer.Argument(help="Name of the key.", metavar="NAME")]


@app.command()
def new(context: typer.Context, name: NameArgument, password_file: PasswordFileOption = None) -> None:
    """Make a key and write it, encrypted, to the keystore."""
    from peersettle.signing import KeySigner

    _add(invocation(context), name, KeySigner.random(), password_file)


@app.command("import")
def import_key(
    context: typer.Context,
    name: NameArgument,
    key_file: Annotated[
        Path | None, typer.Option("--key-file", help="File with the key as hex.", metavar="FILE")
    ] = None,
    keystore_file: Annotated[
        Path | None,
        typer.Option("--keystore-file", help="Another program's keystore file (version 3).", metavar="FILE"),
    ] = None,
    password_file: PasswordFileOption = None,
) -> None:
    """Bring a key: from a file, another keystore file, or the variable PEERSETTLE_KEY."""
    from peersettle.cli.passwords import read_password
    from peersettle.signing import KeySigner
    from peersettle.signing.keystore import unlock_file

    run = invocation(context)
    if keystore_file is not None:
        signer: KeySigner = unlock_file(keystore_file, read_password(keystore_file.name, password_file))
    elif key_file is not None:
        signer = KeySigner.from_file(key_file)
    else:
        signer = KeySigner.from_environment(run.loaded.settings.signer.variable)
    _add(run, name, signer, password_file)


@app.command("list")
def list_keys(context: typer.Context) -> None:
    """List the keys: name and address."""
    run = invocation(context)
    records = run.desk.keystore.records()
    run.out.json([_to_json(record) for record in records])
    if records:
        run.out.table("", ("key", "address"), [(record.name, record.address) for record in records])
    else:
        run.out.line(f"no keys in {run.desk.keystore.directory}")
        run.out.hint("peersettle keys new NAME")


@app.command()
def show(context: typer.Context, name: NameArgument) -> None:
    """Show what is known of a key without its password."""
    run = invocation(context)
    record = run.desk.keystore.record(name)
    run.out.json(_to_json(record))
    run.out.line(f"name     {record.name}\naddress  {record.address}\nfile     {record.path}")
    if not record.is_private:
        run.out.warn(f"others can read this file; chmod 600 {record.path}")


@app.command("export-address")
def export_address(context: typer.Context, name: NameArgument) -> None:
    """Print the address alone, for scripts."""
    run = invocation(context)
    record = run.desk.keystore.record(name)
    run.out.json({"address": record.address})
    run.out.line(record.address)


def _add(run: Invocation, name: str, signer: KeySigner, password_file: Path | None) -> None:
    from peersettle.cli.passwords import read_password

    keystore = run.desk.keystore
    keystore.assert_free(name)
    file = password_file or run.loaded.settings.signer.password_file
    record = keystore.add(name, signer, read_password(name, file, new=True))
    run.out.json(_to_json(record))
    run.out.done(f"key {record.name}: {record.address}")
    run.out.line(f"  {record.path} (encrypted; keep a copy of it and of the password)")


def _to_json(record: KeyRecord) -> dict[str, object]:
    return {
        "name": record.name,
        "address": record.address,
        "path": str(record.path),
        "private": record.is_private,
    }
