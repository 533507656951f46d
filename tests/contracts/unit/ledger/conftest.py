"""The desk is set once for all tests; each trades on it and leaves no trace."""

from collections.abc import Iterator

import boa
import pytest
from tests.contracts.margin.conftest import margin, margin_stage
from tests.contracts.margin.stage import START, Stage
from tests.contracts.mocks import rolled_back
from tests.contracts.unit.ledger.desk import Desk

__all__ = ["margin", "margin_stage"]


@pytest.fixture(scope="session")
def opened(margin_stage: Stage) -> Desk:
    """Nobody has traded yet."""
    return Desk.set(margin_stage)


@pytest.fixture
def desk(opened: Desk) -> Iterator[Desk]:
    """The same, undone afterwards."""
    with rolled_back():
        boa.env.evm.patch.timestamp = START + 14_400
        yield opened
        del opened.stage.markets[2:]
