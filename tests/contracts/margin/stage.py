"""Ledger, Risk and Parameters on titanoboa, with an Oracle and a backstop that a test scripts.

Calls go through `Stage.call`, which answers with what came of them: a revert is a reason, not an exception.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

import boa
from boa.contracts.vyper.vyper_contract import VyperContract, VyperDeployer
from boa.interpret import set_search_paths
from eth_abi import decode
from tests.contracts.mocks import SOURCE, load, rolled_back

from peersettle.risk.assessments import Assessment

WAD: Final = 10**18
START: Final = 1_800_000_000
FIRST_EXPIRY: Final = 1_704_096_000
DAY: Final = 86_400
YEAR: Final = 365 * DAY
CALL, PUT, FORWARD = range(3)
UNUSABLE, DEAD, BEYOND = 1, 2, 4
CASH: Final = 2**42
EVERYWHERE: Final = 2**64 - 1  # all markets, as bits
FIELDS: Final = (
    ("scan", 16),
    ("band", 16),
    ("shock", 16),
    ("basis", 16),
    ("initial_factor", 16),
    ("risk_rate", 16),
    ("risk_scale", 40),
    ("gain_cap", 40),
    ("spot_age", 16),
    ("surface_age", 16),
    ("epoch_age", 16),
    ("position_charge", 24),
)
USUAL: Final = {
    "scan": 13_107,  # 20 % in logarithm
    "band": 1_311,  # 2 %
    "shock": 22_938,  # 35 %
    "basis": 328,  # 0.5 %
    "initial_factor": 1_300,
    "risk_rate": 6_554,
    "risk_scale": 10**9,
    "gain_cap": 10**5,
    "spot_age": 120,
    "surface_age": 3_600,
    "epoch_age": 1_800,
    "position_charge": 5_000,
}


def packed(**changes: int) -> int:
    """Risk parameters as Parameters packs them: the usual ones with these changes."""
    word, place = 0, 0
    for name, bits in FIELDS:
        word |= {**USUAL, **changes}[name] << place
        place += bits
    return word


def series(day: int, strike: int, kind: int) -> int:
    return day << 22 | strike << 2 | kind


def packed_book(book: dict[int, int], collateral: int = 0) -> tuple[int, list[int]]:
    """Header and words of a book: lots by series, with or without the market in front, and collateral in wad."""
    held = sorted(((item & (2**36 - 1)) << 28 | lots & (2**28 - 1) for item, lots in book.items()), reverse=True)
    words = [
        sum(position << 64 * place for place, position in enumerate(held[first : first + 4]))
        for first in range(0, len(held), 4)
    ]
    return collateral << 160 | len(held), words


def expiry(day: int) -> int:
    return FIRST_EXPIRY + day * DAY


def day_of(time: int) -> int:
    """The day whose expiry is the last at or before a time."""
    return (time - FIRST_EXPIRY) // DAY


def account_of(owner: str, sub_account: int = 0) -> int:
    return int(str(owner), 16) << 96 | sub_account


@dataclass(frozen=True)
class Market:
    """A listed market: its number, its feeds and its collateral."""

    number: int
    spot_feed: bytes
    surface_feed: bytes
    token: VyperContract
    lot: int
    tick: int

    def id(self, day: int, strike: int, kind: int) -> int:
        """A series as a move names it."""
        return self.number << 36 | series(day, strike, kind)

    @property
    def collateral(self) -> int:
        """The market's collateral as a move names it."""
        return self.number << 36


@dataclass
class Stage:
    """Everything deployed, two markets listed: ETH (lots of 0.01, ticks of 1) and BTC (lots of 0.001, ticks of 10)."""

    oracle: VyperContract
    parameters: VyperContract
    settlement: VyperContract
    pool: VyperContract
    auction: VyperContract
    risk: VyperContract
    ledger: VyperContract
    cash: VyperContract
    steward: str
    permit2: VyperContract
    markets: list[Market] = field(default_factory=list)
    gas: int = 0
    """What the last `call` took, without what a transaction costs."""

    @property
    def now(self) -> int:
        return int(boa.env.evm.patch.timestamp)

    @contextmanager
    def undone(self) -> Iterator[None]:
        """What happens inside leaves no trace."""
        with rolled_back():
            yield

    def wait(self, seconds: int) -> None:
        boa.env.evm.patch.timestamp = self.now + seconds

    def list_market(
        self, name: str, lot: int, tick: int, token: VyperContract | None = None, **parameters: int
    ) -> Market:
        """List one more market, with a well-behaved token of 18 decimals as its collateral if no other is given."""
        market = Market(
            len(self.markets),
            f"{name} spot".encode().ljust(32, b"\1"),
            f"{name} surface".encode().ljust(32, b"\2"),
            token or load("Token", f"Wrapped {name}", f"W{name}", 18),
            lot,
            tick,
        )
        terms = (market.spot_feed, market.surface_feed, market.token.address, 1, lot, tick)
        self.parameters.propose_market(terms, packed(**parameters), sender=self.steward)
        self.wait(3_601)
        self.parameters.activate(market.number)
        self.markets.append(market)
        return market

    def call(
        self, contract: VyperContract, verb: str, *args: Any, sender: str | None = None, going_on: bool = False
    ) -> Any:
        """What a call answers, decoded, or a `Refused` with its reason. Nothing of a refused call remains.

        Each call is a transaction, or the last one's is `going_on`.
        """
        function = getattr(contract, verb)
        if not going_on:
            boa.env.evm.vm.state.clear_transient_storage()
        computation = boa.env.execute_code(
            to_address=contract.address,
            data=function.prepare_calldata(*args),
            sender=sender or self.steward,
            gas=100_000_000,
        )
        output, self.gas = bytes(computation.output), computation.get_gas_used()
        if computation.is_error:
            return Refused(decode(["string"], output[4:])[0] if output[:4].hex() == "08c379a0" else None)
        if function.fn_ast._metadata["func_type"].return_type is None:
            return None
        return contract.marshal_to_python(computation, function.fn_ast._metadata["func_type"].return_type)

    def move(self, *moves: tuple[int, int, int, int]) -> Any:
        """Move (giver account, receiver account, id, lots) as Settlement would."""
        return self.call(self.ledger, "settle_positions", b"\0" * 32, list(moves), sender=self.settlement.address)

    def exchange(self, account: int, other: int, book: dict[int, int], paid: float = 0) -> Any:
        """In one trade an account takes these lots from another (gives them, below zero), and pays so much cash."""
        amounts = {**book, CASH: -round(paid * 10**6)}
        return self.move(
            *(
                (other, account, item, amount) if amount > 0 else (account, other, item, -amount)
                for item, amount in amounts.items()
                if amount
            )
        )

    def newcomer(self, cash: int = 0, **tokens: Any) -> int:
        """The account of somebody new, with whole units of cash and of tokens."""
        return self.fund(boa.env.generate_address(), cash, **tokens)

    def price(self, market: Market, price: float, candidate: float = 0) -> None:
        """The Oracle confirms a price now; a candidate may wait beside it."""
        self.oracle.set_reading(
            market.spot_feed,
            (round(price * 10**9) * 10**9, self.now, 0, round(candidate * 10**9) * 10**9, self.now if candidate else 0),
        )

    def surface(self, market: Market, days: list[int], volatility: float = 0.8, forward: float = 1.002) -> None:
        """A smile with this at-the-money volatility, confirmed now for these expiries."""
        for day in days:
            years = (expiry(day) - self.now) / YEAR
            b, sigma = 0.2 * volatility * math.sqrt(years), 0.3
            parameters = (volatility**2 * years - b * sigma, b, -0.1, 0, sigma, forward)
            self.oracle.set_slice(market.surface_feed, expiry(day), (*(round(x * 10**9) for x in parameters), self.now))

    def quote(self, market: Market, price: float, *wanted: int, volatility: float = 0.8) -> None:
        """Confirm a price and a surface now, and compute the arrays of these series."""
        self.price(market, price)
        self.surface(market, sorted({(item & (2**36 - 1)) >> 22 for item in wanted}), volatility)
        if wanted:
            refused = self.refresh(market, *wanted)
            assert refused is None, refused

    def fix(self, market: Market, day: int, price: float) -> Any:
        """The Oracle's average before an expiry, and its fixing."""
        self.oracle.set_twap(market.spot_feed, expiry(day), round(price * 10**9) * 10**9)
        return self.call(self.ledger, "fix", market.number, day)

    def refresh(self, market: Market, *wanted: int) -> Any:
        """Compute arrays of series (with or without the market in front), expiry by expiry, 32 to a call."""
        ordered = sorted({item & (2**36 - 1) for item in wanted})
        answers = [
            self.call(self.risk, "refresh", market.number, ordered[place : place + 32])
            for place in range(0, max(len(ordered), 1), 32)
        ]
        return next((answer for answer in answers if answer is not None), None)

    def fund(self, owner: str, cash: int = 0, sub_account: int = 0, **tokens: float) -> int:
        """Deposit whole units of cash, and of tokens named like `eth=1.5`, through Settlement. Returns the account."""
        account = account_of(owner, sub_account)
        deposits = [(self.cash, cash * 10**6)]
        for name, amount in tokens.items():
            deposits.append((self.markets[("eth", "btc").index(name)].token, round(amount * 10**18)))
        for token, amount in deposits:
            if amount:
                token.mint(owner, amount)
                token.approve(self.settlement, 2**256 - 1, sender=owner)
                self.settlement.deposit(self.ledger.address, account, token.address, amount, [], sender=owner)
        return account

    def head(self, account: int) -> tuple[int, int, int]:
        """Cash, book id, markets."""
        return tuple(self.ledger.head(account))

    def positions(self, account: int, market: Market) -> dict[int, int]:
        """Lots by series."""
        _, words = self.ledger.book(account, market.number)
        held = {}
        for word in words:
            while word:
                lots = word & (2**28 - 1)
                held[word >> 28 & (2**36 - 1)] = lots - (2**28 if lots >> 27 else 0)
                word >>= 64
        return held

    def collateral(self, account: int, market: Market) -> int:
        return int(self.ledger.book(account, market.number)[0]) >> 160

    def assess(self, account: int, market: Market) -> Any:
        """The account's book in a market, as Risk sees it: an `Assessment`, or a `Refused`."""
        header, words = self.ledger.book(account, market.number)
        answer = self.call(self.risk, "assess", market.number, header, words)
        return answer if isinstance(answer, Refused) else Assessment(*answer)

    def weigh(self, market: Market, book: dict[int, int], collateral: int = 0) -> Any:
        """The `Assessment` of a book of these lots (and collateral, wad), whoever held it, or a `Refused`."""
        header, words = packed_book(book, collateral)
        answer = self.call(self.risk, "assess", market.number, header, words)
        return answer if isinstance(answer, Refused) else Assessment(*answer)

    def health(self, account: int) -> Any:
        """Equity, maintenance, initial; or a `Refused`."""
        answer = self.call(self.ledger, "health", account)
        return answer if isinstance(answer, Refused) else answer[:3]


@dataclass(frozen=True)
class Refused:
    """A call reverted, and why."""

    reason: str | None


@cache
def deployer(name: str) -> VyperDeployer:
    """One of ours, compiled."""
    set_search_paths([str(SOURCE)])
    return boa.load_partial(str(SOURCE / "peersettle" / "contracts" / f"{name}.vy"))


def contract(name: str, *args: Any, **options: Any) -> VyperContract:
    """Deploy one of ours."""
    return deployer(name).deploy(*args, **options)


def stage(backstop: bool = False, **parameters: int) -> Stage:
    """Deploy everything and list the markets with these parameters instead of the usual ones.

    Behind the accounts stands a pool whose limits the test sets, or the real backstop, which has nothing yet.
    """
    boa.env.evm.patch.timestamp = START
    steward = boa.env.generate_address()
    oracle, rules = load("ScriptedOracle"), contract("Parameters", steward, 3_600, 3_600)
    permit2 = load("Permit2")
    settlement = contract("Settlement", permit2)
    cash = load("Token", "USD Coin", "USDC", 6)
    # They know one another before they are there.
    ledger_at, auction_at = boa.env.generate_address(), boa.env.generate_address()
    pool = contract("Backstop", ledger_at, auction_at, cash) if backstop else load("SimplePool", ledger_at)
    risk = contract("Risk", ledger_at, oracle, rules, pool, auction_at)
    auction = contract("Auction", ledger_at, risk, pool, override_address=auction_at)
    ledger = contract("Ledger", settlement, risk, rules, pool, auction, cash, override_address=ledger_at)
    found = Stage(oracle, rules, settlement, pool, auction, risk, ledger, cash, steward, permit2)
    found.list_market("ETH", 10**16, 10**18, **parameters)
    found.list_market("BTC", 10**15, 10**19, **parameters)
    return found
