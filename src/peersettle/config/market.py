"""A market as its steward describes it: a TOML file of feeds, collateral, grid and risk parameters.

token = "WETH"                      # or an address; without it the market takes no collateral
lot = "0.01"                        # of the underlying
tick = "10"                         # in settlement currency

[spot]
name = "ETH/USD"                    # and slot, max_age, jump_rate, jump_cap, where they are not the usual ones

[surface]
name = "ETH/USD-VOL"

[risk]
scan = "20"                         # percent, as all fractions and the initial factor
band = "2"
shock = "35"
basis = "0.5"
initial_factor = "130"
risk_rate = "10"
risk_scale = 1000000000             # settlement currency, as gain_cap and position_charge
gain_cap = 1000000
spot_age = 120                      # seconds, as all ages
surface_age = 3600
epoch_age = 1800
position_charge = "0.5"
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError, field_validator

from peersettle.config.fields import Section
from peersettle.config.oracle import FeedRules
from peersettle.errors import InvalidDocument
from peersettle.risk.parameters import MarketTerms, RiskParameters
from peersettle.types import Address


class SurfaceRules(FeedRules):
    """The surface feed's rules, slower than a price's."""

    slot: int = 300
    max_age: int = 900
    jump_cap: int = 200_000


class RiskDescription(Section):
    """Risk parameters as people write them."""

    scan: str
    band: str
    shock: str
    basis: str
    initial_factor: str
    risk_rate: str
    risk_scale: int
    gain_cap: int
    spot_age: int
    surface_age: int
    epoch_age: int
    position_charge: str

    @field_validator("scan", "band", "shock", "basis", "initial_factor", "risk_rate", "position_charge", mode="before")
    @classmethod
    def _text(cls, value: object) -> object:
        return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value

    @property
    def parameters(self) -> RiskParameters:
        """In the contract's whole numbers.

        Raises:
            InvalidField: out of the contract's bounds, or no number.
        """
        return RiskParameters.from_percentages(**self.model_dump())


class MarketDescription(Section):
    """One market. `token` is a symbol or an address."""

    token: str | None = None
    lot: str
    tick: str
    spot: FeedRules
    surface: SurfaceRules
    risk: RiskDescription

    @field_validator("lot", "tick", mode="before")
    @classmethod
    def _text(cls, value: object) -> object:
        return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value

    def terms(self, token: Address | None, decimals: int | None) -> MarketTerms:
        """As the contract takes them, with the token found and its decimals.

        Raises:
            InvalidField: lot or tick are no powers of ten within bounds, or the token has more than 18 decimals.
        """
        return MarketTerms.of(
            self.spot.feed.id, self.surface.feed.id, lot=self.lot, tick=self.tick, token=token, decimals=decimals
        )


def load_market(path: Path) -> MarketDescription:
    """Read a market's description.

    Raises:
        InvalidDocument: it cannot be read, or a key is unknown, missing or does not fit.
    """
    try:
        return MarketDescription.model_validate(_read(path))
    except ValidationError as error:
        raise _explained(path, error) from None


def load_risk(path: Path) -> RiskParameters:
    """Read risk parameters: a description of a market, or its `[risk]` alone.

    Raises:
        InvalidDocument, InvalidField: as `load_market`.
    """
    data = _read(path)
    part = data.get("risk", data)
    try:
        return RiskDescription.model_validate(part).parameters
    except ValidationError as error:
        raise _explained(path, error) from None


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        raise InvalidDocument(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise InvalidDocument(f"{path} cannot be understood: {error}") from None


def _explained(path: Path, error: ValidationError) -> InvalidDocument:
    said = []
    for item in error.errors(include_url=False, include_input=False):
        key = ".".join(str(part) for part in item["loc"])
        unknown = item["type"] == "extra_forbidden"
        said.append(f"{key} {'is not known' if unknown else item['msg'].removeprefix('Value error, ')}")
    return InvalidDocument(f"{path}: {'; '.join(said)}")
