"""What a strategy is written against: what it is asked, what it answers, and the two methods that it has.

Amounts are whole numbers of smallest units, of lots for positions; times are Unix seconds. Parts are in basis points
of everything that was asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias, runtime_checkable

from peersettle.errors import InvalidField
from peersettle.rfq.messages import MAX_ALTERNATIVES, WHOLE, Decline, Indication, Request
from peersettle.types import Address, uint

if TYPE_CHECKING:
    from peersettle.making.book import Book

_NOBODYS_ID: Final = "0" * 32  # messages know what fits; what is built here is checked as one


@dataclass(frozen=True, slots=True)
class Inquiry:
    """A taker's request, as a strategy is asked about it."""

    request: Request
    taker: Address
    """Who the request is for; the right to speak for it has been checked."""
    firm: bool
    """What is answered will be signed and can be held against us; otherwise it is an indication."""
    at: float
    """When the request arrived."""


@dataclass(frozen=True, slots=True)
class Price:
    """The taker pays `price` units of the request's currency for this part of everything; below zero it gets them.

    Raises:
        InvalidField: the price does not fit 256 bits, or the part is not 1 to 10,000 basis points.
    """

    price: int
    part: int = WHOLE

    def __post_init__(self) -> None:
        Indication(_NOBODYS_ID, self.price, self.part)


@dataclass(frozen=True, slots=True)
class Quotation:
    """Prices for the whole or for parts of it, of which the taker can have one.

    Args:
        prices: 1 to 8, each part once.
        life: seconds in which the taker can accept.
        settle_within: so many seconds more the chain settles it.

    Raises:
        InvalidField: a field does not fit its rule.
    """

    prices: tuple[Price, ...]
    life: int
    settle_within: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "prices", tuple(self.prices))
        if not 1 <= len(self.prices) <= MAX_ALTERNATIVES:
            raise InvalidField("prices", len(self.prices), f"1 to {MAX_ALTERNATIVES}")
        if len({price.part for price in self.prices}) != len(self.prices):
            raise InvalidField("prices", "parts", "each part once")
        for name in ("life", "settle_within"):
            if uint(getattr(self, name), name, 32) == 0:
                raise InvalidField(name, 0, "give at least a second")


@dataclass(frozen=True, slots=True)
class No:
    """No price. The taker is told the first two: `code` is one word for its program, `text` for people.

    What would show it our inventory or how near we are to a limit belongs into `detail`, which only our log has.

    Raises:
        InvalidField: the code is no word in small letters, or the text is too long.
    """

    code: str
    text: str = ""
    detail: str = ""

    def __post_init__(self) -> None:
        Decline(_NOBODYS_ID, self.code, self.text)


Answer: TypeAlias = Quotation | No


@runtime_checkable
class Strategy(Protocol):
    """What `peersettle make` asks. Both methods are called often, on one thread: they must be quick, and never wait.

    A strategy that raises declines with the code `error`, and the log says why.
    """

    def quote(self, inquiry: Inquiry, book: Book) -> Answer:
        """Prices for a request, or why there are none."""
        ...

    def last_look(self, inquiry: Inquiry, price: Price, book: Book) -> No | None:
        """Whether to refuse what a taker has accepted. Asked only where the request allows a last look."""
        ...
