"""Property 5: only an account below maintenance at a fresh, confirmed price is put up for sale, and none that trades.

A seeded walk of prices, candidates and feeds that fall silent; whatever is tried, an auction begins only where the
account was below maintenance at the marks of the epoch, and at every price that may be the true one.
"""

import random
from typing import Any

import pytest
from tests.contracts.margin.planted import Rule, planted
from tests.contracts.margin.sale import Sale
from tests.contracts.margin.stage import CALL, CASH, FORWARD, PUT, WAD, Refused, day_of
from tests.contracts.margin.walk import owner_of

HEALTHY = Rule(
    "Auction",
    "Auction.vy",
    "    if standing.equity >= convert(standing.maintenance, int256):\n        return False\n",
    also=(
        "Auction.vy",
        "    return standing.equity + convert(self._relief(holder), int256) < convert(standing.maintenance, int256)\n",
        "    return True\n",
    ),
)
TRADED = Rule("Ledger", "modules/liquidations.vy", '    assert self.happened[victim] != TRADED, "traded"\n')
SOLD = Rule("Ledger", "modules/liquidations.vy", "self.happened[account] != SOLD and ")


def crowd(sale: Sale, seed: int) -> list[int]:
    """Six accounts of all kinds, with hardly more than initial margin."""
    draw = random.Random(seed)
    day = day_of(sale.stage.now) + 30
    items = [sale.eth.id(day, strike, kind) for strike in (2_700, 3_000, 3_300) for kind in (CALL, PUT, FORWARD)]
    sale.quote(60_000, market=1, wait=0)
    sale.quote(3_000, *items)
    found = []
    rich = sale.newcomer(10**8)
    for _ in range(6):
        account = sale.newcomer(60_000, eth=draw.choice([0, 3]))
        for item in draw.sample(items, 3):
            sale.stage.exchange(account, rich, {item: draw.choice([-2_000, -500, 500, 2_000])})
        spare = (sale.standing(account)[0] - sale.standing(account)[2]) * 0.95 - 1
        if spare > 1:
            arguments = (
                account,
                sale.stage.cash.address,
                int(min(spare, sale.cash(account)) * 10**6),
                owner_of(account),
            )
            sale.stage.call(sale.stage.ledger, "withdraw", *arguments, sender=owner_of(account))
        found.append(account)
    return found


def best_gain(sale: Sale, account: int) -> float:
    """What the best of many prices in the scan brings: more than any of the 14 scenarios does it not bring."""
    book = {sale.eth.number << 36 | item: lots for item, lots in sale.stage.positions(account, sale.eth).items()}
    collateral = sale.stage.collateral(account, sale.eth)
    worths = []
    for factor in (0.8, 0.87, 0.94, 1, 1.07, 1.15, 1.24):
        with sale.stage.undone():
            sale.stage.quote(sale.eth, sale.prices[0] * factor, *sale.items)
            worths.append(sale.stage.weigh(sale.eth, book, collateral).worth / WAD)
    return float(max(worths) - worths[3])


def walk(sale: Sale, seed: int, steps: int = 10) -> tuple[int, int]:
    """How many auctions began, and how many of them where nothing told that it might."""
    draw = random.Random(seed)
    accounts = crowd(sale, seed)
    begun = wrong = 0
    for _ in range(steps):
        sale.quote(sale.prices[0] * draw.choice([0.9, 0.96, 1, 1.04, 1.1]))
        state = draw.choice(["fresh", "fresh", "stale", "candidate", "confirming"])
        unpriced = state == "stale"
        if state == "stale":
            sale.stage.wait(200)
        elif state != "fresh":
            factor = draw.choice([0.93, 1.07]) if state == "candidate" else 1.0001
            sale.stage.price(sale.eth, sale.prices[0], candidate=sale.prices[0] * factor)
        for account in accounts:
            if sale.call("auction", account).started_at != 0:
                continue
            equity, maintenance, _ = sale.standing(account)
            equity += sale.stage.call(sale.stage.ledger, "health", account)[3] / WAD
            answer = sale.call("start", account)
            if isinstance(answer, Refused):
                assert answer == Refused("healthy")
                if state == "fresh":
                    assert equity >= maintenance
                continue
            begun += 1
            wrong += equity >= maintenance
            if unpriced:
                wrong += equity + best_gain(sale, account) * 0.7 >= maintenance
            elif state == "candidate":
                with sale.stage.undone():
                    sale.stage.quote(sale.eth, sale.prices[0] * factor, *sale.items)
                    wrong += sale.standing(account)[0] >= maintenance * 1.02
        sale.stage.wait(1_801)
        for account in accounts:
            sale.call("end", account)
    return begun, wrong


@pytest.mark.parametrize("seed", range(2))
def test_only_below_maintenance_at_every_price_that_may_be_true(sale: Sale, seed: int) -> None:
    begun, wrong = walk(sale, seed)
    assert begun > 0
    assert wrong == 0


def test_the_property_fails_without_the_rule(sale: Sale) -> None:
    planted(sale.stage, HEALTHY)
    account = sale.short()
    assert sale.call("start", account) is None


def twice(sale: Sale, order: str) -> Any:
    """Trade (a buy-back of one lot at its mark) and sale of one account in one transaction; what the second answers."""
    sale.prices[0] = 3_000
    account, bidder = sale.short(), sale.newcomer(10**6)
    sale.quote(3_300)
    sale.call("start", account)
    sale.age()
    moves = [(sale.accounts[1], account, sale.forward, 1), (account, sale.accounts[1], CASH, 307 * 10**4)]
    stage, owner = sale.stage, owner_of(bidder)
    steps = {
        "trade": (stage.ledger, "settle_positions", (b"\0" * 32, moves), stage.settlement.address),
        "bid": (stage.auction, "bid", (account, 0, WAD, 0, 2**200), owner),
        "take": (stage.auction, "take_over", (account, 0, 2**200), owner),
    }
    (first, verb, arguments, sender), second = (steps[step] for step in order.split())
    assert not isinstance(stage.call(first, verb, *arguments, sender=sender), Refused)
    return stage.call(second[0], second[1], *second[2], sender=second[3], going_on=True)


@pytest.mark.parametrize(
    ("order", "reason", "rule"),
    [
        ("trade bid", "traded", TRADED),
        ("trade take", "traded", TRADED),
        ("bid trade", "liquidation", SOLD),
        ("take trade", "liquidation", SOLD),
    ],
)
def test_no_trade_and_sale_in_one_transaction(sale: Sale, order: str, reason: str, rule: Rule) -> None:
    with sale.stage.undone():
        assert twice(sale, order) == Refused(reason)
    sale.accounts.clear()
    planted(sale.stage, rule)
    assert twice(sale, order) not in (Refused("traded"), Refused("liquidation"))
