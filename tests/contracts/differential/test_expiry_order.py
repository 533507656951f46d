"""The order of settlement changes nobody's payout, and losses stay in the series where they arose.

Every payout is compared with a formula that knows no order. Positions carry no charge here, which would go to whoever
settles them.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st
from tests.contracts.differential.ledger_world import ACCOUNTS, LedgerWorld, keeper, owner_of, scene
from tests.contracts.margin.stage import CALL, DAY, FORWARD, PUT, day_of, expiry

from peersettle.types import WAD

STRIKES = ((2_600, 2_900, 3_100, 3_500), (5_200, 5_900, 6_100, 7_000))
PRICES = (3_000, 60_000)
POOL_CASH = 10**6
LOTS = (10**16, 10**15)
TICKS = (10**18, 10**19)


@dataclass(frozen=True)
class Sale:
    """One account sells lots of a series to another."""

    seller: int
    buyer: int
    market: int
    strike: int
    kind: int
    lots: int


def due(sale: Sale, price: float) -> int:
    """What the seller owes for a lot at a fixing, wad; less than nothing when it is owed."""
    gain = round(price * 10**9) * 10**9 - sale.strike * TICKS[sale.market]
    gain = -gain if sale.kind == PUT else gain
    gain = gain if sale.kind == FORWARD else max(gain, 0)
    amount = abs(gain) * LOTS[sale.market] // WAD
    return amount if gain > 0 else -amount


@st.composite
def sales(draw, sellers: Sequence[int], buyers: Sequence[int], markets: Sequence[int], kinds: Sequence[int]):
    """Between different accounts, one to six of them."""
    made = []
    for _ in range(draw(st.integers(1, 6))):
        seller = draw(st.sampled_from(sellers))
        buyer = draw(st.sampled_from([account for account in buyers if account != seller]))
        market = draw(st.sampled_from(markets))
        strike, kind = draw(st.sampled_from(STRIKES[market])), draw(st.sampled_from(kinds))
        made.append(Sale(seller, buyer, market, strike, kind, draw(st.sampled_from([1, 7, 60, 150]))))
    return made


orders = st.lists(st.lists(st.sampled_from(ACCOUNTS), min_size=1, max_size=5), min_size=1, max_size=4)


def open_book(world: LedgerWorld, made: Sequence[Sale], cash: int) -> int:
    """Everybody deposits and the sales are made. Returns the day on which all expires."""
    day = day_of(world.now) + 2
    for account in ACCOUNTS:
        assert world.deposit(owner_of(account), account, "cash", cash * 10**6).done
    assert world.deposit(keeper.address, world.pool.account, "cash", POOL_CASH * 10**6).done
    for market in world.stage.markets:
        world.propose(market, position_charge=0)
        world.warp(3_601)
        assert world.activate(market).done
    for market, price in zip(world.stage.markets, PRICES, strict=True):
        world.price(market, price)
        world.surface(market, [day])
        wanted = {market.id(day, sale.strike, sale.kind) % 2**36 for sale in made if sale.market == market.number}
        if wanted:
            assert world.refresh(market, sorted(wanted)).done
    for sale in made:
        item = world.stage.markets[sale.market].id(day, sale.strike, sale.kind)
        assume(world.move((sale.seller, sale.buyer, item, sale.lots)).done)
    return day


def fix(world: LedgerWorld, day: int, prices: Sequence[float]) -> None:
    world.warp(expiry(day) - world.now)
    for market, price in zip(world.stage.markets, prices, strict=True):
        world.average(market, day, price)
        world.price(market, price)
        if market.number in world.risk.markets:
            assert world.fix(market, day).done


def settle(world: LedgerWorld, order: Sequence[Sequence[int]]) -> None:
    """Everybody at last, whatever the order, by anybody."""
    for batch in (*order, ACCOUNTS):
        assert world.expire(keeper.address, *batch).done


def lots_left(world: LedgerWorld) -> int:
    return sum(abs(n) for a in ACCOUNTS for m in world.stage.markets for n in world.positions(a, m).values())


@pytest.fixture(scope="session")
def deployed():
    """titanoboa undoes what an example deploys, so it must be there before."""
    return scene()


@pytest.mark.usefixtures("deployed")
def test_the_solvent_pay_in_full_in_any_order(examples):
    """Who owes in one series and is owed in another borrows until it is paid; in the end nobody owes anything."""

    @settings(max_examples=examples(10))
    @given(
        sales(ACCOUNTS, ACCOUNTS, (0, 1), (CALL, PUT, FORWARD)),
        st.tuples(st.sampled_from([1_900, 2_999.5, 3_100, 4_400.123456789]), st.sampled_from([42_000, 60_500, 81_000])),
        orders,
    )
    def holds(made, prices, order):
        with LedgerWorld.fresh() as world:
            day = open_book(world, made, 9_000)
            owed: dict[int, int] = defaultdict(int)
            for sale in made:
                amount = due(sale, prices[sale.market]) * sale.lots
                owed[sale.seller] += amount
                owed[sale.buyer] -= amount
            assume(all(amount <= 9_000 * WAD for amount in owed.values()))
            world.limits(10**6 * WAD, 0)
            fix(world, day, prices)
            settle(world, order)
            settle(world, [])
            assert lots_left(world) == 0
            for account in ACCOUNTS:
                assert world.cash(account) == 9_000 * WAD - owed[account]
            assert world.cash(world.pool.account) == POOL_CASH * WAD
            world.assert_equal()

    holds()


@pytest.mark.usefixtures("deployed")
def test_haircuts_are_the_shortfall_in_any_order(examples):
    """Sellers who have not enough pay all the same share. Each buyer gets what has been paid in its own series and what
    of the reserve falls to that; who holds nothing in a series loses nothing in it."""
    sellers, buyers = ACCOUNTS[:2], ACCOUNTS[2:]

    @settings(max_examples=examples(10))
    @given(
        sales(sellers, buyers, (0,), (CALL,)),
        st.sampled_from([3_050, 3_900.7, 9_000, 20_000.123456789]),
        st.sampled_from([0, 77, 2_500, 10**6]),
        orders,
        orders,
    )
    def holds(made, price, reserve, order, late):
        with LedgerWorld.fresh() as world:
            day = open_book(world, made, 2_500)
            world.limits(0, reserve * WAD)
            fix(world, day, (price, 60_000))
            settle(world, order)
            world.warp(DAY)
            settle(world, late)
            world.assert_equal()
            assert lots_left(world) == 0
            cash, pool = payouts(made, price, 2_500 * WAD, reserve * WAD)
            assert {account: world.cash(account) for account in ACCOUNTS} == cash
            assert world.cash(world.pool.account) == POOL_CASH * WAD + pool

    holds()


def payouts(made: Sequence[Sale], price: float, start: int, reserve: int) -> tuple[dict[int, int], int]:
    """By account, the cash in the end; and the pool's gain. No order in it but sellers first, then buyers."""
    held: dict[tuple[int, Sale], int] = defaultdict(int)
    for sale in made:
        series = Sale(0, 0, sale.market, sale.strike, sale.kind, 0)
        held[sale.seller, series] -= sale.lots
        held[sale.buyer, series] += sale.lots
    cash = dict.fromkeys(ACCOUNTS, start)
    paid: dict[Sale, int] = defaultdict(int)
    missing: dict[Sale, int] = defaultdict(int)
    for account in ACCOUNTS:
        owed = sum(-lots * due(series, price) for (who, series), lots in held.items() if who == account and lots < 0)
        for (who, series), lots in held.items():
            if who == account and lots < 0:
                full = due(series, price)
                share = full if start >= owed else full * start // owed
                cash[account] -= -lots * share
                paid[series] += -lots * share
                missing[series] += -lots * (full - share)
    shortfall, pool = sum(missing.values()), 0
    event(f"shortfall: {shortfall > 0}, covered: {reserve >= shortfall}")
    for series, total in paid.items():
        cover = min(missing[series], missing[series] * reserve // shortfall) if shortfall else 0
        longs = {who: lots for (who, one), lots in held.items() if one == series and lots > 0}
        each = (total + cover) // sum(longs.values())
        for who, lots in longs.items():
            cash[who] += lots * each
        dust = total + cover - each * sum(longs.values())
        assert 0 <= dust < sum(longs.values())
        haircuts = sum(lots * (due(series, price) - each) for lots in longs.values())
        assert haircuts == missing[series] - cover + dust
        if missing[series] == 0:
            assert haircuts == 0
        pool += dust - cover
    return cash, pool
