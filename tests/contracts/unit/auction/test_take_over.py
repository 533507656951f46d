"""`take_over`: a whole account changes hands by swapping heads.

The account has sold 100 ETH forward at 3,000 and has 100,000. At 3,800 it has 19,240 and needs 93,703: all of it is
for sale. At 3,300 a quarter is.
"""

import pytest
from tests.contracts.margin.stage import FORWARD, WAD, Refused, day_of
from tests.contracts.margin.walk import owner_of


@pytest.fixture
def account(sale):
    """At 3,800, before anybody has begun anything."""
    account = sale.short()
    sale.quote(3_800)
    return account


def test_everything_goes_for_the_mark_at_first(sale, account, bidder):
    """The bidder pays 19,240, the account keeps that less the fee of 2 % of 93,703, and has no positions."""
    pool, equity = sale.cash(sale.pool), sale.standing(account)[0]
    assert sale.take_over(account, bidder) is None
    assert sale.stage.positions(account, sale.eth) == {}
    assert list(sale.stage.positions(bidder, sale.eth).values()) == [-10_000]
    assert sale.wealth(bidder) == pytest.approx(10**6, abs=1e-6)
    assert sale.cash(account) == pytest.approx(equity - 1_874, abs=1)
    assert sale.cash(sale.pool) - pool == pytest.approx(1_874, abs=1)


def test_the_price_falls_to_half_of_what_is_there(sale, account, bidder):
    """After ten minutes: 19,240 / 2, of which 1,874 are the fee."""
    assert sale.call("start", account) is None
    sale.age()
    equity = sale.standing(account)[0]
    assert sale.take_over(account, bidder) is None
    assert sale.cash(account) == pytest.approx(equity / 2, rel=1e-6)
    assert sale.wealth(bidder) - 10**6 == pytest.approx(equity / 2 - 1_874, abs=1)


def test_below_zero_the_backstop_pays_what_lacks_and_more(sale, account, bidder):
    """At 4,000 it lacks 800 and needs 98,634: five minutes after that was noted the bidder is paid 800 and 5 %."""
    sale.quote(4_000)
    assert sale.call("start", account) is None
    sale.age(300)
    pool = sale.cash(sale.pool)
    assert sale.take_over(account, bidder) is None
    assert pool - sale.cash(sale.pool) == pytest.approx(800 + 4_932, abs=2)
    assert sale.wealth(bidder) - 10**6 == pytest.approx(4_932, abs=2)
    assert sale.stage.head(account)[0] == 0


def test_where_a_part_would_do_all_of_it_goes_only_at_the_last_price(sale, bidder):
    account = sale.short()
    sale.quote(3_300)
    assert sale.call("start", account) is None
    assert sale.take_over(account, bidder) == Refused("part")
    sale.age(599)
    assert sale.take_over(account, bidder) == Refused("part")
    sale.age(1)
    assert sale.take_over(account, bidder) is None


def test_it_costs_at_most_its_limit(sale, account, bidder):
    equity = sale.stage.health(account)[0]
    assert sale.take_over(account, bidder, limit=equity - 1) == Refused("price")
    assert sale.take_over(account, bidder, limit=equity) is None


def test_who_is_paid_wants_at_least_its_limit(sale, account, bidder):
    """Below zero the price is, too: at least 800 for taking it."""
    sale.quote(4_000)
    equity = sale.stage.health(account)[0]
    assert sale.take_over(account, bidder, limit=equity - 1) == Refused("price")
    assert sale.take_over(account, bidder, limit=equity) is None


def test_where_the_backstop_has_nothing_it_pays_nothing(sale, account, bidder):
    """Its million has been lent to nobody, it has left: the bidder takes what lacks upon itself, if it wants."""
    sale.pooled("request", 10**6 * WAD)
    sale.quote(3_800, wait=2 * 86_400)
    assert sale.pooled("redeem", 10**6 * WAD, sale.depositor, sale.depositor) == 10**12
    sale.quote(4_000)
    assert sale.take_over(account, bidder, limit=-1) == Refused("price")
    assert sale.take_over(account, bidder, limit=0) is None
    assert sale.wealth(bidder) == pytest.approx(10**6 - 800, abs=1)


def test_a_healthy_account_is_not_taken(sale, bidder):
    assert sale.take_over(sale.short(), bidder) == Refused("healthy")


def test_who_takes_over_has_no_books(sale, account):
    """Not even an ETH of collateral."""
    assert sale.take_over(account, sale.newcomer(10**6, eth=1)) == Refused("markets")


def test_who_takes_over_has_initial_margin(sale, account):
    """121,814, and the price of 19,240 for 19,240."""
    poor = sale.newcomer(121_000)
    assert sale.take_over(account, poor) == Refused("margin")
    sale.stage.fund(owner_of(poor), 1_500)
    assert sale.take_over(account, poor) is None


def test_nobody_takes_its_own(sale, account):
    assert sale.take_over(account, account) == Refused("account")


def test_who_is_in_run_off_takes_nothing_over(sale, account):
    """Its mark would stay with the account that it took."""
    item = sale.eth.id(day_of(sale.stage.now) + 1, 3_000, FORWARD)
    barred = sale.short(cash=250_000, item=item)
    sale.quote(8_000)
    sale.call("start", barred)
    sale.age()
    assert sale.call("run_off", barred) is None
    sale.quote(3_800, wait=86_400)
    sale.stage.fix(sale.eth, item >> 22 & (2**14 - 1), 8_000)
    sale.quote()
    assert sale.stage.call(sale.stage.ledger, "expire", [barred], 1) is None
    assert sale.stage.head(barred)[2] == 0
    sale.stage.fund(owner_of(barred), 10**6)
    assert sale.take_over(account, barred) == Refused("markets")
    assert sale.call("end", barred) is None
    assert sale.take_over(account, barred) is None


def test_a_debt_goes_along_and_is_repaid(sale):
    """One BTC at 34,000 against a debt of 28,000."""
    debtor, bidder = sale.debtor(), sale.newcomer(10**5)
    sale.quote(34_000, market=1)
    sale.call("start", debtor)
    sale.age()
    assert sale.take_over(debtor, bidder) is None
    assert sale.pooled("lent") == 0
    assert sale.pooled("loan", debtor)[0] == sale.pooled("loan", bidder)[0] == 0
    assert sale.stage.collateral(bidder, sale.btc) == WAD
    assert sale.cash(debtor) > 0


def test_who_was_taken_over_trades_again(sale, account, bidder):
    assert sale.take_over(account, bidder) is None
    assert sale.call("auction", account) == (0, 0, 0, False)
    owner = owner_of(account)
    arguments = (account, sale.stage.cash.address, 10**9, owner)
    assert sale.stage.call(sale.stage.ledger, "withdraw", *arguments, sender=owner) is None
    assert sale.stage.exchange(account, bidder, {sale.forward: 100}) is None
