"""Property 7: the order of settlement changes nobody's payout, though whoever settles chooses it.

What the backstop keeps for an expiry is decided at its first shortfall. So it must not hang on what was settled before:
another market of the day, a loan, another day's expiry, whose shortfalls are covered meanwhile.
"""

from collections.abc import Mapping, Sequence
from itertools import permutations

from tests.contracts.margin.sale import POOL, UNIT, Sale
from tests.contracts.margin.stage import DAY, EVERYWHERE, FORWARD, WAD, day_of
from tests.contracts.margin.walk import owner_of


def settle(sale: Sale, *accounts: int, wait: int = 0) -> None:
    """One after the other."""
    sale.quote(wait=wait)
    for account in accounts:
        answer = sale.stage.call(sale.stage.ledger, "expire", [account], EVERYWHERE, sender=owner_of(account))
        assert answer is None


def paid(sale: Sale, sellers: Sequence[int], buyers: Mapping[str, int]) -> dict[str, int]:
    """What buyers have in the end, when sellers settle in this order; nothing of it stays on the stage."""
    with sale.stage.undone():
        settle(sale, *sellers)
        settle(sale, *buyers.values(), wait=DAY)
        settle(sale, *buyers.values(), wait=1)
        return {name: sale.stage.head(buyer)[0] for name, buyer in buyers.items()}


def in_any_order(sale: Sale, sellers: Sequence[int], buyers: Mapping[str, int]) -> dict[str, int]:
    first, *others = [paid(sale, order, buyers) for order in permutations(sellers)]
    for other in others:
        assert other == first
    return first


def test_whichever_market_of_the_day_comes_first(sale):
    """A seller is ruined in each; both leave more unpaid than a tenth of the pool."""
    day = day_of(sale.stage.now) + 1
    eth, btc = sale.eth.id(day, 3_000, FORWARD), sale.btc.id(day, 6_000, FORWARD)
    sale.quote(60_000, btc, market=1, wait=0)
    sale.quote(3_000, eth, wait=0)
    sellers = [sale.newcomer(100_000), sale.newcomer(100_000)]
    buyers = {"ETH": sale.newcomer(10**6), "BTC": sale.newcomer(10**6)}
    assert sale.stage.exchange(buyers["ETH"], sellers[0], {eth: 10_000}) is None
    assert sale.stage.exchange(buyers["BTC"], sellers[1], {btc: 5_000}) is None
    sale.quote(6_500, wait=DAY)
    sale.quote(140_000, market=1)
    sale.stage.fix(sale.eth, day, 6_500)
    sale.stage.fix(sale.btc, day, 140_000)
    found = in_any_order(sale, sellers, buyers)
    assert found == dict.fromkeys(buyers, (10**6 + 100_000 + POOL // 10) * WAD)


def test_whether_a_loan_comes_first(sale):
    """One is ruined, another is solvent without cash: it borrows of the pool."""
    day = day_of(sale.stage.now) + 1
    eth = sale.eth.id(day, 3_000, FORWARD)
    sale.quote(60_000, market=1, wait=0)
    sale.quote(3_000, eth, wait=0)
    ruined, borrower = sale.newcomer(100_000), sale.newcomer(2_000, btc=4)
    buyers = {"one": sale.newcomer(10**6), "other": sale.newcomer(10**6)}
    assert sale.stage.exchange(buyers["one"], ruined, {eth: 10_000}) is None
    assert sale.stage.exchange(buyers["other"], borrower, {eth: 900}) is None
    sale.quote(6_500, wait=DAY)
    sale.stage.fix(sale.eth, day, 6_500)
    with sale.stage.undone():
        settle(sale, borrower)
        assert sale.stage.head(borrower)[0] < 0
    found = in_any_order(sale, [ruined, borrower], buyers)
    assert found["one"] > (10**6 + 100_000) * WAD


def test_whether_the_day_before_is_covered_first(sale):
    """Its buyers may collect before or after the first shortfall of the day after."""
    day = day_of(sale.stage.now) + 1
    items = [sale.eth.id(day + late, 3_000, FORWARD) for late in (0, 1)]
    sale.quote(3_000, *items, wait=0)
    sellers = [sale.newcomer(100_000), sale.newcomer(100_000)]
    early, late = sale.newcomer(10**6), sale.newcomer(10**6)
    for item, seller, buyer in zip(items, sellers, (early, late), strict=True):
        assert sale.stage.exchange(buyer, seller, {item: 10_000}) is None
    sale.quote(6_500, wait=DAY)
    sale.stage.fix(sale.eth, day, 6_500)
    settle(sale, sellers[0])
    sale.quote(wait=DAY)
    sale.stage.fix(sale.eth, day + 1, 6_500)
    found = []
    for order in ((early, sellers[1]), (sellers[1], early)):
        with sale.stage.undone():
            settle(sale, *order)
            settle(sale, late, wait=DAY)
            found.append([sale.stage.head(account)[0] for account in (early, late)])
    assert found[0] == found[1] == [(10**6 + 100_000 + POOL // 10) * WAD] * 2


def test_a_reserve_that_has_lapsed_covers_nothing(sale):
    """It is free again, and who leaves has been paid with it: those who stay do not pay it a second time."""
    day = day_of(sale.stage.now) + 1
    eth = sale.eth.id(day, 3_000, FORWARD)
    sale.quote(3_000, eth, wait=0)
    seller, buyer = sale.newcomer(100_000), sale.newcomer(10**6)
    assert sale.stage.exchange(buyer, seller, {eth: 10_000}) is None
    sale.quote(6_500, wait=DAY)
    sale.stage.fix(sale.eth, day, 6_500)
    settle(sale, seller)
    sale.pooled("request", POOL * WAD)
    sale.quote(wait=3 * DAY + 1)
    assert sale.pooled("lapse", 0, day) is None
    assert sale.pooled("redeem", POOL // 2 * WAD, sale.depositor, sale.depositor) > POOL * UNIT * 49 // 100
    before = sale.cash(sale.pool)
    settle(sale, buyer)
    assert sale.cash(sale.pool) == before
    assert sale.stage.head(buyer)[0] == (10**6 + 100_000) * WAD
