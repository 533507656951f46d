"""A market's terms and its risk parameters, as people write them and as the contract packs them."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Final, TypeAlias

from peersettle.errors import InvalidField
from peersettle.types import WAD, ZERO_ADDRESS, ZERO_HASH, Address, Hash32, address, from_units, hash32, to_units, uint

Number: TypeAlias = str | int | Decimal
AbiTerms: TypeAlias = tuple[Hash32, Hash32, Address, int, int, int]

Q16: Final = 65_536
WAD_DECIMALS: Final = 18
CHARGE_DECIMALS: Final = 4

MIN_LOT: Final = 10**6
MAX_LOT: Final = 10**24
MIN_TICK: Final = 10**8
MAX_TICK: Final = 10**21


class Tighter(Enum):
    """Which way a field must move for margin to be asked for sooner or in a larger amount."""

    MORE = "more"
    LESS = "less"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True)
class FieldRule:
    """One field of the packed word: its width and the bounds that no proposal passes."""

    name: str
    bits: int
    least: int
    most: int
    tighter: Tighter


FIELDS: Final = (
    FieldRule("scan", 16, 1_311, 32_768, Tighter.MORE),  # 0.02 .. 0.50
    FieldRule("band", 16, 66, 3_276, Tighter.MORE),  # 0.001 .. 0.05
    FieldRule("shock", 16, 3_277, 29_491, Tighter.MORE),  # 0.05 .. 0.45
    FieldRule("basis", 16, 0, 3_276, Tighter.MORE),  # 0 .. 0.05
    FieldRule("initial_factor", 16, 1_050, 3_000, Tighter.MORE),
    FieldRule("risk_rate", 16, 0, 65_535, Tighter.MORE),
    FieldRule("risk_scale", 40, 1_000, 2**40 - 1, Tighter.LESS),
    FieldRule("gain_cap", 40, 0, 2**40 - 1, Tighter.LESS),
    FieldRule("spot_age", 16, 30, 14_400, Tighter.LESS),
    FieldRule("surface_age", 16, 60, 43_200, Tighter.LESS),
    FieldRule("epoch_age", 16, 60, 3_600, Tighter.NEITHER),
    FieldRule("position_charge", 24, 0, 1_000_000, Tighter.MORE),
)
"""In the order of the word, from bit 0. Fractions are in 1/65536, rounded into their decimal bounds."""

PACKED_BITS: Final = sum(field.bits for field in FIELDS)
_RULES: Final = {field.name: field for field in FIELDS}


@dataclass(frozen=True, slots=True)
class RiskParameters:
    """What margin a market asks for, in the contract's whole numbers.

    Args:
        scan: the largest spot move of the scenarios, in logarithm, in 1/65536.
        band: how far spot may leave the reference before the arrays are computed anew, of the reference, in 1/65536.
        shock: relative move of volatility at 30 days, in 1/65536.
        basis: independent move of a forward against spot, of the reference, in 1/65536.
        initial_factor: initial over maintenance requirement, in thousandths.
        risk_rate: what initial margin adds, of the requirement, when the market's open risk has reached `risk_scale`,
            in 1/65536.
        risk_scale: in whole units of settlement currency.
        gain_cap: unrealised gain that may margin other markets, in whole units of settlement currency.
        spot_age: seconds after which a price is unusable.
        surface_age: seconds after which a surface is unusable.
        epoch_age: seconds after which the arrays are computed anew.
        position_charge: what a position adds to the requirement, in 1e-4 of settlement currency.

    Raises:
        InvalidField: a field is out of its bounds, which `FIELDS` has.
    """

    scan: int
    band: int
    shock: int
    basis: int
    initial_factor: int
    risk_rate: int
    risk_scale: int
    gain_cap: int
    spot_age: int
    surface_age: int
    epoch_age: int
    position_charge: int

    def __post_init__(self) -> None:
        for field in FIELDS:
            value = uint(getattr(self, field.name), field.name)
            if not field.least <= value <= field.most:
                raise InvalidField(field.name, value, f"the contract takes {field.least} to {field.most}")

    @classmethod
    def from_percentages(
        cls,
        *,
        scan: Number,
        band: Number,
        shock: Number,
        basis: Number,
        initial_factor: Number,
        risk_rate: Number,
        risk_scale: int,
        gain_cap: int,
        spot_age: int,
        surface_age: int,
        epoch_age: int,
        position_charge: Number,
    ) -> RiskParameters:
        """From what people write: fractions and the initial factor in percent, the charge in settlement currency.

        A percentage becomes the nearest value that the contract takes: `scan="15"` is 9830/65536, and `band="5"`, which
        is the bound, the last value below it. An initial factor of `"125"` is 1250 thousandths.

        Raises:
            InvalidField: no number, out of bounds, an initial factor finer than 0.1 %, or a charge finer than 1e-4.
        """
        return cls(
            scan=_to_q16("scan", scan),
            band=_to_q16("band", band),
            shock=_to_q16("shock", shock),
            basis=_to_q16("basis", basis),
            initial_factor=to_units(initial_factor, 1, "initial_factor"),
            risk_rate=_to_q16("risk_rate", risk_rate),
            risk_scale=risk_scale,
            gain_cap=gain_cap,
            spot_age=spot_age,
            surface_age=surface_age,
            epoch_age=epoch_age,
            position_charge=to_units(position_charge, CHARGE_DECIMALS, "position_charge"),
        )

    def to_percentages(self) -> dict[str, str | int]:
        """What `from_percentages` takes to give these again; fractions to 0.001 %, which tells them all apart."""
        values: dict[str, str | int] = {field.name: getattr(self, field.name) for field in FIELDS}
        for name in ("scan", "band", "shock", "basis", "risk_rate"):
            values[name] = from_units(round(Fraction(getattr(self, name) * 100_000, Q16)), 3)
        values["initial_factor"] = from_units(self.initial_factor, 1)
        values["position_charge"] = from_units(self.position_charge, CHARGE_DECIMALS)
        return values

    def pack(self) -> int:
        """The word that the contract keeps."""
        word, place = 0, 0
        for field in FIELDS:
            word |= getattr(self, field.name) << place
            place += field.bits
        return word

    @classmethod
    def unpack(cls, word: int) -> RiskParameters:
        """Read the contract's word.

        Raises:
            InvalidField: a field is out of its bounds, or a bit beyond the fields is set.
        """
        rest = uint(word, "parameters")
        values = []
        for field in FIELDS:
            values.append(rest % 2**field.bits)
            rest >>= field.bits
        if rest:
            raise InvalidField("parameters", hex(word), f"only the lowest {PACKED_BITS} bits have a meaning")
        return cls(*values)


@dataclass(frozen=True, slots=True)
class MarketTerms:
    """What never changes about a market once it is listed.

    Args:
        spot_feed: the Oracle's feed of the underlying in settlement currency.
        surface_feed: the Oracle's feed of its volatility surface.
        token: the underlying as collateral; the zero address when there is none.
        token_scale: 10**(18 - the token's decimals), which makes a balance a wad; zero without a token.
        lot: underlying units in one lot, a wad, a power of ten from 1e-12 to 1e6 units.
        tick: settlement currency in one strike tick, a wad, a power of ten from 1e-10 to 1e3.

    Raises:
        InvalidField: a field does not fit its type or its rule.
    """

    spot_feed: Hash32
    surface_feed: Hash32
    token: Address
    token_scale: int
    lot: int
    tick: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "token", address(self.token, "token"))
        for name in ("spot_feed", "surface_feed"):
            object.__setattr__(self, name, hash32(getattr(self, name), name))
            if getattr(self, name) == ZERO_HASH:
                raise InvalidField(name, "0x" + ZERO_HASH.hex(), "a market needs both feeds")
        if self.token == ZERO_ADDRESS:
            if uint(self.token_scale, "token_scale") != 0:
                raise InvalidField("token_scale", self.token_scale, "zero without a token")
        else:
            _power_of_ten("token_scale", self.token_scale, 1, 10**WAD_DECIMALS)
        _power_of_ten("lot", self.lot, MIN_LOT, MAX_LOT)
        _power_of_ten("tick", self.tick, MIN_TICK, MAX_TICK)

    @classmethod
    def of(
        cls,
        spot_feed: Hash32,
        surface_feed: Hash32,
        *,
        lot: Number,
        tick: Number,
        token: Address | None = None,
        decimals: int | None = None,
    ) -> MarketTerms:
        """Terms with lot and tick as people write them: `lot="0.001"`, `tick="10"`, and a token's decimals.

        Raises:
            InvalidField: as the class; a token without decimals, decimals without a token, or more than 18 of them.
        """
        if (token is None) != (decimals is None):
            raise InvalidField("decimals", decimals, "give a token and its decimals, or neither")
        if decimals is not None and not 0 <= uint(decimals, "decimals") <= WAD_DECIMALS:
            raise InvalidField("decimals", decimals, f"a token with more than {WAD_DECIMALS} cannot be collateral")
        scale: int = 0 if decimals is None else 10 ** (WAD_DECIMALS - decimals)
        wads = (to_units(lot, WAD_DECIMALS, "lot"), to_units(tick, WAD_DECIMALS, "tick"))
        return cls(spot_feed, surface_feed, token or ZERO_ADDRESS, scale, *wads)

    @property
    def decimals(self) -> int | None:
        """The token's decimals; None without a token."""
        return WAD_DECIMALS - (len(str(self.token_scale)) - 1) if self.token_scale else None

    def to_abi(self) -> AbiTerms:
        """As the contract takes them."""
        words: AbiTerms = astuple(self)
        return words


def _to_q16(name: str, percentage: Number) -> int:
    """A percentage in 1/65536: the nearest, half up, or the bound where only rounding would pass it.

    Raises:
        InvalidField: not a finite, non-negative number.
    """
    scaled = to_units(percentage, WAD_DECIMALS, name)
    nearest = int(Fraction(scaled * Q16, 100 * WAD) + Fraction(1, 2))
    rule = _RULES[name]
    bounded = min(max(nearest, rule.least), rule.most)
    return bounded if abs(bounded - nearest) <= 1 else nearest


def _power_of_ten(name: str, value: int, least: int, most: int) -> None:
    if not least <= uint(value, name) <= most or str(value).strip("0") != "1":
        rule = f"give a power of ten from 1e{len(str(least)) - 1} to 1e{len(str(most)) - 1}"
        raise InvalidField(name, value, rule)
