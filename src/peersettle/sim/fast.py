"""The fast engine: the contracts' specification in this process, and a mirror of all accounts for numba."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from peersettle.errors import InputError, Reverted
from peersettle.keeper.mirror import Mirror
from peersettle.reports import Feed, SurfaceSlice
from peersettle.reports.quorum import spread_of
from peersettle.risk.instruments import CASH_ID, Market
from peersettle.risk.margin import Book, MarginAccount, Reading, Snapshot
from peersettle.risk.parameters import MarketTerms
from peersettle.sim.actors import Actor, Opening
from peersettle.sim.feeds import ReplayOracle
from peersettle.sim.journal import Journal
from peersettle.sim.scenario import Scenario
from peersettle.sim.venue import Agreement, Outcome, Space
from peersettle.spec import parameters as rules
from peersettle.spec.auction import Auction
from peersettle.spec.backstop import Backstop
from peersettle.spec.contract import PositionMove
from peersettle.spec.ledger import Ledger
from peersettle.spec.parameters import ParametersSpec
from peersettle.spec.risk import Risk
from peersettle.spec.snapshots import expiry_of
from peersettle.types import Address, Hash32, checksummed, keccak

EVERY_MARKET: Final = 2**64 - 1
TRADE: Final = Hash32(b"\7" * 32)
TOKEN_SCALE: Final = 10**12
"""The settlement currency has six decimals, collateral eighteen."""
DELAY: Final = 3_600
SURFACE_SLOT: Final = 300

GAS: Final = {
    "start": 95_000,
    "bid": 200_000,
    "take_over": 120_000,
    "rescue": 180_000,
    "run_off": 250_000,
    "end": 110_000,
    "fix": 130_000,
    "expire": 110_000,
    "refresh": 36_000,
    "collect": 60_000,
    "lapse": 45_000,
    "update": 75_000,
    "update_surface": 220_000,
}
"""About what a call takes on a chain; of `expire` for each account, of `refresh` for each series, and 30,000 more."""
REFUSED_GAS: Final = 60_000
"""What a refused call takes at most."""


@dataclass(frozen=True)
class Places:
    """Where the contracts are; a replay without a chain makes the addresses up."""

    settlement: Address
    ledger: Address
    auction: Address
    backstop: Address
    steward: Address
    cash: Address
    token: Address

    @classmethod
    def made_up(cls) -> Places:
        """The same in every run."""
        return cls(*(checksummed(keccak(name.encode())[:20]) for name in cls.__dataclass_fields__))


def feeds(scenario: Scenario) -> tuple[Feed, Feed]:
    """Price and surface. A round may be as late as the reporters are, and a jump has three steps to be confirmed."""
    symbol, reporters = scenario.market.symbol, scenario.reporters
    age = max(120, 3 * scenario.step + reporters.delay + scenario.block_time)
    surface_age = max(900, 2 * reporters.surface_every + reporters.delay + scenario.step)
    return (
        Feed(f"{symbol}/USD", slot=15, max_age=age),
        Feed(f"{symbol}/USD-VOL", slot=SURFACE_SLOT, max_age=surface_age, jump_cap=200_000),
    )


class FastVenue:
    """As `Venue`; nothing but Python."""

    def __init__(self, scenario: Scenario, market: Market, start: int, places: Places | None = None) -> None:
        self.scenario: Final = scenario
        self.market = market
        self.places: Final = places or Places.made_up()
        self.spot, self.surface = feeds(scenario)
        self.oracle: Final = ReplayOracle(self.spot, self.surface, start)
        self.agreement: Agreement | None = None
        self.space: Space = Space()
        home = self.places
        self.terms: Final = MarketTerms(self.spot.id, self.surface.id, home.token, 1, market.lot, market.tick)
        listed = ParametersSpec(home.steward, DELAY, DELAY, {home.cash: 6, home.token: 18})
        number = scenario.market.parameters
        listed.markets.append(rules.Market(self.terms, number, number))
        self.backstop: Backstop = Backstop(home.backstop, home.auction, TOKEN_SCALE)
        risk = Risk(self.oracle, listed, self.backstop)
        behind: Any = self.backstop
        self.ledger: Ledger = Ledger(home.settlement, risk, listed, behind, home.auction, home.cash, TOKEN_SCALE)
        self.auction: Auction = Auction(home.auction, self.ledger, risk, self.backstop)
        self.mirror: Mirror = Mirror({0: market.lot})
        self.journal: Final = Journal(self.auction, self.ledger, self.backstop)
        self._owners: dict[int, int] = {}

    @property
    def now(self) -> int:
        """As `Venue.now`."""
        return self.oracle.now

    def block(self, time: int) -> None:
        """As `Venue.block`."""
        if time <= self.now:
            raise InputError(f"a block at {time} cannot follow one at {self.now}")
        self.oracle.now = time
        self.space.begin()

    def close(self) -> None:
        """As `Venue.close`."""

    # Before the replay

    def bring(self, who: Actor) -> None:
        """As `Venue.bring`."""
        for account, amount in who.deposits:
            self._credit(who, account, self.places.cash, amount // TOKEN_SCALE)
        self._credit(who, who.account, self.places.token, who.collateral)
        if who.role == "depositor" and who.cash:
            self._run(lambda: self.backstop.deposit(who.address, who.cash // TOKEN_SCALE, who.address, self.now))

    def open(self, openings: Sequence[Opening]) -> None:
        """As `Venue.open`."""
        moves = [PositionMove(*fields) for opening in openings for fields in moves_of(opening)]
        names = ", ".join(opening.account.name for opening in openings[:3])
        outcome = self._run(lambda: self.ledger.settle_positions(self.places.settlement, TRADE, moves, self.now))
        if not outcome.ok:
            raise InputError(f"the Ledger refuses the opening trade of {names}: {outcome.reason}")

    # In it

    def report(self, values: Sequence[int], observed_at: int) -> bool:
        """As `Venue.report`."""
        median = values[len(values) // 2]
        return self._run(lambda: self.oracle.report(median, observed_at, spread_of(values))).ok

    def quote(self, slices: Sequence[SurfaceSlice], observed_at: int) -> bool:
        """As `Venue.quote`."""
        return self._run(lambda: self.oracle.quote(slices, observed_at)).ok

    def send(self, sender: Actor, contract: str, verb: str, *arguments: Any) -> Outcome:
        """As `Venue.send`."""
        gas = gas_of(verb, arguments)
        if not self.space.takes(gas):
            return Outcome(False, waits=True)
        self.ledger.begin_transaction()
        return self._run(self._call(sender, contract, verb, arguments), gas)

    # Reading

    def snapshot(self) -> Snapshot:
        """As `Venue.snapshot`."""
        kept, oracle = self.ledger.risk.markets[0], self.oracle
        reading = oracle.read(self.spot.id)
        smiles = oracle.smiles.confirmed
        return Snapshot(
            self.market,
            *kept.words,
            time=self.now,
            reading=Reading(reading.value, reading.observed_at, reading.candidate),
            slices={day: curve.word for day, curve in kept.curves.items()},
            arrays=kept.arrays,
            fixings=self.ledger.risk.fixings.get(0, {}),
            quoted_at={(expiry - expiry_of(0)) // 86_400: smiles.observed_at for expiry in smiles.slices},
        )

    # Inside

    @property
    def _contracts(self) -> tuple[Any, Any, Any]:
        """Of any type: what is called by name is checked when it is called."""
        return self.ledger, self.auction, self.backstop

    def _credit(self, who: Actor, account: int, token: Address, units: int) -> None:
        settlement, now = self.places.settlement, self.now
        if units:
            self._run(lambda: self.ledger.credit(settlement, account, token, units, who.address, now))

    def _call(self, sender: Actor, contract: str, verb: str, arguments: tuple[Any, ...]) -> Callable[[], Any]:
        who, now, ledger, auction, pool = sender.address, self.now, *self._contracts
        match contract, verb:
            case "risk", "refresh":
                return lambda: ledger.risk.refresh(*arguments, now)
            case "ledger", "fix":
                return lambda: ledger.fix(*arguments, now)
            case "ledger", "expire":
                return lambda: ledger.expire(who, *arguments, now)
            case "auction", "start" | "bid" | "take_over":
                return lambda: getattr(auction, verb)(who, *arguments, now)
            case "auction", "end" | "rescue" | "run_off":
                return lambda: getattr(auction, verb)(*arguments, now)
            case "backstop", "collect" | "lapse":
                return lambda: getattr(pool, verb)(*arguments, now)
            case _:
                raise InputError(f"a replay never calls {contract}.{verb}")

    def _run(self, call: Callable[[], Any], gas: int = 0) -> Outcome:
        """All of a call or nothing, and the mirror after it."""
        try:
            with self.journal.call():
                value = call()
                self._follow()
        except Reverted as error:
            return Outcome(False, error.reason, min(gas, REFUSED_GAS))
        return Outcome(True, None, gas, value if isinstance(value, int) else None)

    def _follow(self) -> None:
        heads, books, touched = self.ledger.accounts.heads, self.ledger.accounts.books, set[int]()
        numbers = set[int]()
        for table, key in self.journal.written():
            if table is heads:
                touched.add(key)
            elif table is books:
                numbers.add(key[0])
        for account in touched:
            self._owners[heads[account].book] = account
        touched |= {self._owners[number] for number in numbers if number in self._owners}
        for account in touched:
            head = heads[account]
            held = {}
            for market in head.markets:
                book = books.get((head.book, market))
                if book is not None:
                    held[market] = Book(book.collateral, book.positions, book.requirement, book.addition)
            self.mirror.put(account, MarginAccount(head.cash, held))


def moves_of(opening: Opening) -> list[tuple[int, int, int, int]]:
    """Giver, receiver, item and amount of each leg of an opening trade."""
    account, dealer = opening.account.account, opening.dealer.account
    found = []
    for item, amount in (*opening.lots, (CASH_ID, -opening.paid)):
        if amount:
            giver, receiver = (dealer, account) if amount > 0 else (account, dealer)
            found.append((giver, receiver, item, abs(amount)))
    return found


def gas_of(verb: str, arguments: Sequence[Any]) -> int:
    """About what a call takes."""
    if verb in ("expire", "refresh"):
        items = arguments[0] if verb == "expire" else arguments[1]
        return 30_000 + GAS[verb] * len(items)
    return GAS[verb]
