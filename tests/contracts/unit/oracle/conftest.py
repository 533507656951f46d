"""The Oracle with four keys and a contract as reporters, of which three make a round. Each test's doings are undone."""

from collections.abc import Iterator

import pytest
from tests.contracts.differential.oracle_world import OracleWorld, Stage


@pytest.fixture
def oracle(oracle_stage: Stage) -> Iterator[OracleWorld]:
    """Both the contract and its specification: they must agree on every call that a test makes."""
    with OracleWorld.fresh(oracle_stage) as world:
        yield world
