"""The population of a replay: seeded accounts with keys of their own, and the trades that they have made before it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from peersettle.errors import InputError
from peersettle.keeper.estimates import estimate
from peersettle.risk.books import Books, SeriesTable, Snapshot
from peersettle.risk.instruments import MOST_LOTS, Instrument, Kind, Market, next_day, payoff
from peersettle.signing import KeySigner
from peersettle.sim.scenario import Scenario
from peersettle.types import WAD, Account, Address, keccak

Floats = NDArray[np.float64]

ROLES: Final = ("trader", "seller", "borrower", "holder", "dealer", "keeper", "depositor", "reporter", "operator")
CASH_UNIT: Final = 10**12
"""Money moves in millionths."""
COLLATERAL_UNIT: Final = 10**9
SPARE: Final = 7
"""Sub-accounts of a keeper beside its first, to take whole accounts over with; together they have half of its cash."""
_STRIKES: Final = (
    (0.75, Kind.PUT),
    (0.9, Kind.PUT),
    (1.0, Kind.PUT),
    (1.0, Kind.CALL),
    (1.1, Kind.CALL),
    (1.3, Kind.CALL),
)
_DEALER_PART: Final = 4.0
"""A dealer has so many times what its counterparties have."""
_TRIAL_LOTS: Final = 10_000
_HALVINGS: Final = 24


@dataclass(frozen=True)
class Actor:
    """Somebody with a key. Cash and collateral in wad, as they are brought in."""

    role: str
    number: int
    signer: KeySigner
    cash: int = 0
    collateral: int = 0

    @property
    def name(self) -> str:
        """As reports name it."""
        return f"{self.role} {self.number + 1}"

    @property
    def address(self) -> Address:
        """Of its key."""
        return self.signer.address

    @property
    def account(self) -> int:
        """Its first margin account."""
        return Account(self.address).id

    @property
    def accounts(self) -> tuple[int, ...]:
        """All of them: a keeper has more than one."""
        return tuple(Account(self.address, sub).id for sub in range(1 + SPARE if self.role == "keeper" else 1))

    @property
    def deposits(self) -> tuple[tuple[int, int], ...]:
        """The cash (wad) that each of its accounts begins with."""
        if self.role != "keeper":
            return ((self.account, self.cash),)
        part = self.cash // (2 * SPARE) // CASH_UNIT * CASH_UNIT
        first, *others = self.accounts
        return ((first, self.cash - SPARE * part), *((one, part) for one in others))


@dataclass(frozen=True)
class Opening:
    """A trade from before the replay: the account gets these lots of each series from its dealer (gives them, below
    zero), and pays so many millionths for it (is paid, below zero)."""

    account: Actor
    dealer: Actor
    lots: tuple[tuple[int, int], ...]
    paid: int


@dataclass(frozen=True)
class Population:
    """All of them, in the order of their roles."""

    actors: tuple[Actor, ...]
    openings: tuple[Opening, ...]

    def of(self, *roles: str) -> tuple[Actor, ...]:
        """Those of some roles."""
        return tuple(actor for actor in self.actors if actor.role in roles)


def actor(scenario: Scenario, role: str, number: int, cash: float = 0, collateral: int = 0) -> Actor:
    """One with a key of its own, which hangs on seed, role and number alone."""
    secret = keccak(f"peersettle sim {scenario.seed} {role} {number}".encode())
    return Actor(role, number, KeySigner(secret), round(cash * 10**6) * CASH_UNIT, collateral)


def grid(scenario: Scenario, price: float, number: int = 0) -> Market:
    """The market's grid; `auto` makes a lot worth about one to ten, and a hundredth of the price a few ticks."""
    found = []
    for text, wanted in ((scenario.market.lot, 3.0 / price), (scenario.market.tick, price / 300)):
        if text == "auto":
            found.append(max(min(10 ** (18 + round(math.log10(wanted))), 10**21), 10**8))
        else:
            found.append(round(float(text) * WAD))
    return Market(number, scenario.market.symbol, *found)


def universe(scenario: Scenario, market: Market, price: float, now: int) -> tuple[int, ...]:
    """The series that are traded: for each expiry options around the price and a forward at it; a book holds all."""
    found = set()
    for ahead in scenario.population.expiries:
        day = next_day(now) + ahead - 1
        for part, kind in (*_STRIKES, (1.0, Kind.FORWARD)):
            ticks = max(1, round(price * part * WAD / market.tick))
            found.add(Instrument(market, day, ticks, kind).series)
    return tuple(sorted(found, reverse=True))


def depositors(scenario: Scenario) -> list[Actor]:
    """Who has brought the backstop's money."""
    return [actor(scenario, "depositor", number, scenario.backstop / 2) for number in range(2)]


def fixed_actors(scenario: Scenario, counterparties: float) -> list[Actor]:
    """Everybody but those whose positions the seed draws."""
    dealers = scenario.population.dealers
    cash = _DEALER_PART * max(counterparties, 100_000.0) / dealers
    found = [actor(scenario, "dealer", number, cash) for number in range(dealers)]
    found += [actor(scenario, "keeper", number, scenario.keepers.cash) for number in range(scenario.keepers.count)]
    return found + depositors(scenario)


def populate(scenario: Scenario, snapshot: Snapshot, series: Sequence[int]) -> Population:
    """Accounts whose initial margin is a drawn part of what they have, at this snapshot.

    Args:
        scenario: how many of each role, and the seed.
        snapshot: with surfaces of all series.
        series: what they may hold.

    Raises:
        InputError: a book that the contract could not hold.
    """
    generator = np.random.default_rng(scenario.seed)
    price, people = snapshot.reference / WAD, scenario.population
    counts = (("trader", people.traders), ("seller", people.sellers), ("borrower", people.borrowers))
    drafts: list[tuple[Actor, dict[int, float]]] = []
    for role, count in counts:
        for number in range(count):
            size = people.size * float(generator.lognormal(0, 0.5))
            if role == "borrower":
                units = round(size / price * 10**6) * 10**12
                drafted = actor(scenario, role, number, 0.03 * size, units)
            else:
                drafted = actor(scenario, role, number, size)
            drafts.append((drafted, _shape(role, series, generator)))
    table = SeriesTable.of(snapshot, series)
    lots = _sized(scenario, table, drafts, generator)
    holders = []
    for number in range(people.holders):
        size = people.size * float(generator.lognormal(0, 0.5))
        holders.append(actor(scenario, "holder", number, size / 2, round(size / 2 / price * 10**6) * 10**12))
    others = fixed_actors(scenario, people.size * max(len(drafts), 1))
    dealers = [one for one in others if one.role == "dealer"]
    values = dict(zip(table.series.tolist(), _values(table), strict=True))
    openings = []
    for place, ((drafted, _), held) in enumerate(zip(drafts, lots, strict=True)):
        if held:
            paid = round(sum(values[one] * amount for one, amount in held) * 10**6)
            openings.append(Opening(drafted, dealers[place % len(dealers)], held, paid))
    return Population((*(drafted for drafted, _ in drafts), *holders, *others), tuple(openings))


def _shape(role: str, series: Sequence[int], generator: np.random.Generator) -> dict[int, float]:
    """How many of each series beside one another, before they are sized."""
    by_kind: dict[int, list[int]] = {kind: [one for one in series if one & 3 == kind] for kind in Kind}
    if role == "trader":
        chosen = generator.choice(len(series), size=int(generator.integers(2, 6)), replace=False)
        return {series[int(i)]: float(generator.uniform(0.3, 1) * generator.choice([-1, 1])) for i in chosen}
    if role == "seller":
        kinds = [Kind.PUT, Kind.CALL] if generator.random() < 0.5 else [Kind.PUT]
        return {
            by_kind[kind][int(generator.integers(len(by_kind[kind])))]: -float(generator.uniform(0.5, 1))
            for kind in kinds
        }
    against = generator.random()
    if against < 0.5:
        return {by_kind[Kind.FORWARD][int(generator.integers(len(by_kind[Kind.FORWARD])))]: 1.0}
    shape = {by_kind[Kind.PUT][int(generator.integers(len(by_kind[Kind.PUT])))]: -1.0}
    if against > 0.75:
        shape[by_kind[Kind.CALL][int(generator.integers(len(by_kind[Kind.CALL])))]] = -0.5
    return shape


def _sized(
    scenario: Scenario,
    table: SeriesTable,
    drafts: Sequence[tuple[Actor, dict[int, float]]],
    generator: np.random.Generator,
) -> list[tuple[tuple[int, int], ...]]:
    """Lots by series with which initial margin is as large a part of the equity as the drawn leverage says."""
    snapshot, market = table.snapshot, table.snapshot.market
    least, most = scenario.population.leverage
    drawn = least + (most - least) * generator.beta(1.1, 2.2, len(drafts))
    equities = np.array([one.cash / WAD + one.collateral / WAD * snapshot.reference / WAD for one, _ in drafts])
    values = dict(zip(table.series.tolist(), _values(table), strict=True))
    high = np.empty(len(drafts))
    for place, (drafted, shape) in enumerate(drafts):
        premium = sum(max(values[one] * amount, 0) for one, amount in shape.items()) * _TRIAL_LOTS
        notional = (
            sum(abs(amount) for amount in shape.values()) * _TRIAL_LOTS * market.lot / WAD * snapshot.reference / WAD
        )
        bound = 40 * equities[place] / max(notional, 1e-9)
        high[place] = min(bound, 0.9 * drafted.cash / WAD / premium if premium > 0 else math.inf)
    low = np.zeros(len(drafts))
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        held = [_whole(shape, factor) for (_, shape), factor in zip(drafts, middle, strict=True)]
        _, _maintenance, initial = _needed(table, drafts, held)
        fits = initial * drawn <= equities
        low, high = np.where(fits, middle, low), np.where(fits, high, middle)
    return [_whole(shape, factor) for (_, shape), factor in zip(drafts, low, strict=True)]


def _whole(shape: dict[int, float], factor: float) -> tuple[tuple[int, int], ...]:
    lots = ((one, int(amount * factor * _TRIAL_LOTS)) for one, amount in shape.items())
    held = tuple(sorted(((one, amount) for one, amount in lots if amount), reverse=True))
    if any(abs(amount) > MOST_LOTS for _, amount in held):
        raise InputError("an account would hold more lots than a position can: give the market a larger lot")
    return held


def _needed(
    table: SeriesTable, drafts: Sequence[tuple[Actor, dict[int, float]]], held: Sequence[tuple[tuple[int, int], ...]]
) -> tuple[Floats, Floats, Floats]:
    counts = [len(one) for one in held]
    flat = np.array([position for one in held for position in one], np.int64).reshape(-1, 2)
    lot = table.snapshot.market.lot
    books = Books(
        offsets=np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64),
        places=table.place(flat[:, 0]) if len(flat) else np.zeros(0, np.int32),
        lots=flat[:, 1].astype(np.int32),
        units=np.array([one.collateral // lot for one, _ in drafts], np.int64),
        additions=np.zeros(len(drafts), np.int64),
    )
    return estimate(table, books)


def _values(table: SeriesTable) -> list[float]:
    """What one lot is worth, in whole settlement currency."""
    snapshot = table.snapshot
    marks = table.marks.tolist()
    return [
        (payoff(one, snapshot.reference, snapshot.market.tick) + (mark * snapshot.reference >> 24))
        * snapshot.market.lot
        / WAD
        / WAD
        for one, mark in zip(table.series.tolist(), marks, strict=True)
    ]
