"""What a source of prices is, and what it gives."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Context, Decimal, InvalidOperation
from typing import Final, Protocol

from peersettle.errors import SourceError

EXACT: Final = Context(prec=60)
"""Arithmetic on prices: far beyond what wad can tell apart, and bounded."""

_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_LONGEST: Final = 80


@dataclass(frozen=True, slots=True)
class Sample:
    """One price as a source tells it.

    Args:
        value: in units of the settlement currency; whether it makes sense is for `combine` to judge.
        observed_at: Unix seconds; when the source says that it was so, else when its answer came.
    """

    value: Decimal
    observed_at: int


class Source(Protocol):
    """Where a price is from. Sources of one class, such as two markets of one venue, have one voice together."""

    @property
    def name(self) -> str:
        """Unique within its feed; for logs and metrics."""
        ...

    @property
    def source_class(self) -> str:
        """The venue family: `binance`, `coinbase`, `aggregator`, `amm` and so on."""
        ...

    @property
    def max_age(self) -> int:
        """Seconds after which what it says no longer counts."""
        ...

    async def observe(self, at: int) -> Sample:
        """The price at `at`, Unix seconds, which is now unless the source is a replay. May be cancelled at any time.

        Raises:
            SourceError: no answer, or one without a price.
        """
        ...


@dataclass(frozen=True, slots=True)
class Adjustment:
    """What is done to a price before it counts: inverted first, then multiplied."""

    invert: bool = False
    multiply: Decimal = Decimal(1)

    def apply(self, value: Decimal) -> Decimal:
        """The price as the feed quotes it. One that is not finite, or zero, stays as it is, to be dropped later.

        Raises:
            SourceError: beyond what decimal arithmetic can hold.
        """
        if not value.is_finite() or value == 0:
            return value
        try:
            return EXACT.multiply(EXACT.divide(Decimal(1), value) if self.invert else value, self.multiply)
        except ArithmeticError:
            raise SourceError(f"a price of 1e{value.adjusted()} is beyond all bounds", kind="not_a_number") from None


def decimal_from(value: object, what: str) -> Decimal:
    """A number of a JSON document or a file: a number, or text that is one. NaN and infinities come through.

    Raises:
        SourceError: anything else; truth values and overlong text, too.
    """
    if isinstance(value, Decimal):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if abs(value) < 10**_LONGEST else "too long"
    if isinstance(value, str):
        text = value.strip()
        if text.lower().lstrip("+-") in ("nan", "inf", "infinity"):
            return Decimal(text)
        if len(text) <= _LONGEST and _NUMBER.fullmatch(text):
            try:
                return EXACT.create_decimal(text)
            except InvalidOperation:
                pass
    raise SourceError(f"{what} is {str(value)[:40]!r}, which is no number", kind="not_a_number")
