"""The table `[making]`: which strategy answers requests, how wide it quotes and how far it goes.

Amounts are settlement currency, `_basis_points`, `_percent` and `_points` what they say, times and ages seconds.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Final, Self

from pydantic import Field, model_validator

from peersettle.config.fields import CheckedAddress, Section
from peersettle.errors import ConfigError, InvalidField
from peersettle.making.policy import Policy

if TYPE_CHECKING:
    from peersettle.making.strategy import Strategy

Amount = Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]
Seconds = Annotated[int, Field(gt=0, lt=2**32)]
_OWN: Final = {"strategy", "options"}


class MakingSettings(Section):
    """What `peersettle make` quotes. Without limits of its own it quotes nothing: they are zero.

    The fields of the policy are said in `peersettle.making.Policy`. A strategy of your own has `options` instead.
    """

    strategy: str | None = None
    """`path/to/file.py:Class` or `package.module:Class`; without it, the built-in one."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Keyword arguments of a strategy of your own."""

    spread_basis_points: Amount = Decimal(10)
    vol_spread_points: Amount = Decimal(1)
    premium_spread_percent: Amount = Decimal(2)
    size_skew_percent: Amount = Decimal(50)
    inventory_skew_basis_points: Amount = Decimal(5)
    inventory_skew_vol_points: Amount = Decimal("0.5")

    max_delta: Amount = Decimal(0)
    max_vega: Amount = Decimal(0)
    max_exposure: Amount = Decimal(0)
    max_total_exposure: Amount | None = None
    min_notional: Amount = Decimal(0)
    max_notional: Amount | None = None
    min_premium: Amount = Decimal(0)
    margin_percent: Amount = Decimal(25)

    markets: tuple[str, ...] | None = None
    tokens: tuple[str, ...] | None = None
    takers: tuple[CheckedAddress, ...] | None = None
    targets: dict[str, Annotated[Decimal, Field(allow_inf_nan=False)]] = Field(default_factory=dict)

    max_spot_age: Amount = Decimal(30)
    max_surface_age: Amount = Decimal(900)
    min_tenor: Amount = Decimal(7200)
    quote_life: Seconds = 15
    settle_within: Seconds = 120
    parts: tuple[int, ...] = (10_000, 5_000, 2_500)
    last_look_tolerance_basis_points: Amount = Decimal(10)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        try:
            _ = self.policy
        except InvalidField as error:
            raise ValueError(error.message) from None
        if self.options and self.strategy is None:
            raise ValueError("options are of a strategy of your own: say which, or take them out")
        set_here = sorted(self.model_fields_set - _OWN)
        if self.strategy is not None and set_here:
            raise ValueError(
                f"{', '.join(set_here)}: the built-in strategy's; give a strategy of your own its `options` instead"
            )
        return self

    @property
    def policy(self) -> Policy:
        """Of the built-in strategy."""
        return Policy(**{name: getattr(self, name) for name in type(self).model_fields if name not in _OWN})

    def build(self) -> Strategy:
        """The strategy that is set: the built-in one with its policy, or a loaded one with its options.

        Raises:
            ConfigError: it cannot be loaded or built.
        """
        from peersettle.making.loading import load_strategy  # these bring numpy
        from peersettle.making.spread import SpreadStrategy

        if self.strategy is None:
            return SpreadStrategy(self.policy)
        try:
            return load_strategy(self.strategy, self.options)
        except ConfigError as error:
            raise ConfigError(f"making.strategy: {error.message}", **error.values) from error
