"""A replay: prices, a scenario and an engine, step by step, and what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from peersettle.risk.instruments import expiry
from peersettle.sim.actors import Population, actor, grid, universe
from peersettle.sim.chained import ChainVenue
from peersettle.sim.fast import GAS, FastVenue
from peersettle.sim.feeds import smile, volatilities
from peersettle.sim.keepers import GWEI, Crew, GasPrice, Keeper, policy_of
from peersettle.sim.offers import Wallet
from peersettle.sim.population import LEAD, grid_prices, report, settle_in
from peersettle.sim.prices import Steps, Waypoints, bridged
from peersettle.sim.records import Book
from peersettle.sim.result import collected
from peersettle.sim.samples import Samples
from peersettle.sim.scenario import Scenario, to_time
from peersettle.sim.settling import PATIENCE, RETRY, Settler
from peersettle.sim.venue import Venue
from peersettle.sim.verdicts import Verdicts

DAY: Final = 86_400
SHIFT: Final = 4_383 * DAY
"""Options expire from 2024 on, so the past is replayed twelve years later, day for day and hour for hour."""
CHECKS: Final = 120
SAMPLES: Final = 480

Progress = Callable[[int, int, str], None]


@dataclass
class Stage:
    """Everything at the beginning of a replay."""

    scenario: Scenario
    waypoints: Waypoints
    steps: Steps
    venue: Venue
    population: Population
    prices: list[int]
    volatilities: list[float]
    series: tuple[int, ...]

    def is_late(self, place: int) -> bool:
        """Whether the price that reporters see at this step is from before the replay."""
        return place < self.scenario.reporters.delay // self.scenario.step


def run(
    scenario: Scenario,
    waypoints: Waypoints,
    *,
    engine: str = "fast",
    first: int | None = None,
    last: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Replay prices over a population; the result, ready for JSON and for `report.html`.

    Args:
        scenario: who is there, and how the world behaves.
        waypoints: the prices that are known.
        engine: `fast`, `chain` (the contracts on a chain in this process) or `anvil`.
        first: begin at this time, Unix seconds.
        last: end at this time.
        progress: called with steps done, steps in all, and a word.

    Raises:
        InputError: prices or scenario do not fit together.
    """
    began = time.monotonic()
    tell = progress or (lambda _done, _all, _word: None)
    steps = bridged(waypoints, scenario.step, scenario.market.noise, scenario.seed).between(first, last)
    stage = staged(scenario, waypoints, steps, engine)
    venue, population = stage.venue, stage.population
    verdicts = Verdicts(venue, population.of("holder"))
    names = {
        account: f"{one.name}/{sub}" if sub else one.name
        for one in population.actors
        for sub, account in enumerate(one.accounts)
    }
    records = Book(venue, verdicts, names, SHIFT)
    crew = _crew(scenario, venue, records, population)
    samples = Samples(venue, crew, records, population)
    set_up = time.monotonic() - began
    count = len(stage.steps.times)
    sampled, checked = max(count // SAMPLES, 1), max(count // CHECKS, 1)
    press = Press(stage, records)
    venue.space.limit = scenario.gas.block_limit
    for place in range(count):
        _step(stage, crew, press, place)
        if place % sampled == 0 or place == count - 1:
            samples.take(float(stage.steps.prices[place]))
            tell(place, count, f"{len(records.auctions)} auctions")
        if place % checked == 0:
            verdicts.look(f"at {records.now}")
    _settle_rest(stage, crew, records)
    verdicts.look("in the end")
    verdicts.settled("in the end")
    venue.close()
    tell(count, count, "done")
    timing = {"set_up": set_up, "all": time.monotonic() - began}
    return collected(stage, engine, records, samples, verdicts, timing)


@dataclass
class Press:
    """The reporters: what they have to report, until it is in a block."""

    stage: Stage
    records: Book
    place: int = 0
    _owes_price: bool = False
    _owes_surface: bool = False
    _surface_at: int = 0

    @property
    def _time(self) -> int:
        return self.stage.steps.times[self.place] + SHIFT

    @property
    def waits(self) -> bool:
        """Whether something is to be reported."""
        return self._owes_price or self._owes_surface

    def due(self, place: int) -> None:
        """The price of this step; one that still waits is older, and not sent any more."""
        self.place, self._owes_price = place, True
        self._owes_surface = self._time - self._surface_at >= self.stage.scenario.reporters.surface_every

    def act(self) -> None:
        """Report what fits into the block."""
        stage, place, space = self.stage, self.place, self.stage.venue.space
        if self._owes_price and (stage.is_late(place) or space.takes(GAS["update"])):
            self._owes_price = False
            self._spent("update", _report(stage, place))
        if self._owes_surface and space.takes(GAS["update_surface"]):
            self._owes_surface = False
            if _quote(stage, place):
                self._surface_at = self._time
                self._spent("update_surface", True)

    def _spent(self, verb: str, done: bool) -> None:
        cost = _gas(self.stage, self.place).of(1, self.stage.scenario.reporters.tip)
        self.records.spent("reporters", verb, GAS[verb] if done else 0, cost)


def _step(stage: Stage, crew: Crew, press: Press, place: int) -> None:
    """The blocks from one price to the next: it is reported in the first and acted on in the second. As long as
    something does not fit, there are more."""
    venue, scenario, gas = stage.venue, stage.scenario, _gas(stage, place)
    at, is_busy, again = stage.steps.times[place] + SHIFT, venue.space.waits, True
    press.due(place)
    for when in range(at, at + scenario.step, scenario.block_time):
        venue.block(max(when, venue.now + 1))
        if is_busy and press.waits:
            crew.act(gas, above=scenario.reporters.tip, again=again)
        press.act()
        if is_busy:
            crew.act(gas, again=again)
        if when > at and not venue.space.waits:
            break
        is_busy, again = True, when > at


def _settle_rest(stage: Stage, crew: Crew, records: Book) -> None:
    """What expired and is not paid is settled a day after its fixing, at the last price; nothing else happens then."""
    venue, last = stage.venue, len(stage.prices) - 1
    crew.enabled, venue.space.limit, pending = False, None, crew.settler.pending
    for when, day in records.fixings:
        if not pending.get(day):
            continue
        pending[day] = dict.fromkeys(pending[day], venue.now)
        venue.block(max(when + SHIFT + PATIENCE + RETRY, venue.now + 1))
        report(venue, stage.scenario, stage.prices[last])
        _quote(stage, last)
        venue.block(venue.now + stage.scenario.block_time)
        crew.act(_gas(stage, last))


def staged(scenario: Scenario, waypoints: Waypoints, steps: Steps, engine: str) -> Stage:
    """A venue of that engine with everybody in it, at the first price.

    Raises:
        InputError: as `run`.
    """
    start = steps.times[0] + SHIFT
    market = grid(scenario, float(steps.prices[0]))
    prices = grid_prices(market, steps.prices.tolist())
    vols = volatilities(steps.prices, scenario.step, scenario.market.volatility).tolist()
    series = universe(scenario, market, float(steps.prices[0]), start)
    first = (start - LEAD) // 300 * 300
    venue: Venue
    if engine == "fast":
        venue = FastVenue(scenario, market, first)
    else:
        from peersettle.sim.blocks import AnvilBlocks, EmbeddedBlocks

        blocks = AnvilBlocks(first) if engine == "anvil" else EmbeddedBlocks()
        venue = ChainVenue(scenario, market, first, blocks)
    population = settle_in(venue, scenario, series, prices[0], vols[0])
    return Stage(scenario, waypoints, steps, venue, population, prices, vols, series)


def _crew(scenario: Scenario, venue: Venue, records: Book, population: Population) -> Crew:
    down: dict[int, list[tuple[int, int]]] = {}
    for number, first, last in scenario.keepers.down:
        down.setdefault(number, []).append((to_time(first) + SHIFT, to_time(last) + SHIFT))
    wanted = scenario.keepers
    tips = dict(enumerate(wanted.tips))
    keepers = [
        Keeper(one, Wallet(venue, one, wanted.cushion), tips.get(one.number, 0.0), tuple(down.get(one.number, ())))
        for one in population.of("keeper")
    ]
    settler = Settler(venue, records, actor(scenario, "operator", 0))
    return Crew(venue, records, keepers, settler, policy_of(wanted), wanted.enabled)


def _report(stage: Stage, place: int) -> bool:
    """The price of some time ago, as late as the reporters are."""
    scenario = stage.scenario
    if stage.is_late(place):
        return False
    late = scenario.reporters.delay // scenario.step
    value = stage.prices[place - late]
    observed_at = stage.venue.now - scenario.reporters.delay
    return report(stage.venue, scenario, value, observed_at, int(value * scenario.reporters.spread))


def _quote(stage: Stage, place: int) -> bool:
    slot = stage.venue.now // 300 * 300
    days = sorted({one >> 22 for one in stage.series if expiry(one >> 22) > slot + 300})
    if not days:
        return False
    return stage.venue.quote([smile(expiry(day), slot, stage.volatilities[place]) for day in days], slot)


def _gas(stage: Stage, place: int) -> GasPrice:
    """What gas costs at a step."""
    gas, waypoints = stage.scenario.gas, stage.waypoints
    if gas.price == "max" and waypoints.gas:
        gwei = max(waypoints.gas) / GWEI
    elif gas.price in ("file", "max"):
        found = waypoints.gas_at(stage.steps.times[place])
        gwei = gas.otherwise if found is None else found / GWEI
    else:
        gwei = float(gas.price)
    return GasPrice(gwei, gas.native_price or float(stage.steps.prices[place]))
