"""The moves of a netting: from debtors to creditors, few, and summing to exactly what is owed."""

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peersettle.errors import InputError, InvalidField
from peersettle.trades import NETTABLE, Domain, Quote, Swap, net
from peersettle.types import ZERO_ADDRESS, checksummed

ACCOUNTS = [checksummed(bytes([n] * 20)) for n in range(1, 30)]
PARTIES, TOKENS = ACCOUNTS[:17], ACCOUNTS[17:26]
HERE, THERE = (Domain(1, account) for account in ACCOUNTS[26:28])


def quote(nonce=0, makes=0, takes=1, gives=(0, 5), gets=(1, 7), domain=HERE, **changes) -> Quote:
    fields = {
        "maker": PARTIES[makes],
        "taker": PARTIES[takes],
        "maker_token": TOKENS[gives[0]],
        "maker_amount": gives[1],
        "taker_token": TOKENS[gets[0]],
        "taker_amount": gets[1],
        "nonce": NETTABLE | nonce,
        "deadline": 9,
    }
    return Quote(domain, Swap(**(fields | changes)))


sides = st.tuples(st.integers(0, 3), st.integers(0, 2**200))
graphs = st.lists(
    st.tuples(st.permutations(range(6)).map(lambda order: order[:2]), sides, sides), min_size=1, max_size=30
).map(lambda rows: [quote(n, *pair, gives, gets) for n, (pair, gives, gets) in enumerate(rows)])


def nets(quotes):
    """What each party owes in all, by token."""
    owed = defaultdict(int)
    for one in quotes:
        for giver, receiver, token, amount in (
            (one.swap.maker, one.swap.taker, one.swap.maker_token, one.swap.maker_amount),
            (one.swap.taker, one.swap.maker, one.swap.taker_token, one.swap.taker_amount),
        ):
            owed[token, giver] += amount
            owed[token, receiver] -= amount
    return owed


@given(graphs)
def test_moves_settle_exactly_what_is_owed(quotes):
    owed = nets(quotes)
    start = dict(owed)
    netting = net(quotes)
    for move in netting.moves:
        assert move.amount > 0
        assert start[move.token, move.giver] > 0 > start[move.token, move.receiver]
        owed[move.token, move.giver] -= move.amount
        owed[move.token, move.receiver] += move.amount
    assert not any(owed.values())


@given(graphs)
def test_moves_are_few(quotes):
    netting = net(quotes)
    for token in netting.tokens:
        concerned = [party for party in netting.parties if nets(quotes)[token, party]]
        moves = [move for move in netting.moves if move.token == token]
        assert len(moves) <= max(0, len(concerned) - 1)
        assert len({(move.giver, move.receiver) for move in moves}) == len(moves)


@given(graphs, st.randoms())
def test_the_order_of_quotes_changes_nothing(quotes, random):
    shuffled = random.sample(quotes, len(quotes))
    one, other = net(quotes), net(shuffled)
    assert (one.parties, one.tokens, one.moves) == (other.parties, other.tokens, other.moves)


@given(graphs)
def test_lists_ascend_and_routes_point_into_them(quotes):
    netting = net(quotes)
    parties, tokens, swaps, moves = netting.to_abi()
    for items in (parties, tokens):
        assert [int(item, 16) for item in items] == sorted({int(item, 16) for item in items})
    for (route, maker_amount, taker_amount, nonce, *_), one in zip(swaps, quotes, strict=True):
        swap = one.swap
        assert (parties[route & 255], parties[route >> 8 & 255]) == (swap.maker, swap.taker)
        assert (tokens[route >> 16 & 255], tokens[route >> 24 & 255]) == (swap.maker_token, swap.taker_token)
        assert (route >> 32, maker_amount, taker_amount) == (swap.deadline, swap.maker_amount, swap.taker_amount)
        assert nonce == swap.nonce
    for (route, amount), move in zip(moves, netting.moves, strict=True):
        assert (parties[route & 255], parties[route >> 8 & 255]) == (move.giver, move.receiver)
        assert (tokens[route >> 16], amount) == (move.token, move.amount)


def test_a_day_that_cancels_out_needs_no_move():
    assert net([quote(0, 0, 1, (0, 5), (1, 7)), quote(1, 1, 0, (0, 5), (1, 7))]).moves == ()


@pytest.mark.parametrize(
    ("quotes", "error", "says"),
    [
        ([], InputError, "not 0"),
        ([quote(n) for n in range(65)], InputError, "not 65"),
        ([quote(), quote(1, domain=THERE)], InputError, "different"),
        ([quote(taker=ZERO_ADDRESS)], InvalidField, "taker"),
        ([Quote(HERE, Swap(PARTIES[0], PARTIES[1], TOKENS[0], 1, TOKENS[1], 1, 5, 9))], InvalidField, "netting bit"),
        ([quote(deadline=1 << 224)], InvalidField, "deadline"),
        ([quote(n, n, n + 1) for n in range(16)], InputError, "17 parties"),
        ([quote(n, gives=(n, 1), gets=(n + 1, 1)) for n in range(8)], InputError, "9 tokens"),
    ],
)
def test_what_cannot_be_netted_is_refused_with_the_values(quotes, error, says):
    with pytest.raises(error, match=says):
        net(quotes)


def test_the_largest_netting():
    quotes = [quote(n, n % 16, (n + 1) % 16, (n % 8, 1 + n), ((n + 1) % 8, 2 + n)) for n in range(64)]
    netting = net(quotes)
    assert (len(netting.parties), len(netting.tokens)) == (16, 8)
    assert len(netting.moves) <= 64
