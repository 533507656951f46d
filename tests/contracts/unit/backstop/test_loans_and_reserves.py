"""What the Ledger asks of its pool: loans at interest, reserves for shortfalls. And what only Ledger and Auction may
ask.

The pool has a million. The debtor owes 28,000.
"""

import pytest
from tests.contracts.margin.sale import POOL, UNIT
from tests.contracts.margin.stage import DAY, EVERYWHERE, WAD, YEAR, Refused, day_of
from tests.contracts.margin.walk import owner_of


def lend(sale, account, wanted):
    return sale.stage.call(sale.stage.pool, "lend", account, wanted, sender=sale.stage.ledger.address)


def accrue(sale, account):
    """Settling nothing adds the interest."""
    assert sale.stage.call(sale.stage.ledger, "expire", [account], EVERYWHERE) is None


@pytest.mark.parametrize(
    ("verb", "arguments"),
    [
        ("lend", (1, 1)),
        ("repaid", (1, 1)),
        ("accrue", (1,)),
        ("reserve", (0, 1)),
        ("release", (0, 1, 1)),
    ],
)
def test_only_the_ledger_asks_for_loans_and_reserves(sale, verb, arguments):
    assert sale.pooled(verb, *arguments) == Refused("ledger")
    assert sale.pooled(verb, *arguments, sender=sale.stage.auction.address) == Refused("ledger")


@pytest.mark.parametrize(("verb", "arguments"), [("admit", ()), ("fund", (1, 1)), ("cover", (1, 1))])
def test_only_the_auction_asks_for_cover(sale, verb, arguments):
    assert sale.pooled(verb, *arguments) == Refused("auction")
    assert sale.pooled(verb, *arguments, sender=sale.stage.ledger.address) == Refused("auction")


@pytest.mark.parametrize(
    ("verb", "arguments"),
    [
        ("shift", (1, [])),
        ("swap", (1, 2)),
        ("recount", (1,)),
        ("bar", (1,)),
        ("pay", (1, 2, 3)),
    ],
)
def test_only_auction_and_backstop_move_anything(sale, verb, arguments):
    for caller in (sale.depositor, sale.stage.risk.address, sale.stage.steward):
        assert sale.stage.call(sale.stage.ledger, verb, *arguments, sender=caller) == Refused("auction")
    if verb != "pay":
        assert sale.stage.call(sale.stage.ledger, verb, *arguments, sender=sale.stage.pool.address) == Refused(
            "auction"
        )


def test_a_loan_is_what_the_account_lacks(sale):
    debtor = sale.debtor()
    assert sale.pooled("loan", debtor)[0] == 28_000 * WAD
    assert sale.pooled("lent") == 28_000 * WAD
    assert sale.cash(debtor) == -28_000
    assert sale.cash(sale.pool) == pytest.approx(POOL - 28_000, abs=2)


def test_one_account_borrows_a_20th_of_the_pool(sale):
    """50,000 of a million. It was not drawn here, so that idle and lent are 1,050,000 now: 2,500 more, and no more."""
    assert lend(sale, 1, 60_000 * WAD) == 50_000 * WAD
    assert lend(sale, 1, 60_000 * WAD) == 2_500 * WAD


def test_all_together_borrow_a_quarter(sale):
    """Where nothing is drawn idle and lent grow together, until a third is lent of what is idle: a quarter of both."""
    granted = [lend(sale, account, 10**6 * WAD) / WAD for account in range(1, 40)]
    assert granted[0] == 50_000
    assert granted[-1] < 1
    assert sale.pooled("lent") / WAD == pytest.approx(POOL / 3, rel=1e-3)


def test_interest_is_a_fifth_a_year(sale):
    """28,000 owe 5,600 after a year; the Ledger adds it when it touches the debt, however often."""
    debtor = sale.debtor()
    sale.quote(wait=YEAR)
    accrue(sale, debtor)
    assert sale.cash(debtor) == pytest.approx(-33_600, abs=1)
    assert sale.pooled("loan", debtor) == (-sale.stage.head(debtor)[0], sale.stage.now)
    accrue(sale, debtor)
    assert sale.pooled("lent") == -sale.stage.head(debtor)[0]


def test_interest_rounds_up(sale):
    debtor = sale.debtor()
    sale.stage.wait(1)
    accrue(sale, debtor)
    exact = 28_000 * WAD / 5 / YEAR
    assert 0 <= -sale.stage.head(debtor)[0] - 28_000 * WAD - int(exact) <= 2


def test_what_comes_repays_the_debt_first(sale):
    """10,000 leave 18,000; 20,000 more leave nothing owed and 2,000 in cash. The pool has all of it."""
    debtor = sale.debtor()
    pool = sale.cash(sale.pool)
    sale.stage.fund(owner_of(debtor), 10_000)
    assert sale.pooled("loan", debtor)[0] == 18_000 * WAD
    assert sale.cash(debtor) == -18_000
    sale.stage.fund(owner_of(debtor), 20_000)
    assert sale.pooled("loan", debtor)[0] == sale.pooled("lent") == 0
    assert sale.cash(debtor) == 2_000
    assert sale.cash(sale.pool) - pool == 28_000


def test_interest_is_repaid_to_the_wei(sale):
    debtor = sale.debtor()
    pool = sale.stage.head(sale.pool)[0]
    sale.stage.wait(123_457)
    accrue(sale, debtor)
    owed = sale.pooled("loan", debtor)[0]
    before = sale.unclaimed()
    sale.stage.fund(owner_of(debtor), 30_000)
    assert sale.pooled("lent") == 0
    assert sale.stage.head(sale.pool)[0] - pool == owed
    assert sale.stage.head(debtor)[0] == 30_000 * WAD - owed
    assert sale.unclaimed() == before


def test_what_is_lent_counts_half_or_whole(sale):
    """Who leaves is paid as if half of it came back, who comes pays as if all did."""
    sale.debtor()
    low, high = sale.pooled("valuations")
    assert high - low == pytest.approx(14_000 * WAD + sale.pooled("reserved"), rel=1e-9)


@pytest.fixture
def fixed(sale):
    """An expiry with a shortfall, of which the Ledger has just heard."""
    day = day_of(sale.stage.now)
    answer = sale.stage.call(sale.stage.pool, "reserve", 0, day, sender=sale.stage.ledger.address)
    assert answer == POOL * WAD // 10
    return day


def test_a_tenth_of_the_pool_is_reserved_for_an_expiry(sale, fixed):
    assert sale.pooled("reserved") == sale.pooled("reserves", fixed)[0] == POOL * WAD // 10
    assert sale.pooled("capital") == POOL * WAD * 9 // 10
    assert sale.pooled("valuations") == (POOL * WAD * 9 // 10, POOL * WAD)


def test_a_reserve_lapses_after_three_days(sale, fixed):
    sale.stage.wait(3 * DAY)
    assert sale.pooled("lapse", 0, fixed) == Refused("reserved")
    sale.stage.wait(1)
    assert sale.pooled("lapse", 0, fixed, sender="0x" + "5e" * 20) is None
    assert sale.pooled("reserved") == 0
    assert sale.pooled("capital") == POOL * WAD
    assert sale.pooled("lapse", 0, fixed) is None
    assert sale.pooled("reserved") == 0


@pytest.mark.usefixtures("fixed")
def test_what_is_reserved_is_not_lent_nor_paid_out(sale):
    """900,000 are free: nobody leaves with more."""
    assert lend(sale, 1, 10**6 * WAD) == 45_000 * WAD
    sale.pooled("repaid", 1, 45_000 * WAD, sender=sale.stage.ledger.address)
    sale.pooled("request", POOL * WAD)
    sale.stage.wait(2 * DAY)
    assert sale.pooled("maxWithdraw", sale.depositor) <= 900_000 * UNIT
    assert sale.pooled("redeem", POOL * WAD, sale.depositor, sale.depositor) == Refused("idle")


def test_what_was_used_of_a_reserve_is_released(sale, fixed):
    ledger = sale.stage.ledger.address
    assert sale.pooled("release", 0, fixed, 30_000 * WAD, sender=ledger) == 30_000 * WAD
    assert sale.pooled("reserved") == 70_000 * WAD
    assert sale.pooled("release", 0, fixed, 80_000 * WAD, sender=ledger) == 70_000 * WAD
    assert sale.pooled("reserved") == 0
    assert sale.pooled("reserves", fixed)[0] == 0
