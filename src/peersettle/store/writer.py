"""Group commit: what many tasks write at one time goes to the disk in one transaction."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeGuard

from peersettle.errors import StoreError
from peersettle.store.records import Entry
from peersettle.store.store import Store

LARGEST: Final = 1_000
"""Callers whose entries go into one transaction; the others wait for the next."""


@dataclass(frozen=True, slots=True)
class _Call:
    entries: tuple[Entry, ...]
    done: asyncio.Future[None]


class GroupWriter:
    """Appends entries for the tasks of one event loop, in the order they ask. Make it, and close it, in that loop."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._loop = asyncio.get_running_loop()
        self._waiting: list[_Call] = []
        self._changed = threading.Condition()
        self._is_closed = False
        self._thread = threading.Thread(target=self._work, name="store-writer", daemon=True)
        self._thread.start()

    async def append(self, *entries: Entry) -> None:
        """Write these entries; they are on disk when it returns. As `Negotiations.append`.

        Whoever is cancelled while it waits does not know whether they are.
        """
        call = _Call(entries, self._loop.create_future())
        with self._changed:
            if self._is_closed:
                raise StoreError("the store's writer is closed: this was not written")
            self._waiting.append(call)
            self._changed.notify()
        await call.done

    async def close(self) -> None:
        """Write what waits, and stop. What comes later is refused."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        while calls := self._next():
            outcomes = self._write(calls)
            try:
                self._loop.call_soon_threadsafe(_tell, calls, outcomes)
            except RuntimeError:  # the loop is closed: nobody waits any more
                return

    def _next(self) -> list[_Call]:
        with self._changed:
            while not self._waiting and not self._is_closed:
                self._changed.wait()
            calls, self._waiting = self._waiting[:LARGEST], self._waiting[LARGEST:]
            return calls

    def _write(self, calls: Sequence[_Call]) -> list[Exception | None]:
        """What became of each call. One that is wrong in itself spoils no other's."""
        try:
            self._store.negotiations.append([entry for call in calls for entry in call.entries])
        except Exception as error:
            if len(calls) == 1:
                return [error]
            if _is_outage(error):
                return [StoreError(error.message, **error.values) for _ in calls]
            return [outcome for call in calls for outcome in self._write([call])]
        return [None] * len(calls)


def _is_outage(error: Exception) -> TypeGuard[StoreError]:
    """Whether it is the database that failed, so that no caller could fare better alone."""
    return isinstance(error, StoreError) and error.values.get("kind") in ("locked", "full", "failed")


def _tell(calls: Sequence[_Call], outcomes: Sequence[Exception | None]) -> None:
    for call, error in zip(calls, outcomes, strict=True):
        if call.done.done():  # its caller was cancelled
            continue
        if error is None:
            call.done.set_result(None)
        else:
            call.done.set_exception(error)
