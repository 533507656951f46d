"""Property 1: per series the lots sum to zero; per token no more is owed than is held."""

from collections import Counter

import pytest
from tests.contracts.margin.stage import FIRST_EXPIRY, Stage
from tests.contracts.margin.walk import Walk, cash_of, pot


def lots_of(walk: Walk) -> tuple[Counter[int], Counter[int]]:
    """The sum of all accounts' lots, and of those held long, by series."""
    net: Counter[int] = Counter()
    long: Counter[int] = Counter()
    for account in walk.accounts:
        for market in walk.stage.markets[:2]:
            for item, lots in walk.stage.positions(account, market).items():
                net[market.number << 36 | item] += lots
                long[market.number << 36 | item] += max(lots, 0)
    return net, long


def matured(stage: Stage, item: int) -> bool:
    return FIRST_EXPIRY + (item >> 22 & (2**14 - 1)) * 86_400 <= stage.now


def assert_zero_sum(walk: Walk) -> None:
    """Before an expiry the lots of all accounts sum to zero; after it, to what payers and receivers have left."""
    net, long = lots_of(walk)
    for item in walk.series:
        if not matured(walk.stage, item):
            assert net[item] == 0
            assert walk.stage.ledger.open_interest(item >> 36, item & (2**36 - 1)) == long[item]


def assert_covered(walk: Walk) -> None:
    """Cash held is what accounts with cash have, and what was paid in and not taken out; nothing is made of nothing."""
    stage = walk.stage
    accounts = [*walk.accounts, walk.pool, int(stage.steward, 16) << 96]
    pots = {item: pot(stage, item) for item in walk.series}
    cash = [cash_of(stage, account) for account in accounts]
    held = stage.cash.balanceOf(stage.ledger.address) * 10**12
    waiting = sum(found["cash"] - found["cash_taken"] for found in pots.values())
    assert held == sum(max(amount, 0) for amount in cash) + waiting
    for account, amount in zip(accounts, cash, strict=True):
        assert stage.pool.loans(account) == max(-amount, 0)
    for market in stage.markets[:2]:
        owed = sum(stage.collateral(account, market) for account in accounts)
        owed += sum(p["units"] - p["units_taken"] for item, p in pots.items() if item >> 36 == market.number)
        assert owed == market.token.balanceOf(stage.ledger.address)


@pytest.mark.parametrize("seed", range(3))
def test_after_every_call(margin: Stage, seed: int) -> None:
    walk = Walk(margin, seed)
    for _ in range(45):
        walk.step()
        assert_zero_sum(walk)
        assert_covered(walk)
    assert walk.done["trade"] > 5
    assert {"trade", "price", "withdraw", "expire"} <= walk.done.keys()
