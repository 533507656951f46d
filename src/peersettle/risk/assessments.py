"""What one book comes to, as `Risk.assess` answers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Assessment:
    """One account's book in one market. Money in wad."""

    status: int
    """Bits `UNUSABLE`, `DEAD`, `BEYOND`."""
    worth: int
    """Collateral and positions at the snapshot; a receivable for 24 hours after its expiry."""
    requirement: int
    """What the scenarios and the charges ask for."""
    maintenance: int
    """The requirement, and unrealised gains beyond what may count elsewhere."""
    initial: int
    """Maintenance times the factor, and the addition."""
    candidate_loss: int
    """What the worth would lose at a price that waits for confirmation."""
    short_lots: int
    """Net short options, call and put of one strike together."""
