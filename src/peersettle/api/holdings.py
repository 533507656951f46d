"""What our address has. Asks the chain: for threads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from peersettle.api.desk import ApiDesk
from peersettle.api.models import AccountView, HoldingView, PositionsView
from peersettle.bindings import MarginDesk
from peersettle.bindings.token import Token
from peersettle.risk.margin import Book
from peersettle.types import Account, from_units


def positions(desk: ApiDesk, sub_accounts: Sequence[int]) -> PositionsView:
    """Balances of the tokens that have a name, and these margin accounts.

    Raises:
        InvalidField: a sub-account out of range. ChainError: the chain does not answer.
    """
    node = desk.node
    owner = node.signer.address
    balances = [
        HoldingView(
            asset=token.symbol, amount=from_units(Token(node.chain, token.address).balance(owner), token.decimals)
        )
        for token in desk.assets.book.named
    ]
    margin = node.margin
    accounts = [] if margin is None else [_account(margin, Account(owner, sub)) for sub in sub_accounts]
    return PositionsView(owner=owner, balances=balances, accounts=accounts)


def _account(margin: MarginDesk, account: Account) -> AccountView:
    statement = margin.statement(account)
    health = statement.health()
    return AccountView(
        account=str(account),
        cash=_money(statement.margin.cash),
        holdings=list(_holdings(margin, statement.margin.books)),
        equity=_money(health.equity) if health else None,
        initial=_money(health.initial) if health else None,
        maintenance=_money(health.maintenance) if health else None,
    )


def _holdings(margin: MarginDesk, books: Mapping[int, Book]) -> Iterable[HoldingView]:
    for number, book in sorted(books.items()):
        market = margin.listings[number].market
        if book.collateral:
            yield HoldingView(asset=f"{market.symbol} collateral", amount=from_units(book.collateral, 18))
        for series, lots in book.positions:
            quantity = market.to_quantity(abs(lots))
            yield HoldingView(asset=market.instrument(series).name, amount=f"-{quantity}" if lots < 0 else quantity)


def _money(wad: int) -> str:
    return f"-{from_units(-wad, 18)}" if wad < 0 else from_units(wad, 18)
