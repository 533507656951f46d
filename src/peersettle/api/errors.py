"""What goes wrong between a program and its node."""

from __future__ import annotations

from peersettle.errors import InputError, PeerSettleError
from peersettle.errors.peers import NetworkError


class NoNode(NetworkError):
    """No node answers where one should be."""


class Unauthorised(NetworkError):
    """The node does not take this token."""

    exit_code = 6


class NotFound(InputError):
    """The node has nothing of this name."""


class CameToNothing(PeerSettleError):
    """What was accepted, or was to be, has not settled and will not."""

    exit_code = 4


class NotYet(PeerSettleError):
    """What was accepted is not as far as one has waited for. It goes on."""

    exit_code = 8
