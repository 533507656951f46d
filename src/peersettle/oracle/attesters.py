"""Members of the reporter set that are contracts: who they are, and what they would stand by now."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

import structlog

from peersettle.errors import InvalidField
from peersettle.reports import Attestation, Feed, OracleDomain, Report, ReporterSet
from peersettle.types import Address, Hash32

_log = structlog.get_logger("peersettle.oracle")


class Attester(Protocol):
    """What we ask of such a contract; `peersettle.bindings.AggregatorSource` is one."""

    def feed(self) -> Hash32 | None:
        """The feed that it reports; None where it is no such contract."""
        ...

    def price(self) -> int:
        """What it would stand by now, in wad; zero for nothing."""
        ...


class Attesters:
    """Looks for attesting members, and remembers what each is until told to `forget`. Every method may block."""

    def __init__(self, contract: Callable[[Address], Attester]) -> None:
        self._contract = contract
        self._feeds: dict[Address, Hash32 | None] = {}

    def of(self, reporters: ReporterSet, feed: Feed) -> list[Address]:
        """The members that report this feed as contracts, ascending.

        Raises:
            ChainError: the node does not answer.
        """
        for member in reporters.members:
            if member not in self._feeds:
                self._feeds[member] = self._contract(member).feed()
        return [member for member in reporters.members if self._feeds[member] == feed.id]

    def attestations(
        self, domain: OracleDomain, feed: Feed, slot: int, members: Iterable[Address]
    ) -> list[Attestation]:
        """What these members stand by now, as reports of `slot`; it must be the slot that runs.

        Raises:
            ChainError: the node does not answer.
        """
        found = []
        for member in members:
            if not (price := self._contract(member).price()):
                _log.info("a member that is a contract has no price now", feed=feed.name, reporter=member)
                continue
            try:
                found.append(Attestation(domain, Report(feed, price, slot), member))
            except InvalidField as error:
                _log.warning("a member's price fits no report", feed=feed.name, reporter=member, why=error.message)
        return found

    def forget(self) -> None:
        """Ask every member anew what it is."""
        self._feeds.clear()
