"""The packed, sorted book of the Ledger holds what a plain dict would, however it was filled and emptied."""

from dataclasses import dataclass

import boa
import pytest
from boa.contracts.vyper.vyper_contract import VyperContract
from boa.interpret import set_search_paths
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.contracts.differential.ledger_world import key_of
from tests.contracts.differential.world import layout, reason_of
from tests.contracts.margin.stage import START, account_of, contract, day_of, series
from tests.contracts.mocks import SOURCE, load, rolled_back

from peersettle.spec.accounts import LOT_LIMIT, MAX_POSITIONS
from peersettle.spec.requirements import Book

DAY = day_of(START) + 1
EVERY = [series(DAY + index // 6, 10 + index % 3, index // 3 % 2) for index in range(44)]
FREE_RISK = """
# pragma version 0.4.3
# pragma evm-version cancun
from peersettle.contracts.interfaces import IRisk


@external
@view
def assess(market: uint256, header: uint256, words: DynArray[uint256, 8]) -> IRisk.Assessment:
    return empty(IRisk.Assessment)


@external
def commit(market: uint256, header: uint256, words: DynArray[uint256, 8]) -> (IRisk.Assessment, uint256):
    return empty(IRisk.Assessment), header
"""
"""Asks for nothing, so that only the book is tried."""


@dataclass
class Books:
    """A Ledger under which nothing needs margin, and two accounts that trade with one another."""

    ledger: VyperContract
    settlement: str
    maker: int
    taker: int

    def trade(self, *changes: tuple[int, int]) -> str | None:
        """The maker's book gets (series, lots), the taker's the opposite. Answers why not, if it is refused."""
        moves = [
            (self.taker, self.maker, item, lots) if lots > 0 else (self.maker, self.taker, item, -lots)
            for item, lots in changes
        ]
        done = boa.env.execute_code(
            to_address=self.ledger.address,
            sender=self.settlement,
            data=self.ledger.settle_positions.prepare_calldata(b"\0" * 32, moves),
            gas=100_000_000,
        )
        return (reason_of(bytes(done.output)) or "no reason") if done.is_error else None

    def assert_holds(self, positions: dict[int, int]) -> None:
        """The maker's book has these and nothing else, to the last word; the taker's has the opposite."""
        first = layout(self.ledger)["accounts"]["books"]["slot"]
        for account, sign in ((self.maker, 1), (self.taker, -1)):
            book = Book(positions=tuple(sorted(((item, sign * n) for item, n in positions.items()), reverse=True)))
            header, words = self.ledger.book(account, 0)
            assert (header, list(words)) == (book.header, book.words)
            _, number, _ = self.ledger.head(account)
            if number:
                kept = [boa.env.get_storage(self.ledger.address, first + key_of(number, 0) + 1 + i) for i in range(9)]
                assert kept == [*book.words, *[0] * (9 - len(book.words))]
        for item in EVERY:
            assert self.ledger.open_interest(0, item) == abs(positions.get(item, 0))


@pytest.fixture(scope="module")
def books():
    set_search_paths([str(SOURCE)])
    boa.env.evm.patch.timestamp = START
    settlement, maker, taker = (boa.env.generate_address() for _ in range(3))
    risk = boa.loads_partial(FREE_RISK).deploy()
    anything = boa.env.generate_address()
    ledger = contract("Ledger", settlement, risk, anything, anything, anything, load("Token", "USD Coin", "USDC", 6))
    return Books(ledger, settlement, account_of(maker), account_of(taker))


@st.composite
def trades(draw):
    """Trades that fill a book at some depth of it, change it, and empty it here and there."""
    pool = draw(st.lists(st.sampled_from(EVERY), min_size=1, max_size=len(EVERY), unique=True))
    some = st.sampled_from(pool)
    lots = st.one_of(st.integers(-3, 3), st.sampled_from([LOT_LIMIT - 1, 1 - LOT_LIMIT, 2**26]))
    change = st.tuples(some, lots.filter(bool))
    fill = [
        [(item, draw(st.sampled_from([1, -1, 2]))) for item in pool[at : at + 16]] for at in range(0, len(pool), 16)
    ]
    return fill + draw(st.lists(st.lists(change, min_size=1, max_size=16), max_size=4))


def expected(before: dict[int, int], changes: list[tuple[int, int]]) -> tuple[dict[int, int], str | None]:
    """What becomes of a plain dict, and why it does not."""
    positions = dict(before)
    for item, lots in changes:
        after = positions.pop(item, 0) + lots
        if abs(after) >= LOT_LIMIT:
            return before, "lots"
        if after and len(positions) == MAX_POSITIONS:
            return before, "full"
        if after:
            positions[item] = after
    return positions, None


def test_a_book_is_a_sorted_dict(books, examples):
    @settings(max_examples=examples(20))
    @given(trades())
    @example([[(item, 1) for item in EVERY[:16]], [(item, -1) for item in EVERY[16:32]], [(EVERY[32], 1)]])
    @example([[(item, 1) for item in EVERY[8:24]], [(item, -1) for item in EVERY[8:24]]])
    @example([[(EVERY[0], LOT_LIMIT - 1)], [(EVERY[0], 1)], [(EVERY[0], 1 - LOT_LIMIT), (EVERY[0], -1)]])
    def holds(sequence):
        with rolled_back():
            positions: dict[int, int] = {}
            for changes in sequence:
                positions, reason = expected(positions, changes)
                assert books.trade(*changes) == reason
                books.assert_holds(positions)

    holds()


def test_a_book_of_32_is_full(books):
    with rolled_back():
        assert books.trade(*((item, 1) for item in EVERY[:16])) is None
        assert books.trade(*((item, 1) for item in EVERY[20:36])) is None
        assert books.trade((EVERY[17], 1)) == "full"
        assert books.trade((EVERY[25], 1)) is None
        assert books.trade((EVERY[25], -2), (EVERY[17], 1)) is None
        assert books.trade((EVERY[18], 1)) == "full"


@pytest.mark.parametrize("sign", [1, -1])
def test_lots_fit_28_bits(books, sign):
    with rolled_back():
        most = LOT_LIMIT - 1
        assert books.trade((EVERY[3], sign * most)) is None
        assert books.trade((EVERY[3], sign)) == "lots"
        assert books.trade((EVERY[4], sign * LOT_LIMIT)) == "lots"
        books.assert_holds({EVERY[3]: sign * most})
