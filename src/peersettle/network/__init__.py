"""How peers talk: who they are, what travels, what it may cost, over libp2p or within one process."""

from peersettle.network.identity import Card, Claim, Identity
from peersettle.network.limits import Limits, Rules
from peersettle.network.memory import Faults, MemoryNetwork, MemoryTransport
from peersettle.network.peers import OnMessage, Peers
from peersettle.network.transport import Contact, OnGossip, OnRequest, Transport

__all__ = [
    "Peers",
    "OnMessage",
    # who
    "Card",
    "Claim",
    "Contact",
    "Identity",
    # limits
    "Limits",
    "Rules",
    # transports
    "Transport",
    "OnRequest",
    "OnGossip",
    "MemoryNetwork",
    "MemoryTransport",
    "Faults",
]
