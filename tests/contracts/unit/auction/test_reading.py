"""`quote`, `auction` and `doubtful`: what anybody can see before it acts."""

import pytest
from tests.contracts.margin.stage import WAD, Refused


def test_a_healthy_account_is_quoted_without_a_price(sale):
    account = sale.short()
    quote = sale.call("quote", account)
    assert (quote.equity, quote.maintenance, quote.initial) == tuple(sale.stage.health(account))
    assert (quote.most, quote.paid, quote.fee) == (0, 0, 0)


def test_an_auction_that_has_not_begun_is_quoted_as_if_it_began(sale):
    """A bid gets exactly that."""
    account, bidder = sale.short(), sale.newcomer(10**6)
    sale.quote(3_300)
    quote = sale.call("quote", account)
    assert quote.paid == 0
    assert quote.fee == 2 * WAD // 100
    assert sale.bid(account, bidder) == quote.most


@pytest.mark.parametrize("seconds", [0, 1, 60, 599, 600, 1_799])
def test_a_bid_gets_what_was_quoted(sale, seconds):
    account, bidder = sale.short(), sale.newcomer(10**6)
    sale.quote(3_300)
    sale.call("start", account)
    sale.age(seconds)
    quote = sale.call("quote", account)
    assert sale.bid(account, bidder) == quote.most
    relieved = quote.maintenance - sale.stage.health(account)[1]
    gain = sale.stage.health(bidder)[0] - 10**6 * WAD
    assert 0 <= relieved * quote.paid // WAD - gain < 10  # a part of an account is valued down


def test_where_a_part_would_not_do_all_is_quoted(sale):
    """78 % at 3,750: from three quarters on it is the whole account."""
    account = sale.short()
    sale.quote(3_750)
    assert sale.call("quote", account).most == WAD
    assert not isinstance(sale.take_over(account, sale.newcomer(10**6)), Refused)


def test_the_pools_inventory_is_quoted_whole(sale):
    account = sale.short()
    sale.quote(3_900)
    sale.call("start", account)
    sale.age()
    sale.call("rescue", account)
    assert sale.call("quote", sale.inventory()).most == WAD


def test_nobody_owes_anything_where_nobody_runs_off(sale):
    sale.short()
    assert sale.call("doubtful", 0, sale.stage.ledger.book(sale.accounts[1], 0)[1]) == 0
