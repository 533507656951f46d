"""What can go wrong between peers."""

from __future__ import annotations

from typing import Any

from peersettle.errors.base import PeerSettleError


class NetworkError(PeerSettleError):
    """Base of what goes wrong between us and another peer."""

    exit_code = 10


class PeerUnreachable(NetworkError):
    """The peer does not answer; trying again may help."""


class PeerRefused(NetworkError):
    """The peer does not take a message. `code` is one word for why."""

    def __init__(self, message: str, /, code: str = "refused", **values: Any) -> None:
        super().__init__(message, code=code, **values)
        self.code = code


class ProtocolError(NetworkError):
    """A peer has said what no honest peer says: malformed, forged, or for another."""


class NegotiationError(PeerSettleError):
    """What was asked of a negotiation does not fit where it stands."""

    exit_code = 2
