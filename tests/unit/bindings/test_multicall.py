"""Any number of answers of any length are read, each to its own question, in as few requests as fit."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from peersettle.bindings.multicall import MAX_ANSWERS, Question, ask
from peersettle.chain import Call, Function, TransactionSender, embedded, fund
from peersettle.errors import InputError
from peersettle.signing import KeySigner

ROWS = Function(b"rows", ("uint256",), ("uint256[]",))
"""Answers with so many words as it is asked for, the first of them its number, and reverts above 2,000."""
_CODE = bytes.fromhex("600435806107d010601f5760205f52806020528060405260051b6040015ff35b5f5ffd")
FULL_BOOK = 11
"""Words of the array in the longest answer of a Ledger's `book`, so that it is 416 bytes long."""


class Counted:
    """A chain that counts requests, and bytes that are sent to it."""

    def __init__(self, chain):
        self.chain, self.requests, self.sent = chain, 0, 0

    def create(self, code, *, at):
        self.requests += 1
        self.sent += len(code)
        return self.chain.create(code, at=at)


@pytest.fixture(scope="module")
def place():
    with embedded() as chain:
        signer = KeySigner.random()
        fund(chain, signer.address, 10**19)
        sender = TransactionSender(chain, signer)
        constructor = bytes((0x60, len(_CODE), 0x80, 0x60, 9, 0x5F, 0x39, 0x5F, 0xF3))
        yield chain, sender.send(Call(None, constructor + _CODE)).contract
        sender.store.close()


def asked(place, sizes):
    chain: Any = Counted(place[0])
    contract = place[1]
    return ask(chain, [Question(contract, ROWS.encode(size), ROWS) for size in sizes]), chain


def told(size):
    return None if size > 2_000 else ((size, *[0] * (size - 1)) if size else (),)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from([0, 1, 2, 11, 90, 700, 2_001]), max_size=60))
def test_every_answer_is_its_questions_however_long_they_are(place, sizes):
    assert asked(place, sizes)[0] == [told(size) for size in sizes]


def test_full_books_take_hardly_more_requests_than_their_bytes_need(place):
    count = 1_000
    answers, chain = asked(place, [FULL_BOOK] * count)
    assert answers == [told(FULL_BOOK)] * count
    least = -(-count * (64 + 416) // MAX_ANSWERS)
    assert least <= chain.requests <= least + 1
    once = count * (80 + 36)  # no question is asked many times in vain
    assert chain.sent < 2 * once


def test_the_longest_answer_fits_and_one_that_is_longer_is_refused_by_name(place):
    fits = (MAX_ANSWERS - 64) // 32 - 2
    assert asked(place, [fits])[0] == [told(fits)]
    assert asked(place, [1, fits, 1])[0] == [told(1), told(fits), told(1)]
    with pytest.raises(InputError, match="longer than 24512 bytes"):
        asked(place, [1, fits + 1, 1])


def test_nothing_is_asked_for_nothing(place):
    answers, chain = asked(place, [])
    assert (answers, chain.requests) == ([], 0)
