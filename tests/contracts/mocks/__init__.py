"""Contracts for tests to settle against: each misbehaves in the one way that its docstring names.

    from tests.contracts.mocks import load, rolled_back

    with rolled_back():
        token = load("Token", "USD Coin", "USDC", 6)

Every token's constructor takes (name, symbol, decimals). Each file compiles once per run.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from functools import cache
from pathlib import Path

import boa
from boa.contracts.vyper.vyper_contract import VyperContract, VyperDeployer
from boa.interpret import set_search_paths

MOCKS = Path(__file__).resolve().parent
SOURCE = MOCKS.parents[2] / "src"


class GarbageMode(IntEnum):
    """What `GarbageWallet` answers to `isValidSignature`."""

    VALID = 0
    WRONG_MAGIC = 1
    DIRTY_MAGIC = 2
    NOTHING = 3
    SIXTY_FOUR_BYTES = 4
    REVERT = 5
    HUGE = 6
    BURN_GAS = 7
    ONE = 8


@cache
def deployer(name: str) -> VyperDeployer:
    """The compiled mock `name`; its `.at(address)` gives a contract that is already deployed."""
    set_search_paths([str(SOURCE)])
    return boa.load_partial(str(MOCKS / f"{name}.vy"))


def load(name: str, *args: object, **options: object) -> VyperContract:
    """Deploy the mock `name` (the file without `.vy`) with its constructor's arguments."""
    return deployer(name).deploy(*args, **options)


@contextmanager
def rolled_back() -> Iterator[None]:
    """Undo afterwards all that happens on chain inside.

    An address is used again after that, but titanoboa keeps the storage keys of whichever contract
    stood there, and describing the next one's revert with them fails; so they are forgotten too.
    """
    try:
        with boa.env.anchor():
            yield
    finally:
        boa.env.sstore_trace.clear()
