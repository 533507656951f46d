"""Property 8: rounding never favours the account; margin grows with adverse size."""

import random

import pytest
from tests.contracts.margin.stage import CALL, FORWARD, PUT, WAD, Stage, day_of


def books(margin: Stage, seed: int, count: int, ahead: tuple[int, ...] = (1, 2, 30, 90)):
    """Random books of one to eight legs that expire so many days ahead, their arrays computed."""
    eth, draw = margin.markets[0], random.Random(seed)
    days = [day_of(margin.now) + days for days in ahead]
    items = [eth.id(day, strike, kind) for day in days for strike in range(2_400, 3_900, 300) for kind in range(3)]
    margin.quote(eth, 3_000 + 1 / 3, *items)
    for _ in range(count):
        legs = draw.sample(items, draw.randint(1, 8))
        yield {item: draw.choice([-1, 1]) * draw.choice([1, 7, 133, 10**5]) for item in legs}


def test_two_sides_of_a_book_are_never_worth_more_than_nothing(margin: Stage) -> None:
    """What one side shows more than the other owes would be equity made of nothing."""
    eth = margin.markets[0]
    for book in books(margin, 1, 60):
        opposite = {item: -lots for item, lots in book.items()}
        here, there = margin.weigh(eth, book), margin.weigh(eth, opposite)
        assert here.worth + there.worth <= 0
        assert here.worth + there.worth > -WAD // 10**3 * sum(map(abs, book.values()))


def test_parts_are_worth_no_more_than_the_whole(margin: Stage) -> None:
    """Splitting a book of one expiry over accounts gains no equity and asks for no less.

    Over several expiries it may ask for less: together they are charged for volatilities that part.
    """
    eth = margin.markets[0]
    for book in books(margin, 2, 40, ahead=(30,)):
        whole = margin.weigh(eth, book)
        parts = [margin.weigh(eth, {item: lots}) for item, lots in book.items()]
        assert sum(part.worth for part in parts) <= whole.worth + len(parts)
        assert sum(part.requirement for part in parts) >= whole.requirement


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("kind", [CALL, PUT, FORWARD])
def test_a_larger_position_asks_for_more(margin: Stage, kind: int, sign: int) -> None:
    eth = margin.markets[0]
    for strike in (2_400, 3_000, 3_600):
        item = eth.id(day_of(margin.now) + 30, strike, kind)
        margin.quote(eth, 3_000, item)
        asked = [
            margin.weigh(eth, {item: sign * lots}).requirement for lots in (1, 2, 3, 10, 999, 1_000, 10**6, 2**27 - 1)
        ]
        assert asked == sorted(asked)
        assert asked[-1] > asked[0]


def test_any_book_asks_for_more_when_all_of_it_grows(margin: Stage) -> None:
    eth = margin.markets[0]
    for book in books(margin, 3, 40):
        once, twice = (margin.weigh(eth, {item: lots * n for item, lots in book.items()}) for n in (1, 2))
        assert twice.requirement >= once.requirement
        charge = (len(book) + 2) * WAD // 2
        assert twice.requirement - charge <= 2 * (once.requirement - charge) + 1


def test_collateral_counts_in_whole_lots(margin: Stage) -> None:
    """A part of a lot secures nothing."""
    eth = margin.markets[0]
    item = eth.id(day_of(margin.now) + 30, 3_000, CALL)
    margin.quote(eth, 3_000, item)
    lot = 10**16
    for units in (1, lot - 1):
        assert margin.weigh(eth, {item: -1}, units) == margin.weigh(eth, {item: -1})
    assert margin.weigh(eth, {item: -1}, 2 * lot - 1) == margin.weigh(eth, {item: -1}, lot)
    assert margin.weigh(eth, {item: -1}, lot).worth > margin.weigh(eth, {item: -1}).worth


def test_what_goes_in_comes_out_and_nothing_more(margin: Stage) -> None:
    account = margin.fund("0x" + "ab" * 20, 0, eth=0)
    owner = "0x" + "ab" * 20
    for amount in (1, 3, 999_999, 123_456_789):
        margin.cash.mint(owner, amount)
        margin.cash.approve(margin.settlement, amount, sender=owner)
        margin.settlement.deposit(margin.ledger.address, account, margin.cash.address, amount, [], sender=owner)
        arguments = (account, margin.cash.address, amount, owner)
        assert margin.call(margin.ledger, "withdraw", *arguments, sender=owner) is None
        assert margin.head(account)[0] == 0
    assert margin.cash.balanceOf(owner) == 1 + 3 + 999_999 + 123_456_789
