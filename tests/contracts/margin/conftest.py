"""The margin contracts are deployed once for all tests; each plays on them and leaves no trace."""

from collections.abc import Iterator

import boa
import pytest
from tests.contracts.margin.sale import Sale
from tests.contracts.margin.stage import START, Stage, stage
from tests.contracts.mocks import rolled_back


@pytest.fixture(scope="session")
def margin_stage() -> Stage:
    """Two markets, nothing in them."""
    return stage()


@pytest.fixture
def margin(margin_stage: Stage) -> Iterator[Stage]:
    """The same, undone afterwards."""
    with rolled_back():
        boa.env.evm.patch.timestamp = START + 14_400
        yield margin_stage
        del margin_stage.markets[2:]


@pytest.fixture(scope="session")
def sale_stage() -> Sale:
    """The same with the real backstop, and a million in it."""
    return Sale.open()


@pytest.fixture
def sale(sale_stage: Sale) -> Iterator[Sale]:
    """The same, undone afterwards."""
    with rolled_back():
        boa.env.evm.patch.timestamp = START + 14_400
        yield Sale(sale_stage.stage, sale_stage.depositor)
        del sale_stage.stage.markets[2:]


@pytest.fixture
def bidder(sale: Sale) -> int:
    """The account of somebody with a million, and nothing else."""
    return sale.newcomer(10**6)
