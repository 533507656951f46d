"""What is signed is one thing: hashed by hand, by eth-account from the JSON that wallets show, and by the contract."""

import pytest
from eth_account.messages import encode_typed_data
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.contracts.differential.world import stage

from peersettle.trades import Leg, LegKind, Swap, Trade, swap_digest, trade_digest, typed_data
from peersettle.types import ZERO_ADDRESS, checksummed, keccak

pytestmark = pytest.mark.usefixtures("deployed")

accounts = st.integers(1, 2**160 - 1).map(lambda number: checksummed(number.to_bytes(20, "big")))
words = st.one_of(st.integers(0, 2**256 - 1), st.sampled_from([0, 1, 2**255, 2**256 - 1]))
hashes = st.binary(min_size=32, max_size=32)


@st.composite
def swaps(draw):
    maker, taker = draw(st.lists(accounts, min_size=2, max_size=2, unique=True))
    taker = draw(st.sampled_from([taker, ZERO_ADDRESS]))
    tokens, numbers = [draw(accounts) for _ in range(2)], [draw(words) for _ in range(4)]
    return Swap(maker, taker, tokens[0], numbers[0], tokens[1], numbers[1], numbers[2], numbers[3], draw(hashes))


@st.composite
def legs(draw, parties, ledger):
    kind = draw(st.sampled_from(LegKind))
    token, id, amount = draw(accounts), draw(words), draw(words)
    if kind in (LegKind.ERC20, LegKind.ERC20_EXACT, LegKind.NATIVE):
        id = 0
    if kind is LegKind.ERC721:
        amount = 1
    if kind is LegKind.POSITION:
        token, amount = ledger, amount | 1
    if kind is LegKind.NATIVE:
        token = ZERO_ADDRESS
    giver, receiver = draw(st.sampled_from(parties)), draw(st.sampled_from(parties))
    return Leg(giver, receiver, kind, token, id, amount)


@st.composite
def trades(draw):
    parties = draw(st.lists(accounts, min_size=1, max_size=8, unique=True))
    some = draw(st.lists(legs(parties, draw(accounts)), max_size=16))
    submitter = draw(st.one_of(accounts, st.just(ZERO_ADDRESS)))
    numbers = [draw(words) for _ in range(3)]
    mask = draw(st.integers(1, 2**255 - 1))
    return Trade(tuple(parties), tuple(some), numbers[0], mask, numbers[1], numbers[2], submitter, draw(hashes))


def by_eth_account(domain, message):
    signable = encode_typed_data(full_message=typed_data(domain, message))
    return keccak(b"\x19" + signable.version + signable.header + signable.body)


def test_a_swap_has_one_digest(examples):
    here = stage()

    @settings(max_examples=examples(40))
    @given(swaps())
    def one(swap):
        digest = swap_digest(here.state.domain, swap)
        assert digest == by_eth_account(here.state.domain, swap) == here.settlement.hash_swap(swap.to_abi())

    one()


def test_a_trade_has_one_digest(examples):
    here = stage()

    @settings(max_examples=examples(60))
    @given(trades())
    def one(trade):
        digest = trade_digest(here.state.domain, trade)
        assert digest == by_eth_account(here.state.domain, trade) == here.settlement.hash_trade(trade.to_abi())

    one()
