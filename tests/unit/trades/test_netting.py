"""A netting moves exactly what gross settlement would leave, and never washes a token through a third wallet."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peersettle.errors import InputError
from peersettle.trades import NETTABLE, Domain, Quote, Swap, net
from peersettle.types import Address

DOMAIN = Domain(31337, Address("0x" + "5e" * 20))
PARTIES = [Address("0x" + f"{n:040x}") for n in range(1, 8)]
TOKENS = [Address("0x" + f"{n:040x}") for n in range(100, 105)]


@st.composite
def graphs(draw: st.DrawFn) -> list[Quote]:
    quotes = []
    for nonce in range(draw(st.integers(1, 30))):
        maker, taker = draw(st.lists(st.sampled_from(PARTIES), min_size=2, max_size=2, unique=True))
        given_, wanted = draw(st.sampled_from(TOKENS)), draw(st.sampled_from(TOKENS))
        amounts = draw(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)))
        quotes.append(
            Quote(DOMAIN, Swap(maker, taker, given_, amounts[0], wanted, amounts[1], NETTABLE | nonce, 2_000_000_000))
        )
    return quotes


def gross(quotes: list[Quote]) -> Counter[tuple[Address, Address]]:
    change: Counter[tuple[Address, Address]] = Counter()
    for quote in quotes:
        for leg in quote.swap.legs():
            change[leg.giver, leg.token] -= leg.amount
            change[leg.receiver, leg.token] += leg.amount
    return change


@given(graphs())
def test_a_netting_moves_what_gross_settlement_leaves(quotes: list[Quote]):
    owed = gross(quotes)
    left = Counter(owed)
    moves = net(quotes).moves
    for move in moves:
        assert move.amount > 0
        assert left[move.giver, move.token] <= -move.amount  # from a debtor
        assert left[move.receiver, move.token] >= move.amount  # to a creditor
        left[move.giver, move.token] += move.amount
        left[move.receiver, move.token] -= move.amount
    assert not any(left.values())
    for token in TOKENS:
        concerned = sum(1 for (_, t), amount in owed.items() if t == token and amount)
        assert sum(1 for move in moves if move.token == token) <= max(0, concerned - 1)


def quote(**changes: object) -> Quote:
    fields: dict[str, object] = {
        "maker": PARTIES[0],
        "taker": PARTIES[1],
        "maker_token": TOKENS[0],
        "maker_amount": 1,
        "taker_token": TOKENS[1],
        "taker_amount": 1,
        "nonce": NETTABLE,
        "deadline": 1,
    }
    return Quote(DOMAIN, Swap(**(fields | changes)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("quotes", "why"),
    [
        ([], "1 to 64"),
        ([quote()] * 65, "1 to 64"),
        ([quote(nonce=1)], "netting bit"),
        ([quote(taker="0x" + "0" * 40)], "must name its taker"),
        ([quote(deadline=2**224)], "below"),
        ([quote(), Quote(Domain(1, DOMAIN.settlement), quote().swap)], "different chains"),
        ([quote(maker_token=Address("0x" + f"{n:040x}")) for n in range(200, 210)], "tokens"),
    ],
)
def test_what_cannot_be_netted_is_refused(quotes: list[Quote], why: str):
    with pytest.raises(InputError, match=why):
        net(quotes)
