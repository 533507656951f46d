"""Bringing the arrays of series up to date, as whoever judges accounts must."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from peersettle.keeper.estimates import must_roll
from peersettle.risk.instruments import expiry
from peersettle.risk.margin import Snapshot
from peersettle.sim.actors import Actor
from peersettle.sim.venue import Outcome, Venue

_AT_ONCE: Final = 32


def stale(snapshot: Snapshot, series: Iterable[int]) -> list[int]:
    """Which of these must be computed anew: all, when a new epoch is due or a newer surface would begin one."""
    live = {one for one in series if expiry(one >> 22) > snapshot.time and snapshot.is_quoted(one >> 22)}
    if must_roll(snapshot):
        return sorted(live, reverse=True)
    return sorted((one for one in live if snapshot.arrays.get(one, 0) >> 236 != snapshot.epoch), reverse=True)


def refresh(venue: Venue, sender: Actor, series: Sequence[int]) -> Outcome:
    """Have these arrays computed, the latest expiry first: the last outcome, with the gas of all. What does not fit
    into the block waits, with all that comes after it."""
    ordered, gas, last = sorted(series, reverse=True), 0, Outcome(True)
    for place in range(0, len(ordered), _AT_ONCE):
        last = venue.send(sender, "risk", "refresh", 0, ordered[place : place + _AT_ONCE])
        gas += last.gas
        if last.waits:
            break
    return replace(last, gas=gas)
