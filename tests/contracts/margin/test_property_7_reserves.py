"""Property 7 for any book, over the backstop itself: the haircuts of an expiry are its shortfall less what was reserved
for it, to the wei, in any order; who holds nothing in a series loses nothing from it; and the depositors lose what was
covered, which was set aside before, and nothing else.

Two sellers with 100,000 each sell a few series of one expiry to three buyers. Every payout is compared with a formula
that knows no order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hypothesis import event, example, given, settings
from hypothesis import strategies as st
from tests.contracts.margin.sale import POOL, Sale
from tests.contracts.margin.stage import CALL, DAY, EVERYWHERE, FORWARD, PUT, WAD, Refused, day_of
from tests.contracts.margin.walk import owner_of, pot

SELLERS, BUYERS = 2, 3
CASH, RICH = 100_000, 500_000
STRIKES = (2_900, 3_000, 3_200)
UP, DOWN = (4_250.123456789, 6_500, 12_000), (900, 100.987654321)


@dataclass(frozen=True)
class Sold:
    """A seller gives a buyer lots of a series."""

    seller: int
    buyer: int
    strike: int
    kind: int
    lots: int


@dataclass(frozen=True)
class Course:
    """What is sold, the fixing, and in which order all are settled at once and again a day later."""

    sold: Sequence[Sold]
    price: float
    orders: tuple[Sequence[int], Sequence[int]]


@st.composite
def courses(draw: st.DrawFn) -> Course:
    """Calls and forwards before a rise, puts before a fall."""
    price = draw(st.sampled_from(UP + DOWN))
    kinds = (CALL, FORWARD) if price in UP else (PUT,)
    sold = st.builds(
        Sold,
        st.integers(0, SELLERS - 1),
        st.integers(0, BUYERS - 1),
        st.sampled_from(STRIKES),
        st.sampled_from(kinds),
        st.sampled_from([3_001, 7, 1_500, 5_000]),
    )
    everybody = st.permutations(range(SELLERS + BUYERS + 2))
    return Course(draw(st.lists(sold, min_size=3, max_size=6)), price, (draw(everybody), draw(everybody)))


FORWARDS = (Sold(0, 0, 3_000, FORWARD, 6_001), Sold(0, 1, 3_000, FORWARD, 3_000), Sold(1, 1, 2_900, FORWARD, 5_000))
ORDERS = ((6, 4, 1, 3, 0, 2, 5), (5, 3, 2, 6, 0, 1, 4))
SOLVENT, COVERED, UNCOVERED = (Course(FORWARDS, price, ORDERS) for price in (3_050, 4_250, 6_500))


class Expiry:
    """The accounts on the stage, and what has been sold."""

    def __init__(self, sale: Sale, price: float) -> None:
        self.sale, self.price = sale, price
        self.day = day_of(sale.stage.now) + 1
        kinds = (CALL, PUT, FORWARD)
        sale.quote(3_000, *(self.item(strike, kind) for strike in (*STRIKES, 3_100) for kind in kinds))
        self.sellers = [sale.newcomer(CASH) for _ in range(SELLERS)]
        self.buyers = [sale.newcomer(RICH) for _ in range(BUYERS)]
        self.bystanders = [sale.newcomer(RICH), sale.newcomer(RICH)]
        self.lots: dict[tuple[int, int], int] = defaultdict(int)
        """By account and series."""
        first, second = self.bystanders
        assert sale.stage.exchange(first, second, {self.item(3_100, FORWARD): 100}) is None

    @property
    def all(self) -> list[int]:
        return [*self.sellers, *self.buyers, *self.bystanders]

    def item(self, strike: int, kind: int) -> int:
        return self.sale.eth.id(self.day, strike, kind)

    def sell(self, sold: Sold) -> None:
        """If the seller has margin for it."""
        item, (seller, buyer) = self.item(sold.strike, sold.kind), (self.sellers[sold.seller], self.buyers[sold.buyer])
        refused = self.sale.stage.exchange(buyer, seller, {item: sold.lots})
        assert refused in (None, Refused("margin"))
        if refused is None:
            self.lots[seller, item] -= sold.lots
            self.lots[buyer, item] += sold.lots

    def due(self, item: int) -> int:
        """For a lot at the fixing, wad."""
        strike, kind = (item >> 2) % 2**20 * WAD, item & 3
        gain = (strike - self.wad if kind == PUT else self.wad - strike) * self.sale.eth.lot // WAD
        return max(gain, 0)

    @property
    def wad(self) -> int:
        return round(self.price * 10**9) * 10**9

    def fix(self) -> None:
        self.sale.quote(self.price, wait=DAY)
        assert self.sale.stage.fix(self.sale.eth, self.day, self.price) == self.wad

    def settle(self, order: Sequence[int]) -> None:
        """Everybody settles its own. What is reserved is there all the time, and nothing has come from nowhere."""
        stage = self.sale.stage
        for place in order:
            account = self.all[place]
            arguments = ([account], EVERYWHERE)
            assert stage.call(stage.ledger, "expire", *arguments, sender=owner_of(account)) is None
            assert stage.head(self.sale.pool)[0] >= self.sale.pooled("reserved")
        pots = [pot(stage, item) for item in {item for _, item in self.lots} | {self.item(3_100, FORWARD)}]
        assert self.sale.unclaimed() == sum(one["cash"] - one["cash_taken"] for one in pots)


def expected(expiry: Expiry, reserve: int) -> tuple[dict[int, int], int, int]:
    """What each seller and buyer has in the end, what the depositors lose, and what is left of the reserve."""
    cash = dict.fromkeys(expiry.sellers, CASH * WAD) | dict.fromkeys(expiry.buyers, RICH * WAD)
    paid: dict[int, int] = defaultdict(int)
    missing: dict[int, int] = defaultdict(int)
    for seller in expiry.sellers:
        owed = sum(-lots * expiry.due(item) for (who, item), lots in expiry.lots.items() if who == seller)
        for (who, item), lots in expiry.lots.items():
            if who == seller:
                whole = expiry.due(item)
                share = whole if owed <= CASH * WAD else whole * CASH * WAD // owed
                cash[seller] += lots * share
                paid[item] -= lots * share
                missing[item] -= lots * (whole - share)
    shortfall, lost = sum(missing.values()), 0
    left = reserve if shortfall else 0
    event(f"shortfall: {shortfall > 0}, covered: {shortfall <= reserve}, series: {len(missing)}")
    for item in paid:
        cover = missing[item] * min(reserve, shortfall) // shortfall if shortfall else 0
        held = {who: lots for (who, one), lots in expiry.lots.items() if one == item and lots > 0}
        each = (paid[item] + cover) // sum(held.values())
        for who, lots in held.items():
            cash[who] += lots * each
        dust = paid[item] + cover - each * sum(held.values())
        haircuts = sum(lots * (expiry.due(item) - each) for lots in held.values())
        assert haircuts == missing[item] - cover + dust
        assert 0 <= dust < sum(held.values())
        lost += cover - dust
        left -= cover
    return cash, lost, left


def test_haircuts_are_the_shortfall_whatever_was_sold(sale: Sale, examples: Callable[[int], int]) -> None:
    """And what was reserved and not used is free again after three days."""

    @settings(max_examples=examples(6))
    @given(courses())
    @example(SOLVENT)
    @example(COVERED)
    @example(UNCOVERED)
    def holds(course: Course) -> None:
        with sale.stage.undone():
            fresh = Sale(sale.stage, sale.depositor)
            expiry = Expiry(fresh, course.price)
            for sold in course.sold:
                expiry.sell(sold)
            expiry.fix()
            at_once, a_day_later = course.orders
            expiry.settle(at_once)
            fresh.quote(wait=DAY)
            expiry.settle(a_day_later)
            cash, lost, left = expected(expiry, POOL * WAD // 10)
            assert {account: fresh.stage.head(account)[0] for account in cash} == cash
            gain = (expiry.wad - 3_100 * WAD) // 100 * 100
            assert [fresh.stage.head(one)[0] - RICH * WAD for one in expiry.bystanders] == [gain, -gain]
            assert fresh.stage.head(fresh.pool)[0] == POOL * WAD - lost
            assert fresh.unclaimed() == 0
            assert fresh.pooled("reserved") == fresh.pooled("reserves", expiry.day)[0] == left
            fresh.stage.wait(2 * DAY + 1)
            assert fresh.pooled("lapse", 0, expiry.day) is None
            assert fresh.pooled("valuations") == (POOL * WAD - lost, POOL * WAD - lost)

    holds()
