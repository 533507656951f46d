"""Property 6: a bid raises the account's equity against its requirement; who is solvent stays so; its loss is bounded
by the auction's floor and fee; and self-liquidation never profits, counting both accounts together.

Seeded walks: random books, prices, ages and fractions, bids by strangers and by the owner itself.
"""

import random

import pytest
from tests.contracts.margin.planted import Rule, planted
from tests.contracts.margin.sale import Sale
from tests.contracts.margin.stage import WAD, Refused
from tests.contracts.margin.test_property_5_only_the_unhealthy_are_sold import crowd
from tests.contracts.margin.walk import owner_of

KEPT = Rule(
    "Auction",
    "modules/sales.vy",
    "KEPT: constant(uint256) = 2 ",
    "KEPT: constant(uint256) = 1 ",
    also=("Auction.vy", '        assert kept > before.equity * convert(after.maintenance, int256), "whole"\n', ""),
)


def bids(sale: Sale, seed: int, own: bool) -> list[tuple[tuple[int, ...], tuple[int, ...], int]]:
    """Health before and after each bid that went through, and what the bidder gained, wad."""
    draw = random.Random(seed)
    accounts = crowd(sale, seed)
    bidders = {
        account: sale.stage.fund(owner_of(account), 10**6, sub_account=1) if own else sale.newcomer(10**6)
        for account in accounts
    }
    found = []
    for _ in range(14):
        sale.quote(sale.prices[0] * draw.choice([0.92, 0.97, 1, 1.03, 1.09]), wait=draw.choice([60, 300, 700]))
        for account in accounts:
            before = sale.stage.health(account)
            worth = sale.stage.health(bidders[account])[0]
            answer = sale.bid(account, bidders[account], draw.choice([0.03, 0.2, 0.5, 0.999]))
            if isinstance(answer, Refused):
                assert answer.reason in ("healthy", "fraction", "whole", "margin", "cash"), answer
                continue
            gained = sale.stage.health(bidders[account])[0] - worth
            found.append((before, sale.stage.health(account), gained))
    return found


def assert_bounded(before: tuple[int, ...], after: tuple[int, ...], gained: int) -> None:
    """What a solvent account loses is half of its ratio, for each unit of maintenance, at most."""
    relieved = before[1] - after[1]
    assert relieved > 0
    if before[0] > 0:
        lost = before[0] - after[0]
        assert after[0] > 0
        assert after[0] * before[1] > before[0] * after[1]
        assert 2 * lost * before[1] <= before[0] * relieved + before[1] * 100
        assert gained <= lost
    else:
        assert gained <= relieved // 10


@pytest.mark.parametrize("seed", range(10, 12))
def test_a_bid_heals_and_costs_no_more_than_half(sale: Sale, seed: int) -> None:
    found = bids(sale, seed, own=False)
    assert len(found) > 1
    for one in found:
        assert_bounded(*one)


@pytest.mark.parametrize("seed", range(20, 22))
def test_self_liquidation_never_profits(sale: Sale, seed: int) -> None:
    """What the bidder gains the account has lost, and the fee besides: together they have 2 % of what was relieved
    less; and a lot's worth of collateral may not count any more, or again, since whole lots count."""
    found = bids(sale, seed, own=True)
    assert len(found) > 1
    dust = 5_000 * sale.eth.lot
    for before, after, gained in found:
        if before[0] > 0:
            together = gained + after[0] - before[0]
            fee = (before[1] - after[1]) * min(0.02, before[0] / before[1] / 2)
            assert together == pytest.approx(-fee, abs=dust)


def test_the_property_fails_without_the_floor(sale: Sale) -> None:
    planted(sale.stage, KEPT)
    account = sale.short()
    sale.quote(3_700)
    sale.call("start", account)
    sale.age()
    before, bidder = sale.stage.health(account), sale.newcomer(10**6)
    answer = sale.bid(account, bidder, 0.3)
    gained = sale.stage.health(bidder)[0] - 10**6 * WAD
    assert not isinstance(answer, Refused)
    with pytest.raises(AssertionError):
        assert_bounded(before, sale.stage.health(account), gained)
