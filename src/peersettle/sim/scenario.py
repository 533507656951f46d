"""Scenarios: who holds what before a replay begins, and how the world around them behaves. TOML, and a seed."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any, Final

from peersettle.errors import InputError, InvalidField
from peersettle.risk.parameters import RiskParameters

BUILT_IN: Final = ("march-2020",)
LEAST_STEP, MOST_STEP = 15, 3_600
LEAST_BLOCK: Final = 2_000_000
"""Gas of a block into which the largest single call of a replay fits."""


@dataclass(frozen=True)
class Underlying:
    """The one market of a replay. `lot` in units of the underlying and `tick` in settlement currency, decimal text."""

    symbol: str = "ETH"
    lot: str = "0.01"
    tick: str = "1"
    volatility: float = 0.9
    """Of the smile before the replay begins, a year, as a fraction; it follows what the price does."""
    noise: float = 0.6
    """Of the bridges between known prices, a year, as a fraction."""
    risk: Mapping[str, Any] = field(
        default_factory=lambda: {
            "scan": "20",
            "band": "2",
            "shock": "35",
            "basis": "0.5",
            "initial_factor": "130",
            "risk_rate": "10",
            "risk_scale": 1_000_000_000,
            "gain_cap": 1_000_000,
            "spot_age": 300,
            "surface_age": 7_200,
            "epoch_age": 1_800,
            "position_charge": "0.5",
        }
    )

    @property
    def parameters(self) -> RiskParameters:
        """Its risk parameters.

        Raises:
            InvalidField: one is missing, unknown or out of bounds.
        """
        try:
            return RiskParameters.from_percentages(**self.risk)
        except TypeError as error:
            raise InvalidField("market.risk", sorted(self.risk), str(error).partition(") ")[2] or str(error)) from None


@dataclass(frozen=True)
class Population:
    """How many there are of each role. Money in whole units of settlement currency."""

    traders: int = 12
    """Long and short a little of everything, against a dealer."""
    sellers: int = 8
    """Have sold options against cash."""
    borrowers: int = 8
    """Hold the underlying as collateral and little cash, with long forwards or short options against it."""
    holders: int = 4
    """Cash and collateral, and no position: they may never lose anything."""
    dealers: int = 1
    """Take the other side of everybody, with deep pockets. A number below one is a share of all others."""
    size: float = 60_000
    """What an account has on average."""
    leverage: tuple[float, float] = (1.05, 3.0)
    """Equity over initial margin at the beginning, between these; nearer the lower end."""
    expiries: tuple[int, ...] = (1, 2, 8)
    """Of the positions: days after the next 08:00 UTC, the first of them zero."""


@dataclass(frozen=True)
class Keepers:
    """Those who start auctions and bid."""

    count: int = 2
    cash: float = 400_000
    """Each, in settlement currency."""
    edge: float = 0.03
    """What a bid must earn at least beyond its gas, of the maintenance requirement that it takes on."""
    cushion: float = 1.3
    """Equity over initial margin that a keeper keeps after a bid."""
    upkeep: float = 10
    """What a call that pays nothing may cost, in settlement currency: beginning and ending auctions, the backstop's
    part."""
    tips: tuple[float, ...] = ()
    """Gwei that each keeper, from the first on, pays for gas beyond the going price."""
    down: tuple[tuple[int, str, str], ...] = ()
    """(keeper, from, to): out of order between these times of the file, ISO and UTC."""
    enabled: bool = True


@dataclass(frozen=True)
class Reporters:
    """Who reports the price: `threshold` of `count`."""

    count: int = 4
    threshold: int = 3
    delay: int = 0
    """Seconds between the moment whose price is reported and the block that has it."""
    spread: float = 0.0002
    """How far reporters differ, as a fraction of the price."""
    surface_every: int = 1_800
    """Seconds between two surfaces."""
    tip: float = 0.0
    """Gwei that they pay for gas beyond the going price."""


@dataclass(frozen=True)
class Gas:
    """What transactions cost."""

    price: str = "file"
    """`file` (where the file has it, else `otherwise`), `max` (the file's highest, always), or gwei."""
    otherwise: float = 20.0
    """Gwei."""
    native_price: float = 0.0
    """Of the native asset, in settlement currency; zero is the replayed price itself."""
    block_limit: int = 30_000_000
    """Gas of all calls in one block. What does not fit, the lowest gas price first, waits for the next."""


@dataclass(frozen=True)
class Scenario:
    """All of it. Times in seconds."""

    name: str = "scenario"
    seed: int = 1
    step: int = 60
    """Between two prices."""
    block_time: int = 12
    """A keeper sees a price one block after it was reported."""
    backstop: float = 1_000_000
    """What depositors have brought, in settlement currency."""
    market: Underlying = field(default_factory=Underlying)
    population: Population = field(default_factory=Population)
    keepers: Keepers = field(default_factory=Keepers)
    reporters: Reporters = field(default_factory=Reporters)
    gas: Gas = field(default_factory=Gas)

    def __post_init__(self) -> None:
        if not LEAST_STEP <= self.step <= MOST_STEP or self.step % LEAST_STEP:
            raise InvalidField("step", self.step, f"give a multiple of {LEAST_STEP} s up to {MOST_STEP} s")
        if not 1 <= self.block_time < self.step:
            raise InvalidField("block_time", self.block_time, f"give 1 to {self.step - 1} s, less than a step")
        if self.reporters.threshold < 3 or self.reporters.count < self.reporters.threshold + 1:
            raise InvalidField("reporters", self.reporters.count, "at least three make a round, of at least four")
        if self.reporters.delay < 0 or self.reporters.surface_every < 300:
            raise InvalidField("reporters", self.reporters, "a delay of zero or more, a surface at most every 300 s")
        least, most = self.population.leverage
        if not 1 < least <= most:
            raise InvalidField("leverage", self.population.leverage, "two ascending numbers above 1")
        if not self.population.expiries or min(self.population.expiries) < 1 or len(self.population.expiries) > 4:
            raise InvalidField("expiries", self.population.expiries, "one to four numbers of days, 1 or more")
        for name in ("traders", "sellers", "borrowers", "holders"):
            if getattr(self.population, name) < 0:
                raise InvalidField(name, getattr(self.population, name), "cannot be negative")
        if self.population.dealers < 1 or self.keepers.count < 0 or self.backstop < 0:
            raise InvalidField("population", self.population.dealers, "at least one dealer; no negative numbers")
        if self.gas.block_limit < LEAST_BLOCK:
            raise InvalidField("gas.block_limit", self.gas.block_limit, f"give at least {LEAST_BLOCK:,}")
        for name, amount in (("keepers.upkeep", self.keepers.upkeep), ("reporters.tip", self.reporters.tip)):
            if amount < 0:
                raise InvalidField(name, amount, "cannot be negative")
        if len(self.keepers.tips) > self.keepers.count or any(tip < 0 for tip in self.keepers.tips):
            raise InvalidField("keepers.tips", self.keepers.tips, "at most one for each keeper; no negative numbers")
        if self.gas.price not in ("file", "max"):
            _positive("gas.price", self.gas.price)
        for keeper, first, last in self.keepers.down:
            if not 0 <= keeper < self.keepers.count or not to_time(first) < to_time(last):
                raise InvalidField("keepers.down", (keeper, first, last), "name a keeper from 0 on, and from before to")
        _ = self.market.parameters

    def scaled(self, accounts: int) -> Scenario:
        """With about so many accounts in the same proportions, a dealer for every two hundred, and keepers, backstop
        to match."""
        now = self.population
        total = now.traders + now.sellers + now.borrowers + now.holders
        factor = accounts / max(total, 1)
        grown = {name: round(getattr(now, name) * factor) for name in ("traders", "sellers", "borrowers", "holders")}
        return replace(
            self,
            backstop=self.backstop * factor,
            population=replace(now, **grown, dealers=max(1, accounts // 200)),
            keepers=replace(self.keepers, cash=self.keepers.cash * factor),
        )


def load(name: str | Path) -> Scenario:
    """A built-in scenario by its name, or one from a file.

    Raises:
        InputError: no such scenario or file, no TOML, or a field that is not known or does not fit.
    """
    if str(name) in BUILT_IN:
        text = (resources.files("peersettle.sim") / "scenarios" / f"{name}.toml").read_text(encoding="utf-8")
    else:
        try:
            text = Path(name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            raise InputError(
                f"there is no scenario {str(name)!r}: give a TOML file, or one of {', '.join(BUILT_IN)}"
            ) from None
    try:
        return parse(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{name} is no TOML: {error}") from None


def parse(data: Mapping[str, Any]) -> Scenario:
    """A scenario from its tables.

    Raises:
        InvalidField: a field is not known or does not fit.
    """
    found: Scenario = _made(Scenario, data, "")
    return found


_PARTS: Final[dict[str, Any]] = {
    "market": Underlying,
    "population": Population,
    "keepers": Keepers,
    "reporters": Reporters,
    "gas": Gas,
}


def _made(kind: Any, data: Mapping[str, Any], where: str) -> Any:
    known = {one.name: one for one in fields(kind)}
    values: dict[str, Any] = {}
    for key, value in data.items():
        place = f"{where}{key}"
        if key not in known:
            raise InvalidField(place, value, f"is not known; there is {', '.join(known)}")
        if kind is Scenario and key in _PARTS:
            if not isinstance(value, Mapping):
                raise InvalidField(place, value, "is a table")
            values[key] = _made(_PARTS[key], value, f"{key}.")
            continue
        values[key] = _fitting(place, value, known[key].type)
    return kind(**values)


def _fitting(place: str, value: Any, kind: Any) -> Any:
    text = str(kind)
    if text == "int" and (isinstance(value, bool) or not isinstance(value, int)):
        raise InvalidField(place, value, "give a whole number")
    if text == "float":
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InvalidField(place, value, "give a number")
        return float(value)
    if text == "bool" and not isinstance(value, bool):
        raise InvalidField(place, value, "give true or false")
    if text == "str":
        return str(value)
    if text.startswith("tuple"):
        if not isinstance(value, list):
            raise InvalidField(place, value, "give a list")
        return tuple(tuple(item) if isinstance(item, list) else item for item in value)
    if text.startswith("Mapping"):
        return {**Underlying().risk, **value}
    return value


def to_time(text: str) -> int:
    """Unix seconds of an ISO time, UTC unless it says otherwise.

    Raises:
        InvalidField: it is none.
    """
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise InvalidField("time", text, "give an ISO time, as 2020-03-12T10:00") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _positive(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if value < 0:
        raise InvalidField(name, text, "give `file`, `max`, or a number of gwei")
    return value
