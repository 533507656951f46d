"""The margin stage with the real backstop, which has a million, and accounts that come to be sold."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import boa
from tests.contracts.margin.stage import DAY, FORWARD, WAD, Market, Refused, Stage, account_of, day_of, stage
from tests.contracts.margin.walk import owner_of

ANY: Final = 2**200
"""A limit that never binds."""
POOL: Final = 1_000_000
DURATION, LIFE = 600, 1_800
UNIT: Final = 10**6
"""A unit of currency in the token's."""


@dataclass
class Sale:
    """Who has deposited in the pool, and what is quoted in a fresh price."""

    stage: Stage
    depositor: str
    prices: dict[int, float] = field(default_factory=lambda: {0: 3_000, 1: 60_000})
    items: set[int] = field(default_factory=set)
    """Series, with the market in front, whose arrays are kept fresh."""
    accounts: list[int] = field(default_factory=list)
    """Of all who came, except the pool and its first depositor."""

    @classmethod
    def open(cls) -> Sale:
        """Deploy everything, and fill the pool."""
        scene = stage(backstop=True)
        depositor = boa.env.generate_address()
        scene.fund(depositor, POOL)
        assert scene.call(scene.pool, "deposit", POOL * UNIT, depositor, sender=depositor) == POOL * WAD
        return cls(scene, depositor)

    @property
    def eth(self) -> Market:
        return self.stage.markets[0]

    @property
    def btc(self) -> Market:
        return self.stage.markets[1]

    @property
    def pool(self) -> int:
        """The backstop's own account."""
        return account_of(self.stage.pool.address)

    @property
    def forward(self) -> int:
        """ETH in 30 days at 3,000."""
        return self.eth.id(day_of(self.stage.now) + 30, 3_000, FORWARD)

    def inventory(self, slot: int = 1) -> int:
        return self.pool | slot

    def quote(self, price: float | None = None, *new: int, market: int = 0, wait: int = 60) -> None:
        """So many seconds later a price is confirmed, and all that was ever quoted is refreshed."""
        self.stage.wait(wait)
        self.items.update(new)
        if price is not None:
            self.prices[market] = price
        for each in self.stage.markets:
            mine = [item for item in self.items if item >> 36 == each.number]
            mine = [item for item in mine if item >> 22 & (2**14 - 1) > day_of(self.stage.now)]
            if each.number in self.prices:
                self.stage.quote(each, self.prices[each.number], *mine)
                if not mine:
                    assert self.stage.refresh(each) is None

    def newcomer(self, cash: float = 0, **tokens: float) -> int:
        """The account of somebody new, with units of cash and of tokens."""
        account = self.stage.newcomer(round(cash), **tokens)
        self.accounts.append(account)
        return account

    def short(self, cash: float = 100_000, lots: int = 10_000, item: int | None = None) -> int:
        """Somebody with so much cash who has sold forwards (100 ETH of them) to somebody rich."""
        item = self.forward if item is None else item
        self.quote(None, item, wait=0)
        account, other = self.newcomer(cash), self.newcomer(10**8)
        refused = self.stage.exchange(account, other, {item: -lots})
        assert refused is None, refused
        return account

    def standing(self, account: int) -> tuple[float, float, float]:
        """Equity, maintenance and initial requirement in units."""
        health = self.stage.health(account)
        assert not isinstance(health, Refused), health
        return (health[0] / WAD, health[1] / WAD, health[2] / WAD)

    def cash(self, account: int) -> float:
        return self.stage.head(account)[0] / WAD

    def wealth(self, *accounts: int) -> float:
        """What accounts have together, in units."""
        return sum(self.standing(account)[0] for account in accounts)

    def call(self, verb: str, *args: Any, sender: str | None = None) -> Any:
        """A call of the Auction, in a transaction of its own."""
        return self.stage.call(self.stage.auction, verb, *args, sender=sender)

    def pooled(self, verb: str, *args: Any, sender: str | None = None) -> Any:
        """A call of the Backstop."""
        return self.stage.call(self.stage.pool, verb, *args, sender=sender or self.depositor)

    def bid(self, account: int, bidder: int, most: float = 1, least: float = 0, limit: int = ANY) -> Any:
        fractions = (round(most * WAD), round(least * WAD))
        return self.call("bid", account, bidder & (2**96 - 1), *fractions, limit, sender=owner_of(bidder))

    def take_over(self, account: int, bidder: int, limit: int = ANY) -> Any:
        return self.call("take_over", account, bidder & (2**96 - 1), limit, sender=owner_of(bidder))

    def age(self, seconds: int = DURATION) -> None:
        """Time passes and prices are confirmed anew."""
        self.quote(wait=seconds)

    def unclaimed(self) -> int:
        """Cash that the Ledger holds beyond what accounts have, wad: what was paid for an expiry and not taken yet."""
        places = [self.pool | slot for slot in range(9)]
        accounts = {account_of(self.depositor), account_of(self.stage.steward), *places, *self.accounts}
        held = int(self.stage.cash.balanceOf(self.stage.ledger.address)) * 10**12
        return held - sum(max(self.stage.head(account)[0], 0) for account in accounts)

    def debtor(self) -> int:
        """Somebody with one BTC who owes the pool 28,000 for forwards in ETH that have expired."""
        item = self.eth.id(day_of(self.stage.now) + 1, 3_000, FORWARD)
        self.quote(60_000, market=1, wait=0)
        self.quote(3_000, item, wait=0)
        account, other = self.newcomer(2_000, btc=1), self.newcomer(10**6)
        refused = self.stage.exchange(account, other, {item: -3_000})
        assert refused is None, refused
        self.quote(4_000, wait=DAY)
        self.stage.fix(self.eth, item >> 22 & (2**14 - 1), 4_000)
        for one in (account, other):
            assert self.stage.call(self.stage.ledger, "expire", [one], 3) is None
        assert self.stage.positions(account, self.eth) == {}
        return account
