"""Options and forwards over the API: named, priced in cash, and held in margin accounts."""

from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import pytest

from peersettle.api.assets import Assets, plain
from peersettle.api.holdings import _account
from peersettle.api.models import ItemBody
from peersettle.bindings.amounts import Token, TokenBook
from peersettle.bindings.positions import PositionBook
from peersettle.rfq import Asset, Item, Request
from peersettle.risk.instruments import CASH_ID, Market
from peersettle.risk.margin import Book
from peersettle.trades import Domain, LegKind
from peersettle.types import WAD, Account, checksummed

A, USDC, LEDGER, SETTLEMENT = (checksummed(bytes([n]) * 20) for n in range(1, 5))
ETH = Market(0, "ETH", 10**16, 10**18)
CALL = 907 << 22 | 3000 << 2
CASH = Asset(LegKind.POSITION, LEDGER, CASH_ID)


@pytest.fixture
def assets():
    book = TokenBook({"USDC": USDC}, {USDC: Token(USDC, "USDC", 6)}.__getitem__, PositionBook(LEDGER, lambda: (ETH,)))
    return Assets(book, USDC)


def item(assets, asset, side, quantity):
    return assets.item(ItemBody.model_validate({"asset": asset, "side": side, "quantity": quantity}))


def test_an_instrument_is_asked_for_in_lots(assets):
    found = item(assets, "eth-26jun26-3000-c", "sell", "10")
    assert found == Item(Asset(LegKind.POSITION, LEDGER, CALL), 1_000, to_taker=False)
    assert assets.item_view(found).model_dump() == {"asset": "ETH-26JUN26-3000-C", "side": "sell", "quantity": "10"}


def test_collateral_is_asked_for_by_its_market(assets):
    assert item(assets, "ETH collateral", "buy", "2").amount == 2 * 10**9


def test_positions_are_priced_in_cash_and_tokens_in_the_usual_currency(assets):
    option, dollar = item(assets, "ETH-26JUN26-3000-C", "buy", 1), item(assets, "USDC", "buy", 1)
    assert assets.currency(None, [option]) == CASH
    assert assets.currency(None, [dollar, option]) == CASH
    assert assets.currency(None, [dollar]) == Asset(LegKind.ERC20, USDC)
    assert assets.currency("usdc", [option]) == Asset(LegKind.ERC20, USDC)
    assert assets.currency("Cash", [dollar]) == CASH


@pytest.mark.parametrize(("side", "price", "each"), [("buy", 450_500_000, "45.05"), ("sell", -450_500_000, "45.05")])
def test_the_price_of_one_is_told_in_cash(assets, side, price, each):
    asked = item(assets, "ETH-26JUN26-3000-C", side, 10)
    request = Request("0" * 32, Domain(1, SETTLEMENT), A, (asked,), CASH, 1)
    assert assets.per_unit(request, price, 10_000) == each
    assert assets.per_unit(request, price // 2, 5_000) == each
    assert assets.parts(CASH, price) == ("450.5" if side == "buy" else "-450.5", "cash")


def test_a_price_of_several_things_is_of_none_of_them(assets):
    asked = (item(assets, "ETH-26JUN26-3000-C", "buy", 10), item(assets, "ETH-26JUN26-3200-C", "sell", 10))
    request = Request("0" * 32, Domain(1, SETTLEMENT), A, asked, CASH, 1)
    assert assets.per_unit(request, 5, 10_000) is None


@pytest.mark.parametrize(
    ("value", "text"), [((1, 3), "0.333333333333"), ((0, 1), "0"), ((-5, 2), "-2.5"), ((10**30, 1), "1" + "0" * 30)]
)
def test_a_number_is_rounded_to_twelve_digits(value, text):
    assert plain(Fraction(*value)) == text


def test_a_margin_account_is_shown_with_its_signs():
    books = {0: Book(2 * WAD, ((CALL | 1, 250), (CALL, -1_000)))}
    health = SimpleNamespace(equity=5 * WAD, initial=3 * WAD, maintenance=2 * WAD)
    statement: Any = SimpleNamespace(margin=SimpleNamespace(cash=-WAD // 2, books=books), health=lambda: health)
    margin: Any = SimpleNamespace(statement=lambda _: statement, listings=[SimpleNamespace(market=ETH)])
    shown = _account(margin, Account(A, 3))
    assert (shown.account, shown.cash, shown.equity) == (f"{A}/3", "-0.5", "5")
    assert [(each.asset, each.amount) for each in shown.holdings] == [
        ("ETH collateral", "2"),
        ("ETH-26JUN26-3000-P", "2.5"),
        ("ETH-26JUN26-3000-C", "-10"),
    ]
