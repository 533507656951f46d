"""The store in PostgreSQL does what it does in SQLite."""

import asyncio
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from tests.unit.store.made import CHAIN, DIGEST, PLAIN, VERSION_1, entry
from tests.unit.store.test_migrations import OPEN
from tests.unit.store.test_negotiations import record_of
from tests.unit.store.test_store import MAKER, put, put_outbox, quote

from peersettle.errors import StoreError
from peersettle.store import GroupWriter, Store, schema, tables
from peersettle.trades import load


def execute(url: str, *statements: str) -> None:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


def differences(url: str) -> list[object]:
    engine = sa.create_engine(url)
    try:
        with engine.connect() as connection:
            return list(compare_metadata(MigrationContext.configure(connection), tables.metadata))
    finally:
        engine.dispose()


def test_the_revisions_make_what_a_new_store_has(postgresql: str) -> None:
    engine = sa.create_engine(postgresql)
    with engine.begin() as connection:
        schema.upgrade(connection, 0)
    engine.dispose()
    assert differences(postgresql) == []


def test_a_store_of_version_1_is_upgraded_and_keeps_what_is_in_it(postgresql: str) -> None:
    execute(postgresql, *VERSION_1)
    with Store.open(postgresql) as store:
        assert store.get_document(DIGEST).note == "lunch"
        settlement = store.settlement(CHAIN, DIGEST)
        assert settlement is not None
        assert not settlement.closed
    assert differences(postgresql) == []
    execute(postgresql, "UPDATE peersettle_meta SET value = '99'")
    with pytest.raises(StoreError, match="upgrade PeerSettle"):
        Store.open(postgresql)


def test_what_is_no_store_is_refused(postgresql: str) -> None:
    execute(postgresql, "CREATE TABLE cats (name TEXT)")
    with pytest.raises(StoreError, match="no PeerSettle store"):
        Store.open(postgresql)


@pytest.mark.parametrize("is_old", [True, False], ids=["old", "new"])
def test_processes_that_open_at_once_migrate_once(postgresql: str, is_old: bool) -> None:
    if is_old:
        execute(postgresql, *VERSION_1)
    command = [sys.executable, "-c", OPEN, postgresql]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    for process in processes:
        _, said = process.communicate(timeout=60)
        assert (process.returncode, said) == (0, "")
    assert differences(postgresql) == []


def test_everything_is_there_when_opened_again(postgresql: str) -> None:
    text = '{"text": "\\u0000 \u00e9 \\\\ \'; --"}'
    entries = [
        entry(0, text=text, at=1_700_000_000.1),
        entry(1, is_over=True, digest=DIGEST, at=1_700_000_000.2),
        entry(0, "2", at=1_700_000_000.15),
    ]
    with Store.open(postgresql.replace("+pg8000", "")) as store:
        put(store, quote(), role="maker", party=MAKER)
        put_outbox(store, settles=[quote().digest])
        store.negotiations.append(entries)
        store.negotiations.append(entries)
        store.peers.ban("peer", 9.5, "why")
        first = store.reserve_nonces(CHAIN, MAKER)
    with Store.open(postgresql) as store:
        assert store.trades()[0].tx_hash == store.outbox(CHAIN, MAKER)[0].tx_hash
        assert store.negotiations.events(PLAIN.key) == [text, entries[1].text]
        assert store.negotiations.get(PLAIN.key) == record_of(entries[:2])
        assert store.negotiations.unfinished(CHAIN) == [(record_of(entries[2:]), [entries[2].text])]
        assert [item.key for item in store.negotiations.list()] == [PLAIN.key, "2"]
        assert store.peers.bans(9.0)[0].until == 9.5
        assert store.reserve_nonces(CHAIN, MAKER) >> 8 > first >> 8


def test_two_writers_of_one_negotiation_are_told(postgresql: str) -> None:
    with Store.open(postgresql) as one, Store.open(postgresql) as other:
        one.negotiations.append([entry(0)])
        other.negotiations.append([entry(0), entry(1)])
        with pytest.raises(StoreError, match="two programs"):
            one.negotiations.append([entry(0, "new"), entry(1, text="another")])
        assert one.negotiations.get("new") is None


def test_programs_that_write_at_once_lose_nothing(postgresql: str) -> None:
    """Each reads before it writes: without turns, one would write over the other's signature or nonces."""
    with Store.open(postgresql) as one, Store.open(postgresql) as other, ThreadPoolExecutor(8) as pool:
        nonces = list(pool.map(lambda n: (one, other)[n % 2].reserve_nonces(CHAIN, MAKER, 255), range(64)))
        assert len(set(nonces)) == 64
        for number in range(20):
            plain = quote(number)
            put(one, plain)
            maker, taker = replace(plain, maker_signature=b"\1" * 65), replace(plain, taker_signature=b"\2" * 65)
            list(pool.map(lambda pair: put(*pair), [(one, maker), (other, taker)]))
            assert load(one.get_document(plain.digest).text) == replace(maker, taker_signature=taker.taker_signature)


def test_a_locked_store_says_so(postgresql: str) -> None:
    with Store.open(postgresql, timeout=0.2) as one, Store.open(postgresql, timeout=0.2) as other:
        with one._database.transaction():
            assert other.negotiations.list() == []  # readers do not wait
            with pytest.raises(StoreError, match="locked: another process") as caught:
                other.negotiations.append([entry()])
            assert caught.value.values["kind"] == "locked"
        other.negotiations.append([entry()])


def test_a_server_that_is_not_there_is_named_without_the_password() -> None:
    with pytest.raises(StoreError, match=r"127\.0\.0\.1") as caught:
        Store.open("postgresql+pg8000://me:secret@127.0.0.1:1/peersettle")
    assert "secret" not in str(caught.value)


def test_many_callers_share_transactions(postgresql: str) -> None:
    async def run() -> None:
        writer = GroupWriter(store)
        for number in range(3):
            await asyncio.gather(*(writer.append(entry(number, f"{key}")) for key in range(200)))
        await writer.close()

    with Store.open(postgresql) as store:
        asyncio.run(run())
        found = store.negotiations.unfinished(CHAIN)
    assert len(found) == 200
    assert all(len(texts) == 3 for _, texts in found)


def test_a_wrong_entry_fails_alone(postgresql: str) -> None:
    async def run() -> list[Any]:
        writer = GroupWriter(store)
        wrong = entry(key="nul", text="\0"), entry(key="huge", chain_id=2**64), entry(key="long", status="x" * 99)
        entries = [*(entry(key=f"{key}") for key in range(20)), *wrong]
        found = await asyncio.gather(*(writer.append(item) for item in entries), return_exceptions=True)
        await writer.close()
        return found

    with Store.open(postgresql) as store:
        found = asyncio.run(run())
        assert found[:20] == [None] * 20
        assert [item.values["kind"] for item in found[20:] if isinstance(item, StoreError)] == ["refused"] * 3
        assert len(store.negotiations.list()) == 20
