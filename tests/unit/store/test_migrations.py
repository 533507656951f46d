"""Migrations: every older store becomes what a new one is, at once, or stays as it was."""

import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from tests.unit.store.made import DIGEST, entry, make_version_1

from peersettle.errors import StoreError
from peersettle.store import SCHEMA_VERSION, Store, schema, tables

OPEN = "import sys; from peersettle.store import Store; Store.open(sys.argv[1]).close()"


def differences(path: Path) -> list[object]:
    engine = sa.create_engine(f"sqlite:///{path}")
    try:
        with engine.connect() as connection:
            return list(compare_metadata(MigrationContext.configure(connection), tables.metadata))
    finally:
        engine.dispose()


def structure(path: Path) -> dict[str, object]:
    """Columns, keys and indices, as SQLite tells them; in the order of a table's columns."""
    connection = sqlite3.connect(path)
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    found: dict[str, object] = {
        name: (
            connection.execute(f"PRAGMA table_info({name})").fetchall(),
            sorted(
                (unique, connection.execute(f"PRAGMA index_info({index})").fetchall())
                for _, index, unique, *_ in connection.execute(f"PRAGMA index_list({name})")
            ),
        )
        for name in names
    }
    connection.close()
    return found


def versions(path: Path) -> tuple[str, str]:
    connection = sqlite3.connect(path)
    (ours,) = connection.execute("SELECT value FROM peersettle_meta WHERE key = 'schema_version'").fetchone()
    (alembics,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    connection.close()
    return ours, alembics


def test_the_newest_revision_is_the_schema_version() -> None:
    config = Config()
    config.set_main_option("script_location", schema.MIGRATIONS)
    assert ScriptDirectory.from_config(config).get_current_head() == f"{SCHEMA_VERSION:04d}"


def test_the_revisions_make_what_a_new_store_has(tmp_path: Path) -> None:
    Store.open(tmp_path / "new.db").close()
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'migrated.db'}")
    with engine.begin() as connection:
        schema.upgrade(connection, 0)
    engine.dispose()
    assert differences(tmp_path / "migrated.db") == differences(tmp_path / "new.db") == []
    assert structure(tmp_path / "migrated.db") == structure(tmp_path / "new.db")


def test_a_store_of_version_1_is_upgraded_and_keeps_what_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    make_version_1(path)
    with Store.open(path) as store:
        document, settlement = store.get_document(DIGEST), store.settlement(document_chain := 31337, DIGEST)
        assert (document.note, document.updated_at) == ("lunch", 6)
        assert settlement is not None
        assert (settlement.tx_hash, settlement.closed, document.chain_id) == ("0xaa", False, document_chain)
        store.negotiations.append([entry()])
    Store.open(tmp_path / "new.db").close()
    assert structure(path) == structure(tmp_path / "new.db")
    assert versions(path) == versions(tmp_path / "new.db") == (str(SCHEMA_VERSION), f"{SCHEMA_VERSION:04d}")


def test_an_upgrade_leaves_a_private_copy_of_what_was(tmp_path: Path) -> None:
    make_version_1(tmp_path / "store.db")
    before = structure(tmp_path / "store.db")
    Store.open(tmp_path / "store.db").close()
    (copy,) = tmp_path.glob("store.db.version-1.*.bak")
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert structure(copy) == before
    connection = sqlite3.connect(copy)
    assert connection.execute("SELECT note FROM documents").fetchall() == [("lunch",)]
    connection.close()
    Store.open(tmp_path / "store.db").close()
    assert len(list(tmp_path.glob("*.bak"))) == 1


def test_a_failed_upgrade_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "store.db"
    make_version_1(path)
    before = structure(path)
    from alembic.operations import Operations

    original = Operations.create_table

    def failing(self: Operations, name: str, *columns: object, **options: object) -> object:
        if name == "cards":
            raise sa.exc.OperationalError("CREATE TABLE cards", {}, Exception("no more"))
        return original(self, name, *columns, **options)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Operations, "create_table", failing)
        with pytest.raises(StoreError, match="no more"):
            Store.open(path)
    assert structure(path) == before
    Store.open(path).close()
    assert versions(path)[0] == str(SCHEMA_VERSION)


def test_without_a_copy_there_is_no_upgrade(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "store.db"
    make_version_1(path)
    before = structure(path)

    def refuse(*_: object, **__: object) -> None:
        raise OSError("no room")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(StoreError, match=r"cannot be copied .* no room; nothing was changed"):
        Store.open(path)
    assert structure(path) == before
    assert [item.name for item in tmp_path.iterdir() if item.suffix in (".bak", ".part")] == []


@pytest.mark.parametrize("is_old", [True, False], ids=["old", "new"])
def test_processes_that_open_at_once_migrate_once(tmp_path: Path, is_old: bool) -> None:
    path = tmp_path / "store.db"
    if is_old:
        make_version_1(path)
    processes = [
        subprocess.Popen([sys.executable, "-c", OPEN, str(path)], stderr=subprocess.PIPE, text=True) for _ in range(4)
    ]
    for process in processes:
        _, said = process.communicate(timeout=60)
        assert (process.returncode, said) == (0, "")
    assert differences(path) == []
    assert len(list(tmp_path.glob("*.bak"))) == int(is_old)


def test_opening_a_store_of_this_version_does_not_load_alembic(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    check = f"{OPEN}; Store.open(sys.argv[1]).close(); assert 'alembic' not in sys.modules"
    subprocess.run([sys.executable, "-c", check, str(path)], check=True)


def test_a_store_of_this_version_opens_while_another_process_writes(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    Store.open(path).close()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    Store.open(path, timeout=0.05).close()
    other.close()
