"""What moves inside a margin ledger, as people write it: "10 ETH-26JUN26-3000-C", "450 cash", "2 ETH collateral"."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property
from typing import Final

from peersettle.errors import InvalidField
from peersettle.risk.instruments import CASH_ID, SERIES_BITS, Market, from_move_id, parse
from peersettle.trades import Leg, LegKind
from peersettle.types import Address, from_units, to_units

CASH_DECIMALS: Final = 6
COLLATERAL_DECIMALS: Final = 9
_SHAPE: Final = re.compile(r"[0-9][0-9_.]*\s+([^\s-]+-[^\s-]+-[^\s-]+-[a-z]|cash|\S+\s+collateral)", re.IGNORECASE)
_MOST: Final = (1 << 64) - 1


class PositionBook:
    """Names what is on one ledger. `markets` asks the chain for the markets, when they are first needed."""

    def __init__(self, ledger: Address, markets: Callable[[], tuple[Market, ...]]) -> None:
        self.ledger: Final = ledger
        self._read = markets

    @cached_property
    def markets(self) -> tuple[Market, ...]:
        """Those that are listed."""
        return self._read()

    def leg(
        self, giver: Address, receiver: Address, text: str, field: str, *, sub_accounts: tuple[int, int] = (0, 0)
    ) -> Leg:
        """The leg by which `giver` becomes shorter, and `receiver` longer, by what a text says.

        Raises:
            InvalidField: no such instrument or market, no whole lots, or nothing.
        """
        move, amount = self.amount(text, field)
        if not 0 < amount <= _MOST:
            raise InvalidField(field, text, "give more than nothing, and less than a move can carry")
        mine, theirs = sub_accounts
        return Leg.position(
            giver, receiver, self.ledger, move, amount, giver_sub_account=mine, receiver_sub_account=theirs
        )

    def amount(self, text: str, field: str) -> tuple[int, int]:
        """What a text names, as moves number it, and how much of it in the move's units; negative where it says so.

        Raises:
            InvalidField: as `leg`.
        """
        sign = -1 if text.strip().startswith("-") else 1
        number, _, name = text.strip().removeprefix("-").removeprefix("+").partition(" ")
        number, name = number.replace("_", ""), name.strip()
        if name.lower() == "cash":
            return CASH_ID, sign * to_units(number, CASH_DECIMALS, field)
        if name.lower().endswith(" collateral"):
            symbol = name.split()[0].upper()
            market = next((item for item in self.markets if item.symbol == symbol), None)
            if market is None:
                known = ", ".join(item.symbol for item in self.markets) or "none"
                raise InvalidField(field, text, f"listed markets are {known}")
            return market.collateral_id, sign * to_units(number, COLLATERAL_DECIMALS, field)
        instrument = parse(name, self.markets)
        return instrument.move_id, sign * instrument.market.to_lots(number)

    def show(self, move: int, amount: int) -> str:
        """An amount of what a move names, as people write it; bare numbers where it names nothing that is listed."""
        if move == CASH_ID:
            return f"{from_units(amount, CASH_DECIMALS)} cash"
        market = next((item for item in self.markets if item.number == move >> SERIES_BITS), None)
        try:
            if market is None:
                raise InvalidField("market", move >> SERIES_BITS, "is not listed")
            if move == market.collateral_id:
                return f"{from_units(amount, COLLATERAL_DECIMALS)} {market.symbol} collateral"
            instrument = from_move_id(move, self.markets)
        except InvalidField:
            return f"{amount} lots of series {move}"
        return f"{instrument.market.to_quantity(amount)} {instrument.name}"

    def shows(self, leg: Leg) -> bool:
        """Whether a leg moves something on this ledger."""
        return leg.kind is LegKind.POSITION and leg.token == self.ledger


def is_position(text: str) -> bool:
    """Whether a text is an amount of something inside a ledger, rather than of a token."""
    return _SHAPE.fullmatch(text.strip().removeprefix("-").removeprefix("+")) is not None
