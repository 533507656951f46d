"""`bid`: a fraction of everything changes hands, for a price by measure.

The account has sold 100 ETH forward at 3,000 and has 100,000. At 3,300 it has 69,340, needs 81,374, and initial margin
is 105,786: it is brought to 93,580, halfway. For a unit of maintenance a bidder is paid 10 % after a minute, the
backstop 2 %.
"""

import pytest
from tests.contracts.margin.stage import CALL, CASH, FORWARD, WAD, Refused, day_of
from tests.contracts.margin.walk import owner_of


@pytest.fixture
def account(sale):
    """For sale for a minute at 3,300."""
    account = sale.short()
    sale.quote(3_300)
    assert sale.call("start", account) is None
    sale.age(60)
    return account


def test_a_bid_brings_the_account_halfway_to_initial_margin(sale, account, bidder):
    """(93,580 - 69,340) / (93,580 - 0.12 * 81,374) = 0.28921 of it, which are 2,892 lots; afterwards it has 66,518,
    halfway between 57,842 and 75,195 but for the fraction of a lot that is not sold."""
    fraction = sale.bid(account, bidder)
    assert fraction / WAD == pytest.approx(0.28921, abs=1e-5)
    assert list(sale.stage.positions(account, sale.eth).values()) == [-7_108]
    assert list(sale.stage.positions(bidder, sale.eth).values()) == [-2_892]
    equity, maintenance, initial = sale.standing(account)
    assert equity == pytest.approx((maintenance + initial) / 2, rel=1e-4)


def test_price_and_fee_are_by_measure(sale, account, bidder):
    """2,892 lots relieve it of 23,533 (and the requirement that an account has of its own stays): the bidder gains
    2,353, the backstop 471, and the account loses both."""
    pool, (equity, maintenance, _) = sale.cash(sale.pool), sale.standing(account)
    sale.bid(account, bidder)
    after = sale.standing(account)
    relieved = maintenance - after[1]
    assert relieved == pytest.approx(23_533, abs=5)
    assert sale.wealth(bidder) - 10**6 == pytest.approx(0.1 * relieved, abs=1e-6)
    assert sale.cash(sale.pool) - pool == pytest.approx(0.02 * relieved, abs=1e-6)
    assert equity - after[0] == pytest.approx(0.12 * relieved, abs=1e-6)


def test_the_first_price_is_the_mark_and_costs_the_fee(sale):
    """A bid begins the auction where there is none: nothing is paid to the bidder yet."""
    account, bidder = sale.short(), sale.newcomer(10**6)
    sale.quote(3_300)
    assert not isinstance(sale.bid(account, bidder), Refused)
    assert sale.wealth(bidder) == pytest.approx(10**6, abs=1e-9)
    assert sale.cash(sale.pool) > 10**6


def test_the_price_never_falls_below_half_of_the_worst_ratio(sale, account, bidder):
    """0.8521 / 2: after ten minutes and after twenty the bidder is paid 0.406 and the backstop 0.02."""
    for seconds in (540, 600):
        sale.age(seconds)
        quote = sale.call("quote", account)
        assert quote.paid / WAD == pytest.approx(0.8521 / 2 - 0.02, abs=1e-4)
        assert quote.fee == 2 * WAD // 100
    equity, maintenance, _ = sale.standing(account)
    assert not isinstance(sale.bid(account, bidder), Refused)
    after = sale.standing(account)
    assert after[0] / after[1] > equity / maintenance
    assert after[0] > equity / 2


def test_where_next_to_nothing_is_left_the_fee_takes_the_floor(sale):
    """9,220 of 96,168 at 3,900: half of the ratio is 0.048, and 0.02 of that are the fee."""
    account = sale.short()
    sale.quote(3_900)
    sale.call("start", account)
    sale.age()
    quote = sale.call("quote", account)
    assert quote.fee == 2 * WAD // 100
    assert quote.paid / WAD == pytest.approx(9_220 / 96_168 / 2 - 0.02, abs=1e-4)
    sale.quote(3_985)
    quote = sale.call("quote", account)
    assert quote.paid == 0
    assert 0 < quote.fee / WAD < 0.02


def test_less_may_be_bought(sale, account, bidder):
    """A tenth of everything: 1,000 lots and 10,000 in cash, and it is for sale still."""
    assert sale.bid(account, bidder, 0.1) == WAD // 10
    assert list(sale.stage.positions(bidder, sale.eth).values()) == [-1_000]
    assert sale.call("auction", account).started_at != 0
    assert not isinstance(sale.bid(account, bidder), Refused)


def test_what_is_restored_is_not_for_sale_any_more(sale, account, bidder):
    sale.age(540)
    assert not isinstance(sale.bid(account, bidder), Refused)
    assert not isinstance(sale.bid(account, bidder), Refused) or sale.call("auction", account).started_at == 0
    assert sale.bid(account, bidder) == Refused("healthy")


def test_a_bid_takes_at_least_a_tenth_of_what_is_for_sale(sale, account, bidder):
    """Of 0.28921, 0.0289 are too little and 0.029 are enough."""
    assert sale.bid(account, bidder, 0.0289) == Refused("fraction")
    assert not isinstance(sale.bid(account, bidder, 0.029), Refused)


def test_a_bid_is_not_smaller_than_it_says(sale, account, bidder):
    assert sale.bid(account, bidder, 1, 0.3) == Refused("fraction")
    assert not isinstance(sale.bid(account, bidder, 1, 0.289), Refused)


def test_a_bid_costs_at_most_its_limit(sale, account, bidder):
    """What the bidder pays is what it got less what it is paid, to the wei."""
    before = sale.stage.head(bidder)[0] + 0
    with sale.stage.undone():
        fraction = sale.bid(account, bidder)
        got = sale.stage.head(account)[0] * 0 + 100_000 * WAD * fraction // WAD
        price = before + got - sale.stage.head(bidder)[0]
    assert sale.bid(account, bidder, limit=price - 1) == Refused("price")
    assert not isinstance(sale.bid(account, bidder, limit=price), Refused)


def test_nobody_bids_for_its_own_account(sale, account):
    assert sale.bid(account, account) == Refused("account")


def test_a_bid_is_for_an_account_of_the_callers(sale, account, bidder):
    """Any of its sub-accounts, but no session's."""
    arguments = (account, 2**95, WAD, 0, 2**200)
    assert sale.call("bid", *arguments, sender=owner_of(bidder)) == Refused("account")
    second = sale.stage.fund(owner_of(bidder), 10**6, sub_account=7)
    assert not isinstance(sale.bid(account, second), Refused)
    assert sale.stage.positions(second, sale.eth) != {}


def test_a_bidder_has_initial_margin_afterwards(sale, account):
    """2,892 lots need 30,600 of it."""
    poor = sale.newcomer(25_000)
    assert sale.bid(account, poor) == Refused("margin")
    sale.stage.fund(owner_of(poor), 6_000)
    assert not isinstance(sale.bid(account, poor), Refused)


def test_a_bidder_pays_in_cash(sale):
    """Collateral is margin, not money: a part of a debt of 28,000 is to be repaid, and ETH do not do that."""
    debtor = sale.debtor()
    sale.quote(34_000, market=1)
    bidder = sale.newcomer(eth=100)
    assert sale.bid(debtor, bidder) == Refused("cash")
    sale.stage.fund(owner_of(bidder), 30_000)
    assert not isinstance(sale.bid(debtor, bidder), Refused)
    assert -28_000 < sale.cash(debtor) < -15_000


def test_rounding_to_whole_lots_may_leave_only_the_whole(sale, bidder):
    """Three lots: of 29 % there is none. Cash alone would relieve the account of nothing."""
    account = sale.short(cash=33, lots=3)
    sale.quote(3_300)
    assert sale.call("start", account) is None
    assert 0 < sale.call("quote", account).most < WAD // 3
    assert sale.bid(account, bidder) == Refused("whole")


def test_all_of_it_is_only_taken_over(sale, account, bidder):
    """Below zero the whole account is for sale, but not by a bid; 99 % are."""
    sale.quote(4_000)
    assert sale.bid(account, bidder) == Refused("whole")
    assert not isinstance(sale.bid(account, bidder, 0.99), Refused)


def test_below_zero_the_backstop_pays(sale, account, bidder):
    """It lacks 800 of nothing and needs 98,634. Half a minute (a twentieth of ten) after that was noted, half of it is
    taken: the bidder is paid 400 for what it lacks and 0.5 % of 49,300 beyond it, 247."""
    sale.quote(4_000)
    sale.call("start", account)
    sale.age(30)
    equity, maintenance, _ = sale.standing(account)
    pool = sale.cash(sale.pool)
    assert sale.bid(account, bidder, 0.5) == WAD // 2
    after = sale.standing(account)
    relieved = maintenance - after[1]
    assert sale.wealth(bidder) - 10**6 == pytest.approx(0.005 * relieved, abs=1e-6)
    assert pool - sale.cash(sale.pool) == pytest.approx(after[0] - equity + 0.005 * relieved, abs=1e-6)
    assert pool - sale.cash(sale.pool) == pytest.approx(400 + 247, abs=2)


def test_what_the_backstop_pays_grows_for_ten_minutes(sale, account):
    sale.quote(4_000)
    sale.call("start", account)
    for seconds, rate in ((0, 0), (60, 0.01), (240, 0.05), (300, 0.1), (300, 0.1)):
        sale.age(seconds)
        quote = sale.call("quote", account)
        assert quote.paid / WAD == pytest.approx(rate)
        assert quote.fee == 0


def test_who_traded_is_not_sold_in_the_same_transaction(sale, account, bidder):
    """A buy-back of one lot, which makes it no riskier."""
    stage, bid = sale.stage, ("bid", account, 0, WAD, 0, 2**200)
    moves = [(sale.accounts[1], account, sale.forward, 1), (account, sale.accounts[1], CASH, 307 * 10**4)]
    with stage.undone():
        assert stage.move(*moves) is None
        assert stage.call(stage.auction, *bid, sender=owner_of(bidder), going_on=True) == Refused("traded")
    with stage.undone():
        assert not isinstance(sale.bid(account, bidder), Refused)
        trade, settlement = (b"\0" * 32, moves), stage.settlement.address
        answer = stage.call(stage.ledger, "settle_positions", *trade, sender=settlement, going_on=True)
        assert answer == Refused("liquidation")
    assert stage.move(*moves) is None
    assert not isinstance(sale.bid(account, bidder), Refused)


def test_collateral_and_every_market_go_along(sale, bidder):
    """Positions in two markets and two ETH: the same fraction of each, rounded towards zero."""
    item = sale.btc.id(day_of(sale.stage.now) + 30, 6_000, FORWARD)
    sale.quote(60_000, item, market=1)
    account = sale.newcomer(100_000, eth=2)
    other = sale.newcomer(10**8)
    sale.quote(3_000, sale.forward)
    assert sale.stage.exchange(account, other, {sale.forward: -10_000, item: 100}) is None
    sale.quote(3_350)
    fraction = sale.bid(account, bidder)
    assert not isinstance(fraction, Refused)
    assert list(sale.stage.positions(bidder, sale.eth).values()) == [-(10_000 * fraction // WAD)]
    assert list(sale.stage.positions(bidder, sale.btc).values()) == [100 * fraction // WAD]
    assert sale.stage.collateral(bidder, sale.eth) == 2 * 10**9 * fraction // WAD * 10**9


def test_what_has_expired_stays(sale, bidder):
    """A short call that expired worthless belongs to its pot; what lives is sold."""
    near = sale.eth.id(day_of(sale.stage.now) + 1, 9_000, CALL)
    sale.quote(3_000, near, sale.forward)
    account = sale.short()
    assert sale.stage.exchange(account, sale.newcomer(10**6), {near: -10}) is None
    sale.quote(3_000, wait=86_400)
    sale.stage.fix(sale.eth, near >> 22 & (2**14 - 1), 3_000)
    sale.quote(3_350)
    assert not isinstance(sale.bid(account, bidder), Refused)
    assert len(sale.stage.positions(account, sale.eth)) == 2
    assert len(sale.stage.positions(bidder, sale.eth)) == 1
