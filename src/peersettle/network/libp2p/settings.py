"""What a libp2p transport is told, and the reading of multiaddresses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from peersettle.config.network import DIAL, DIALLED, LISTEN, NetworkSettings
from peersettle.errors import InvalidField
from peersettle.network.transport import Contact


@dataclass(frozen=True, slots=True)
class Libp2pOptions:
    """How a transport listens, and whom it stays connected to.

    Raises:
        InvalidField: an address is malformed.
    """

    key_file: Path
    """Our key, made when it is not there; who has the file is us."""
    listen: str = "/ip4/127.0.0.1/tcp/0"
    """Port 0 is any that is free."""
    announce: tuple[str, ...] = ()
    """Where others reach us, if not where we listen: behind a router, or in a container."""
    bootstrap: tuple[Contact, ...] = ()
    mdns: bool = False
    """Tell the local network that we are here, and connect to those who do."""
    ping_every: float = 5.0
    """Seconds between looks whether a peer is still there; three unanswered, and it is not."""

    def __post_init__(self) -> None:
        if LISTEN.fullmatch(self.listen) is None:
            raise InvalidField("listen", self.listen, "give a multiaddress, as /ip4/0.0.0.0/tcp/7411")
        for value in self.announce:
            if DIALLED.fullmatch(value) is None:
                raise InvalidField("announce", value, "give a multiaddress, as /ip4/203.0.113.7/tcp/7411")

    @classmethod
    def of(cls, settings: NetworkSettings) -> Libp2pOptions:
        """As the settings say."""
        return cls(
            settings.key_file,
            settings.listen,
            settings.announce,
            tuple(map(contact_of, settings.bootstrap)),
            settings.mdns,
        )


def contact_of(text: str) -> Contact:
    """A peer from its multiaddress, as /ip4/203.0.113.7/tcp/7411/p2p/12D3KooW…

    Raises:
        InvalidField: it is none.
    """
    parts = DIAL.fullmatch(text)
    if parts is None:
        raise InvalidField("peer", text, "give a multiaddress with its identity: /ip4/…/tcp/…/p2p/12D3KooW…")
    return Contact(parts[2], (parts[1],))
