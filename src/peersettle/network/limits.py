"""How much a peer may say, and who says so much nonsense that nobody listens to it any more. Time is passed in."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from peersettle.errors import InvalidField

if TYPE_CHECKING:
    from peersettle.config import NetworkSettings

MAX_TRACKED: Final = 4_096
"""Peers that are remembered, as an identity costs nothing to make; the longest silent are forgotten first."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What one peer may do. Rates are messages a second, bursts messages at once."""

    direct_rate: float = 50.0
    direct_burst: int = 200
    gossip_rate: float = 10.0
    gossip_burst: int = 50
    garbage_limit: float = 5.0
    """So many messages that no honest peer sends make a ban; `garbage_half_life` seconds halve what they count."""
    garbage_half_life: float = 60.0
    ban_seconds: float = 600.0

    @classmethod
    def of(cls, settings: NetworkSettings) -> Rules:
        """As the settings say."""
        return cls(
            settings.direct_rate,
            settings.direct_burst,
            settings.gossip_rate,
            settings.gossip_burst,
            settings.garbage_limit,
            ban_seconds=settings.ban_seconds,
        )

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if not 0 < getattr(self, name) < float("inf"):
                raise InvalidField(name, getattr(self, name), "must be above zero")
        for name in ("direct_burst", "gossip_burst", "garbage_limit"):
            if getattr(self, name) < 1:
                raise InvalidField(name, getattr(self, name), "must be at least 1, or nothing is ever let in")


class Bucket:
    """Tokens that come back at `rate` a second, up to `burst`. It begins full."""

    __slots__ = ("_at", "_burst", "_left", "_rate")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate, self._burst = rate, burst
        self._left, self._at = burst, now

    def take(self, now: float) -> bool:
        """One token, if there is one. A clock that goes back adds none."""
        self._left = min(self._burst, self._left + max(0.0, now - self._at) * self._rate)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


@dataclass(slots=True)
class _Record:
    direct: Bucket
    gossip: Bucket
    garbage: float = 0.0
    garbage_at: float = 0.0


@dataclass(slots=True)
class Limits:
    """Every peer against the rules."""

    rules: Rules = field(default_factory=Rules)
    _records: OrderedDict[str, _Record] = field(default_factory=OrderedDict)
    _bans: dict[str, float] = field(default_factory=dict)

    def admits(self, peer: str, now: float, *, gossip: bool = False) -> bool:
        """Whether this peer may say one thing more now."""
        record = self._record(peer, now)
        return (record.gossip if gossip else record.direct).take(now)

    def garbage(self, peer: str, now: float) -> bool:
        """It has said what no honest peer says. True when that was once too often: it is banned."""
        record = self._record(peer, now)
        age = max(0.0, now - record.garbage_at)
        record.garbage = record.garbage * 0.5 ** (age / self.rules.garbage_half_life) + 1
        record.garbage_at = now
        # Decay over the milliseconds between them must not make the limit one more than it says.
        if record.garbage < self.rules.garbage_limit - 0.5:
            return False
        record.garbage = 0.0
        self.ban(peer, now + self.rules.ban_seconds)
        return True

    def ban(self, peer: str, until: float) -> None:
        """Listen to nothing from this peer until then, Unix seconds."""
        self._bans[peer] = max(until, self._bans.get(peer, 0.0))
        while len(self._bans) > MAX_TRACKED:
            del self._bans[min(self._bans, key=self._bans.__getitem__)]

    def unban(self, peer: str) -> None:
        """Listen to it again."""
        self._bans.pop(peer, None)

    def banned_until(self, peer: str, now: float) -> float | None:
        """When its ban ends; None without one."""
        until = self._bans.get(peer)
        if until is not None and until <= now:
            del self._bans[peer]
            return None
        return until

    def dump(self, now: float) -> dict[str, float]:
        """The bans that hold, with their ends: what is worth keeping over a restart."""
        return {peer: until for peer, until in self._bans.items() if until > now}

    def load(self, bans: Mapping[str, float]) -> None:
        """Take up what `dump` gave. A ban that is there already keeps its later end."""
        for peer, until in bans.items():
            self.ban(peer, until)

    def _record(self, peer: str, now: float) -> _Record:
        record = self._records.get(peer)
        if record is None:
            rules = self.rules
            record = _Record(
                Bucket(rules.direct_rate, rules.direct_burst, now), Bucket(rules.gossip_rate, rules.gossip_burst, now)
            )
            self._records[peer] = record
            if len(self._records) > MAX_TRACKED:
                self._records.popitem(last=False)
        self._records.move_to_end(peer)
        return record
