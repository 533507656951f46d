"""The scene is set once for all tests; each plays on it and leaves no trace."""

import pytest
from tests.contracts.mocks import rolled_back
from tests.contracts.unit.scene import Scene


@pytest.fixture(scope="session")
def stage() -> Scene:
    return Scene.set()


@pytest.fixture
def scene(stage):
    with rolled_back():
        yield stage
