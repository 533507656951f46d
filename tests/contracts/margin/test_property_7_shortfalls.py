"""Property 7, with auctions and run-offs: what receivers miss is the shortfall less what was covered, exactly; in
whatever
order all is settled everybody gets the same; and who holds nothing in the series loses nothing.

A seller of 100 ETH forward to two buyers is ruined by a jump to 6,500 on the day before the expiry. A part of it is
sold
in the auction, the rest comes into run-off, and expires.
"""

from itertools import permutations

import pytest
from tests.contracts.margin.planted import Rule, planted
from tests.contracts.margin.sale import Sale
from tests.contracts.margin.stage import DAY, EVERYWHERE, FORWARD, WAD, Refused, day_of
from tests.contracts.margin.walk import pot

from peersettle.spec.backstop import GRAIN

COVERED = Rule("Ledger", "modules/expiries.vy", "    pot.cash += cover\n")
DUE = 35 * WAD
"""A lot, at a fixing of 6,500."""


class Ruin:
    """The seller, its buyers (60 and 40 ETH), a bidder for three tenths, and two with a series of their own."""

    def __init__(self, sale: Sale, sold: float) -> None:
        self.sale = sale
        day = day_of(sale.stage.now) + 1
        self.item, self.other = (sale.eth.id(day, strike, FORWARD) for strike in (3_000, 3_100))
        sale.quote(3_000, self.item, self.other)
        self.seller = sale.newcomer(100_000)
        self.buyers = [sale.newcomer(400_000), sale.newcomer(300_000)]
        self.bystanders = [sale.newcomer(10**6), sale.newcomer(10**6)]
        assert sale.stage.exchange(self.buyers[0], self.seller, {self.item: 6_000}) is None
        assert sale.stage.exchange(self.buyers[1], self.seller, {self.item: 4_000}) is None
        assert sale.stage.exchange(self.bystanders[0], self.bystanders[1], {self.other: 100}) is None
        sale.quote(6_500)
        assert sale.call("start", self.seller) is None
        sale.age()
        self.bidder = sale.newcomer(10**6)
        if sold:
            assert sale.bid(self.seller, self.bidder, sold) == round(sold * WAD)
        assert sale.call("run_off", self.seller) in (None, Refused("room"))
        self.barred = sale.call("auction", self.seller).run_off
        sale.quote(6_500, wait=DAY)
        self.cash = {one: sale.stage.head(one)[0] for one in self.all}
        assert not isinstance(sale.stage.fix(sale.eth, day, 6_500), Refused)

    @property
    def all(self) -> list[int]:
        return [self.seller, *self.buyers, *self.bystanders, self.bidder]

    def settle(self, order: tuple[int, ...]) -> dict[int, int]:
        """Everybody, at once and again after a day; what each has gained, wad."""
        for wait in (0, DAY, 1):
            self.sale.quote(6_500, wait=wait)
            for place in order:
                account = self.all[place]
                owner = f"0x{account >> 96:040x}"
                arguments = ([account], EVERYWHERE)
                assert self.sale.stage.call(self.sale.stage.ledger, "expire", *arguments, sender=owner) is None
        return {one: self.sale.stage.head(one)[0] - self.cash[one] for one in self.all}


@pytest.mark.parametrize("sold", [0, 0.3])
def test_haircuts_are_the_shortfall_exactly(sale: Sale, sold: float) -> None:
    ruin = Ruin(sale, sold)
    reserve = sale.pooled("capital") // (10 * GRAIN) * GRAIN
    gained = ruin.settle((1, 0, 2, 5, 3, 4))
    found = pot(sale.stage, ruin.item)
    missing = sum(lots * DUE - gained[one] for one, lots in zip(ruin.buyers, (6_000, 4_000), strict=True))
    assert found["shortfall"] > reserve > 0
    # Less than a wei a lot is left over, and goes to the pool.
    assert 0 <= missing - (found["shortfall"] - reserve) < 10_000
    assert found["cash"] == found["cash_taken"]
    assert [gained[one] for one in ruin.bystanders] == [3_400 * WAD, -3_400 * WAD]
    assert gained[ruin.bidder] == -round(10_000 * sold) * DUE
    first, second = (lots * DUE - gained[one] for one, lots in zip(ruin.buyers, (6_000, 4_000), strict=True))
    assert first * 4_000 == second * 6_000


@pytest.mark.parametrize("sold", [0, 0.3])
def test_the_order_changes_nobodys_payout(sale: Sale, sold: float) -> None:
    ruin = Ruin(sale, sold)
    orders = [order for number, order in enumerate(permutations(range(6))) if number % 97 == 0]
    results = []
    for order in orders:
        with sale.stage.undone():
            results.append(ruin.settle(order))
    assert len(results) > 6
    assert all(one == results[0] for one in results)


def test_nothing_is_made_of_nothing(sale: Sale) -> None:
    """What accounts have together and the tokens in the Ledger, to the wei, when all is settled."""
    ruin = Ruin(sale, 0.3)
    before = sale.unclaimed()
    ruin.settle(tuple(range(6)))
    assert before == 0
    assert sale.unclaimed() == 0


def test_the_property_fails_without_the_rule(sale: Sale) -> None:
    """The pool pays, and nobody is paid."""
    planted(sale.stage, COVERED)
    ruin = Ruin(sale, 0)
    reserve = sale.pooled("capital") // (10 * GRAIN) * GRAIN
    gained = ruin.settle(tuple(range(6)))
    missing = sum(lots * DUE - gained[one] for one, lots in zip(ruin.buyers, (6_000, 4_000), strict=True))
    assert missing - (pot(sale.stage, ruin.item)["shortfall"] - reserve) >= reserve
    assert sale.unclaimed() > 0
