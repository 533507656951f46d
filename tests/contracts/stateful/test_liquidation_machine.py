"""After any sequence of calls Auction and Backstop are as specified; a sale heals, and takes no more than is due."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, cast

import pytest
from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule, run_state_machine_as_test
from tests.contracts.differential.ledger_world import ACCOUNTS, LedgerWorld, Outcome, keeper, owner_of
from tests.contracts.differential.liquidation_world import BIDDERS, PROVIDERS, LiquidationWorld, heir, provider, scene
from tests.contracts.margin.stage import CALL, DAY, FORWARD, PUT, account_of, day_of, expiry
from tests.contracts.stateful.test_ledger_machine import AHEAD, PRICES, STRIKES, LedgerMachine

from peersettle.errors import Reverted
from peersettle.spec.auction import Quote
from peersettle.spec.gates import Health
from peersettle.types import WAD

data = st.data()
SLOTS = range(1, 9)
NO_LIMIT = 2**200


class LiquidationMachine(LedgerMachine):
    """The same traders, bidders who watch them, and two providers of the backstop."""

    def fresh(self) -> AbstractContextManager[LedgerWorld]:
        return LiquidationWorld.fresh()

    @property
    def both(self) -> LiquidationWorld:
        return cast(LiquidationWorld, self.world)

    def fill_pool(self, data: st.DataObject) -> None:
        for account in BIDDERS:
            cash = self.draw(data, 100_000, 400_000) if account % 2**96 == 0 else 60_000
            self.world.deposit(owner_of(account), account, "cash", cash * 10**6)
        for owner in PROVIDERS:
            self.world.deposit(owner, account_of(owner), "cash", 80_000 * 10**6)
        amount = self.draw(data, 2_000, 20_000, 60_000)
        assert self.both.share("deposit", provider.address, amount * 10**6, provider.address).done
        assert self.both.share("mint", heir.address, amount * WAD // 5, heir.address).done

    @initialize(data=data)
    def begin(self, data: st.DataObject) -> None:
        """Everybody has sold and bought, and taken out what margin does not need."""
        for market, price in zip(self.markets, PRICES, strict=True):
            self.world.price(market, price)
        self.fill_pool(data)
        for account in ACCOUNTS:
            self.world.deposit(owner_of(account), account, "cash", self.draw(data, 10_000, 40_000) * 10**6)
        self.world.deposit(owner_of(ACCOUNTS[0]), ACCOUNTS[0], "eth", 5 * WAD)
        self.world.deposit(owner_of(ACCOUNTS[2]), ACCOUNTS[2], "btc", WAD // 10)
        for index, account in enumerate(ACCOUNTS):
            for other in (ACCOUNTS[index - 1], ACCOUNTS[index - 2])[: self.draw(data, 2, 1)]:
                self.open_position(data, account, other)
        for account in ACCOUNTS:
            if not self.chance(data, 5):
                self.lever(account)

    def open_position(self, data: st.DataObject, seller: int, buyer: int) -> None:
        market = self.market(data)
        day, strike = day_of(self.world.now) + self.draw(data, *AHEAD), self.draw(data, *STRIKES[market.number])
        item = market.id(day, strike, self.draw(data, CALL, PUT, FORWARD))
        self.ready(seller, buyer)
        self.settle("open", data, [(seller, buyer, item, self.draw(data, 150, 400, 900, 1_500))])

    # Who is sold

    def victim(self, data: st.DataObject) -> int:
        """Mostly one that is in auction or should be, or that the backstop has."""
        if self.chance(data, 8):
            return int(self.draw(data, *ACCOUNTS, *BIDDERS[:2], self.pool, self.pool | 1, 12345))
        sick = [account for account in ACCOUNTS if self.is_sick(account)]
        on_sale = [account for account, sale in self.both.auction.sales.items() if sale.started_at]
        return int(self.draw(data, *(sick + on_sale or ACCOUNTS)))

    def is_sick(self, account: int) -> bool:
        try:
            standing = self.both.auction.standing(account, self.world.now)
        except Reverted:
            return False
        return standing.equity < standing.maintenance

    def ready(self, *accounts: int) -> None:
        """Everything that these accounts are in is fresh."""
        heads = [self.world.spec.accounts.head(account) for account in accounts]
        for market in self.markets:
            if any(market.number in head.markets for head in heads):
                items = {item for account in accounts for item in self.world.positions(account, market)}
                self.prepare_market(market, {item for item in items if expiry(item >> 22) > self.world.now})

    def watch(self, data: st.DataObject) -> None:
        """Whoever is below maintenance is auctioned."""
        for account in ACCOUNTS:
            if not self.chance(data, 8):
                self.ready(account)
            if self.is_sick(account) or self.chance(data, 8):
                self.start(data, account)

    # The Auction

    @rule(data=data)
    def distress(self, data: st.DataObject) -> None:
        """A price moves until somebody cannot stand it, and keepers look who."""
        market, factor = self.market(data), self.draw(data, 0.95, 1.05, 0.9, 1.1)
        for _ in range(5):
            self.set_price(data, market, factor)
            self.ready(*ACCOUNTS)
            if any(self.is_sick(account) for account in ACCOUNTS):
                break
        if self.chance(data, 6):
            self.world.warp(self.draw(data, 110, 125, 4_000))
        self.watch(data)
        if self.chance(data, 2):
            self.auctions(data)

    @rule(data=data)
    def auctions(self, data: st.DataObject) -> None:
        """Bidders come sooner or later."""
        account = self.victim(data)
        for _ in range(self.draw(data, 1, 2, 3)):
            self.world.warp(self.draw(data, 0, 0, 20, 61, 200, 400))
            self.act(data, account, self.start, self.bid, self.bid, self.bid, self.take_over, self.end)

    @rule(data=data)
    def last_prices(self, data: st.DataObject) -> None:
        """Nobody has come, and the backstop takes over what it can."""
        account = self.victim(data)
        self.act(data, account, self.start)
        self.world.warp(self.draw(data, 600, 601, 1_300, 1_801))
        for _ in range(2):
            self.act(data, account, self.rescue, self.run_off, self.run_off, self.take_over, self.bid, self.end)

    @rule(data=data)
    def wreck(self, data: st.DataObject) -> None:
        """A price jumps so far that somebody is worth less than nothing."""
        market = self.market(data)
        self.set_price(data, market, self.draw(data, 0.5, 0.6, 1.5, 2))
        self.watch(data)
        self.auctions(data)

    @rule(data=data)
    def inventory(self, data: st.DataObject) -> None:
        """What the backstop has taken over is sold, and closed."""
        account = self.pool | self.draw(data, *([*self.both.backstop.behind] or [1]))
        self.act(data, account, self.bid, self.take_over, self.take_over, self.end, self.rescue, self.run_off)
        slot = self.draw(data, account % 16, account % 16, 0, 9, 2**200)
        self.told("collect", self.both.share("collect", keeper.address, slot))

    @rule(data=data)
    def one_transaction(self, data: st.DataObject) -> None:
        """A trade and a sale of the same account, in either order."""
        account = self.victim(data)
        into = BIDDERS[0]
        self.ready(account, into, *ACCOUNTS)
        with self.transaction():
            calls = [lambda: self.bid(data, account), lambda: self.trade(data), lambda: self.close(data)]
            for call in data.draw(st.permutations(calls)):
                call()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self.world.begin_transaction()
        self.world.within = True
        try:
            yield
        finally:
            self.world.within = False

    def act(self, data: st.DataObject, account: int, *verbs: Any) -> None:
        self.draw(data, *verbs)(data, account)

    def start(self, data: st.DataObject, account: int) -> None:
        if not self.chance(data, 6):
            self.ready(account)
        outcome = self.told("start", self.both.start(account))
        if outcome.done and account >> 96 != self.pool >> 96 and outcome.events:
            standing = self.both.auction.standing(account, self.world.now)
            assert standing.equity < standing.maintenance

    def end(self, data: st.DataObject, account: int) -> None:
        if not self.chance(data, 6):
            self.ready(account)
        self.told("end", self.both.end(account))

    def rescue(self, data: st.DataObject, account: int) -> None:
        self.last_resort(data, account, "rescue")

    def run_off(self, data: st.DataObject, account: int) -> None:
        self.last_resort(data, account, "run_off")

    def last_resort(self, data: st.DataObject, account: int, verb: str) -> None:
        if not self.chance(data, 8):
            self.ready(account)
        quote = self.quote(account)
        outcome = self.told(verb, self.both.sell(verb, keeper.address, account))
        if outcome.done and verb == "rescue" and quote and quote.equity > 0:
            assert 2 * (self.world.cash(account) + 2) >= quote.equity

    def bid(self, data: st.DataObject, account: int) -> None:
        into = self.bidder(data, account)
        quote = self.quote(account)
        whole = quote is not None and quote.most == WAD
        some = (WAD * 7 // 10, WAD // 2) if whole else (WAD, WAD)
        most = self.draw(data, *some, *some, WAD * 3 // 10, WAD // 7, WAD, 1)
        least = self.draw(data, 0, 0, 0, 0, most, WAD // 3)
        limit = self.draw(data, NO_LIMIT, NO_LIMIT, NO_LIMIT, 0, -(10**21), 10**20)
        with self.fair(account, into, quote) as told:
            told.append(self.told("bid", self.both.bid(into, account, most, least, limit)))

    def take_over(self, data: st.DataObject, account: int) -> None:
        into = self.bidder(data, account, *BIDDERS[1:4], *BIDDERS[5:])
        quote = self.quote(account)
        with self.fair(account, into, quote) as told:
            told.append(self.told("take over", self.both.take_over(into, account, self.draw(data, NO_LIMIT, 0))))

    def bidder(self, data: st.DataObject, account: int, *usual: int) -> int:
        """Its own account, and another of the same owner or trader's at times."""
        into = int(self.draw(data, *(usual or (BIDDERS[0], BIDDERS[4]))))
        if self.chance(data, 6):
            into = int(self.draw(data, *ACCOUNTS, *BIDDERS, account if account >> 96 != self.pool >> 96 else into))
        if not self.chance(data, 8):
            self.ready(account, into)
        return into

    def quote(self, account: int) -> Quote | None:
        try:
            return self.both.auction.quote(account, self.world.now)
        except Reverted:
            return None

    # What a sale may do

    def health(self, account: int) -> Health | None:
        try:
            return self.world.spec.health(account, self.world.now)
        except Reverted:
            return None

    def whole(self, account: int, into: int) -> int | None:
        """What account, bidder and backstop are worth together at marks, with what all owe the backstop."""
        healths = [self.health(one) for one in {account, into}]
        if None in healths:
            return None
        pool = self.world.cash(self.pool) if self.pool not in (account, into) else 0
        worth = sum(health.equity + health.unpriced for health in healths if health)
        return worth + pool + self.both.backstop.loans.lent

    def dust(self, account: int, into: int) -> int:
        """What rounding may add or take: a lot of collateral, and a unit of the mark for each lot."""
        total = 10
        for market in self.markets:
            snapshot = self.world.risk.markets.get(market.number)
            if snapshot:
                lots = sum(abs(n) for one in (account, into) for n in self.world.positions(one, market).values())
                total += snapshot.reference * market.lot // WAD * 2 + (
                    lots * snapshot.reference * market.lot // WAD >> 23
                )
        return total

    @contextmanager
    def fair(self, account: int, into: int, quote: Quote | None) -> Iterator[list[Outcome]]:
        """A sale inside raises the account's equity over its requirement, takes from it no more than half of what it
        sells, and makes nothing."""
        dust, before = self.dust(account, into), self.whole(account, into)
        bidder_before, equity_before = self.health(into), self.health(account)
        told: list[Outcome] = []
        yield told
        if not told or not told[0].done:
            return
        assert quote is not None
        assert before is not None
        assert bidder_before is not None
        assert equity_before is not None
        after, bidder = self.health(account), self.health(into)
        assert after is not None
        assert bidder is not None
        whole = self.whole(account, into)
        assert whole is not None
        assert abs(whole - before) <= dust
        relieved = quote.maintenance - after.maintenance
        equity = after.equity + after.unpriced
        gained = bidder.equity + bidder.unpriced - bidder_before.equity - bidder_before.unpriced
        assert bidder.equity >= bidder.initial
        event(f"sold: {'solvent' if quote.equity > 0 else 'insolvent'}")
        if quote.equity > 0:
            assert equity > 0
            assert equity * quote.maintenance > quote.equity * after.maintenance
            lost = quote.equity - equity
            assert lost <= relieved * (quote.paid + quote.fee) // WAD + 2
            assert lost * 2 * quote.maintenance <= relieved * quote.equity + 4 * quote.maintenance
            assert gained >= relieved * quote.paid // WAD - dust
            if into >> 96 == account >> 96:
                both_before = quote.equity + bidder_before.equity + bidder_before.unpriced
                assert equity + bidder.equity + bidder.unpriced <= both_before + dust
        else:
            lacking = -quote.equity + quote.maintenance // 10
            assert gained <= lacking + dust

    # What else happens, not as often

    @rule(data=data)
    def meanwhile(self, data: st.DataObject) -> None:
        self.draw(data, super().trades, super().close, super().move_money, super().around, super().expire)(data)

    @rule(data=data)
    def days_pass(self, data: st.DataObject) -> None:
        if self.chance(data, 2):
            super().to_expiry(data)
        else:
            super().let_expire(data, self.draw(data, 3_600, DAY, DAY, DAY + 3_600))

    def trades(self, data: st.DataObject) -> None:
        """Only meanwhile."""
        super().trades(data)

    def close(self, data: st.DataObject) -> None:
        """The same."""
        super().close(data)

    def move_money(self, data: st.DataObject) -> None:
        """The same."""
        super().move_money(data)

    def around(self, data: st.DataObject) -> None:
        """The same."""
        super().around(data)

    def crash(self, data: st.DataObject) -> None:
        """Here somebody is auctioned for it."""
        self.wreck(data)

    def expire(self, data: st.DataObject) -> None:
        """The same."""
        super().expire(data)

    def to_expiry(self, data: st.DataObject) -> None:
        """When days pass."""
        super().to_expiry(data)

    def let_expire(self, data: st.DataObject, seconds: int) -> None:
        """When days pass."""
        super().let_expire(data, seconds)

    # The backstop

    @rule(data=data)
    def providers(self, data: st.DataObject) -> None:
        for _ in range(2):
            owner, other = self.draw(data, *PROVIDERS), self.draw(data, *PROVIDERS)
            pool = self.both.backstop
            if not self.chance(data, 6):
                self.ready(*(self.pool | slot for slot in pool.behind))
            shares, asked = pool.shares.balance(owner), pool.ready(owner, self.world.now)
            amount = self.draw(data, shares, shares // 2, 1, WAD, shares + 1)
            assets = self.draw(data, 0, 1, 10**6, 10_000 * 10**6, 2**100)
            leaving = self.draw(data, asked, asked, asked // 3, 1, WAD)
            choices: dict[str, tuple[Any, ...]] = {
                "deposit": (assets, owner),
                "mint": (amount, other),
                "request": (amount,),
                "stay": (),
                "redeem": (leaving, other, owner),
                "withdraw": (self.draw(data, leaving // 10**12, 1, 10**6), owner, other),
                "transfer": (other, amount),
                "transferFrom": (other, owner, amount),
                "approve": (other, self.draw(data, 0, amount, 2**256 - 1)),
                "lapse": (self.draw(data, 0, 1), self.draw(data, *(sorted(self.days) or [1]))),
            }
            verb = self.draw(data, *choices, "redeem", "request", "deposit")
            self.traded_fairly(verb, owner, choices[verb])

    def traded_fairly(self, verb: str, owner: Any, arguments: tuple[Any, ...]) -> None:
        """Nobody comes or leaves at the others' cost."""
        before = self.valued()
        outcome = self.told(verb, self.both.share(verb, owner, *arguments))
        after = self.valued()
        if outcome.done and before and after:
            index = 1 if verb in ("deposit", "mint") else 0
            if verb in ("deposit", "mint", "redeem", "withdraw"):
                assert (after[index] + WAD) * (before[2] + WAD) >= (before[index] + WAD) * (after[2] + WAD)

    def valued(self) -> tuple[int, int, int] | None:
        pool, now = self.both.backstop, self.world.now
        try:
            return pool.low(now), pool.high(now), pool.shares.total
        except Reverted:
            return None

    @rule(data=data)
    def leave(self, data: st.DataObject) -> None:
        """Providers ask, and two days later they go."""
        owner = self.draw(data, *PROVIDERS)
        has = self.both.backstop.shares.balance(owner)
        self.told("request", self.both.share("request", owner, self.draw(data, has, has // 3)))
        self.world.warp(self.draw(data, 2 * DAY, 2 * DAY - 1, 3 * DAY, 4 * DAY, 4 * DAY + 1))
        self.fix_all(data)
        self.ready(*(self.pool | slot for slot in self.both.backstop.behind))
        asked = self.both.backstop.requests[owner].shares
        self.traded_fairly("redeem", owner, (self.draw(data, asked, asked // 2), owner, owner))

    def limits(self, data: st.DataObject) -> None:
        """The backstop has its own."""
        self.providers(data)

    # What holds after every step

    @invariant()
    def run_off_is_an_auction(self) -> None:
        """Who may not trade is on sale, and counted."""
        auction, heads = self.both.auction, self.world.spec.accounts.heads
        barred = {account for account, head in heads.items() if head.run_off}
        assert barred == {account for account, sale in auction.sales.items() if sale.run_off}
        counted: dict[Any, int] = defaultdict(int)
        for account, items in auction.run_offs.counted.items():
            assert account in barred
            for side, lots in items:
                counted[side] += lots
        assert {side: lots for side, lots in auction.run_offs.payers.items() if lots} == counted

    @invariant()
    def the_backstop_adds_up(self) -> None:
        pool = self.both.backstop
        assert pool.shares.total == sum(pool.shares.balances.values())
        assert pool.shares.balance(pool.address) == sum(asked.shares for asked in pool.requests.values())
        assert pool.funded == sum(pool.behind.values())
        assert pool.loans.lent == sum(loan.owed for loan in pool.loans.loans.values())
        assert pool.reserved == sum(kept.amount for kept in pool.reserves.values())
        assert self.world.cash(self.pool) >= 0


@pytest.fixture(scope="session")
def deployed():
    """titanoboa undoes what an example deploys, so it must be there before."""
    return scene()


@pytest.mark.usefixtures("deployed")
def test_any_sequence_of_calls(examples):
    run_state_machine_as_test(LiquidationMachine, settings=settings(max_examples=examples(15)))
