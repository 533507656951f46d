"""Property 9: a stale feed, or a candidate alone, raises no risk; no feed state traps a deposit or a risk reduction."""

import pytest
from tests.contracts.margin.stage import CALL, CASH, DAY, FORWARD, PUT, WAD, Refused, Stage, day_of
from tests.contracts.margin.walk import owner_of


def fresh(stage, items):
    stage.quote(stage.markets[0], 3_000, *items)


def stale(stage, _):
    stage.wait(121)


def dead(stage, _):
    stage.wait(DAY + 200)


def forgotten(stage, _):
    stage.wait(8 * DAY)


def surface_gone(stage, _):
    """Prices go on, volatility is not heard of any more: the epoch rolls, and no array can be computed."""
    stage.wait(3_700)
    stage.price(stage.markets[0], 3_000)


def candidate(stage, _):
    stage.price(stage.markets[0], 3_000, candidate=3_300)


def far_candidate(stage, _):
    stage.price(stage.markets[0], 3_000, candidate=5_000)


def out_of_band(stage, _):
    stage.price(stage.markets[0], 3_500)


def old_epoch(stage, items):
    stage.wait(1_900)
    stage.price(stage.markets[0], 3_000)
    stage.surface(stage.markets[0], [item >> 22 for item in items])


STATES = (stale, dead, forgotten, surface_gone, candidate, far_candidate, out_of_band, old_epoch)
UNUSABLE_STATES = (stale, dead, forgotten, surface_gone)


@pytest.fixture
def held(margin: Stage):
    """Two accounts that hold a call, a put and a forward against one another, close to their margin."""
    eth, day = margin.markets[0], day_of(margin.now) + 30
    items = [eth.id(day, 3_000, kind) for kind in (CALL, PUT, FORWARD)]
    fresh(margin, items)
    accounts = margin.newcomer(40_000), margin.newcomer(40_000)
    refused = margin.exchange(accounts[0], accounts[1], {items[0]: 1_500, items[1]: -1_500, items[2]: 500})
    assert refused is None, refused
    return accounts, items


def helped(margin: Stage, items) -> None:
    """Anybody refreshes what can be refreshed."""
    margin.refresh(margin.markets[0])
    for item in items:
        margin.refresh(margin.markets[0], item)


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_a_fair_reduction_goes_through_in_every_state(margin: Stage, held, state) -> None:
    """By a part of everything, at the marks: both sides become smaller. Then the rest."""
    accounts, items = held
    state(margin, items)
    helped(margin, items)
    found = margin.assess(accounts[0], margin.markets[0])
    paid = -found.worth / WAD
    part = {items[0]: -150, items[1]: 150, items[2]: -50}
    assert margin.exchange(accounts[0], accounts[1], part, paid=paid / 10) is None
    rest = {item: 9 * lots for item, lots in part.items()}
    assert margin.exchange(accounts[0], accounts[1], rest, paid=paid * 9 / 10) is None
    assert margin.positions(accounts[0], margin.markets[0]) == {}
    for account in accounts:
        owner, cash = owner_of(account), margin.head(account)[0] // 10**12
        arguments = (account, margin.cash.address, cash, owner)
        assert margin.call(margin.ledger, "withdraw", *arguments, sender=owner) is None


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_a_deposit_goes_through_in_every_state(margin: Stage, held, state) -> None:
    """And so does what is received in a trade that gives nothing away."""
    accounts, items = held
    giver = margin.newcomer(1_000, btc=1)
    state(margin, items)
    before = margin.head(accounts[0])[0]
    margin.fund(owner_of(accounts[0]), 1_000, eth=1)
    assert margin.move((giver, accounts[0], CASH, 10**9)) is None
    assert margin.head(accounts[0])[0] == before + 2_000 * WAD


@pytest.mark.parametrize("state", UNUSABLE_STATES, ids=lambda state: state.__name__)
def test_nobody_raises_risk_on_a_stale_feed(margin: Stage, held, state) -> None:
    """However much is behind it."""
    accounts, items = held
    for account in accounts:
        margin.fund(owner_of(account), 10**6)
    state(margin, items)
    helped(margin, items)
    for item in items:
        for lots in (-1, 1):
            answer = margin.exchange(accounts[0], accounts[1], {item: lots})
            held_lots = margin.positions(accounts[0], margin.markets[0])[item]
            assert answer == Refused("feed") or abs(held_lots) < 1_500


@pytest.mark.parametrize("state", [candidate, far_candidate], ids=lambda state: state.__name__)
def test_a_candidate_alone_helps_nobody(margin: Stage, held, state) -> None:
    """Up there the holder would be rich. It withdraws no more, and trades no more, than it could before."""
    (holder, _), items = held
    equity, _, initial = margin.health(holder)
    free = (equity - initial) // 10**12
    state(margin, items)
    assert margin.health(holder) == (equity, _, initial)
    owner = owner_of(holder)
    arguments = (holder, margin.cash.address, free + 1, owner)
    assert isinstance(margin.call(margin.ledger, "withdraw", *arguments, sender=owner), Refused)
    other = margin.newcomer(10**6)
    assert isinstance(margin.exchange(holder, other, {items[1]: -6_000}), Refused)


@pytest.mark.parametrize("state", [candidate, far_candidate], ids=lambda state: state.__name__)
def test_it_hurts_nobody_who_does_nothing(margin: Stage, held, state) -> None:
    """Equity and maintenance are as they were: no liquidation starts by it alone."""
    (_, writer), items = held
    before = margin.health(writer)
    state(margin, items)
    assert margin.health(writer) == before


def test_another_market_s_feed_is_no_hindrance(margin: Stage, held) -> None:
    (holder, _), items = held
    btc = margin.markets[1]
    item = btc.id(day_of(margin.now) + 30, 6_000, PUT)
    other = margin.newcomer(10**6)
    margin.fund(owner_of(holder), 30_000)
    dead(margin, items)
    margin.quote(btc, 60_000, item)
    assert margin.exchange(holder, other, {item: 10}) is None
