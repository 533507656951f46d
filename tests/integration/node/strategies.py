"""A strategy to test with."""

from __future__ import annotations

from dataclasses import dataclass, field

from peersettle.making import No, Price, Quotation

ETHER = 10**18
USD = 10**6


@dataclass
class Fixed:
    """Two thousand a piece, whatever is asked; the half of it, too, where a part would do."""

    price: int = 2_000
    life: int = 30
    settle_within: int = 60
    no: No | None = None
    looks: list = field(default_factory=list)
    last: No | None = None

    def quote(self, inquiry, book):  # noqa: ARG002 (a strategy's signature)
        if self.no:
            return self.no
        amount = sum(item.amount for item in inquiry.request.items) * self.price * USD // ETHER
        sign = 1 if inquiry.request.items[0].to_taker else -1
        parts = (10_000, 5_000) if inquiry.request.partial else (10_000,)
        prices = tuple(Price(sign * amount * part // 10_000, part) for part in parts)
        return Quotation(prices, self.life, self.settle_within)

    def last_look(self, inquiry, price, book):  # noqa: ARG002
        self.looks.append(price)
        return self.last
