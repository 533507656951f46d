"""Who may speak to the server, how often, and who no longer."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from peersettle.service.clock import Clock

MAX_PEERS: Final = 4_096


@dataclass(slots=True)
class _Peer:
    allowance: float
    seen_at: float
    garbage: float = 0.0
    banned_until: float = 0.0


class Gate:
    """A token bucket for each address, and a ban of those that send garbage.

    Args:
        rate: requests per second in the long run, `burst` at once.
        tolerance: how much garbage it takes; it is forgotten at one a minute.
        ban: seconds that a ban lasts.
    """

    def __init__(
        self, clock: Clock, *, rate: float = 20.0, burst: float = 60.0, tolerance: int = 10, ban: float = 600.0
    ) -> None:
        self._clock = clock
        self._rate, self._burst, self._tolerance, self._ban = rate, burst, tolerance, ban
        self._peers: OrderedDict[str, _Peer] = OrderedDict()

    def admit(self, address: str) -> int:
        """Seconds to wait before the next request; zero when this one may pass."""
        now, peer = self._clock.now(), self._peer(address)
        if peer.banned_until > now:
            return int(peer.banned_until - now) + 1
        if peer.allowance < 1:
            return int((1 - peer.allowance) / self._rate) + 1
        peer.allowance -= 1
        return 0

    def is_banned(self, address: str) -> bool:
        """Whether an address is shut out now."""
        return self._peer(address).banned_until > self._clock.now()

    def garbage(self, address: str) -> bool:
        """An address sent what no honest program sends. True when that makes it banned."""
        peer = self._peer(address)
        peer.garbage += 1
        if peer.garbage < self._tolerance:
            return False
        peer.garbage, peer.banned_until = 0.0, self._clock.now() + self._ban
        return True

    def _peer(self, address: str) -> _Peer:
        now = self._clock.now()
        peer = self._peers.get(address)
        if peer is None:
            peer = self._peers[address] = _Peer(self._burst, now)
            if len(self._peers) > MAX_PEERS:
                self._peers.popitem(last=False)
        self._peers.move_to_end(address)
        passed = max(now - peer.seen_at, 0.0)
        peer.seen_at = now
        peer.allowance = min(self._burst, peer.allowance + passed * self._rate)
        peer.garbage = max(0.0, peer.garbage - passed / 60)
        return peer
