"""A seeded random walk over two markets and four traders: deposits, withdrawals, trades, price moves, expiries.

What is refused changes nothing; every step tells what was done, so that a property can be checked after each.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import boa
from eth_utils.crypto import keccak
from tests.contracts.margin.stage import CASH, DAY, EVERYWHERE, WAD, Market, Refused, Stage, day_of, expiry


@dataclass
class Walk:
    """Where the walk has come to."""

    stage: Stage
    seed: int
    accounts: list[int] = field(default_factory=list)
    prices: list[float] = field(default_factory=lambda: [3_000.0, 60_000.0])
    candidates: list[float] = field(default_factory=lambda: [0.0, 0.0])
    series: set[int] = field(default_factory=set)
    """All that were ever traded, with the market in front."""
    refused: dict[str, int] = field(default_factory=dict)
    done: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.days = [day_of(self.stage.now) + ahead for ahead in (1, 2, 30)]
        self.accounts = [self.stage.newcomer(40_000, eth=2, btc=0.2) for _ in range(4)]
        self.stage.pool.set_limits(5_000 * WAD, 3_000 * WAD)
        self.pool = self.stage.fund(self.stage.pool.address, 50_000)
        self.quote()

    @property
    def strikes(self) -> tuple[int, ...]:
        return (2_700, 3_000, 3_300)

    def drawn(self, market: Market) -> int:
        """A series to trade."""
        day = self.random.choice([day for day in self.days if expiry(day) > self.stage.now])
        strike = self.random.choice(self.strikes) * (1 if market.number == 0 else 2)
        return market.id(day, strike, self.random.randrange(3))

    def quote(self) -> None:
        """A fresh price and surface, and arrays of all that is held or was traded."""
        for market in self.stage.markets[:2]:
            live = [item for item in self.series if item >> 36 == market.number]
            live = [item for item in live if expiry(item >> 22 & (2**14 - 1)) > self.stage.now]
            number = market.number
            self.stage.price(market, self.prices[number], self.candidates[number])
            self.stage.surface(market, [day for day in self.days if expiry(day) > self.stage.now])
            self.stage.refresh(market, *live)

    def step(self) -> tuple[str, tuple[Any, ...], Any]:
        """One call; its name, its arguments and what came of it."""
        verb = self.random.choices(("trade", "deposit", "withdraw", "price", "expire"), weights=(10, 1, 3, 3, 2))[0]
        arguments, answer = getattr(self, f"_{verb}")()
        counted = self.refused if isinstance(answer, Refused) else self.done
        name = f"{verb}: {answer.reason}" if isinstance(answer, Refused) else verb
        counted[name] = counted.get(name, 0) + 1
        return verb, arguments, answer

    def prepare_trade(self) -> dict[int, int]:
        """A book of one to three legs, its arrays computed."""
        market = self.random.choice(self.stage.markets[:2])
        lots = [-300, -50, -1, 1, 50, 300]
        book = {self.drawn(market): self.random.choice(lots) for _ in range(self.random.randint(1, 3))}
        self.series |= book.keys()
        self.stage.refresh(market, *book)
        return book

    def _trade(self) -> tuple[tuple[Any, ...], Any]:
        book = self.prepare_trade()
        parties = self.random.sample(self.accounts, 2)
        paid = self.random.choice([0, 0, self.random.randint(-3_000, 3_000)])
        arguments = (*parties, book, paid)
        return arguments, self.stage.exchange(parties[0], parties[1], book, paid=paid)

    def _deposit(self) -> tuple[tuple[Any, ...], Any]:
        account, amount = self.random.choice(self.accounts), self.random.randint(1, 5_000)
        self.stage.fund(owner_of(account), amount)
        return (account, amount), None

    def _withdraw(self) -> tuple[tuple[Any, ...], Any]:
        account = self.random.choice(self.accounts)
        token, scale = self.random.choice(
            [(self.stage.cash, 10**6 * 20_000), *((m.token, 10**18) for m in self.stage.markets[:2])]
        )
        arguments = (account, token.address, self.random.randint(1, scale), owner_of(account))
        return arguments, self.stage.call(self.stage.ledger, "withdraw", *arguments, sender=owner_of(account))

    def _price(self) -> tuple[tuple[Any, ...], Any]:
        number = self.random.randrange(2)
        self.stage.wait(self.random.choice([0, 30, 600, 7_200]))
        self.prices[number] *= self.random.choice([0.9, 0.98, 0.999, 1.001, 1.02, 1.1])
        self.candidates[number] = self.random.choice([0, 0, 0, 1.1]) * self.prices[number]
        self.quote()
        return (number, self.prices[number]), None

    def _expire(self) -> tuple[tuple[Any, ...], Any]:
        self.stage.wait(self.random.choice([0, 3_600, DAY // 2]))
        for market in self.stage.markets[:2]:
            for day in self.days:
                if expiry(day) <= self.stage.now and self.stage.risk.fixing(market.number, day) == 0:
                    self.stage.fix(market, day, self.prices[market.number])
        self.quote()
        accounts = self.random.sample(self.accounts, self.random.randint(1, 4))
        return (accounts,), self.stage.call(self.stage.ledger, "expire", accounts, EVERYWHERE)


def owner_of(account: int) -> str:
    return f"0x{account >> 96:040x}"


def pot(stage: Stage, item: int) -> dict[str, int]:
    """What has been paid for a series and what was taken out."""
    layout = stage.ledger.compiler_data.storage_layout["storage_layout"]["expiries"]["pots"]
    base = int.from_bytes(keccak(layout["slot"].to_bytes(32, "big") + item.to_bytes(32, "big")), "big")
    names = ("payers", "receivers", "cash", "cash_taken", "units", "units_taken", "shortfall", "state")
    words = [boa.env.get_storage(stage.ledger.address, (base + place) % 2**256) for place in range(8)]
    return dict(zip(names, words, strict=True))


def cash_of(stage: Stage, account: int) -> int:
    return stage.head(account)[0]


__all__ = ["CASH", "Walk", "cash_of", "owner_of", "pot"]
