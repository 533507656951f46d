"""Fixtures of the contract tests."""

from collections.abc import Callable, Iterator

import pytest
from hypothesis import settings
from tests.contracts.differential import oracle_world
from tests.contracts.differential.world import Stage, World, stage


@pytest.fixture(scope="session")
def deployed() -> Stage:
    """The contracts of every `World`. titanoboa undoes what an example deploys, so they must be there before."""
    return stage()


@pytest.fixture(scope="session")
def oracle_stage() -> oracle_world.Stage:
    """The same for the Oracle."""
    return oracle_world.stage()


@pytest.fixture
def world(deployed: Stage) -> Iterator[World]:
    """The deployed contracts beside their specification; what a test does to them is undone."""
    with World.fresh(deployed) as fresh:
        yield fresh


@pytest.fixture
def examples() -> Callable[[int], int]:
    """How many examples this profile makes of a number that is meant for the default one."""
    return lambda default: max(1, default * settings.default.max_examples // 100)
