"""What is paid at an expiry, in worked numbers: ten ETH, a strike of 3,000."""

import pytest
from tests.contracts.margin.stage import CALL, DAY, EVERYWHERE, FORWARD, PUT, WAD, Refused, account_of, day_of, expiry

LOTS = 1_000
"""Ten ETH."""
FEE = 0.5


@pytest.fixture
def eth(margin):
    return margin.markets[0]


@pytest.fixture
def day(margin):
    return day_of(margin.now) + 2


@pytest.fixture
def keeper(margin):
    return margin.newcomer()


def opened(margin, book, *accounts):
    """The first account takes this book from the second."""
    margin.quote(margin.markets[0], 3_000, *book)
    refused = margin.exchange(*accounts, book)
    assert refused is None, refused


def fixed(margin, day, price, spot=None):
    """An hour after the expiry its fixing is there, and a confirmed price beside it."""
    margin.wait(expiry(day) + 3_600 - margin.now)
    margin.price(margin.markets[0], spot or price)
    assert margin.fix(margin.markets[0], day, price) == round(price * WAD)
    assert margin.refresh(margin.markets[0]) is None


def expire(margin, keeper, *accounts):
    sender = f"0x{keeper >> 96:040x}"
    refused = margin.call(margin.ledger, "expire", list(accounts), EVERYWHERE, sender=sender)
    assert refused is None, refused


def cash(margin, *accounts):
    return tuple(margin.head(account)[0] / WAD for account in accounts)


def test_a_call_is_paid_in_cash(margin, eth, day, keeper):
    """200 a unit for ten units; each side's position pays 0.5 to who settles it."""
    holder, writer = margin.newcomer(1_000), margin.newcomer(20_000)
    opened(margin, {eth.id(day, 3_000, CALL): LOTS}, holder, writer)
    fixed(margin, day, 3_200)
    expire(margin, keeper, writer, holder)
    assert cash(margin, writer, holder, keeper) == (18_000 - FEE, 3_000 - FEE, 2 * FEE)
    assert margin.positions(writer, eth) == margin.positions(holder, eth) == {}
    assert margin.head(writer)[2] == margin.head(holder)[2] == 0


def test_a_receiver_waits_until_all_have_paid(margin, eth, day, keeper):
    holder, writer = margin.newcomer(1_000), margin.newcomer(20_000)
    opened(margin, {eth.id(day, 3_000, CALL): LOTS}, holder, writer)
    fixed(margin, day, 3_200)
    expire(margin, keeper, holder)
    assert cash(margin, holder) == (1_000,)
    margin.refresh(eth)
    assert margin.health(holder)[0] == 3_000 * WAD
    expire(margin, keeper, writer)
    expire(margin, keeper, holder)
    assert cash(margin, holder) == (3_000 - FEE,)


def test_a_covered_call_is_paid_in_kind(margin, eth, day, keeper):
    """The writer has ETH and no cash: 2 a lot is 0.000625 ETH at 3,200, from whichever of fixing and spot is less."""
    holder, writer = margin.newcomer(1_000), margin.newcomer(0, eth=10)
    opened(margin, {eth.id(day, 3_000, CALL): LOTS}, holder, writer)
    fixed(margin, day, 3_200, spot=3_300)
    expire(margin, keeper, writer, holder)
    assert margin.collateral(writer, eth) == (10 * WAD * 1_000_000 - 625_000 * WAD) // 1_000_000
    assert margin.collateral(holder, eth) == 625 * WAD // 1_000
    assert cash(margin, writer, holder) == (0, 1_000 - FEE)


def test_in_kind_it_is_rounded_against_the_payer(margin, eth, day, keeper):
    holder, writer = margin.newcomer(1_000), margin.newcomer(0, eth=10)
    opened(margin, {eth.id(day, 3_000, CALL): LOTS}, holder, writer)
    fixed(margin, day, 3_200, spot=3_100)
    expire(margin, keeper, writer, holder)
    a_lot = -(-2 * WAD // 3_100)
    assert margin.collateral(holder, eth) == LOTS * a_lot
    assert margin.collateral(writer, eth) == 10 * WAD - LOTS * a_lot


def test_first_the_cash_then_the_collateral(margin, eth, day, keeper):
    """1,001 of cash pays 500 whole lots; the other 500 are paid in kind."""
    holder, writer = margin.newcomer(1_000), margin.newcomer(1_001, eth=10)
    opened(margin, {eth.id(day, 3_000, CALL): LOTS}, holder, writer)
    fixed(margin, day, 3_200)
    expire(margin, keeper, writer, holder)
    assert cash(margin, writer, holder) == (1 - FEE, 2_000 - FEE)
    assert margin.collateral(holder, eth) == 500 * 2 * WAD // 3_200


@pytest.mark.parametrize(("fixing", "gain"), [(3_300, 3_000), (2_850, -1_500), (3_000, 0)])
def test_a_forward_pays_either_way(margin, eth, day, keeper, fixing, gain):
    buyer, seller = margin.newcomer(20_000), margin.newcomer(20_000)
    opened(margin, {eth.id(day, 3_000, FORWARD): LOTS}, buyer, seller)
    fixed(margin, day, fixing)
    expire(margin, keeper, buyer, seller)
    expire(margin, keeper, buyer)
    assert cash(margin, buyer, seller) == (20_000 + gain - FEE, 20_000 - gain - FEE)


@pytest.mark.parametrize(("kind", "fixing"), [(CALL, 2_900), (CALL, 3_000), (PUT, 3_000), (PUT, 3_100)])
def test_a_worthless_option_goes_and_nothing_is_paid(margin, eth, day, keeper, kind, fixing):
    holder, writer = margin.newcomer(1_000), margin.newcomer(20_000)
    opened(margin, {eth.id(day, 3_000, kind): LOTS}, holder, writer)
    fixed(margin, day, fixing)
    expire(margin, keeper, holder, writer)
    assert cash(margin, holder, writer, keeper) == (1_000 - FEE, 20_000 - FEE, 2 * FEE)
    assert margin.positions(holder, eth) == margin.positions(writer, eth) == {}


def test_who_settles_its_own_account_pays_no_fee(margin, eth, day):
    holder, writer = margin.newcomer(1_000), margin.newcomer(20_000)
    opened(margin, {eth.id(day, 3_000, CALL): LOTS}, holder, writer)
    fixed(margin, day, 3_200)
    expire(margin, writer, writer)
    expire(margin, holder, holder)
    assert cash(margin, holder, writer) == (3_000, 18_000)


def insolvent(margin, eth, day, keeper):
    """18,000 behind calls that pay 36,000: two thirds to one holder, a third to another. A day has passed."""
    holder, other, writer = margin.newcomer(1_000), margin.newcomer(500), margin.newcomer(18_000)
    call = eth.id(day, 3_000, CALL)
    opened(margin, {call: LOTS}, holder, writer)
    assert margin.exchange(other, writer, {call: LOTS // 2}) is None
    fixed(margin, day, 5_400)
    expire(margin, keeper, writer, holder, other)
    assert cash(margin, writer, holder, other) == (0, 1_000, 500)
    assert margin.positions(writer, eth) == {}
    margin.wait(DAY - 1)
    expire(margin, keeper, holder, other)
    assert cash(margin, holder, other) == (1_000, 500)
    margin.wait(1)
    expire(margin, keeper, holder, other)
    return holder, other


def test_what_the_insolvent_lack_falls_on_their_receivers(margin, eth, day, keeper):
    """18,000 of the 36,000 due, pro rata: 12,000 for ten, 6,000 for five. Nobody else loses."""
    bystander = margin.newcomer(7_000)
    holder, other = insolvent(margin, eth, day, keeper)
    assert cash(margin, holder, other) == (13_000 - FEE, 6_500 - FEE)
    assert cash(margin, bystander) == (7_000,)


@pytest.mark.parametrize(("reserve", "covered"), [(6_000, 6_000), (50_000, 18_000)])
def test_the_reserve_covers_them(margin, eth, day, keeper, reserve, covered):
    """As far as it goes, and not further than what is missing."""
    margin.pool.set_limits(0, reserve * WAD)
    pool = margin.fund(margin.pool.address, 100_000)
    holder, other = insolvent(margin, eth, day, keeper)
    assert cash(margin, holder, other) == (13_000 - FEE + covered * 2 / 3, 6_500 - FEE + covered / 3)
    assert cash(margin, pool) == (100_000 - covered,)
    assert margin.pool.released(eth.number << 14 | day) == covered * WAD


def illiquid(margin, eth, day, paid):
    """A holder; a writer who owes 2,000 and has paid so much of 3,000 for a far call; the id of what was written."""
    holder, writer, other = margin.newcomer(1_000), margin.newcomer(3_000), margin.newcomer(10**5)
    near, far = eth.id(day, 3_000, CALL), eth.id(day + 30, 2_000, CALL)
    margin.quote(eth, 3_000, near, far)
    assert margin.exchange(writer, other, {far: LOTS}, paid=paid) is None
    assert margin.exchange(holder, writer, {near: LOTS}) is None
    fixed(margin, day, 3_200)
    return holder, writer, near


def test_the_solvent_but_illiquid_borrow(margin, eth, day, keeper):
    """The writer's wealth is another call: the pool lends the 2,000, and the next deposit pays them back."""
    margin.pool.set_limits(10_000 * WAD, 0)
    pool = margin.fund(margin.pool.address, 100_000)
    holder, writer, _ = illiquid(margin, eth, day, paid=2_500)
    expire(margin, keeper, writer, holder)
    assert cash(margin, writer, holder, pool) == (-1_500, 3_000 - FEE, 98_500)
    assert margin.pool.loans(writer) == 1_500 * WAD
    margin.fund(f"0x{writer >> 96:040x}", 1_000)
    assert cash(margin, writer, pool) == (-500, 99_500)
    margin.fund(f"0x{writer >> 96:040x}", 1_000)
    assert cash(margin, writer, pool) == (500, 100_000)
    assert margin.pool.loans(writer) == 0


def test_after_a_day_receivers_take_what_is_there(margin, eth, day, keeper):
    """Two writers, one illiquid and without a loan: half is collected, and the other half when it comes, to the wei."""
    holder, prompt, tardy, other = (margin.newcomer(amount) for amount in (1_000, 20_000, 3_000, 10**5))
    near, far = eth.id(day, 3_000, CALL), eth.id(day + 30, 2_000, CALL)
    margin.quote(eth, 3_000, near, far)
    assert margin.exchange(tardy, other, {far: LOTS}, paid=3_000) is None
    assert margin.exchange(holder, tardy, {near: LOTS}) is None
    assert margin.exchange(holder, prompt, {near: LOTS}) is None
    fixed(margin, day, 3_200)
    expire(margin, keeper, prompt, tardy, holder)
    assert cash(margin, prompt, tardy, holder) == (18_000 - FEE, 0, 1_000)
    assert margin.positions(tardy, eth)[near] == -LOTS
    margin.wait(DAY)
    expire(margin, keeper, holder)
    expire(margin, keeper, holder)
    assert cash(margin, holder) == (3_000,)
    assert margin.positions(holder, eth) == {near: 2 * LOTS}
    margin.fund(f"0x{tardy >> 96:040x}", 500)
    expire(margin, keeper, tardy, holder)
    assert cash(margin, tardy, holder) == (0, 3_500)
    margin.fund(f"0x{tardy >> 96:040x}", 1_600)
    expire(margin, keeper, tardy, holder)
    assert cash(margin, tardy, holder) == (100 - FEE, 5_000 - FEE)
    assert margin.positions(holder, eth) == {}


def test_the_oldest_expiry_is_settled_first(margin, eth, day, keeper):
    """Cash for one of two payments goes to the older one."""
    writer, holder, other = margin.newcomer(4_000), margin.newcomer(1_000), margin.newcomer(10**5)
    first, second, far = eth.id(day, 3_000, CALL), eth.id(day + 1, 3_000, CALL), eth.id(day + 30, 2_000, CALL)
    margin.quote(eth, 3_000, first, second, far)
    assert margin.exchange(writer, other, {far: 2 * LOTS}, paid=2_000) is None
    assert margin.exchange(holder, writer, {first: LOTS, second: LOTS}) is None
    fixed(margin, day, 3_200)
    fixed(margin, day + 1, 3_200)
    expire(margin, keeper, writer)
    assert margin.positions(writer, eth) == {second: -LOTS, far: 2 * LOTS}


def test_the_fixing_falls_back_after_a_week(margin, eth, day, keeper):
    """No average was observed: the last confirmed price stands in, but not before."""
    holder, writer = margin.newcomer(1_000), margin.newcomer(20_000)
    opened(margin, {eth.id(day, 3_000, CALL): LOTS}, holder, writer)
    margin.price(eth, 3_150)
    margin.wait(expiry(day) + 7 * DAY - 1 - margin.now)
    assert margin.call(margin.ledger, "fix", eth.number, day) == Refused("unobserved")
    margin.wait(1)
    assert margin.call(margin.ledger, "fix", eth.number, day) == 3_150 * WAD
    expire(margin, keeper, writer, holder)
    assert cash(margin, holder) == (2_500 - FEE,)


def test_a_fixing_is_made_once_after_the_expiry_for_a_market_in_use(margin, eth, day):
    arguments = (margin.ledger, "fix", eth.number, day)
    assert margin.call(*arguments) == Refused("market")
    margin.quote(eth, 3_000, eth.id(day, 3_000, CALL))
    assert margin.call(*arguments) == Refused("unexpired")
    fixed(margin, day, 3_200)
    margin.oracle.set_twap(eth.spot_feed, expiry(day), 9_999 * WAD)
    assert margin.call(*arguments) == Refused("fixed")
    assert margin.risk.fixing(eth.number, day) == 3_200 * WAD


def test_what_is_not_fixed_is_left_alone(margin, eth, day, keeper):
    holder, writer = margin.newcomer(1_000), margin.newcomer(20_000)
    call = eth.id(day, 3_000, CALL)
    opened(margin, {call: LOTS}, holder, writer)
    margin.wait(expiry(day) + 3_600 - margin.now)
    expire(margin, keeper, holder, writer)
    assert (margin.positions(holder, eth), margin.positions(writer, eth)) == ({call: LOTS}, {call: -LOTS})
    assert margin.exchange(holder, writer, {call: 1}) == Refused("matured")


def test_a_backstop_that_holds_nothing_lends_nothing(margin, eth, day, keeper):
    """Whatever it would allow: loans come out of the cash in its account."""
    margin.pool.set_limits(10_000 * WAD, 10_000 * WAD)
    pool = margin.fund(margin.pool.address, 1)
    _, writer, near = illiquid(margin, eth, day, paid=3_000)
    expire(margin, keeper, writer)
    assert cash(margin, writer, pool) == (0, 1)
    assert margin.positions(writer, eth)[near] == -LOTS
    assert margin.pool.loans(writer) == 0


def test_the_pool_itself_is_an_account(margin):
    assert margin.fund(margin.pool.address, 5) == account_of(margin.pool.address)
    assert cash(margin, account_of(margin.pool.address)) == (5,)
