from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.integration.replays.replaying import Replay, replaying


@pytest.fixture(scope="module")
def replay_from(anvil_program: Path) -> Iterator[Callable[[int], Replay]]:
    """Makes an Oracle on a chain of its own whose time is shortly before the one given."""
    with ExitStack() as stack:
        yield lambda first: stack.enter_context(replaying(first, anvil_program))
