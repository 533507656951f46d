"""What a margin account refuses, and the reason it gives: each refused call leaves everything as it was."""

from typing import Any

import pytest
from tests.contracts.margin.stage import (
    CALL,
    CASH,
    EVERYWHERE,
    FORWARD,
    PUT,
    WAD,
    Refused,
    account_of,
    day_of,
    expiry,
    series,
)
from tests.contracts.mocks import load
from tests.contracts.unit.scene import maker, taker

UNIT = 10**6


@pytest.fixture
def traders(desk):
    """With 100,000 each."""
    return desk.cash(maker, 100_000), desk.cash(taker, 100_000)


@pytest.fixture
def eth(desk):
    return desk.stage.markets[0]


@pytest.fixture
def call(desk, eth):
    """A call of next month, its array computed."""
    item = eth.id(day_of(desk.stage.now) + 30, 3_000, CALL)
    desk.stage.quote(eth, 3_000, item)
    return item


def state(desk, *accounts):
    """All that a refused call must not have changed."""
    stage = desk.stage
    return [
        (stage.head(one), [stage.ledger.book(one, market.number) for market in stage.markets]) for one in accounts
    ] + [[stage.cash.balanceOf(one) for one in (maker.address, taker.address, stage.ledger.address)]]


def refused(desk, traders, *legs):
    """Why the trade of these legs, and a premium before them, does not settle; nothing is left of it."""
    before = state(desk, *traders)
    outcome = desk.settle(desk.premium(taker, maker, 5), *legs)
    assert not outcome.settled
    assert state(desk, *traders) == before
    return outcome.reason


@pytest.mark.usefixtures("call")
def test_a_market_that_is_not_listed(desk, traders):
    leg = desk.position(maker, taker, 5 << 36 | series(day_of(desk.stage.now) + 30, 3_000, CALL), 1)
    assert refused(desk, traders, leg) == "market"
    assert desk.stage.call(desk.stage.risk, "refresh", 5, []) == Refused("market")


def test_a_market_that_no_account_can_name(desk, traders, call):
    for item in (65 << 36, 64 << 36 | call, 2**63, 2**64 - 1):
        assert refused(desk, traders, desk.position(maker, taker, item, 1)) in ("market", "series")


def test_a_market_that_was_never_priced(desk, traders):
    item = desk.stage.markets[1].id(day_of(desk.stage.now) + 30, 6_000, CALL)
    assert refused(desk, traders, desk.position(maker, taker, item, 1)) == "market"


@pytest.mark.usefixtures("call")
@pytest.mark.parametrize(("strike", "kind"), [(0, CALL), (0, PUT), (0, FORWARD), (3_000, 3), (0, 3)])
def test_a_series_off_the_grid(desk, eth, traders, strike, kind):
    item = eth.id(day_of(desk.stage.now) + 30, strike, kind)
    assert refused(desk, traders, desk.position(maker, taker, item, 1)) == "series"
    assert desk.stage.refresh(eth, item) == Refused("series")


@pytest.mark.usefixtures("call")
def test_a_series_that_has_expired(desk, eth, traders):
    day = day_of(desk.stage.now)
    for item in (eth.id(day, 3_000, CALL), eth.id(0, 3_000, CALL)):
        assert refused(desk, traders, desk.position(maker, taker, item, 1)) == "matured"
    assert desk.stage.refresh(eth, eth.id(day, 3_000, CALL)) == Refused("surface")
    desk.stage.wait(expiry(day + 1) - desk.stage.now)
    assert refused(desk, traders, desk.position(maker, taker, eth.id(day + 1, 3_000, CALL), 1)) == "matured"
    desk.stage.price(eth, 3_000)
    desk.stage.oracle.set_slice(eth.surface_feed, expiry(day + 1), (*[10**8] * 5, 10**9, desk.stage.now))
    assert desk.stage.refresh(eth, eth.id(day + 1, 3_000, CALL)) == Refused("matured")


def test_a_stale_price(desk, traders, call):
    desk.stage.wait(121)
    assert refused(desk, traders, desk.position(maker, taker, call, 1)) == "feed"


def test_no_price_at_all(desk, eth):
    assert desk.stage.refresh(eth, eth.id(day_of(desk.stage.now) + 30, 3_000, CALL)) == Refused("feed")


def test_a_stale_surface(desk, eth, traders, call):
    other = eth.id(day_of(desk.stage.now) + 60, 3_000, CALL)
    desk.stage.wait(3_601)
    desk.stage.price(eth, 3_000)
    assert desk.stage.refresh(eth, other) == Refused("surface")
    assert refused(desk, traders, desk.position(maker, taker, call, 1)) == "epoch"
    desk.stage.refresh(eth)
    assert refused(desk, traders, desk.position(maker, taker, call, 1)) == "feed"


@pytest.mark.usefixtures("call")
def test_an_array_that_was_not_computed(desk, eth, traders):
    other = eth.id(day_of(desk.stage.now) + 30, 3_100, CALL)
    assert refused(desk, traders, desk.position(maker, taker, other, 1)) == "array"


def test_an_epoch_that_is_over(desk, eth, traders, call):
    with desk.stage.undone():
        desk.stage.price(eth, 3_061)
        assert refused(desk, traders, desk.position(maker, taker, call, 1)) == "epoch"
    desk.stage.wait(1_800)
    desk.stage.price(eth, 3_000)
    assert refused(desk, traders, desk.position(maker, taker, call, 1)) == "epoch"


def test_a_price_that_waits_for_confirmation(desk, eth, traders, call):
    desk.stage.price(eth, 3_000, candidate=4_000)
    assert refused(desk, traders, desk.position(maker, taker, call, 1)) == "candidate"
    desk.stage.price(eth, 3_000, candidate=3_600)
    assert refused(desk, traders, desk.position(maker, taker, call, 11_000)) == "margin"


def test_a_full_list_of_positions(desk, eth, traders):
    day = day_of(desk.stage.now) + 30
    items = [eth.id(day, 2_500 + 10 * number, CALL) for number in range(33)]
    desk.stage.quote(eth, 3_000, *items)
    for first in (0, 16):
        legs = [desk.position(maker, taker, item, 1) for item in items[first : first + 16]]
        assert desk.settle(*legs, mask=1 << first + 1).settled
    assert refused(desk, traders, desk.position(maker, taker, items[32], 1)) == "full"
    assert desk.settle(desk.position(maker, taker, items[31], 1), mask=8).settled
    swap = desk.position(taker, maker, items[0], 1), desk.position(maker, taker, items[32], 1)
    assert desk.settle(*swap, mask=16).settled


def test_a_ninth_market(desk):
    """Of collateral, too."""
    for number in range(7):
        desk.stage.list_market(f"M{number}", 10**16, 10**18)
    for market in desk.stage.markets:
        desk.scene.fund(market.token, maker.address, WAD)
    for market in desk.stage.markets[:8]:
        assert desk.deposit(maker, market.token, WAD).settled
    assert desk.deposit(maker, desk.stage.markets[8].token, WAD).reason == "markets"


@pytest.mark.parametrize("lots", [2**27, 2**28, 2**63, 2**64 - 1])
def test_lots_that_no_position_holds(desk, traders, call, lots):
    assert refused(desk, traders, desk.position(maker, taker, call, lots)) == "lots"


def test_lots_that_add_up_to_too_many(desk, traders, call):
    most = 2**27 - 1
    assert refused(desk, traders, *[desk.position(maker, taker, call, most)] * 2) == "lots"


@pytest.mark.parametrize("amount", [100_001 * UNIT, 2**63, 2**64 - 1])
def test_cash_that_is_not_there(desk, traders, amount):
    assert refused(desk, traders, desk.position(maker, taker, CASH, amount)) == "cash"


@pytest.mark.parametrize("amount", [1, 2**64 - 1])
def test_collateral_that_is_not_there(desk, traders, amount):
    leg = desk.position(maker, taker, desk.stage.markets[1].collateral, amount)
    assert refused(desk, traders, leg) == "collateral"


def test_margin_that_is_not_there(desk, traders, call):
    assert refused(desk, traders, desk.position(maker, taker, call, 20_000)) == "margin"


def test_an_account_with_itself(desk, traders, call):
    leg = desk.position(maker, maker, call, 1)
    assert refused(desk, traders, leg) == "account"


def test_positions_that_do_not_come_through_settlement(desk, traders, call):
    ledger = desk.stage.ledger
    moves = [(*traders, call, 1)]
    arguments = (bytes(32), moves)
    assert desk.stage.call(ledger, "settle_positions", *arguments, sender=maker.address) == Refused("settlement")


@pytest.mark.usefixtures("call")
def test_risk_counts_for_its_ledger_only(desk):
    risk, day = desk.stage.risk, day_of(desk.stage.now)
    for verb, arguments in (("commit", (0, 0, [])), ("forget", (0, 0)), ("fix", (0, day))):
        assert desk.stage.call(risk, verb, *arguments, sender=maker.address) == Refused("ledger")


# A hostile token


@pytest.fixture
def hooked(desk):
    """A market whose collateral calls back whoever asked for it; the maker's hook may withdraw for the maker."""
    token, hook = load("HookToken", "imBTC", "imBTC", 18), load("Reentrant")
    desk.stage.list_market("IMBTC", 10**16, 10**18, token=token)
    desk.scene.fund(token, maker.address, 100 * WAD)
    assert desk.deposit(maker, token, 10 * WAD).settled
    token.set_hook(maker.address, hook.address)
    ledger = desk.stage.ledger
    assert isinstance(desk.stage.call(ledger, "grant", hook.address, 0, 3, 2**63, sender=maker.address), int)
    return token, hook


def again(desk, hook, token, verb):
    """What the hook calls back."""
    ledger, account = desk.stage.ledger, account_of(maker.address)
    if verb == "deposit":
        target = desk.scene.settlement
        arguments: tuple[Any, ...] = (ledger.address, account, token.address, 0, [])
    else:
        target = ledger
        arguments = {
            "withdraw": (account, token.address, WAD, maker.address),
            "expire": ([account], EVERYWHERE),
            "fix": (2, 0),
        }[verb]
    hook.arm(target.address, getattr(target, verb).prepare_calldata(*arguments))


@pytest.mark.parametrize("verb", ["withdraw", "expire", "fix"])
def test_a_withdrawal_cannot_be_entered_again(desk, hooked, verb):
    token, hook = hooked
    account = account_of(maker.address)
    again(desk, hook, token, verb)
    arguments = (account, token.address, WAD, maker.address)
    assert desk.stage.call(desk.stage.ledger, "withdraw", *arguments, sender=maker.address) is None
    assert (hook.fired(), hook.last_success()) == (1, False)
    assert desk.stage.collateral(account, desk.stage.markets[2]) == 9 * WAD == token.balanceOf(desk.stage.ledger)


def test_the_same_call_goes_through_by_itself(desk, hooked):
    token, hook = hooked
    data = desk.stage.ledger.withdraw.prepare_calldata(account_of(maker.address), token.address, WAD, maker.address)
    hook.execute(desk.stage.ledger.address, data)
    assert token.balanceOf(desk.stage.ledger) == 9 * WAD


def test_a_deposit_cannot_be_entered_again(desk, hooked):
    """Nor counted twice."""
    token, hook = hooked
    again(desk, hook, token, "deposit")
    assert desk.deposit(maker, token, WAD).settled
    assert (hook.fired(), hook.last_success()) == (1, False)
    assert desk.stage.collateral(account_of(maker.address), desk.stage.markets[2]) == 11 * WAD


def test_what_leaves_during_a_deposit_is_not_credited_again(desk, hooked):
    """The hook withdraws while the deposit is on its way: what the ledger owes is never more than it holds."""
    token, hook = hooked
    again(desk, hook, token, "withdraw")
    desk.deposit(maker, token, WAD)
    assert desk.stage.collateral(account_of(maker.address), desk.stage.markets[2]) <= token.balanceOf(
        desk.stage.ledger.address
    )


def test_nobody_stays_locked_after_a_refusal(desk, traders, call):
    assert refused(desk, traders, desk.position(maker, taker, call, 20_000)) == "margin"
    assert desk.settle(desk.position(maker, taker, call, 1)).settled
