"""What moves inside a ledger, as people write it."""

import pytest

from peersettle.bindings.amounts import Token, TokenBook, leg_text
from peersettle.bindings.positions import PositionBook, is_position
from peersettle.cli.trade_file import read_trade
from peersettle.errors import InvalidDocument, InvalidField
from peersettle.risk.instruments import CASH_ID, Market
from peersettle.trades import Leg, LegKind
from peersettle.types import checksummed

A, B, USDC, LEDGER, OTHER = (checksummed(bytes([n]) * 20) for n in range(1, 6))
ETH = Market(0, "ETH", 10**16, 10**18)
BTC = Market(3, "BTC", 10**14, 10**19)
CALL = 907 << 22 | 3000 << 2
"""ETH-26JUN26-3000-C: 26 June 2026 is day 907."""


@pytest.fixture
def positions():
    return PositionBook(LEDGER, lambda: (ETH, BTC))


@pytest.fixture
def book(positions):
    return TokenBook({"USDC": USDC}, {USDC: Token(USDC, "USDC", 6)}.__getitem__, positions)


@pytest.mark.parametrize(
    ("text", "move", "amount"),
    [
        ("10 ETH-26JUN26-3000-C", CALL, 1000),
        ("0.01 eth-26jun26-3000-p", CALL | 1, 1),
        ("-2.5 ETH-26JUN26-3000-F", CALL | 2, -250),
        ("1 BTC-26JUN26-100000-C", 3 << 36 | 907 << 22 | 10_000 << 2, 10_000),
        ("450.5 cash", CASH_ID, 450_500_000),
        ("1_000 cash", CASH_ID, 10**9),
        ("2 ETH collateral", 0, 2 * 10**9),
        ("0.5 BTC collateral", 3 << 36, 500_000_000),
    ],
)
def test_amounts_inside_a_ledger_are_exact(positions, text, move, amount):
    assert is_position(text)
    assert positions.amount(text, "give") == (move, amount)
    if amount > 0:
        assert positions.amount(positions.show(move, amount), "again") == (move, amount)


@pytest.mark.parametrize("text", ["100 USDC", "0.05 WETH", "1 ETH", "ETH-26JUN26-3000-C", "1 0x12", "cash", ""])
def test_amounts_of_tokens_are_not_taken_for_positions(text):
    assert not is_position(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0.001 ETH-26JUN26-3000-C", "lot of ETH"),
        ("1 ETH-26JUN26-3000.5-C", "multiples of 1"),
        ("1 BTC-26JUN26-100005-C", "100000 or 100010"),
        ("1 DOGE-26JUN26-3000-C", "BTC, ETH"),
        ("1 ETH-31FEB26-3000-C", "no such date"),
        ("1 ETH-26JUN26-3000-X", "C for a call"),
        ("0 ETH-26JUN26-3000-C", "more than nothing"),
        ("0.0000001 cash", "decimals"),
        ("1 DOGE collateral", "ETH, BTC"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_can(positions, text, said):
    with pytest.raises(InvalidField, match=said):
        positions.leg(A, B, text, "give")


def test_a_leg_is_shown_by_name_on_our_ledger_only(positions, book):
    leg = positions.leg(A, B, "10 ETH-26JUN26-3000-C", "give", sub_accounts=(1, 2))
    assert (leg.kind, leg.token, leg.id, leg.lots, leg.sub_accounts) == (LegKind.POSITION, LEDGER, CALL, 1000, (1, 2))
    assert leg_text(leg, book) == "10 ETH-26JUN26-3000-C"
    assert "lots of series" in leg_text(Leg.position(A, B, OTHER, CALL, 5), book)
    assert leg_text(Leg.position(A, B, LEDGER, 60 << 36 | CALL, 5), book) == f"5 lots of series {60 << 36 | CALL}"


def test_a_trade_file_names_instruments(tmp_path, book):
    path = tmp_path / "trade.toml"
    path.write_text(
        f"""
[[legs]]
from = "{A}"
to = "{B}"
give = "10 ETH-26JUN26-3000-C"
from_sub = 1

[[legs]]
from = "{B}"
to = "{A}"
give = "450 USDC"
"""
    )
    trade = read_trade(path, book, now=1000, life=60, nonce=(7, 1))
    assert [leg_text(leg, book) for leg in trade.legs] == ["10 ETH-26JUN26-3000-C", "450 USDC"]
    assert trade.legs[0].sub_accounts == (1, 0)
    without = TokenBook({"USDC": USDC}, {USDC: Token(USDC, "USDC", 6)}.__getitem__)
    with pytest.raises(InvalidDocument, match="none is on record"):
        read_trade(path, without, now=1000, life=60, nonce=(7, 1))
