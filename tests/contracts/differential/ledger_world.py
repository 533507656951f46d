"""Ledger, Risk and Parameters on a chain and their specifications beside them. What is done here is done on both."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache, partial
from types import ModuleType
from typing import Any, Final

import boa
from boa.contracts.vyper.vyper_contract import VyperContract
from boa.util.abi import Address as BoaAddress
from eth_abi import decode
from tests.contracts.differential.world import actor, layout, reason_of, slot
from tests.contracts.margin import stage as margin_stage
from tests.contracts.margin.stage import EVERYWHERE, START, Market, Stage, account_of, expiry, packed
from tests.contracts.mocks import rolled_back

from peersettle.errors import Reverted, reverted
from peersettle.risk.assessments import Assessment
from peersettle.risk.parameters import AbiTerms
from peersettle.spec import ledger_events
from peersettle.spec.accounts import NO_BOOK
from peersettle.spec.contract import PositionMove
from peersettle.spec.expiries import Backstop, SimplePool
from peersettle.spec.ledger import Ledger
from peersettle.spec.oracle import Reading
from peersettle.spec.oracle_surfaces import Dated, Slice
from peersettle.spec.parameters import ParametersSpec
from peersettle.spec.risk import Risk
from peersettle.types import UINT256_MAX, Address, Hash32, address, keccak

GAS: Final = 100_000_000
USUAL: Final = {"shock": 23_040}
DELAY: Final = 3_600
TRADE_HASH: Final = Hash32(b"\x07" * 32)
SERIES_MASK: Final = 2**36 - 1

maker, taker, broker, keeper, clerk = map(actor, ("maker", "taker", "broker", "keeper", "clerk"))
ACCOUNTS: Final = tuple(
    account_of(who.address, sub) for who, sub in ((maker, 0), (maker, 1), (taker, 0), (taker, 7), (broker, 0))
)


@dataclass
class ScriptedOracle:
    """The mock's twin."""

    readings: dict[Hash32, Reading] = field(default_factory=dict)
    slices: dict[tuple[Hash32, int], Dated] = field(default_factory=dict)
    averages: dict[tuple[Hash32, int], int] = field(default_factory=dict)

    def read(self, feed: Hash32) -> Reading:
        return self.readings.get(feed, Reading())

    def twap(self, feed: Hash32, start: int, end: int) -> int:
        if (feed, end) not in self.averages or end - start != 1_800:
            raise reverted("unobserved")
        return self.averages[feed, end]

    def observed_since(self, _feed: Hash32, _start: int) -> tuple[int, int, int]:
        return 0, 0, 0

    def surface_slice(self, feed: Hash32, end: int) -> tuple[Dated | None, Dated | None]:
        return self.slices.get((feed, end)), None


@dataclass(frozen=True)
class Outcome:
    """What came of a call. A refused one has a `reason`, if there was one."""

    done: bool
    reason: str | None = None
    answer: int | None = None
    events: tuple[Any, ...] = ()


@cache
def scene() -> tuple[Stage, Ledger]:
    """What is deployed once, and the specification that equals it."""
    here = margin_stage.stage(**USUAL)
    rules = rules_of(here)
    pool = SimplePool(account_of(here.pool.address), 10**25)
    return here, ledger_of(here, rules, pool)


def rules_of(here: Stage) -> ParametersSpec:
    """The specification of the parameters, with the stage's markets."""
    steward = address(here.steward)
    decimals = {address(here.cash.address): 6} | {address(market.token.address): 18 for market in here.markets}
    rules = ParametersSpec(steward, DELAY, DELAY, decimals)
    now = START
    for number, market in enumerate(here.markets):
        token = address(market.token.address)
        terms: AbiTerms = (market.spot_feed, market.surface_feed, token, 1, market.lot, market.tick)
        rules.propose_market(steward, terms, packed(**USUAL), now)
        now += DELAY + 1
        rules.activate(number, now)
    assert now == here.now
    return rules


def ledger_of(here: Stage, rules: ParametersSpec, pool: Backstop) -> Ledger:
    """The specification of a stage's Ledger, with its Risk."""
    settlement, cash, auction = (address(one.address) for one in (here.settlement, here.cash, here.auction))
    return Ledger(settlement, Risk(ScriptedOracle(), rules, pool), rules, pool, auction, cash, 10**12)


class LedgerWorld:
    """The chain and the specification, changed together."""

    def __init__(self, stage: Stage, spec: Ledger) -> None:
        self.stage = stage
        self.spec = spec
        self.tokens = {"cash": stage.cash, "eth": stage.markets[0].token, "btc": stage.markets[1].token}
        self.prices: dict[int, float] = {}
        self.within = False
        """Whether calls belong to one transaction."""
        self.home = BoaAddress(stage.ledger.address)
        self.logs = [self.log_of(stage.ledger, spec, ledger_events)]
        """Of each contract its address, its specification's log, and how to read its events."""

    @classmethod
    @contextmanager
    def fresh(cls) -> Iterator[LedgerWorld]:
        """A world as the stage is set; undone in the end."""
        stage, spec = scene()
        with rolled_back():
            boa.env.evm.patch.timestamp = START + 2 * (DELAY + 1)
            yield cls(stage, deepcopy(spec))

    @staticmethod
    def log_of(where: VyperContract, spec: Any, kinds: ModuleType) -> tuple[bytes, list[Any], dict[bytes, Any]]:
        return bytes.fromhex(where.address[2:]), spec.log, readers(where, kinds)

    @property
    def now(self) -> int:
        return self.stage.now

    @property
    def risk(self) -> Risk:
        return self.spec.risk

    @property
    def oracle(self) -> ScriptedOracle:
        assert isinstance(self.risk.oracle, ScriptedOracle)
        return self.risk.oracle

    @property
    def pool(self) -> SimplePool:
        assert isinstance(self.spec.backstop, SimplePool)
        return self.spec.backstop

    @property
    def rules(self) -> ParametersSpec:
        return self.spec.parameters

    def warp(self, seconds: int) -> None:
        self.stage.wait(seconds)

    # A call on both sides

    def do(self, where: VyperContract, verb: str, sender: Address, arguments: Sequence[Any], expected: Any) -> Outcome:
        """Make a call of a contract, and `expected` of the specification, which must agree on all that comes of it."""
        if not self.within:
            self.begin_transaction()
        happened = self._on_chain(where, verb, sender, arguments)
        wanted = self._in_spec(expected)
        assert happened == wanted, f"{verb}{tuple(arguments)}: {happened} is not {wanted}"
        return happened

    def begin_transaction(self) -> None:
        """What happened in the one before is forgotten."""
        boa.env.evm.vm.state.clear_transient_storage()
        self.spec.begin_transaction()

    def _on_chain(self, where: VyperContract, verb: str, sender: Address, arguments: Sequence[Any]) -> Outcome:
        data = getattr(where, verb).prepare_calldata(*arguments)
        done = boa.env.execute_code(to_address=where.address, sender=sender, data=data, gas=GAS)
        output = bytes(done.output)
        if done.is_error:
            return Outcome(False, reason_of(output))
        events = []
        for home, _, known in self.logs:
            for at, topics, data in done.get_log_entries():
                words = [topic.to_bytes(32, "big") for topic in topics]
                if at == home and words[0] in known:
                    events.append(known[words[0]](words[1:], data))
        return Outcome(True, None, int.from_bytes(output, "big") if len(output) == 32 else None, tuple(events))

    def _in_spec(self, expected: Any) -> Outcome:
        logged = [len(log) for _, log, _ in self.logs]
        try:
            answer = expected()
        except Reverted as refusal:
            return Outcome(False, refusal.values.get("reason", refusal.reason))
        events = [event for (_, log, _), n in zip(self.logs, logged, strict=True) for event in log[n:]]
        return Outcome(True, None, answer, tuple(events))

    # The Ledger

    def deposit(self, depositor: Address, account: int, name: str, amount: int) -> Outcome:
        """Through Settlement."""
        token, spec = self.tokens[name], self.spec
        token.mint(depositor, amount)
        token.approve(self.stage.settlement, UINT256_MAX, sender=depositor)
        return self.do(
            self.stage.settlement,
            "deposit",
            depositor,
            (self.home, account, token.address, amount, []),
            lambda: spec.credit(spec.settlement, account, address(token.address), amount, depositor, self.now),
        )

    def withdraw(self, sender: Address, account: int, name: str, amount: int, receiver: Address) -> Outcome:
        token = address(self.tokens[name].address)
        return self.do(
            self.stage.ledger,
            "withdraw",
            sender,
            (account, token, amount, receiver),
            lambda: self.spec.withdraw(sender, account, token, amount, receiver, self.now),
        )

    def move(self, *moves: tuple[int, int, int, int]) -> Outcome:
        """(giver, receiver, id, lots) as Settlement would."""
        asked = [PositionMove(*move) for move in moves]
        return self.do(
            self.stage.ledger,
            "settle_positions",
            self.spec.settlement,
            (TRADE_HASH, list(moves)),
            lambda: self.spec.settle_positions(self.spec.settlement, TRADE_HASH, asked, self.now),
        )

    def grant(self, sender: Address, key: Address, sub_account: int, scopes: int, expires: int) -> Outcome:
        arguments = (key, sub_account, scopes, expires)
        return self.do(self.stage.ledger, "grant", sender, arguments, lambda: self.spec.grant(sender, *arguments))

    def fix(self, market: Market, day: int) -> Outcome:
        return self.do(
            self.stage.ledger,
            "fix",
            keeper.address,
            (market.number, day),
            lambda: self.spec.fix(market.number, day, self.now),
        )

    def expire(self, sender: Address, *accounts: int) -> Outcome:
        return self.do(
            self.stage.ledger,
            "expire",
            sender,
            (list(accounts), EVERYWHERE),
            lambda: self.spec.expire(sender, accounts, EVERYWHERE, self.now),
        )

    # What it reads

    def refresh(self, market: Market, series: Sequence[int]) -> Outcome:
        asked = sorted(series)
        return self.do(
            self.stage.risk,
            "refresh",
            keeper.address,
            (market.number, asked),
            lambda: self.risk.refresh(market.number, asked, self.now),
        )

    def price(self, market: Market, price: float, candidate: float = 0) -> None:
        """The Oracle confirms a price now; a candidate may wait beside it."""
        wads = [round(value * 10**9) * 10**9 for value in (price, candidate)]
        reading = Reading(wads[0], self.now, 0, wads[1], self.now if candidate else 0)
        self.stage.price(market, price, candidate)
        self.oracle.readings[Hash32(market.spot_feed)] = reading
        self.prices[market.number] = price

    def surface(self, market: Market, days: Sequence[int], volatility: float = 0.8) -> None:
        self.stage.surface(market, list(days), volatility)
        for day in days:
            (a, b, rho, m, sigma, ratio, at), _ = self.stage.oracle.surface_slice(market.surface_feed, expiry(day))
            feed = Hash32(market.surface_feed)
            self.oracle.slices[feed, expiry(day)] = Dated(Slice(expiry(day), a, b, rho, m, sigma, ratio), at)

    def average(self, market: Market, day: int, price: float) -> None:
        """What a fixing will find."""
        wad = round(price * 10**9) * 10**9
        self.stage.oracle.set_twap(market.spot_feed, expiry(day), wad)
        self.oracle.averages[Hash32(market.spot_feed), expiry(day)] = wad

    def limits(self, loan: int, reserve: int, capital: int = 10**25) -> None:
        """Of the backstop, wad."""
        self.stage.pool.set_limits(loan, reserve)
        self.stage.pool.set_capital(capital)
        self.pool.loan_limit, self.pool.reserve_limit, self.pool.worth = loan, reserve, capital

    def propose(self, market: Market, **changes: int) -> Outcome:
        word, steward = packed(**{**USUAL, **changes}), address(self.stage.steward)
        return self.do(
            self.stage.parameters,
            "propose_parameters",
            steward,
            (market.number, word),
            lambda: self.rules.propose_parameters(steward, market.number, word, self.now),
        )

    def activate(self, market: Market) -> Outcome:
        return self.do(
            self.stage.parameters,
            "activate",
            keeper.address,
            (market.number,),
            lambda: self.rules.activate(market.number, self.now),
        )

    # Reading

    def positions(self, account: int, market: Market) -> dict[int, int]:
        return dict(self.spec.accounts.book(account, market.number).positions)

    def collateral(self, account: int, market: Market) -> int:
        return self.spec.accounts.book(account, market.number).collateral

    def cash(self, account: int) -> int:
        return self.spec.accounts.cash(account)

    def assess(self, account: int, market: Market) -> Assessment | str | None:
        """A book as the specification sees it, or why it does not; `assert_views_equal` asks the chain."""
        book = self.spec.accounts.book(account, market.number)
        if book == NO_BOOK:
            return Assessment(0, 0, 0, 0, 0, 0, 0)
        try:
            return self.risk.assess(market.number, book, self.now)
        except Reverted as refusal:
            return str(refusal.values.get("reason", refusal.reason))

    def owed(self, account: int) -> int:
        """To the backstop, wad."""
        return self.pool.loans.get(account, 0)

    # Equality of everything else

    def assert_equal(self) -> None:
        """Every word of the Ledger's storage, every market's snapshot, token held and loan is the specification's."""
        self.assert_storage(self.stage.ledger, self._storage())
        for market in self.stage.markets:
            assert tuple(self.stage.risk.snapshot(market.number)) == self.risk.snapshot(market.number)
        for token in self.tokens.values():
            balance = slot(layout(token)["erc20"]["balanceOf"]["slot"], self.home)
            assert boa.env.get_storage(token.address, balance) == self.spec.held.get(address(token.address), 0)
        self.assert_pool_equal()

    def assert_storage(self, where: VyperContract, expected: dict[int, int], unused: Container[int] = ()) -> None:
        """All that a contract ever wrote is as expected."""
        home = BoaAddress(where.address)
        touched = boa.env.sstore_trace.get(home, set())
        written = {place: boa.env.get_storage(home, place) for place in touched | set(expected) if place not in unused}
        wrong = {
            place: (word, expected.get(place, 0)) for place, word in written.items() if word != expected.get(place, 0)
        }
        assert not wrong, f"slots, on chain and in the specification: {wrong}"

    def assert_pool_equal(self) -> None:
        """Every loan."""
        loans = layout(self.stage.pool)["loans"]["slot"]
        for account, amount in self.pool.loans.items():
            assert boa.env.get_storage(self.stage.pool.address, slot(loans, account)) == amount

    def assert_views_equal(self) -> None:
        """The Ledger's own readers say what the specification's do."""
        for account in {*ACCOUNTS, *self.spec.accounts.heads}:
            head = self.spec.accounts.head(account)
            assert self.stage.head(account) == (head.cash, head.book, sum(1 << market for market in head.markets))
            for market in self.stage.markets:
                book = self.spec.accounts.book(account, market.number)
                header, words = self.stage.ledger.book(account, market.number)
                assert (header, list(words)) == (book.header, book.words)
            try:
                health = self.spec.health(account, self.now)
                wanted: Any = (health.equity, health.maintenance, health.initial, health.unpriced)
            except Reverted as refusal:
                wanted = margin_stage.Refused(refusal.values.get("reason", refusal.reason))
            answer = self.stage.call(self.stage.ledger, "health", account)
            found = answer if isinstance(answer, margin_stage.Refused) else tuple(answer)
            assert found == wanted, f"health of {account}: {found} is not {wanted}"
        for (number, series), lots in self.spec.expiries.open_interest.items():
            assert self.stage.ledger.open_interest(number, series) == lots
        for number, snapshot in self.risk.markets.items():
            for series in snapshot.arrays:
                assert self.stage.risk.array(number, series) == self.risk.array(number, series)
            for day in snapshot.curves:
                assert self.stage.risk.slice(number, day) == self.risk.slice(number, day)
                assert self.stage.risk.fixing(number, day) == self.risk.fixing(number, day)

    def _storage(self) -> dict[int, int]:
        places, words = layout(self.stage.ledger), {}
        base = {name: here["slot"] for module in places.values() for name, here in module.items()}
        accounts, expiries = self.spec.accounts, self.spec.expiries
        for account, head in accounts.heads.items():
            markets = sum(1 << market for market in head.markets)
            words[slot(base["heads"], account)] = (
                (head.cash % 2**128) << 128 | head.run_off << 127 | head.book << 64 | markets
            )
        for (number, market), book in accounts.books.items():
            first = base["books"] + key_of(number, market)
            words |= {first + index: word for index, word in enumerate((book.header, *book.words))}
        words[base["opened"]] = accounts.opened
        for named, grant in self.spec.sessions.grants.items():
            first = slot(base["grants"], named)
            words |= {first: grant.account, first + 1: grant.scopes | grant.expires << 8}
        for (market, series), lots in expiries.open_interest.items():
            words[base["open_interest"] + (market << 36 | series)] = lots
        for (market, series), pot in expiries.pots.items():
            first = slot(base["pots"], market << 36 | series)
            fields = (pot.payers, pot.receivers, pot.cash, pot.cash_taken, pot.units, pot.units_taken, pot.shortfall)
            words |= {first + index: word for index, word in enumerate((*fields, 2 if pot.covered else 1))}
        for ((number, market), series), taken in expiries.taken.items():
            first = slot(base["taken"], key_of(number, market), series)
            words |= {first: taken.cash, first + 1: taken.units}
        for name in ("reserves", "shortfalls"):
            for (market, day), amount in getattr(expiries, name).items():
                words[slot(base[name], market << 14 | day)] = amount
        return words


def key_of(number: int, market: int) -> int:
    """What the Ledger calls a book."""
    return number << 10 | market << 4


def owner_of(account: int) -> Address:
    return address(f"0x{account >> 96:040x}")


def readers(where: VyperContract, kinds: ModuleType) -> dict[bytes, Callable[[list[bytes], bytes], Any]]:
    """By the hash of its signature, what makes of each event of a contract its namesake in a module."""
    found: dict[bytes, Callable[[list[bytes], bytes], Any]] = {}
    for event in where.abi:
        if event["type"] == "event":
            signature = f"{event['name']}({','.join(one['type'] for one in event['inputs'])})"
            found[keccak(signature.encode())] = partial(event_of, getattr(kinds, event["name"]), event["inputs"])
    return found


def event_of(kind: Any, inputs: list[dict[str, Any]], topics: list[bytes], data: bytes) -> Any:
    """Indexed fields are topics, the others data."""
    rest = iter(decode([one["type"] for one in inputs if not one["indexed"]], data))
    indexed = iter(topics)
    values = [decode([one["type"]], next(indexed))[0] if one["indexed"] else next(rest) for one in inputs]
    return kind(*(address(value) if isinstance(value, str) else value for value in values))
