"""The table `[network]`: where we listen, whom we know, and what one peer may do to us.

[network]
listen = "/ip4/0.0.0.0/tcp/7411"
bootstrap = ["/ip4/203.0.113.7/tcp/7411/p2p/12D3KooW…"]

[network.peers]
desk = "/dns4/desk.example/tcp/7411/p2p/12D3KooW…"
"""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from peersettle.config.fields import Section, UserPath, data_directory

_TCP: Final = r"/(?:ip4/[0-9.]{7,15}|ip6/[0-9a-fA-F:.]{2,45}%s)/tcp/[0-9]{1,5}"
LISTEN: Final = re.compile(_TCP % "")
DIAL: Final = re.compile(f"({_TCP % '|dns[46]?/[0-9A-Za-z.-]{1,253}'})/p2p/([0-9A-Za-z]{{40,80}})")
"""An address, and the identity of who is there."""
DIALLED: Final = re.compile(_TCP % "|dns[46]?/[0-9A-Za-z.-]{1,253}")


def _port_fits(value: str) -> bool:
    return int(value.split("/")[4]) < 65_536


def _is_listen(value: str) -> str:
    if LISTEN.fullmatch(value) is None or not _port_fits(value):
        raise ValueError("give a multiaddress to listen on, as /ip4/0.0.0.0/tcp/7411")
    return value


def _is_announced(value: str) -> str:
    if DIALLED.fullmatch(value) is None or not _port_fits(value):
        raise ValueError("give a multiaddress without identity, as /ip4/203.0.113.7/tcp/7411 or /dns4/…/tcp/7411")
    return value


def _is_peer(value: str) -> str:
    if DIAL.fullmatch(value) is None or not _port_fits(value):
        raise ValueError("give a multiaddress with an identity, as /ip4/203.0.113.7/tcp/7411/p2p/12D3KooW…")
    return value


ListenAddress = Annotated[str, AfterValidator(_is_listen)]
AnnouncedAddress = Annotated[str, AfterValidator(_is_announced)]
PeerAddress = Annotated[str, AfterValidator(_is_peer)]
PeerName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,31}$")]
Rate = Annotated[float, Field(gt=0, le=1_000_000)]


class NetworkSettings(Section):
    """How this node talks to others."""

    listen: ListenAddress = "/ip4/127.0.0.1/tcp/0"
    """Port 0 is any that is free. Nobody else's machine reaches 127.0.0.1: give /ip4/0.0.0.0/tcp/7411 to be found."""
    announce: tuple[AnnouncedAddress, ...] = Field(default=(), max_length=8)
    """Where others reach us, if not where we listen: behind a router, or in a container."""
    bootstrap: tuple[PeerAddress, ...] = ()
    """Who is asked first who else there is; we stay connected to them."""
    peers: dict[PeerName, PeerAddress] = Field(default_factory=dict)
    """Peers by a name of ours, to whom we stay connected and say things by that name."""
    mdns: bool = False
    """Tell the local network that we are here, and connect to those who do."""
    key_file: UserPath = Field(default_factory=lambda: data_directory() / "peer.key")
    """Our identity, made when it is not there. It signs nothing on any chain."""
    timeout: float = Field(default=5.0, gt=0, le=60)
    """Seconds that a peer has to answer."""
    direct_rate: Rate = 50.0
    """Messages a second that one peer may say to us alone, `direct_burst` at once."""
    direct_burst: int = Field(default=200, ge=1)
    gossip_rate: Rate = 10.0
    """And to everybody."""
    gossip_burst: int = Field(default=50, ge=1)
    garbage_limit: float = Field(default=5.0, ge=1, le=1_000)
    """So many messages that no honest peer sends make a ban; each counts half after a minute."""
    ban_seconds: float = Field(default=600.0, gt=0, le=10 * 365 * 86_400)
