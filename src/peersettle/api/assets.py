"""What people name, as requests carry it, and back."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Final

from peersettle.api.models import ItemBody, ItemView
from peersettle.bindings.amounts import TokenBook
from peersettle.bindings.positions import PositionBook, is_position
from peersettle.errors import InputError, InvalidField
from peersettle.rfq import WHOLE, Asset, Item, Request
from peersettle.risk.instruments import CASH_ID
from peersettle.trades import LegKind
from peersettle.types import Address, from_units

_DIGITS: Final = 12


class Assets:
    """Reads and writes amounts. Asks the chain for a token's decimals, or the markets, once: for threads.

    Args:
        currency: what tokens are priced in, where nobody says.
    """

    def __init__(self, book: TokenBook, currency: Address | None) -> None:
        self.book: Final = book
        self._currency = currency

    # Reading

    def item(self, body: ItemBody, field: str = "quantity") -> Item:
        """One thing that is asked for.

        Raises:
            InvalidField, InputError: there is no such instrument or token, or no such amount of it.
        """
        text = f"{body.quantity:f} {body.asset}"
        if is_position(text):
            move, amount = self._positions(body.asset).amount(text, field)
            asset = Asset(LegKind.POSITION, self._positions(body.asset).ledger, move)
        else:
            token, amount = self.book.amount(text, field)
            asset = Asset(LegKind.ERC20, token.address)
        return Item(asset, amount, to_taker=body.side == "buy")

    def currency(self, text: str | None, items: Sequence[Item]) -> Asset:
        """What prices are in.

        Raises:
            InputError: it has to be said, or there is none of this name.
        """
        if text is not None:
            if text.strip().lower() == "cash":
                return Asset(LegKind.POSITION, self._positions("cash").ledger, CASH_ID)
            return Asset(LegKind.ERC20, self.book.find(text).address)
        ledgers = [item.asset.token for item in items if item.asset.kind is LegKind.POSITION]
        if ledgers:
            return Asset(LegKind.POSITION, ledgers[0], CASH_ID)
        if self._currency is None:
            raise InputError("there is no usual currency here", next_step="say in what: a token by name or address")
        return Asset(LegKind.ERC20, self._currency)

    # Writing

    def amount(self, asset: Asset, units: int) -> str:
        """So much of an asset, as people write it; below zero it has a sign."""
        sign, size = ("-", -units) if units < 0 else ("", units)
        positions = self.book.positions
        match asset.kind:
            case LegKind.POSITION if positions is not None and asset.token == positions.ledger:
                text = positions.show(asset.id, size)
            case LegKind.POSITION:
                text = f"{size} lots of series {asset.id} on {asset.token}"
            case LegKind.NATIVE:
                text = f"{from_units(size, 18)} ETH"
            case LegKind.ERC20 | LegKind.ERC20_EXACT:
                text = self.book.at(asset.token).show(size)
            case _:
                text = f"{size} #{asset.id} of {asset.token}"
        return sign + text

    def item_view(self, item: Item) -> ItemView:
        """One thing that is asked for."""
        quantity, name = self.parts(item.asset, item.amount)
        return ItemView(asset=name, side="buy" if item.to_taker else "sell", quantity=quantity)

    def parts(self, asset: Asset, units: int) -> tuple[str, str]:
        """The number and the name."""
        quantity, _, name = self.amount(asset, units).partition(" ")
        return quantity, name

    def per_unit(self, request: Request, price: int, part: int) -> str | None:
        """The price of one of the only thing that is asked for, rounded to 12 digits; None where there are several."""
        if len(request.items) != 1:
            return None
        item = request.items[0]
        paid = Fraction(self.parts(request.currency, price)[0])
        one = paid * WHOLE / (Fraction(self.parts(item.asset, item.amount)[0]) * part)
        return plain(one if item.to_taker else -one)

    def _positions(self, what: str) -> PositionBook:
        if self.book.positions is None:
            raise InvalidField("asset", what, "there are no margin accounts on this chain, so no positions")
        return self.book.positions


def plain(value: Fraction) -> str:
    """A number as decimal text, rounded to 12 significant digits."""
    if not value:
        return "0"
    found = Decimal(value.numerator) / Decimal(value.denominator)
    text = format(found.quantize(Decimal(1).scaleb(found.adjusted() - _DIGITS + 1)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
