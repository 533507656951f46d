"""The group writer: who gets an answer has its entry on disk, and a failure reaches those it concerns, once."""

import asyncio
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.unit.store.made import PLAIN, entry

from peersettle.errors import InvalidField, StoreError
from peersettle.store import Entry, GroupWriter, Store


def groups_of(store: Store, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many entries each transaction had, as they come."""
    sizes: list[int] = []
    append = store.negotiations.append

    def counting(entries: Sequence[Entry]) -> None:
        sizes.append(len(entries))
        append(entries)

    monkeypatch.setattr(store.negotiations, "append", counting)
    return sizes


async def outcomes(writer: GroupWriter, *entries: Entry) -> list[Any]:
    return await asyncio.gather(*(writer.append(item) for item in entries), return_exceptions=True)


def test_what_waits_together_is_written_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "store.db"

    async def run() -> None:
        writer = GroupWriter(store)
        await asyncio.gather(*(writer.append(entry(key=f"{key}")) for key in range(200)))
        reader = sqlite3.connect(path)  # another connection sees only what is committed
        assert reader.execute("SELECT count(*) FROM negotiation_events").fetchone() == (200,)
        reader.close()
        await writer.close()

    with Store.open(path) as store:
        sizes = groups_of(store, monkeypatch)
        asyncio.run(run())
    assert sum(sizes) == 200
    assert len(sizes) < 10


def test_several_entries_of_one_caller_are_one_transaction(tmp_path: Path) -> None:
    async def run() -> None:
        writer = GroupWriter(store)
        await writer.append(entry(0), entry(1))
        with pytest.raises(StoreError, match="does not follow"):
            await writer.append(entry(2), entry(4))
        await writer.close()

    with Store.open(tmp_path / "store.db") as store:
        asyncio.run(run())
        assert len(store.negotiations.events(PLAIN.key)) == 2


def test_a_wrong_entry_fails_alone(tmp_path: Path) -> None:
    async def run() -> list[Any]:
        writer = GroupWriter(store)
        wrong = (
            entry(9, "gap"),
            entry(key="side", side="both"),
            entry(key="huge", chain_id=2**64),
            entry(key="null", status=None),
        )
        found = await outcomes(writer, *(entry(key=f"{key}") for key in range(20)), *wrong, entry(1, "0"))
        await writer.close()
        return found

    with Store.open(tmp_path / "store.db") as store:
        found = asyncio.run(run())
        assert found[:20] == [None] * 20
        assert [type(item) for item in found[20:]] == [StoreError, InvalidField, OverflowError, StoreError, type(None)]
        assert found[-2].values["kind"] == "refused"
        assert len(store.negotiations.list()) == 20


def test_a_locked_store_fails_those_who_wait_and_nobody_after(tmp_path: Path) -> None:
    path = tmp_path / "store.db"

    async def run() -> None:
        writer = GroupWriter(store)
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        found = await outcomes(writer, *(entry(key=f"{key}") for key in range(20)))
        assert {(type(item), item.values["kind"]) for item in found} == {(StoreError, "locked")}
        assert len({id(item) for item in found}) == 20
        assert store.negotiations.list() == []
        other.execute("ROLLBACK")
        other.close()
        assert await outcomes(writer, *(entry(key=f"{key}") for key in range(20))) == [None] * 20
        await writer.close()

    with Store.open(path, timeout=0.05) as store:
        asyncio.run(run())
        assert len(store.negotiations.list()) == 20


def test_what_follows_an_entry_that_failed_is_refused(tmp_path: Path) -> None:
    """A caller that does not wait before it says the next must not leave a hole in its negotiation."""
    path = tmp_path / "store.db"

    async def run() -> None:
        writer = GroupWriter(store)
        await writer.append(entry(0))
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        failing = asyncio.ensure_future(writer.append(entry(1)))
        with pytest.raises(StoreError, match="locked"):
            await failing
        other.close()
        with pytest.raises(StoreError, match="does not follow"):
            await writer.append(entry(2))
        await writer.append(entry(1))
        await writer.close()

    with Store.open(path, timeout=0.05) as store:
        asyncio.run(run())
        assert store.negotiations.events(PLAIN.key) == [entry(0).text, entry(1).text]


def test_a_full_store_fails_those_who_wait_and_takes_more_when_there_is_room(tmp_path: Path) -> None:
    big = "x" * 20_000

    def allow(pages: int) -> None:
        with store._database.transaction() as connection:
            connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")

    async def run() -> None:
        writer = GroupWriter(store)
        await writer.append(entry(0))
        allow(40)
        found = await outcomes(writer, *(entry(key=f"{key}", text=big) for key in range(20)))
        kept = {item.key for item in store.negotiations.list()} - {PLAIN.key}
        assert kept == {f"{key}" for key, item in enumerate(found) if item is None}
        failed = [item for item in found if item is not None]
        assert failed
        assert {item.values["kind"] for item in failed} == {"full"}
        assert "the disk or database is full" in str(failed[0])
        for key in kept:
            assert store.negotiations.events(key) == [big]
        allow(2**30)
        await writer.append(entry(1))
        await writer.close()

    with Store.open(tmp_path / "store.db") as store:
        asyncio.run(run())
        assert len(store.negotiations.events(PLAIN.key)) == 2


def test_closing_writes_what_waits_and_refuses_what_comes(tmp_path: Path) -> None:
    async def run() -> None:
        writer = GroupWriter(store)
        waiting = [asyncio.ensure_future(writer.append(entry(key=f"{key}"))) for key in range(2_500)]
        await asyncio.sleep(0)
        await writer.close()
        await asyncio.gather(*waiting)
        with pytest.raises(StoreError, match="is closed"):
            await writer.append(entry())

    with Store.open(tmp_path / "store.db") as store:
        asyncio.run(run())
        assert len(store.negotiations.list(limit=9_999)) == 2_500


def test_a_cancelled_caller_harms_nobody(tmp_path: Path) -> None:
    async def run() -> None:
        writer = GroupWriter(store)
        first, second = (asyncio.ensure_future(writer.append(entry(key=key))) for key in "ab")
        await asyncio.sleep(0)
        first.cancel()
        await second
        await writer.append(entry(1, "b"))
        await writer.close()

    with Store.open(tmp_path / "store.db") as store:
        asyncio.run(run())
        assert len(store.negotiations.events("b")) == 2
