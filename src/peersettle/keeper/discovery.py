"""Which accounts there are, and which have changed: from the events of Ledger, Auction and Backstop.

Each look reads the events since the last one. Where the chain has reorganised, it goes back to the last block that both
chains have, and all accounts that events named since then count as changed, too.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from peersettle.chain.artifacts import artifact
from peersettle.chain.calls import Block, Log
from peersettle.errors import RpcError, RpcUnavailable
from peersettle.types import Address

if TYPE_CHECKING:
    from peersettle.chain.client import Chain
    from peersettle.chain.deployments import Deployment

_REMEMBERED: Final = 512
_OWNERS: Final[dict[str, tuple[int, ...]]] = {"Deposit": (1,), "Withdraw": (2,)}
_ACCOUNTS: Final[dict[str, dict[str, tuple[int, ...]]]] = {
    "Ledger": {"Deposited": (1,), "Withdrawn": (1,), "Moved": (2, 3), "Settled": (1,)},
    "Auction": {"Started": (1,), "Sold": (1, 2), "TakenOver": (1, 2), "RunOff": (1,), "Ended": (1,)},
    "Backstop": {"Covered": (1,), "Admitted": (1,), "Collected": (1,)},
}


class Discovery:
    """Follows one deployment from its Ledger's block on, or from a block that was read before.

    `span` is how many blocks the node is asked for at once; it is halved where a node finds that too much.
    """

    def __init__(
        self, chain: Chain, deployment: Deployment, *, after: tuple[int, str] | None = None, span: int = 5_000
    ) -> None:
        self._chain = chain
        self._first = deployment.ledger_block
        self._span = span
        self._seen: deque[tuple[int, str, frozenset[int]]] = deque(maxlen=_REMEMBERED)
        self._contracts: dict[Address, dict[bytes, tuple[tuple[int, ...], bool]]] = {}
        for name, at in (
            ("Ledger", deployment.ledger),
            ("Auction", deployment.auction),
            ("Backstop", deployment.backstop),
        ):
            assert at is not None
            events = artifact(name).events
            places = {bytes(events[event]): (topics, False) for event, topics in _ACCOUNTS[name].items()}
            if name == "Backstop":
                places |= {bytes(events[event]): (topics, True) for event, topics in _OWNERS.items()}
            self._contracts[at] = places
        if after is not None:
            self._seen.append((*after, frozenset()))

    @property
    def cursor(self) -> tuple[int, str] | None:
        """Number and hash of the last block that was read."""
        return self._seen[-1][:2] if self._seen else None

    def look(self, head: Block) -> tuple[set[int], bool]:
        """The accounts that have changed up to a block, and whether the chain has reorganised.

        Raises:
            RpcUnavailable, RpcError: the node does not answer; nothing is forgotten, and the next look reads the same.
        """
        changed, reorganised = self._go_back(head)
        first = self._seen[-1][0] + 1 if self._seen else self._first
        found: set[int] = set()
        while first <= head.number:
            last = min(first + self._span - 1, head.number)
            try:
                found |= self._events(first, last)
            except RpcUnavailable:
                raise
            except RpcError:
                if last == first:
                    raise
                self._span = max(1, (last - first + 1) // 2)
                continue
            first = last + 1
        if self.cursor != (head.number, head.hash):
            self._seen.append((head.number, head.hash, frozenset(found)))
        return found | changed, reorganised

    def _go_back(self, head: Block) -> tuple[set[int], bool]:
        """Forget blocks that are not the chain's any more; the accounts that they named."""
        orphaned: set[int] = set()
        dropped = 0
        while self._seen:
            number, block_hash, accounts = self._seen[-1]
            if number == head.number:
                still = block_hash == head.hash
            else:
                still = number < head.number and self._hash(number) == block_hash
            if still:
                break
            orphaned |= accounts
            self._seen.pop()
            dropped += 1
        return orphaned, dropped > 0

    def _hash(self, number: int) -> str | None:
        try:
            return self._chain.block(number).hash
        except RpcUnavailable:
            raise
        except RpcError:
            return None

    def _events(self, first: int, last: int) -> set[int]:
        found: set[int] = set()
        for at, places in self._contracts.items():
            for log, _ in self._chain.logs(at, [], first, last):
                found |= _named(log, places)
        return found


def _named(log: Log, places: dict[bytes, tuple[tuple[int, ...], bool]]) -> set[int]:
    topics, is_owner = places.get(bytes(log.topics[0]), ((), False)) if log.topics else ((), False)
    words = [int.from_bytes(log.topics[place], "big") for place in topics]
    return {word << 96 for word in words} if is_owner else set(words)
