"""After any sequence of calls Ledger and Risk are as specified, and nothing is made, lost or owed twice."""

from collections import defaultdict
from contextlib import AbstractContextManager
from typing import Any

import pytest
from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from tests.contracts.differential.ledger_world import (
    ACCOUNTS,
    SERIES_MASK,
    LedgerWorld,
    Outcome,
    broker,
    clerk,
    keeper,
    maker,
    owner_of,
    scene,
    taker,
)
from tests.contracts.margin.stage import CASH, DAY, FORWARD, Market, day_of, expiry, series

from peersettle.errors import Reverted
from peersettle.risk.assessments import Assessment
from peersettle.spec.requirements import UNUSABLE
from peersettle.spec.sessions import SESSION, TRADE, WITHDRAW, slot_of
from peersettle.spec.snapshots import is_due
from peersettle.types import WAD, Address, Hash32, address

data = st.data()
PRICES = (3_000, 60_000)
STRIKES = ((2_400, 2_900, 3_100, 3_800), (4_800, 5_900, 6_100, 7_600))
AHEAD = (1, 1, 1, 2, 9)
CALM = (1, 1, 0.998, 1.003, 0.985, 1.03)
WILD = (0.998, 1.015, 0.93, 1.08, 0.7, 0.8, 1.25, 1.5)
LOTS = (1, 20, 150, 400, 900, 1_500, 4_000)
ALL_SCOPES = TRADE | WITHDRAW


class LedgerMachine(RuleBasedStateMachine):
    """Three owners with five accounts trade two markets up to and past expiries. Most calls are meant to go through."""

    def __init__(self) -> None:
        super().__init__()
        self._fresh = self.fresh()
        self.world = self._fresh.__enter__()
        self.markets = self.world.stage.markets
        self.days: set[int] = set()
        self.pool = self.world.spec.backstop.account

    def fresh(self) -> AbstractContextManager[LedgerWorld]:
        """The world of one run."""
        return LedgerWorld.fresh()

    def teardown(self) -> None:
        try:
            self.world.assert_views_equal()
        finally:
            self._fresh.__exit__(None, None, None)

    def draw(self, data: st.DataObject, *options: Any) -> Any:
        return data.draw(st.sampled_from(options))

    def chance(self, data: st.DataObject, of: int) -> bool:
        return bool(data.draw(st.integers(0, of - 1)) == of - 1)

    def market(self, data: st.DataObject) -> Market:
        number: int = self.draw(data, 0, 1)
        return self.markets[number]

    def told(self, verb: str, outcome: Outcome) -> Outcome:
        event(f"{verb}: {'done' if outcome.done else outcome.reason or 'no reason'}")
        return outcome

    @initialize(data=data)
    def begin(self, data: st.DataObject) -> None:
        for market, price in zip(self.markets, PRICES, strict=True):
            self.world.price(market, price)
        for account in ACCOUNTS:
            self.world.deposit(owner_of(account), account, "cash", self.draw(data, 3_000, 10_000, 40_000) * 10**6)
        self.world.deposit(owner_of(ACCOUNTS[0]), ACCOUNTS[0], "eth", 5 * WAD)
        self.fill_pool(data)
        for _ in range(2):
            self.trade(data)
        for account in ACCOUNTS[:3]:
            self.lever(account)

    def fill_pool(self, _data: st.DataObject) -> None:
        """The backstop gets what it may lend."""
        self.world.deposit(keeper.address, self.pool, "cash", 20_000 * 10**6)

    def lever(self, account: int) -> None:
        """Take out all cash that margin does not need; a wei more it needs."""
        self.prepare(*self.held(account))
        try:
            health = self.world.spec.health(account, self.world.now)
        except Reverted:
            return
        free = min(
            (health.equity - health.initial - health.candidate_loss) // 10**12, self.world.cash(account) // 10**12
        )
        if free <= 0 or health.status or not self.held(account):
            return
        owner = owner_of(account)
        assert self.told("lever", self.world.withdraw(owner, account, "cash", free + 1, owner)).reason in (
            "margin",
            "cash",
        )
        assert self.told("lever", self.world.withdraw(owner, account, "cash", free, owner)).done

    # Moving in and out

    @rule(data=data)
    def move_money(self, data: st.DataObject) -> None:
        for _ in range(2):
            self.draw(data, self.deposit, self.withdraw, self.withdraw, self.pay)(data)
        if self.chance(data, 2):
            self.lever(self.draw(data, *ACCOUNTS))

    def deposit(self, data: st.DataObject) -> None:
        account = self.draw(data, *ACCOUNTS, self.pool, ACCOUNTS[0] | SESSION)
        depositor = keeper.address if self.chance(data, 4) else owner_of(account)
        name = self.draw(data, "cash", "eth", "btc")
        amount = self.draw(data, 1, 50 * 10**6, 2_000 * 10**6) if name == "cash" else self.draw(data, 1, 10**15, WAD)
        if self.chance(data, 12):
            amount = self.draw(data, 0, 2**94, 2**119, 2**120)
        self.told("deposit", self.world.deposit(depositor, account, name, amount))

    def withdraw(self, data: st.DataObject) -> None:
        account = self.draw(data, *ACCOUNTS)
        owner = owner_of(account)
        sender = self.draw(data, owner, owner, owner, clerk.address, keeper.address)
        receiver = self.draw(data, owner, owner, keeper.address)
        name = self.draw(data, "cash", "eth", "btc")
        if name == "cash":
            has = max(self.world.cash(account), 0) // 10**12
        else:
            has = self.world.collateral(account, self.markets[("eth", "btc").index(name)])
        amount = self.draw(data, has, has // 2, has // 10, 1, has + 1)
        if not self.chance(data, 4):
            self.prepare(*self.held(account))
        plain = self.world.spec.accounts.is_plain(account)
        outcome = self.told("withdraw", self.world.withdraw(sender, account, name, amount, receiver))
        if plain and sender == owner and 0 < amount <= has:
            assert outcome.done, "without positions a withdrawal needs no feed"

    # Trades

    @rule(data=data)
    def trades(self, data: st.DataObject) -> None:
        for _ in range(self.draw(data, 1, 2, 3)):
            self.trade(data)

    def trade(self, data: st.DataObject) -> None:
        giver, receiver = self.parties(data)
        legs = []
        for _ in range(self.draw(data, 1, 1, 2, 3)):
            market = self.market(data)
            day = day_of(self.world.now) + self.draw(data, *AHEAD)
            kind, strike = self.draw(data, 0, 1, FORWARD), self.draw(data, *STRIKES[market.number])
            parties = self.draw(data, (giver, receiver), (receiver, giver))
            legs.append((*parties, market.id(day, strike, kind), self.draw(data, *LOTS)))
        if self.chance(data, 3):
            legs.append((receiver, giver, CASH, self.draw(data, 1, 25_000_000, 900_000_000)))
        if self.chance(data, 6):
            legs.append((giver, receiver, self.market(data).collateral, self.draw(data, 1, WAD // 10**9)))
        if self.chance(data, 12):
            legs[0] = (*legs[0][:2], *self.nonsense(data))
        self.settle("trade", data, legs)

    @rule(data=data)
    def close(self, data: st.DataObject) -> None:
        """Somebody passes on a position, or a part of it, best to one who holds the other side; or everything."""
        held = [(account, *place) for account in ACCOUNTS for place in self.held(account)]
        live = [place for place in held if expiry(place[2] >> 22) > self.world.now]
        if not live:
            return
        account, number, item = self.draw(data, *live)
        market = self.markets[number]
        lots = self.world.positions(account, market)[item]
        others = [other for other in ACCOUNTS if self.world.positions(other, market).get(item, 0) * lots < 0]
        others = others if others and not self.chance(data, 4) else [one for one in ACCOUNTS if one != account]
        other = self.draw(data, *others)
        if self.chance(data, 4):
            legs = [(number << 36 | item, lots) for item, lots in self.world.positions(account, market).items()]
        else:
            sign = 1 if lots > 0 else -1
            most = min(abs(lots), abs(self.world.positions(other, market).get(item, lots)))
            legs = [(number << 36 | item, sign * self.draw(data, most, max(most // 2, 1), abs(lots)))]
        moves = [(*((account, other) if lots > 0 else (other, account)), item, abs(lots)) for item, lots in legs]
        if self.chance(data, 3):
            parties = self.draw(data, (account, other), (other, account))
            moves.append((*parties, CASH, self.draw(data, 1, 10**8, 10**9)))
        self.settle("close", data, moves[:16])

    def pay(self, data: st.DataObject) -> None:
        """Cash or collateral alone."""
        giver, receiver = self.parties(data)
        item = self.draw(data, CASH, self.markets[0].collateral, self.markets[1].collateral)
        legs = [(giver, receiver, item, self.draw(data, 10**6, 10**9, 5 * 10**9))]
        self.settle("pay", data, legs)

    def parties(self, data: st.DataObject) -> tuple[int, int]:
        giver, receiver = self.draw(data, *ACCOUNTS), self.draw(data, *ACCOUNTS)
        if giver == receiver and not self.chance(data, 8):
            receiver = next(account for account in ACCOUNTS if account != giver)
        return giver, receiver

    def nonsense(self, data: st.DataObject) -> tuple[int, int]:
        """An id and lots that a trade cannot have."""
        market, day = self.market(data), day_of(self.world.now) + 2
        item = self.draw(
            data,
            market.id(day, 0, 0),
            market.id(day, 3_000, 3),
            market.id(day - 2, 3_000, 0),
            5 << 36 | series(day, 3_000, 0),
            64 << 36 | series(day, 3_000, 0),
            63 << 36,
            market.id(day, 3_333, 1),
            CASH,
        )
        return item, self.draw(data, 1, 2**27 - 1, 2**27, 2**64 - 1)

    def settle(self, rule: str, data: st.DataObject, legs: list[tuple[int, int, int, int]]) -> None:
        """Settle a trade; whoever it names must be good or no riskier in the end."""
        involved = {leg[0] for leg in legs} | {leg[1] for leg in legs}
        if not self.chance(data, 6):
            items = {(leg[2] >> 36, leg[2] & SERIES_MASK) for leg in legs if leg[2] >> 36 < 2 and leg[2] & SERIES_MASK}
            self.prepare(*items, *(item for account in involved for item in self.held(account)))
        before = {account: [self.world.assess(account, market) for market in self.markets] for account in involved}
        signed: list[Any] = list(legs)
        if self.chance(data, 4):
            named = int(clerk.address, 16) << 96 | slot_of(ACCOUNTS[2])
            signed = [tuple(named if part == ACCOUNTS[2] else part for part in leg) for leg in legs]
        outcome = self.told(rule, self.world.move(*signed))
        if not outcome.done:
            return
        self.days |= {leg[2] >> 22 & 2**14 - 1 for leg in legs if leg[2] & SERIES_MASK}
        for account in involved:
            if not self.world.spec.accounts.is_plain(account):
                self.assert_good_or_no_riskier(account, before[account], legs)

    def assert_good_or_no_riskier(self, account: int, before: list[Any], legs: list[tuple[int, int, int, int]]) -> None:
        after = [self.world.assess(account, market) for market in self.markets]
        known = [now for now in after if isinstance(now, Assessment)]
        if len(known) < len(after) or not all(isinstance(was, Assessment) for was in before):
            return
        equity, needed = self.world.cash(account), 0
        for now in known:
            equity += min(now.worth, 0) if now.status & UNUSABLE else now.worth
            needed += now.initial + now.candidate_loss
        if equity >= needed:
            event("judged: good")
            return
        if not any(
            account == giver or (account == receiver and item & SERIES_MASK) for giver, receiver, item, _ in legs
        ):
            event("judged: only received")
            return
        event("judged: no riskier")
        for was, now in zip(before, known, strict=True):
            assert now.requirement <= was.requirement
            assert now.short_lots <= was.short_lots

    def held(self, account: int) -> list[tuple[int, int]]:
        return [(m.number, item) for m in self.markets for item in self.world.positions(account, m)]

    def prepare(self, *items: tuple[int, int]) -> None:
        """As anybody would before a call: a fresh price, surfaces, arrays."""
        for market in self.markets:
            wanted = {item for number, item in items if number == market.number and expiry(item >> 22) > self.world.now}
            if any(number == market.number for number, _ in items):
                self.prepare_market(market, wanted)

    def prepare_market(self, market: Market, wanted: set[int]) -> None:
        """The same of one market."""
        reading = self.world.oracle.readings[Hash32(market.spot_feed)]
        if self.world.now > reading.observed_at + 100:
            self.world.price(market, self.world.prices[market.number])
        feed = Hash32(market.surface_feed)
        known = {item >> 22: self.world.oracle.slices.get((feed, expiry(item >> 22))) for item in wanted}
        if any(found is None or self.world.now > found.observed_at + 3_000 for found in known.values()):
            self.world.surface(market, sorted(known))
        stale = self.stale(market, sorted(wanted))
        if stale is not None:
            self.told("refresh", self.world.refresh(market, stale[:32]))

    def stale(self, market: Market, wanted: list[int]) -> list[int] | None:
        """Those whose arrays must be computed; all when an epoch is due. None when everything is as it should be."""
        risk, now = self.world.risk, self.world.now
        if market.number not in risk.markets:
            return wanted
        known = risk.markets[market.number]
        if is_due(risk.sources, known, risk.oracle.read(known.terms.spot_feed).value, wanted, now):
            return wanted
        return [item for item in wanted if risk.array(market.number, item) >> 236 != known.epoch] or None

    # What happens around it

    @rule(data=data)
    def crash(self, data: st.DataObject) -> None:
        """A price jumps, and those whom it hurts try to get out, or deeper in."""
        market = self.market(data)
        self.set_price(data, market, self.draw(data, 0.65, 0.8, 1.3, 1.6))
        for _ in range(3):
            self.close(data)
        self.trade(data)

    @rule(data=data)
    def around(self, data: st.DataObject) -> None:
        """What others do meanwhile."""
        happenings = (self.price, self.price, self.surface, self.refresh, self.warp, self.limits, self.parameters)
        self.draw(data, *happenings, self.grant)(data)

    def price(self, data: st.DataObject) -> None:
        self.set_price(data, self.market(data), self.draw(data, *CALM, *WILD))

    def set_price(self, data: st.DataObject, market: Market, factor: float) -> None:
        price = self.world.prices[market.number] * factor
        candidate = price * self.draw(data, 0.6, 0.9, 1.04, 1.3) if self.chance(data, 8) else 0
        self.world.price(market, min(max(price, PRICES[market.number] / 5), PRICES[market.number] * 5), candidate)

    def surface(self, data: st.DataObject) -> None:
        market = self.market(data)
        days = [day_of(self.world.now) + ahead for ahead in AHEAD]
        self.world.surface(market, days, self.draw(data, 0.5, 0.8, 1.4))

    def refresh(self, data: st.DataObject) -> None:
        market = self.market(data)
        items = {item for account in ACCOUNTS for number, item in self.held(account) if number == market.number}
        self.told("refresh alone", self.world.refresh(market, sorted(items)[:32]))

    def warp(self, data: st.DataObject) -> None:
        self.world.warp(self.draw(data, 1, 30, 61, 130, 1_900, 4_000))

    def limits(self, data: st.DataObject) -> None:
        loan, reserve = self.draw(data, 0, 300, 10**5), self.draw(data, 0, 77, 1_000, 10**5)
        self.world.limits(loan * WAD, reserve * WAD, self.draw(data, 10**25, 10**21))

    def parameters(self, data: st.DataObject) -> None:
        """Somewhat tighter or looser ones, in force at once or over an hour."""
        market = self.market(data)
        factor, charge = self.draw(data, 1_200, 1_500), self.draw(data, 5_000, 20_000)
        scan, rate = self.draw(data, 9_000, 13_107, 17_000), self.draw(data, 0, 6_554)
        changes = {"initial_factor": factor, "position_charge": charge, "scan": scan, "risk_rate": rate}
        self.told("propose", self.world.propose(market, **changes, risk_scale=self.draw(data, 10**5, 10**9)))
        if not self.chance(data, 4):
            self.world.warp(3_600)
        self.told("activate", self.world.activate(market))

    def grant(self, data: st.DataObject) -> None:
        owner, key = self.draw(data, taker, taker, maker, broker).address, clerk.address
        until = self.world.now + self.draw(data, -1, 0, 1, 10_000, 10**7)
        scopes = self.draw(data, TRADE, WITHDRAW, ALL_SCOPES, ALL_SCOPES, 0, 4)
        sub_account = self.draw(data, 0, 0, 0, 7, SESSION)
        self.told("grant", self.world.grant(owner, key, sub_account, scopes, until))

    # Expiry

    @rule(data=data)
    def to_expiry(self, data: st.DataObject) -> None:
        """The next expiry that anybody has positions in has come, and mostly a price for it."""
        ahead = [day for day in self.days if expiry(day) > self.world.now]
        if not ahead:
            return
        self.world.warp(max(expiry(min(ahead)) - self.world.now - self.draw(data, 0, 0, 0, 1, 1_000, 40_000), 0))
        self.fix_all(data)
        for account in data.draw(st.permutations(ACCOUNTS)):
            self.settle_account(account, keeper.address)

    def fix_all(self, data: st.DataObject) -> None:
        """Most expiries that have come get their price."""
        for market in self.markets:
            last = self.world.prices[market.number]
            if not self.chance(data, 3):
                self.world.price(market, last * self.draw(data, *CALM))
            for day in sorted(self.days):
                if expiry(day) <= self.world.now and not self.world.risk.fixing(market.number, day):
                    if not self.chance(data, 6):
                        self.world.average(market, day, last * self.draw(data, 1, *WILD, 0.4, 3))
                    self.fix_one(market, day)

    def fix(self, data: st.DataObject) -> None:
        days = sorted(self.days) or [day_of(self.world.now)]
        self.fix_one(self.market(data), self.draw(data, *days))

    def fix_one(self, market: Market, day: int) -> None:
        self.told("fix", self.world.fix(market, day))

    @rule(data=data)
    def expire(self, data: st.DataObject) -> None:
        if self.chance(data, 3):
            self.fix(data)
        for _ in range(self.draw(data, 1, 3)):
            accounts = data.draw(st.lists(st.sampled_from([*ACCOUNTS, self.pool]), min_size=1, max_size=4))
            sender: Address = self.draw(data, keeper, keeper, maker, taker).address
            self.settle_account(accounts[0], sender, *accounts[1:])

    @rule(data=data, seconds=st.sampled_from([3_600, DAY, DAY, DAY + 3_600, 7 * DAY]))
    def let_expire(self, data: st.DataObject, seconds: int) -> None:
        """Time passes, and then everybody is settled."""
        self.world.warp(seconds)
        self.fix_all(data)
        for account in data.draw(st.permutations(ACCOUNTS)):
            self.settle_account(account, keeper.address)

    def settle_account(self, account: int, sender: Address, *others: int) -> None:
        outcome = self.told("expire", self.world.expire(sender, account, *others))
        event(f"expired positions: {min(len(outcome.events), 3)}")
        if any(self.world.owed(account) for account in (account, *others)):
            event("expired by a loan")
        for pot in self.world.spec.expiries.pots.values():
            event(f"pot: units {pot.units > 0}, shortfall {pot.shortfall > 0}, covered {pot.covered}")

    # What holds after every step

    @invariant()
    def chain_and_specification_are_equal(self) -> None:
        self.world.assert_equal()

    @invariant()
    def lots_of_a_series_sum_to_nothing(self) -> None:
        """Until it expires; then payers and receivers go one by one, as the pot counts them."""
        held: dict[tuple[int, int], list[int]] = defaultdict(list)
        for (_, market), book in self.world.spec.accounts.books.items():
            for item, number in book.positions:
                held[market, item].append(number)
        expiries = self.world.spec.expiries
        for place, lots in held.items():
            if self.world.now < expiry(place[1] >> 22):
                assert sum(lots) == 0
                assert sum(max(one, 0) for one in lots) == expiries.open_interest[place]
        for place, pot in expiries.pots.items():
            sides = {sum(max(one, 0) for one in held[place]), -sum(min(one, 0) for one in held[place])}
            assert sides == {pot.payers, pot.receivers}

    @invariant()
    def what_is_held_is_what_is_owed(self) -> None:
        """To the wei: nobody's money is another's, the pool's own account included."""
        spec, expiries = self.world.spec, self.world.spec.expiries
        cash = sum(max(head.cash, 0) for head in spec.accounts.heads.values())
        cash += sum(pot.cash - pot.cash_taken for pot in expiries.pots.values())
        assert cash == spec.held.get(spec.cash, 0) * 10**12
        for market in self.markets:
            owed = sum(book.collateral for (_, m), book in spec.accounts.books.items() if m == market.number)
            owed += sum(pot.units - pot.units_taken for (m, _), pot in expiries.pots.items() if m == market.number)
            assert owed == spec.held.get(address(market.token.address), 0)
        for pot in expiries.pots.values():
            assert pot.cash >= pot.cash_taken
            assert pot.units >= pot.units_taken

    @invariant()
    def less_than_no_cash_is_a_loan(self) -> None:
        for account, head in self.world.spec.accounts.heads.items():
            assert max(-head.cash, 0) == self.world.owed(account)


@pytest.fixture(scope="session")
def deployed():
    """titanoboa undoes what an example deploys, so it must be there before."""
    return scene()


@pytest.mark.usefixtures("deployed")
def test_any_sequence_of_calls(examples):
    run_state_machine_as_test(LedgerMachine, settings=settings(max_examples=examples(15)))
