"""What the oracle commands share: which feeds are meant, and how a reading is shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from peersettle.errors import InvalidField
from peersettle.reports import Feed
from peersettle.types import from_units

if TYPE_CHECKING:
    from peersettle.bindings import Reading
    from peersettle.config import OracleSettings


def chosen_feeds(settings: OracleSettings, names: Sequence[str] | None) -> list[Feed]:
    """The feeds of these names or ids; all that are configured where none is named.

    Raises:
        InvalidField: no such feed is configured, or none at all.
    """
    known = {item.name: item.feed for item in settings.feeds}
    if not names and not known:
        raise InvalidField("feed", None, "no feed is configured: add [[oracle.feeds]], or give an id")
    found = []
    for name in names or known:
        if name.startswith("0x"):
            found.append(Feed.from_id(name))
        elif name in known:
            found.append(known[name])
        else:
            raise InvalidField("feed", name, f"configured are {', '.join(known) or 'none'}; or give an id (0x...)")
    return found


def state_of(feed: Feed, reading: Reading, now: int) -> str:
    """`none`, `jumping` while a candidate waits, `fresh` up to two slots old, else `stale`."""
    if not reading.observed_at:
        return "none"
    if reading.candidate:
        return "jumping"
    return "fresh" if reading.age(now) <= 2 * feed.slot else "stale"


def status_json(feed: Feed, reading: Reading, now: int) -> dict[str, Any]:
    """One feed for scripts; values are decimal text in the settlement currency."""
    return {
        "feed": feed.name,
        "id": "0x" + feed.id.hex(),
        "value": from_units(reading.value, 18) if reading.observed_at else None,
        "observed_at": reading.observed_at or None,
        "age": reading.age(now) if reading.observed_at else None,
        "spread_bps": reading.spread if reading.observed_at else None,
        "candidate": from_units(reading.candidate, 18) if reading.candidate else None,
        "candidate_at": reading.candidate_at or None,
        "state": state_of(feed, reading, now),
    }


def status_row(feed: Feed, reading: Reading, now: int) -> tuple[str, ...]:
    """One feed for people."""
    if not reading.observed_at:
        return feed.name, "-", "-", "-", "-", "none"
    return (
        feed.name,
        from_units(reading.value, 18),
        f"{reading.age(now)} s",
        f"{reading.spread / 100:.2f} %",
        from_units(reading.candidate, 18) if reading.candidate else "-",
        state_of(feed, reading, now),
    )
