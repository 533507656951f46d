"""What the built-in strategy asks for, and how far it goes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from peersettle.errors import InvalidField
from peersettle.types import WAD, Address, address, uint

Number: TypeAlias = Decimal | int | str

_WHOLE: Final = 10_000  # as rfq.WHOLE, and rfq.MAX_ALTERNATIVES: settings are read without what negotiates
_MOST_PARTS: Final = 8
_NO_NUMBERS: Final = ("markets", "tokens", "takers", "targets", "parts")
_SECONDS: Final = ("quote_life", "settle_within")


@dataclass(frozen=True, slots=True)
class Policy:
    """What `SpreadStrategy` asks for, and how far it goes. Money is settlement currency; limits hold for each market.

    Numbers may be given as decimals, whole numbers or text. As it stands by default, it trades nothing: the limits of
    delta, vega and exposure are zero.

    Raises:
        InvalidField: a field does not fit its rule.
    """

    spread_basis_points: Number = Decimal(10)
    """Half spread of spot and forwards, of their notional."""
    vol_spread_points: Number = Decimal(1)
    """Half spread of options, in percentage points of volatility: so many times their vega. The larger one counts."""
    premium_spread_percent: Number = Decimal(2)
    """Half spread of options, of their premium."""
    size_skew_percent: Number = Decimal(50)
    """By how much the half spread is wider at `max_notional`; linear in notional."""
    inventory_skew_basis_points: Number = Decimal(5)
    """How far the mid is moved against us when delta is at its limit; linear in delta."""
    inventory_skew_vol_points: Number = Decimal("0.5")
    """How far the mid volatility is moved when vega is at its limit; linear in vega."""
    max_delta: Number = Decimal(0)
    """Of |delta less its target| · spot, whichever offers are accepted and trades settle."""
    max_vega: Number = Decimal(0)
    """Of |vega|, for a percentage point of volatility, likewise."""
    max_exposure: Number = Decimal(0)
    """Notional that one counterparty may have of us, promised and not settled."""
    max_total_exposure: Number | None = None
    """The same of all together; without it, ten times `max_exposure`."""
    min_notional: Number = Decimal(0)
    max_notional: Number | None = None
    """Of one quote; without it, `max_exposure`."""
    min_premium: Number = Decimal(0)
    """What an option that we sell must be worth, for one unit of the underlying."""
    margin_percent: Number = Decimal(25)
    """Initial margin that a position we open is taken to need, of its notional, where the margin room is known."""
    markets: Collection[str] | None = None
    """Symbols; None for all that have a price."""
    tokens: Collection[str] | None = None
    """Symbols; None for all that are known."""
    takers: Collection[Address] | None = None
    """None for everybody."""
    targets: Mapping[str, Number] = field(default_factory=dict)
    """By market symbol: units of the underlying that we want to have. Delta counts from there."""
    max_spot_age: Number = Decimal(30)
    """Seconds."""
    max_surface_age: Number = Decimal(900)
    """Seconds."""
    min_tenor: Number = Decimal(7200)
    """Seconds that an option or forward must still have to run. The average of the fixing is not priced."""
    quote_life: int = 15
    """Seconds in which a taker can accept."""
    settle_within: int = 120
    """So many seconds more the chain settles it."""
    parts: tuple[int, ...] = (10_000, 5_000, 2_500)
    """Offered where a request takes a part and its amounts divide, in basis points; the whole always."""
    last_look_tolerance_basis_points: Number = Decimal(10)
    """Of notional: a last look refuses what is now further from our price, to either side."""

    def __post_init__(self) -> None:
        for item in fields(self):
            given = getattr(self, item.name)
            if item.name in _SECONDS:
                if uint(given, item.name, 32) == 0:
                    raise InvalidField(item.name, 0, "give at least a second")
            elif item.name not in _NO_NUMBERS and given is not None:
                _set(self, item.name, _number(given, item.name))
        for name in ("markets", "tokens", "takers"):
            if isinstance(getattr(self, name), str):
                raise InvalidField(name, getattr(self, name), "give several, or a list of one")
        for name in ("markets", "tokens"):
            given = getattr(self, name)
            _set(self, name, None if given is None else frozenset(symbol.upper() for symbol in given))
        if self.takers is not None:
            _set(self, "takers", frozenset(address(taker, "takers") for taker in self.takers))
        targets = {name.upper(): _number(units, f"targets.{name}", None) for name, units in self.targets.items()}
        _set(self, "targets", MappingProxyType(targets))
        parts = tuple(sorted({_WHOLE, *(uint(part, "parts", 16) for part in self.parts)}, reverse=True))
        if parts[0] > _WHOLE or parts[-1] == 0 or len(parts) > _MOST_PARTS:
            raise InvalidField("parts", self.parts, f"at most {_MOST_PARTS}, from 1 to {_WHOLE} basis points")
        _set(self, "parts", parts)
        if self.max_total_exposure is None:
            _set(self, "max_total_exposure", 10 * Decimal(self.max_exposure))
        if self.max_notional is None:
            _set(self, "max_notional", self.max_exposure)
        if Decimal(self.min_notional) > Decimal(self.max_notional or 0):
            raise InvalidField(
                "min_notional", self.min_notional, f"must not be above max_notional, {self.max_notional}"
            )


def wad(number: Number | None) -> int:
    """As a wad, rounded down; zero where there is none."""
    return int(Fraction(Decimal(number or 0)) * WAD)


def _number(value: Any, name: str, least: int | None = 0) -> Decimal:
    try:
        number = Decimal(str(value)) if isinstance(value, Decimal | int | str) and not isinstance(value, bool) else None
    except ArithmeticError:
        number = None
    if number is None or not number.is_finite():
        raise InvalidField(name, value, "give a decimal number")
    if least is not None and number < least:
        raise InvalidField(name, value, f"must be at least {least}")
    return number


def _set(instance: object, name: str, value: object) -> None:
    object.__setattr__(instance, name, value)
