"""The largest book, eight markets of 32 positions each, trades, withdraws, expires and closes within 10 M gas.

Gas is what the call's execution takes, without the 21,000 and the calldata of a transaction. Arrays are refreshed in
calls of their own, up to 32 series each, by anybody and for all accounts at once; the largest is measured, too.
"""

from collections.abc import Iterator

import boa
import pytest
from tests.contracts.margin.stage import CALL, FORWARD, PUT, START, WAD, Refused, Stage, day_of, expiry
from tests.contracts.margin.walk import owner_of
from tests.contracts.mocks import rolled_back

LIMIT = 10_000_000
MARKETS, POSITIONS = 8, 32


class Largest:
    """A stage with an account and a counterparty that hold as much as can be held."""

    price = 3_000.0
    """Of all markets, as last quoted by a test that moves it."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        for number in range(2, MARKETS):
            stage.list_market(f"M{number}", 10**16, 10**18)
        tomorrow = day_of(stage.now) + 1
        self.days = [tomorrow, tomorrow + 1, tomorrow + 8, tomorrow + 30]
        self.books = [
            {
                market.id(day, strike, kind): 3 if (strike // 100 + kind) % 2 else -2
                for day in self.days
                for strike in (2_800, 2_900, 3_100, 3_200)
                for kind in (CALL, PUT)
            }
            for market in stage.markets
        ]
        self.refresh_gas = self.quote()
        # Each ends where it began with both: the accounts are alike.
        self.account, self.other = stage.newcomer(10**6), stage.newcomer(10**6)
        for book in self.books:
            legs = list(book.items())
            for first in (0, 16):
                refused = stage.exchange(self.account, self.other, dict(legs[first : first + 16]))
                assert refused is None, refused

    def quote(self, price: float = 3_000) -> int:
        """All feeds and arrays anew; the gas of the largest refresh."""
        most = 0
        for market, book in zip(self.stage.markets, self.books, strict=True):
            live = [item for item in book if expiry(item >> 22 & (2**14 - 1)) > self.stage.now]
            self.stage.quote(market, price, *live)
            most = max(most, self.stage.gas)
        return most


@pytest.fixture(scope="module")
def filled(margin_stage: Stage) -> Iterator[Largest]:
    with rolled_back():
        boa.env.evm.patch.timestamp = START + 14_400
        yield Largest(margin_stage)
        del margin_stage.markets[2:]


@pytest.fixture
def largest(filled: Largest) -> Iterator[Largest]:
    with rolled_back():
        boa.env.evm.patch.timestamp = filled.stage.now
        yield filled


def test_it_is_the_largest(largest: Largest) -> None:
    stage = largest.stage
    assert bin(stage.head(largest.account)[2]).count("1") == MARKETS
    assert all(len(stage.positions(largest.account, market)) == POSITIONS for market in stage.markets)
    more = stage.markets[0].id(largest.days[0], 3_300, CALL)
    stage.refresh(stage.markets[0], more)
    assert stage.exchange(largest.account, largest.other, {more: 1}) == Refused("full")


def test_it_is_refreshed(largest: Largest) -> None:
    """32 series of four expiries in one call."""
    assert largest.refresh_gas < LIMIT / 4


def test_it_withdraws(largest: Largest) -> None:
    stage, owner = largest.stage, owner_of(largest.account)
    arguments = (largest.account, stage.cash.address, 10**6, owner)
    assert stage.call(stage.ledger, "withdraw", *arguments, sender=owner) is None
    assert stage.gas < LIMIT


def test_it_trades_in_all_its_markets_at_once(largest: Largest) -> None:
    """Sixteen legs between two accounts of the largest size: both are judged in all eight markets."""
    stage = largest.stage
    book = {item: lots for each in largest.books for item, lots in list(each.items())[:2]}
    assert stage.exchange(largest.account, largest.other, book) is None
    assert stage.gas < LIMIT


@pytest.mark.parametrize("price", [2_000, 3_000, 4_500])
def test_it_can_always_be_closed(largest: Largest, price: float) -> None:
    """Whatever happened, sixteen legs at a time, and all that is left goes back to its owner."""
    stage = largest.stage
    largest.quote(price)
    items = [(item, lots) for each in largest.books for item, lots in each.items()]
    for first in range(0, len(items), 16):
        legs = {item: -lots for item, lots in items[first : first + 16]}
        answer = stage.exchange(largest.account, largest.other, legs)
        assert answer is None, (first, answer)
        assert stage.gas < LIMIT
    assert stage.head(largest.account)[2] == 0
    owner = owner_of(largest.account)
    arguments = (largest.account, stage.cash.address, 10**12, owner)
    assert stage.call(stage.ledger, "withdraw", *arguments, sender=owner) is None


def test_all_of_it_expires_in_two_calls_each(largest: Largest) -> None:
    """256 positions of one account, four markets at a time."""
    stage = largest.stage
    stage.wait(expiry(largest.days[-1]) + 3_600 - stage.now)
    for market in stage.markets:
        stage.price(market, 3_050)
        for day in largest.days:
            stage.fix(market, day, 3_050)
    # Who receives is done once those have paid who pay, so each has a second turn.
    for account in (largest.account, largest.other) * 2:
        for markets in (0b1111, 0b11110000):
            assert stage.call(stage.ledger, "expire", [account], markets) is None
            assert stage.gas < LIMIT
    for account in (largest.account, largest.other):
        assert all(stage.positions(account, market) == {} for market in stage.markets)


def test_a_full_book_that_is_unhealthy_can_roll(margin: Stage) -> None:
    """One series goes, another comes, and the risk shrinks: 32 before, 32 after."""
    eth, day = margin.markets[0], day_of(margin.now) + 30
    forward, new = eth.id(day, 3_000, FORWARD), eth.id(day, 2_400, CALL)
    longs = [eth.id(day, 2_500 + 10 * number, CALL) for number in range(31)]
    account, other = margin.newcomer(100_000), margin.newcomer(10**7)
    margin.quote(eth, 3_000, forward, new, *longs)
    assert margin.exchange(account, other, {forward: -10_000, **dict.fromkeys(longs[:15], 1)}) is None
    assert margin.exchange(account, other, dict.fromkeys(longs[15:], 1)) is None
    margin.quote(eth, 3_700, forward, new, *longs)
    book = {longs[0]: -1, new: 1, forward: 1_000}
    assert margin.exchange(account, other, book, paid=margin.weigh(eth, book).worth / WAD) is None
    assert len(margin.positions(account, eth)) == POSITIONS
