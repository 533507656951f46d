"""Tokens by name and amounts as people write them: "100 USDC"."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from peersettle.bindings.positions import PositionBook
from peersettle.errors import InputError, InvalidField
from peersettle.trades import Leg, LegKind
from peersettle.types import Address, address, from_units, to_units

if TYPE_CHECKING:
    from peersettle.chain.client import Chain
    from peersettle.chain.deployments import Deployment
    from peersettle.risk.instruments import Market


@dataclass(frozen=True, slots=True)
class Token:
    """An ERC-20 as a person knows it."""

    address: Address
    symbol: str
    decimals: int

    def show(self, units: int) -> str:
        """An amount in human units, with the symbol."""
        return f"{from_units(units, self.decimals)} {self.symbol}"


class TokenBook:
    """Finds tokens by symbol or address. `read` asks the chain for a token's symbol and decimals.

    `positions` names what is on the margin ledger; None where there is none.
    """

    def __init__(
        self, named: Mapping[str, Address], read: Callable[[Address], Token], positions: PositionBook | None = None
    ) -> None:
        self._named = dict(named)
        self._read = read
        self.positions = positions
        self._known: dict[Address, Token] = {}

    def find(self, text: str) -> Token:
        """The token with this name or address. The name is the one of the settings or of the deployment.

        Raises:
            InputError: no such name.
            InvalidField: not an address, or the token does not say its decimals.
        """
        if text.lower().startswith("0x"):
            return self.at(address(text, "token"))
        for symbol, where in self._named.items():
            if symbol.lower() == text.lower():
                return self.at(where)
        known = ", ".join(sorted(self._named)) or "none"
        raise InputError(
            f"no token is called {text!r} here; known are {known}",
            next_step="give its address, or name it in the settings: [tokens.CHAIN_ID] SYMBOL = ADDRESS",
        )

    @property
    def named(self) -> tuple[Token, ...]:
        """The tokens that have a name here."""
        return tuple(self.at(where) for where in dict.fromkeys(self._named.values()))

    def at(self, where: Address) -> Token:
        """The token at an address."""
        if where not in self._known:
            self._known[where] = self._read(where)
        return self._known[where]

    def amount(self, text: str, field: str) -> tuple[Token, int]:
        """A token and an amount in its smallest units, from "100 USDC".

        Raises:
            InvalidField: not a number and a token, or more decimals than the token has.
            InputError: no such token.
        """
        parts = text.split()
        if len(parts) != 2 or not parts[0][0].isdigit():
            raise InvalidField(field, text, 'give an amount and a token, such as "100 USDC"')
        token = self.find(parts[1])
        return token, to_units(parts[0].replace("_", ""), token.decimals, field)


def leg_text(leg: Leg, book: TokenBook) -> str:
    """What a leg moves, in human units."""
    match leg.kind:
        case LegKind.ERC20 | LegKind.ERC20_EXACT:
            return book.at(leg.token).show(leg.amount)
        case LegKind.NATIVE:
            return f"{from_units(leg.amount, 18)} ETH"
        case LegKind.ERC721:
            return f"#{leg.id} of {leg.token}"
        case LegKind.ERC1155:
            return f"{leg.amount} of #{leg.id} of {leg.token}"
        case LegKind.POSITION:
            if book.positions is not None and book.positions.shows(leg):
                return book.positions.show(leg.id, leg.lots)
            return f"{leg.lots} lots of series {leg.id} on {leg.token}"


def token_book(
    chain: Chain,
    deployment: Deployment,
    markets: Callable[[], tuple[Market, ...]],
    named: Mapping[str, Address] | None = None,
) -> TokenBook:
    """Tokens by the names of the deployment and, before those, by others; the chain is asked for what is found.

    `markets` gives those of the deployment's ledger, where it has one.
    """
    from peersettle.bindings.token import Token as Contract

    def read(where: Address) -> Token:
        contract = Contract(chain, where)
        decimals = contract.decimals()
        if decimals is None:
            raise InvalidField("token", where, "it has no code, or does not say its decimals")
        return Token(where, contract.symbol(), decimals)

    positions = PositionBook(deployment.ledger, markets) if deployment.ledger else None
    return TokenBook({**deployment.tokens, **(named or {})}, read, positions)
