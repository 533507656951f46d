from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.integration.replays.replaying import Replay, replaying

from peersettle.chain import find_anvil
from peersettle.errors import ConfigError


@pytest.fixture(scope="session")
def anvil_program() -> Path:
    try:
        return find_anvil()
    except ConfigError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def replay_from(anvil_program: Path) -> Iterator[Callable[[int], Replay]]:
    """Makes an Oracle on a chain of its own whose time is shortly before the one given."""
    with ExitStack() as stack:
        yield lambda first: stack.enter_context(replaying(first, anvil_program))
