"""Who counts what is offered and agreed, so that limits hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from peersettle.node.hub import Change
    from peersettle.rfq import Offered, Request


class Promises(Protocol):
    """Told at once, in the loop. It does not raise."""

    def reserve(self, key: str, request: Request, offered: Offered) -> None:
        """This is about to be offered."""
        ...

    def note(self, change: Change) -> None:
        """A negotiation has come further."""
        ...

    def drop(self, key: str) -> None:
        """It was not offered after all."""
        ...


class Uncounted:
    """Counts nothing: of a node that makes no prices."""

    def reserve(self, key: str, request: Request, offered: Offered) -> None:
        """As `Promises`."""

    def note(self, change: Change) -> None:
        """As `Promises`."""

    def drop(self, key: str) -> None:
        """As `Promises`."""
