"""`start` and `end`: when an account may be sold, how long, and when it is left alone.

The account has sold 100 ETH forward at 3,000 and has 100,000. At 3,200 it has 79,360 and needs 78,908, at 3,300 it has
69,340 and needs 81,374, at 4,000 it lacks 800.
"""

import pytest
from tests.contracts.margin.sale import LIFE
from tests.contracts.margin.stage import FORWARD, WAD, Refused, day_of
from tests.contracts.margin.walk import owner_of


@pytest.fixture
def account(sale):
    return sale.short()


def test_who_has_maintenance_is_left_alone(sale, account):
    sale.quote(3_200)
    assert sale.standing(account)[:2] == pytest.approx((79_360, 78_908), abs=1)
    assert sale.call("start", account) == Refused("healthy")
    assert sale.call("auction", account) == (0, 0, 0, False)


def test_who_has_less_is_for_sale(sale, account):
    """The auction remembers when it began and the ratio, 69,340 / 81,374 = 0.852."""
    sale.quote(3_300)
    assert sale.call("start", account) is None
    found = sale.call("auction", account)
    assert found.started_at == sale.stage.now
    assert found.insolvent_at == 0
    assert found.lowest / WAD == pytest.approx(0.8521, abs=1e-4)
    assert found.run_off is False


def test_it_is_begun_once(sale, account):
    sale.quote(3_300)
    assert sale.call("start", account) is None
    sale.age(60)
    assert sale.call("start", account) == Refused("started")


def test_the_clock_of_insolvency_starts_when_it_is_seen(sale, account):
    """At 4,000 nothing is left; nobody says so for a minute. When something is left again, that is noted, too."""
    sale.quote(3_300)
    sale.call("start", account)
    began = sale.stage.now
    sale.quote(4_000)
    sale.age(60)
    assert sale.call("auction", account).insolvent_at == 0
    assert sale.call("start", account) is None
    assert sale.call("auction", account)[:2] == (began, sale.stage.now)
    assert sale.call("start", account) == Refused("started")
    sale.quote(3_300)
    assert sale.call("start", account) is None
    assert sale.call("auction", account).insolvent_at == 0


def test_the_worst_ratio_is_remembered(sale, account):
    """0.852 at 3,300, 0.442 at 3,600, then 0.852 again: what a bidder gets stays below half of 0.442."""
    sale.quote(3_300)
    sale.call("start", account)
    sale.quote(3_600)
    bidder = sale.newcomer(10**6)
    sale.bid(account, bidder, 0.1)
    assert sale.call("auction", account).lowest / WAD == pytest.approx(0.4425, abs=1e-4)
    sale.quote(3_300)
    sale.age()
    assert sale.call("quote", account).paid / WAD == pytest.approx(0.4425 / 2 - 0.02, abs=1e-4)


def test_it_lapses_after_half_an_hour_and_begins_anew(sale, account):
    """Until then it has the price of ten minutes and more; afterwards the first price, and the ratio is looked at
    anew."""
    sale.quote(3_300)
    sale.call("start", account)
    began = sale.stage.now
    sale.age(LIFE)
    assert sale.call("start", account) == Refused("started")
    assert sale.call("quote", account).paid > 0.4 * WAD
    sale.age(1)
    assert sale.call("quote", account).paid == 0
    assert sale.call("start", account) is None
    assert sale.call("auction", account).started_at == began + LIFE + 1


def test_a_lapsed_auction_begins_only_where_a_new_one_might(sale, account):
    sale.quote(3_300)
    sale.call("start", account)
    sale.quote(3_000, wait=LIFE + 1)
    assert sale.call("start", account) == Refused("healthy")
    assert sale.bid(account, sale.newcomer(10**6)) == Refused("healthy")


def test_it_ends_when_the_account_is_halfway_to_initial_margin(sale, account):
    """Between maintenance, 78,908 at 3,200, and the target of 90,745 it goes on; with 11,400 more it does not."""
    sale.quote(3_300)
    sale.call("start", account)
    assert sale.call("end", account) == Refused("unhealthy")
    sale.quote(3_200)
    assert sale.call("end", account) == Refused("unhealthy")
    sale.stage.fund(owner_of(account), 11_400)
    assert sale.call("end", account) is None
    assert sale.call("auction", account) == (0, 0, 0, False)
    assert sale.call("end", account) == Refused("unstarted")


def test_anybody_ends_it_when_its_time_is_up(sale, account):
    sale.quote(3_300)
    sale.call("start", account)
    sale.age(LIFE + 1)
    assert sale.call("end", account, sender="0x" + "5e" * 20) is None
    assert sale.call("end", account) == Refused("unstarted")


def test_no_auction_no_end(sale, account):
    assert sale.call("end", account) == Refused("unstarted")


def test_who_has_nothing_has_nothing_to_sell(sale):
    assert sale.call("start", sale.newcomer()) == Refused("healthy")
    assert sale.call("start", sale.newcomer(100)) == Refused("healthy")


def test_the_pool_itself_is_never_for_sale(sale):
    assert sale.call("start", sale.pool) == Refused("healthy")


def test_prices_of_another_time_must_be_computed_first(sale, account):
    """Spot has left the band: the account is judged at fresh arrays or not at all."""
    sale.stage.wait(60)
    sale.stage.price(sale.eth, 3_300)
    assert sale.call("start", account) == Refused("epoch")
    sale.stage.quote(sale.eth, 3_300, sale.forward)
    assert sale.call("start", account) is None


def test_all_markets_count_together(sale):
    """What is lost in ETH is made good by 0.4 BTC forward at 60,000, which bring 24,000 at 120,000."""
    account, item = sale.short(cash=106_000), sale.btc.id(day_of(sale.stage.now) + 30, 6_000, FORWARD)
    sale.quote(60_000, item, market=1)
    assert sale.stage.exchange(account, sale.newcomer(10**8), {item: 400}) is None
    sale.quote(3_300)
    with sale.stage.undone():
        assert sale.call("start", account) is None
    sale.quote(120_000, market=1)
    assert sale.call("start", account) == Refused("healthy")
