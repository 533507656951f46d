"""One reporter's key."""

import coincurve
import pytest

from peersettle.types import checksummed, keccak


def key_of(name):
    """A key with its address."""
    key = coincurve.PrivateKey(keccak(name.encode()))
    return key, checksummed(keccak(key.public_key.format(compressed=False)[1:])[-20:])


@pytest.fixture
def reporter():
    return key_of("reporter")
