"""What all integration tests share."""

from pathlib import Path

import pytest

from peersettle.chain import find_anvil
from peersettle.errors import ConfigError


@pytest.fixture(scope="session")
def anvil_program() -> Path:
    """Where anvil is; skips the test where it is not, saying how to have it."""
    try:
        return find_anvil()
    except ConfigError as error:
        pytest.skip(str(error))
