"""`rescue` and `run_off`: what becomes of an account that nobody wants.

The account has sold 100 ETH forward at 3,000 and has 100,000. At 3,900 it has 9,220, needs 96,168, and initial margin
is 125,020. At 6,500 it lacks some 251,000, and the pool of a million has room for 250,000.
"""

import pytest
from tests.contracts.margin.sale import LIFE
from tests.contracts.margin.stage import CALL, FORWARD, PUT, WAD, Refused, day_of
from tests.contracts.margin.walk import owner_of


@pytest.fixture
def unwanted(sale):
    """For sale for ten minutes at 3,900."""
    account = sale.short()
    sale.quote(3_900)
    assert sale.call("start", account) is None
    sale.age()
    return account


def ruin(sale, account):
    """Ten minutes at 6,500."""
    sale.quote(6_500)
    sale.call("start", account)
    sale.age()


def test_the_pool_takes_what_nobody_wants(sale, unwanted):
    """It pays half of 9,220, 4,610, and puts behind the account what it lacks to 1.02 times 125,020."""
    free = sale.cash(sale.pool)
    assert sale.call("rescue", unwanted) is None
    assert sale.cash(unwanted) == pytest.approx(4_610, abs=1)
    assert sale.stage.positions(unwanted, sale.eth) == {}
    assert list(sale.stage.positions(sale.inventory(), sale.eth).values()) == [-10_000]
    equity, _, initial = sale.standing(sale.inventory())
    assert equity == pytest.approx(1.02 * initial, rel=1e-5)
    assert free - sale.cash(sale.pool) == pytest.approx(1.02 * 125_020 - 9_220 + 4_610, abs=1)
    assert sale.pooled("inventory") == 2
    assert sale.call("auction", unwanted) == (0, 0, 0, False)


def test_below_zero_nothing_is_paid_for_it(sale, unwanted):
    sale.quote(4_000)
    sale.call("start", unwanted)
    sale.age()
    assert sale.call("rescue", unwanted) is None
    assert sale.stage.head(unwanted)[0] == 0


def test_not_before_ten_minutes_at_the_last_price(sale):
    account = sale.short()
    sale.quote(3_900)
    assert sale.call("rescue", account) == Refused("unstarted")
    assert sale.call("run_off", account) == Refused("unstarted")
    sale.call("start", account)
    sale.age(599)
    assert sale.call("rescue", account) == Refused("bidding")
    assert sale.call("run_off", account) == Refused("bidding")
    sale.age(1)
    assert sale.call("rescue", account) is None


def test_the_ten_minutes_begin_anew_below_zero(sale, unwanted):
    """What the backstop pays then has just begun to grow."""
    sale.quote(4_000)
    sale.call("start", unwanted)
    sale.age(599)
    assert sale.call("rescue", unwanted) == Refused("bidding")
    sale.age(1)
    assert sale.call("rescue", unwanted) is None


def test_not_when_it_has_lapsed(sale, unwanted):
    sale.age(LIFE)
    assert sale.call("rescue", unwanted) == Refused("unstarted")


def test_not_when_it_is_well_again(sale, unwanted):
    sale.quote(3_000)
    assert sale.call("rescue", unwanted) == Refused("healthy")


def test_what_is_the_pools_already_is_not_rescued(sale, unwanted):
    sale.call("rescue", unwanted)
    assert sale.call("rescue", sale.inventory()) == Refused("account")


def test_not_beyond_the_room(sale, unwanted):
    """A quarter of a million is the most that stands behind what the pool has taken over."""
    ruin(sale, unwanted)
    assert sale.call("rescue", unwanted) == Refused("room")


def test_all_that_is_taken_over_together_has_a_quarter(sale):
    """Two of these ask for 122,910 each; the third finds no room."""
    accounts = [sale.short() for _ in range(3)]
    sale.quote(3_900)
    for account in accounts:
        sale.call("start", account)
    sale.age()
    answers = [sale.call("rescue", account) for account in accounts]
    assert answers == [None, None, Refused("room")]
    assert sale.pooled("inventory") == 0b110
    assert sale.pooled("funded") / WAD == pytest.approx(2 * 122_910, abs=2)


def test_who_has_something_left_does_not_run_off(sale, unwanted):
    assert sale.call("run_off", unwanted) == Refused("solvent")


def test_who_might_have_something_left_does_not_run_off(sale, unwanted):
    """Below zero at a price that cannot be used: the best scenario brings more than it lacks."""
    sale.quote(4_000)
    sale.call("start", unwanted)
    sale.age()
    sale.stage.wait(121)
    assert sale.call("run_off", unwanted) == Refused("solvent")


def test_nobody_runs_off_where_there_is_room(sale, unwanted):
    sale.quote(4_000)
    sale.call("start", unwanted)
    sale.age()
    assert sale.call("run_off", unwanted) == Refused("room")


@pytest.fixture
def running_off(sale, unwanted):
    ruin(sale, unwanted)
    assert sale.call("run_off", unwanted) is None
    return unwanted


def test_who_runs_off_does_not_trade(sale, running_off):
    assert sale.call("auction", running_off).run_off is True
    other = sale.accounts[1]
    assert sale.stage.exchange(running_off, other, {sale.forward: 100}) == Refused("liquidation")
    assert sale.call("run_off", running_off) == Refused("run-off")


def test_who_runs_off_is_for_sale_for_ever(sale, running_off):
    """A week later, at the last price still; a bid takes a part, and the rest stays in run-off."""
    sale.quote(wait=7 * 86_400)
    quote = sale.call("quote", running_off)
    assert quote.paid == WAD // 10
    bidder = sale.newcomer(10**6)
    assert sale.bid(running_off, bidder, 0.3) == 3 * WAD // 10
    assert sale.call("auction", running_off).run_off is True
    assert sale.take_over(running_off, sale.newcomer(10**7)) is None
    assert sale.call("auction", running_off) == (0, 0, 0, False)


def test_who_runs_off_takes_deposits_and_comes_back(sale, running_off):
    """Until there is maintenance it does not end; then it trades again."""
    sale.stage.fund(owner_of(running_off), 300_000)
    assert sale.call("end", running_off) == Refused("unhealthy")
    sale.stage.fund(owner_of(running_off), 300_000)
    assert sale.call("end", running_off) is None
    assert sale.stage.exchange(running_off, sale.accounts[1], {sale.forward: 100}) is None


def test_the_pool_takes_over_what_runs_off_when_it_has_room_again(sale, running_off):
    sale.quote(5_000)
    sale.quote(4_200)
    assert sale.call("rescue", running_off) is None
    assert sale.call("auction", running_off) == (0, 0, 0, False)
    assert sale.stage.exchange(running_off, sale.accounts[1], {sale.forward: 1}) == Refused("margin")


def test_the_gains_of_the_other_side_do_not_count_elsewhere(sale, unwanted):
    """The buyer has gained 351,300, of which 50,000 (a 20th of the pool) may margin other markets. All of it is owed by
    one in run-off: then nothing may."""
    other = sale.accounts[1]
    ruin(sale, unwanted)
    gain = sale.stage.assess(other, sale.eth).worth / WAD
    assert gain == pytest.approx(351_300, rel=1e-3)
    assert sale.standing(other)[1] == pytest.approx(gain - 50_000, rel=1e-3)
    assert sale.call("run_off", unwanted) is None
    assert sale.standing(other)[1] == pytest.approx(gain, rel=1e-6)


def words_of(sale, account, market=0):
    return sale.stage.ledger.book(account, market)[1]


def test_it_is_in_proportion_to_who_runs_off(sale, running_off):
    """A second seller of 30,000 lots is fine: a quarter of 40,000 lots is in doubt, for both buyers alike."""
    whole = sale.call("doubtful", 0, words_of(sale, sale.accounts[1]))
    sale.short(cash=10**7, lots=30_000)
    part = sale.call("doubtful", 0, words_of(sale, sale.accounts[1]))
    assert part == pytest.approx(whole / 4, rel=1e-9)
    assert sale.call("doubtful", 0, words_of(sale, sale.accounts[3])) == pytest.approx(3 * part, rel=1e-9)
    assert sale.call("doubtful", 0, words_of(sale, running_off)) == 0


def test_what_is_sold_or_ended_is_in_doubt_no_more(sale, running_off):
    words = words_of(sale, sale.accounts[1])
    whole = sale.call("doubtful", 0, words)
    assert not isinstance(sale.bid(running_off, sale.newcomer(10**7), 0.4), Refused)
    assert sale.call("doubtful", 0, words) == pytest.approx(0.6 * whole, rel=1e-6)
    assert sale.take_over(running_off, sale.newcomer(10**7)) is None
    assert sale.call("doubtful", 0, words) == 0


def test_only_what_may_have_to_be_paid_for_is_in_doubt(sale):
    """Long options in run-off owe nothing; a long forward may, to who is short."""
    day = day_of(sale.stage.now) + 30
    call, put, forward = (sale.eth.id(day, 3_000, kind) for kind in (CALL, PUT, FORWARD))
    sale.quote(3_000, call, put, forward)
    account, other = sale.newcomer(250_000), sale.newcomer(10**8)
    assert sale.stage.exchange(account, other, {forward: 20_000, call: 10, put: -10}) is None
    sale.quote(600)
    sale.call("start", account)
    sale.age()
    assert sale.call("run_off", account) is None
    other_words = words_of(sale, other)
    owed = sale.call("doubtful", 0, other_words) / WAD
    forwards = sale.stage.weigh(sale.eth, {forward: -20_000}).worth / WAD
    puts = sale.stage.weigh(sale.eth, {put: 10}).worth / WAD
    assert owed == pytest.approx(forwards + puts, rel=1e-4)


def test_what_has_expired_is_in_doubt_no_more(sale):
    """Then the pot knows what was paid."""
    item = sale.eth.id(day_of(sale.stage.now) + 1, 3_000, FORWARD)
    account = sale.short(item=item)
    ruin(sale, account)
    assert sale.call("run_off", account) is None
    words = words_of(sale, sale.accounts[1])
    assert sale.call("doubtful", 0, words) > 0
    sale.stage.wait(86_400)
    assert sale.call("doubtful", 0, words) == 0
