"""Amounts as people write them, and trades from a file of legs."""

import json

import pytest

from peersettle.bindings.amounts import Token, TokenBook
from peersettle.cli.flows import flows
from peersettle.cli.trade_file import read_trade
from peersettle.errors import InputError, InvalidDocument, InvalidField
from peersettle.trades import Domain, LegKind, Quote, SignedTrade, Swap
from peersettle.types import ZERO_ADDRESS, checksummed

A, B, C, USDC, WETH, NFT, SETTLEMENT = (checksummed(bytes([n]) * 20) for n in range(1, 8))
TOKENS = {USDC: Token(USDC, "USDC", 6), WETH: Token(WETH, "WETH", 18)}


@pytest.fixture
def book():
    return TokenBook({"USDC": USDC, "WETH": WETH}, TOKENS.__getitem__)


@pytest.fixture
def read(tmp_path, book):
    def parse(text, name="trade.toml"):
        path = tmp_path / name
        path.write_text(text)
        return read_trade(path, book, now=1000, life=60, nonce=(7, 1))

    return parse


@pytest.mark.parametrize(
    ("text", "units"),
    [("100 USDC", 100_000_000), ("0.5 usdc", 500_000), (f"1 {USDC}", 1_000_000), ("1_000 USDC", 10**9)],
)
def test_amounts_are_exact(book, text, units):
    assert book.amount(text, "give") == (TOKENS[USDC], units)


@pytest.mark.parametrize(
    "text", ["", "100", "USDC 100", "1 2 USDC", "0.0000001 USDC", "-1 USDC", "nan USDC", "1e99 USDC"]
)
def test_an_amount_that_cannot_be_meant_is_refused(book, text):
    with pytest.raises(InvalidField, match="give"):
        book.amount(text, "give")


def test_an_unknown_token_names_the_known_ones(book):
    with pytest.raises(InputError, match="known are USDC, WETH"):
        book.amount("1 DOGE", "give")


LEGS = f"""
[[legs]]
from = "{A}"
to = "{B}"
give = "100 USDC"

[[legs]]
from = "{B}"
to = "{A}"
kind = "erc721"
token = "{NFT}"
id = 7
"""


def test_a_trade_is_read_from_toml(read):
    trade = read(LEGS)
    assert trade.parties == (A, B)
    assert [leg.kind for leg in trade.legs] == [LegKind.ERC20, LegKind.ERC721]
    assert trade.legs[0].amount == 100_000_000
    assert (trade.legs[1].id, trade.legs[1].amount) == (7, 1)
    assert (trade.nonce_word, trade.nonce_mask, trade.deadline, trade.valid_after) == (7, 1, 1060, 0)
    assert trade.submitter == ZERO_ADDRESS


def test_a_trade_is_read_from_json(read):
    legs = [{"from": A, "to": B, "give": "0.5 ETH"}, {"from": B, "to": A, "give": "1 WETH", "kind": "erc20_exact"}]
    trade = read(json.dumps({"legs": legs, "expires": "1h", "submitter": A, "parties": [C]}), "trade.json")
    assert trade.parties == (A, B, C)
    assert [leg.kind for leg in trade.legs] == [LegKind.NATIVE, LegKind.ERC20_EXACT]
    assert trade.native_amount == 5 * 10**17
    assert (trade.deadline, trade.submitter) == (4600, A)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("legs = 5", "list of legs"),
        ("colour = 1" + LEGS, "unknown colour"),
        (LEGS.replace("from", "form", 1), "unknown form"),
        (LEGS.replace(f'to = "{B}"\n', "", 1), "leg 0 lacks to"),
        (LEGS.replace("erc721", "erc722"), "erc722"),
        (LEGS.replace('kind = "erc721"', ""), "leg 1 lacks kind"),
        (LEGS.replace('kind = "erc721"', 'kind = "erc20"'), "lacks amount"),
        (LEGS.replace('give = "100 USDC"', 'give = "100 USDC"\namount = 5'), "drop amount"),
        (LEGS.replace("100 USDC", "a lot"), "give"),
        (LEGS.replace(A, A[:-1], 1), "leg 0 from"),
        ('expires = "soon"' + LEGS, "expires"),
        ("legs = [", "cannot be understood"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused_with_its_place(read, text, said):
    with pytest.raises((InvalidDocument, InvalidField, InputError), match=said):
        read(text)


def test_flows_are_shown_for_each_side_in_human_units(book, read):
    domain = Domain(1, SETTLEMENT)
    quote = Quote(domain, Swap(A, ZERO_ADDRESS, USDC, 1_500_000, WETH, 10**18, 1, 2000))
    assert [(f.gives, f.counterparty, f.text) for f in flows(quote, B, book)] == [
        (True, A, "1 WETH"),
        (False, A, "1.5 USDC"),
    ]
    trade = SignedTrade(domain, read(LEGS))
    assert [(f.gives, f.text) for f in flows(trade, A, book)] == [(True, "100 USDC"), (False, f"#7 of {NFT}")]
