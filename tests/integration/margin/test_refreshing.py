"""What a call needs is put in front of it, in one transaction where that can be; and it is found out by views alone."""

from dataclasses import dataclass

import pytest
from tests.integration.margin.stage import Stage

from peersettle.bindings import MarginDesk
from peersettle.chain import FeePolicy, TransactionSender, fund
from peersettle.cli.demo_oracle import FEED as SPOT
from peersettle.cli.demo_world import Peer
from peersettle.errors import BelowMargin, FeedUnusable, InputError, Reverted, StaleArray, StaleEpoch
from peersettle.risk.instruments import expiry
from peersettle.signing import KeySigner, sign_as
from peersettle.trades import Leg, SignedTrade, Trade
from peersettle.types import WAD, Account

ETHER = 10**18


class Trader(Peer):
    """With a margin account."""

    @property
    def account(self) -> Account:
        return Account(self.address)


@dataclass
class Pair:
    """A maker and a taker with 20,000 USDC each in their accounts, on a fresh price of 3000."""

    stage: Stage
    maker: Trader
    taker: Trader

    @property
    def desk(self) -> MarginDesk:
        return self.stage.desk

    @property
    def accounts(self):
        return [self.maker.account, self.taker.account]

    def series(self, strike, kind=0, ahead=7):
        return self.stage.day(ahead) << 22 | strike << 2 | kind

    def signed(self, series, lots, word):
        ledger = self.stage.deployment.ledger
        assert ledger is not None
        leg = Leg.position(self.maker.address, self.taker.address, ledger, series, lots)
        parties = (self.maker.address, self.taker.address)
        trade = Trade(parties, (leg,), word, 1, 0, self.stage.chain.now() + 86_400)
        document = SignedTrade(self.stage.deployment.domain, trade)
        return sign_as(self.taker.signer, sign_as(self.maker.signer, document))

    def plan(self, signed, **options):
        call = self.stage.settlement.settle(signed)
        trading = [leg.id for leg in signed.trade.legs]
        return self.desk.plan(call, self.taker.address, self.accounts, anybodys=True, trading=trading, **options)

    def trade(self, series, lots, word):
        plan = self.plan(self.signed(series, lots, word))
        assert len(plan.calls) == 1
        self.taker.sender.send(plan.calls[0])
        return plan

    def lots(self, trader, series):
        return dict(self.desk.ledger.book(trader.account, 0).positions).get(series, 0)


@pytest.fixture
def pair(stage):
    stage.quote()
    if stage.oracle.read(SPOT).value != 3000 * WAD:
        stage.report(3000)
    made = []
    for name in ("maker", "taker"):
        signer = KeySigner.random()
        fund(stage.chain, signer.address, 10 * ETHER)
        stage.fund(signer.address, usdc="20000")
        sender = TransactionSender(stage.chain, signer, policy=FeePolicy(poll_interval=0.02))
        trader = Trader(name, signer, sender, b"")
        cash, units = stage.deployment.tokens["USDC"], 20_000 * 10**6
        sender.send(stage.token("USDC").approve(stage.deployment.settlement, units))
        sender.send(stage.settlement.deposit(stage.deployment.ledger, trader.account, cash, units))
        made.append(trader)
    yield Pair(stage, *made)
    for trader in made:
        trader.sender.store.close()


def test_a_new_series_is_refreshed_in_front_and_once_for_all(pair):
    series = pair.series(3050)
    first = pair.trade(series, 100, 1)
    assert (first.refreshed, first.updates) == (1, 0)
    assert "same transaction" in first.explain()
    second = pair.plan(pair.signed(series, 100, 2))
    assert (second.refreshed, second.explain()) == (0, "")
    assert pair.lots(pair.taker, series) == 100


def test_without_its_refresh_a_trade_is_refused_and_says_what_it_lacks(pair):
    signed = pair.signed(pair.series(3111), 100, 3)
    with pytest.raises(StaleArray, match="refresh"):
        pair.taker.sender.send(pair.stage.settlement.settle(signed))


def test_every_position_of_every_account_is_refreshed_when_spot_has_left_the_band(pair):
    held = [pair.series(2900, 1), pair.series(3000), pair.series(3000, ahead=30)]
    for number, series in enumerate(held):
        pair.trade(series, 50, 10 + number)
    assert pair.desk.due(pair.accounts) == {}
    pair.stage.report(3045)  # 1.5 %: within the band of 2 %
    assert pair.desk.due(pair.accounts) == {}
    pair.stage.pass_time(300)
    pair.stage.report(3070)
    assert pair.desk.due(pair.accounts) == {0: tuple(sorted(held, reverse=True))}
    with pytest.raises(StaleEpoch):
        pair.desk.ledger.health(pair.maker.account)
    new = pair.series(3200)
    assert pair.trade(new, 10, 20).refreshed == 4
    pair.desk.ledger.health(pair.maker.account)


def test_an_epoch_that_ends_within_the_next_seconds_counts_as_over(pair):
    pair.trade(pair.series(3000), 50, 21)
    started = pair.desk.statement(pair.maker.account).snapshots[0].started
    for left, due in ((120, False), (20, True)):
        pair.stage.pass_time(started + 1_800 - left - pair.stage.chain.now())
        pair.stage.sender.send(pair.desk.oracle.update(pair.stage.round(3000)))
        assert bool(pair.desk.due(pair.accounts)) is due


def test_a_newer_surface_that_is_met_begins_an_epoch_for_all(pair):
    near, far = pair.series(3000), pair.series(3000, ahead=30)
    pair.stage.pass_time(1_800)
    pair.stage.report(3000)
    pair.trade(near, 50, 22)  # an epoch that has only the near expiry yet
    pair.stage.quote(volatility=0.805)
    assert pair.desk.due(pair.accounts) == {}
    assert pair.desk.due(pair.accounts, [far]) == {0: (far, near)}
    pair.trade(far, 10, 23)
    pair.desk.ledger.health(pair.maker.account)


def test_a_statement_shows_the_account_as_after_the_refresh_and_sends_nothing(pair):
    pair.trade(pair.series(3000), 50, 30)
    pair.stage.pass_time(300)
    pair.stage.report(3090)
    block = pair.stage.chain.block_number()
    shown = pair.desk.statement(pair.maker.account)
    assert shown.refreshed == {0: 1}
    assert shown.snapshots[0].reference == 3090 * WAD
    assert pair.stage.chain.block_number() == block
    pair.taker.sender.send(pair.desk.refreshes(pair.desk.due(pair.accounts))[0])
    counted, health = pair.desk.ledger.health(pair.maker.account), shown.health()
    assert health is not None
    assert health.maintenance == pytest.approx(counted.maintenance, rel=1e-5)
    assert health.equity == pytest.approx(counted.equity, rel=1e-5)


def test_a_price_that_is_too_old_is_updated_in_the_same_transaction(pair):
    pair.trade(pair.series(3000), 50, 40)
    pair.stage.pass_time(600)
    assert pair.desk.needs_price([0]) == (SPOT,)
    more = pair.signed(pair.series(3000), 50, 41)
    with pytest.raises(FeedUnusable):
        pair.taker.sender.send(pair.plan(more).calls[0])
    made = pair.stage.round(3090)
    plan = pair.plan(more, updates=[pair.desk.oracle.update(made)])
    assert (len(plan.calls), plan.updates, plan.refreshed) == (1, 1, 1)
    assert "1 oracle update and 1 series" in plan.explain()
    pair.taker.sender.send(plan.calls[0])
    assert pair.desk.oracle.read(SPOT).value == 3090 * WAD
    assert pair.lots(pair.taker, pair.series(3000)) == 100
    assert pair.desk.needs_price([0]) == ()


def test_an_update_that_another_has_made_before_does_not_stop_the_trade(pair):
    pair.stage.pass_time(SPOT.slot)
    made = pair.stage.round(3001)
    update = pair.desk.oracle.update(made)
    plan = pair.plan(pair.signed(pair.series(3000), 50, 50), updates=[update])
    pair.stage.sender.send(update)
    pair.taker.sender.send(plan.calls[0])
    assert pair.lots(pair.taker, pair.series(3000)) == 50


def test_a_trade_that_is_refused_is_refused_with_its_reason_and_its_refresh(pair):
    series = pair.series(3123)
    with pytest.raises(BelowMargin):
        pair.taker.sender.send(pair.plan(pair.signed(series, 100_000, 60)).calls[0])
    assert pair.desk.risk.array(0, series) == 0


def test_a_withdrawal_follows_what_it_needs_in_a_second_transaction(pair):
    pair.trade(pair.series(3000), 50, 70)
    pair.stage.pass_time(300)
    pair.stage.report(3100)
    usdc = pair.stage.deployment.tokens["USDC"]
    call = pair.desk.ledger.withdraw(pair.maker.account, usdc, 10**6)
    with pytest.raises(StaleEpoch):
        pair.maker.sender.send(call)
    plan = pair.desk.plan(call, pair.maker.address, [pair.maker.account], anybodys=False)
    assert (len(plan.calls), plan.refreshed) == (2, 1)
    assert "a transaction of their own" in plan.explain()
    for item in plan.calls:
        pair.maker.sender.send(item)
    assert pair.stage.token("USDC").balance(pair.maker.address) == 10**6


def test_an_account_that_carries_the_bundle_updates_and_withdraws_in_one(pair):
    pair.trade(pair.series(3000), 50, 80)
    pair.stage.pass_time(150)
    code = "0xef0100" + str(pair.stage.deployment.bundle)[2:].lower()
    pair.stage.chain.request("anvil_setCode", pair.maker.address, code)
    made = pair.stage.round(3001)
    usdc = pair.stage.deployment.tokens["USDC"]
    call = pair.desk.ledger.withdraw(pair.maker.account, usdc, 10**6)
    plan = pair.desk.plan(
        call,
        pair.maker.address,
        [pair.maker.account],
        anybodys=False,
        updates=[pair.desk.oracle.update(made)],
    )
    assert (len(plan.calls), plan.updates, plan.refreshed) == (1, 1, 0)
    pair.maker.sender.send(plan.calls[0])
    assert pair.stage.token("USDC").balance(pair.maker.address) == 10**6


def test_an_expiry_that_no_surface_quotes_cannot_be_traded_but_does_not_stop_the_rest(pair):
    held = pair.series(3000)
    pair.trade(held, 50, 90)
    pair.stage.pass_time(300)
    pair.stage.report(3100)
    unquoted = pair.series(3000, ahead=9)
    assert pair.desk.due(pair.accounts, [unquoted]) == {0: (held,)}
    with pytest.raises(Reverted):
        pair.taker.sender.send(pair.plan(pair.signed(unquoted, 10, 91)).calls[0])
    pair.trade(held, 50, 92)


def test_more_series_than_a_refresh_takes_are_split(pair):
    series = [pair.series(2_800 + strike) for strike in range(40)]
    calls = pair.desk.refreshes({0: series})
    assert len(calls) == 2
    with pytest.raises(InputError):
        pair.desk.risk.refresh(0, series)
    snapshot = pair.desk.snapshots({0: series}, calls)[0]
    assert snapshot is not None
    assert all(snapshot.arrays[item] >> 236 == snapshot.epoch for item in series)


def test_in_the_last_half_hour_an_epoch_lasts_a_minute(pair):
    series = pair.series(3000, ahead=0)
    pair.trade(series, 50, 24)
    pair.stage.pass_time(expiry(series >> 22) - 1_500 - pair.stage.chain.now())
    for left in (1_200, 800):
        pair.stage.pass_time(expiry(series >> 22) - left - pair.stage.chain.now())
        pair.stage.sender.send(pair.stage.quote_surface([series >> 22]))
        pair.stage.sender.send(pair.desk.oracle.update(pair.stage.round(3000)))
        assert pair.desk.due(pair.accounts) == {0: (series,)}
        pair.stage.sender.send(pair.desk.refreshes(pair.desk.due(pair.accounts))[0])
        assert pair.desk.due(pair.accounts) == {}
        pair.desk.ledger.health(pair.maker.account)
