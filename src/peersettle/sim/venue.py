"""Where a replay happens: what it may do and read there, whichever engine stands behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from peersettle.keeper.mirror import Mirror
from peersettle.reports import SurfaceSlice
from peersettle.risk.instruments import Market
from peersettle.risk.margin import Snapshot
from peersettle.sim.actors import Actor, Opening
from peersettle.spec.auction import Auction
from peersettle.spec.backstop import Backstop
from peersettle.spec.ledger import Ledger


@dataclass(frozen=True)
class Outcome:
    """What came of a call: done, or refused for a reason. Gas as the chain counted it, or as calls of its kind take."""

    ok: bool
    reason: str | None = None
    gas: int = 0
    value: int | None = None
    waits: bool = False
    """Nothing came of it yet: it did not fit into the block."""


@dataclass
class Space:
    """The gas of the present block, as it is reckoned before anything is executed."""

    limit: int | None = None
    """None before and after the replay, when nobody has to wait."""
    used: int = 0
    waits: bool = False
    """Whether something did not fit."""
    fullest: int = 0
    full: int = 0
    """Blocks into which something did not fit."""

    def begin(self) -> None:
        """A new block."""
        self.used, self.waits = 0, False

    def takes(self, gas: int) -> bool:
        """Whether so much more fits, which is taken then."""
        if self.limit is None:
            return True
        if self.used + gas > self.limit:
            self.full += not self.waits
            self.waits = True
            return False
        self.used += gas
        self.fullest = max(self.fullest, self.used)
        return True


@dataclass
class Agreement:
    """How often specification and contracts were compared, and where they first differed."""

    checks: int = 0
    differences: int = 0
    first: str = ""

    def compare(self, what: str, wanted: object, found: object) -> None:
        """Count it."""
        self.checks += 1
        if wanted != found:
            self.differences += 1
            self.first = self.first or f"{what}: the specification has {wanted}, the contracts {found}"


class Venue(Protocol):
    """One market, its accounts, and the contracts' state as the specification has it.

    Between `block` and the next one time stands still. The specification can be read at any moment; an engine with a
    chain behind it does the same there, and compares.
    """

    market: Market
    ledger: Ledger
    auction: Auction
    backstop: Backstop
    mirror: Mirror
    space: Space
    agreement: Agreement | None
    """None where there are no contracts to agree with."""

    @property
    def now(self) -> int:
        """Of the present block, Unix seconds."""
        ...

    def block(self, time: int) -> None:
        """Go on to a block at this time, later than the present one."""
        ...

    def close(self) -> None:
        """Complete the last block, and let go of everything."""
        ...

    # Before the replay

    def bring(self, who: Actor) -> None:
        """An actor's cash and collateral come into its account; a depositor's go on to the backstop."""
        ...

    def open(self, openings: Sequence[Opening]) -> None:
        """Trades with one dealer are settled.

        Raises:
            InputError: the Ledger refuses one.
        """
        ...

    # In it

    def report(self, values: Sequence[int], observed_at: int) -> bool:
        """A round of the price, one value (wad) for each reporter, ascending; whether it was taken."""
        ...

    def quote(self, slices: Sequence[SurfaceSlice], observed_at: int) -> bool:
        """A surface; whether it was taken."""
        ...

    def send(self, sender: Actor, contract: str, verb: str, *arguments: object) -> Outcome:
        """One transaction in the present block, if it fits."""
        ...

    # Reading

    def snapshot(self) -> Snapshot:
        """The market as the next look at it would find it, as `peersettle.risk` takes it."""
        ...
