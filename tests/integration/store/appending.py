"""Appends without end, and says on standard output what the store has said is on disk. A test kills it.

Each call writes one event of each of three negotiations, so that a half-written transaction would show.
"""

import asyncio
import sys
from dataclasses import replace

from tests.unit.store.made import entry

from peersettle.store import GroupWriter, Store

SISTERS = "abc"


async def caller(writer: GroupWriter, store: Store, name: str) -> None:
    number = len(store.negotiations.events(f"{name}-a"))
    while True:
        entries = [replace(entry(number, f"{name}-{sister}"), text=f"{number}" + "x" * 900) for sister in SISTERS]
        await writer.append(*entries)
        print(name, number, flush=True)
        number += 1


async def main(address: str, callers: int) -> None:
    with Store.open(address) as store:
        writer = GroupWriter(store)
        await asyncio.gather(*(caller(writer, store, f"{name}") for name in range(callers)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
