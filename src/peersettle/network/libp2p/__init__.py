"""The transport over libp2p: TCP, Noise and Yamux only, gossipsub, and one long-lived stream for requests.

py-libp2p runs on trio, so it has a thread of its own; it is imported when a transport starts, not before.
"""

from peersettle.network.libp2p.settings import Libp2pOptions, contact_of
from peersettle.network.libp2p.transport import Libp2pTransport

__all__ = ["Libp2pTransport", "Libp2pOptions", "contact_of"]
