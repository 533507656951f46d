"""Property 4: a withdrawal succeeds whenever it leaves initial margin; without positions it needs no feed at all."""

import boa
import pytest
from tests.contracts.margin.stage import CASH, Refused, Stage
from tests.contracts.margin.walk import Walk, cash_of, owner_of

UNIT = 10**12
INVALID = b"\xfe"


def withdraw(stage: Stage, account: int, token, amount: int):
    owner = owner_of(account)
    return stage.call(stage.ledger, "withdraw", account, token.address, amount, owner, sender=owner)


@pytest.mark.parametrize("seed", range(20, 23))
def test_exactly_what_is_free_can_be_withdrawn(margin: Stage, seed: int) -> None:
    """In whatever state a walk has brought the accounts: to the last unit, and not one more."""
    walk, seen = Walk(margin, seed), 0
    for _ in range(25):
        walk.step()
        if any(walk.candidates):
            continue
        walk.quote()
        for account in walk.accounts:
            health, cash = margin.health(account), cash_of(margin, account)
            if isinstance(health, Refused) or cash <= 0:
                continue
            plain = not any(margin.positions(account, market) for market in margin.markets[:2])
            free = cash if plain else min(cash, health[0] - health[2])
            with margin.undone():
                more = withdraw(margin, account, margin.cash, max(free, 0) // UNIT + 1)
                assert more == Refused("cash" if cash < (max(free, 0) // UNIT + 1) * UNIT else "margin")
                if free >= 0:
                    assert withdraw(margin, account, margin.cash, free // UNIT) is None
                    seen += not plain
    assert seen > 5


def test_without_positions_no_feed_is_asked(margin: Stage) -> None:
    """The Oracle fails at every call, Risk and Parameters' stewards are silent: everything goes back to its owner."""
    account, other = margin.newcomer(1_000, eth=3, btc=2), margin.newcomer(500)
    boa.env.set_code(margin.oracle.address, INVALID)
    assert isinstance(margin.call(margin.oracle, "read", margin.markets[0].spot_feed), Refused)
    assert margin.move((account, other, CASH, 10**8), (account, other, 1 << 36, 10**9)) is None
    assert withdraw(margin, account, margin.cash, 900 * 10**6) is None
    for market, amount in zip(margin.markets, (3, 1), strict=True):
        assert withdraw(margin, account, market.token, amount * 10**18) is None
    assert margin.head(account)[0::2] == (0, 0)
    assert withdraw(margin, other, margin.cash, 600 * 10**6) is None


def test_nor_when_the_positions_are_gone(margin: Stage) -> None:
    """Closed, in a market that has died since."""
    eth = margin.markets[0]
    day = 1_140
    item = eth.id(day, 3_000, 0)
    margin.quote(eth, 3_000, item)
    account, other = margin.newcomer(10_000, eth=1), margin.newcomer(10_000)
    assert margin.exchange(account, other, {item: 10}) is None
    assert margin.exchange(account, other, {item: -10}) is None
    boa.env.set_code(margin.oracle.address, INVALID)
    assert withdraw(margin, account, margin.cash, 10_000 * 10**6) is None
    assert withdraw(margin, account, eth.token, 10**18) is None
