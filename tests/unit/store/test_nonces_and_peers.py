"""Nonces are given out once; bans and cards are kept."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.store.made import CHAIN
from tests.unit.store.test_store import MAKER, TAKER

from peersettle.errors import InvalidField, StoreError
from peersettle.store import Store
from peersettle.trades.messages import NETTABLE
from peersettle.types import Address


@given(counts=st.lists(st.tuples(st.integers(1, 255), st.booleans(), st.sampled_from([MAKER, TAKER])), max_size=40))
def test_no_nonce_is_given_out_twice(tmp_path_factory: pytest.TempPathFactory, counts: list) -> None:
    path = tmp_path_factory.mktemp("nonces") / "store.db"
    given_out: dict[Address, list[int]] = {MAKER: [], TAKER: []}
    store = Store.open(path)
    for count, restarts, maker in counts:
        if restarts:
            store.close()
            store = Store.open(path)
        first = store.reserve_nonces(CHAIN, maker, count)
        given_out[maker] += range(first, first + count)
    store.close()
    for nonces in given_out.values():
        assert len(set(nonces)) == len(nonces)
        assert all(nonce & 255 < 255 and nonce < NETTABLE for nonce in nonces)


def test_nonces_of_one_run_fill_their_words(tmp_path: Path) -> None:
    with Store.open(tmp_path / "store.db") as store:
        nonces = [store.reserve_nonces(CHAIN, MAKER) for _ in range(3_000)]
    words = sorted({nonce >> 8 for nonce in nonces})
    assert words == list(range(words[0], words[0] + 12))
    assert [nonce & 255 for nonce in nonces] == [number % 255 for number in range(3_000)]


def test_makers_and_chains_begin_at_words_of_their_own(tmp_path: Path) -> None:
    with Store.open(tmp_path / "store.db") as store:
        firsts = [store.reserve_nonces(chain, maker) >> 8 for chain in (1, 2) for maker in (MAKER, TAKER)]
        assert len(set(firsts)) == 4
        assert store.reserve_nonces(1, MAKER.lower()) == (firsts[0] << 8) + 1


def test_two_programs_with_one_store_share_no_nonce(tmp_path: Path) -> None:
    with Store.open(tmp_path / "store.db") as one, Store.open(tmp_path / "store.db") as other:
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda n: (one, other)[n % 2].reserve_nonces(CHAIN, MAKER, 7), range(600)))
        assert len(set(found)) == 600


def test_what_is_not_written_is_not_given_out(tmp_path: Path) -> None:
    import sqlite3

    with Store.open(tmp_path / "store.db", timeout=0.05) as store:
        other = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked"):
            store.reserve_nonces(CHAIN, MAKER)
        other.close()
        assert store.reserve_nonces(CHAIN, MAKER) & 255 == 0


@pytest.mark.parametrize("count", [0, 256, -1])
def test_nonces_of_more_than_a_word_are_refused(count: int) -> None:
    with Store.open(":memory:") as store, pytest.raises(InvalidField):
        store.reserve_nonces(CHAIN, MAKER, count)


def test_bans_and_cards_outlive_the_program(tmp_path: Path) -> None:
    with Store.open(tmp_path / "store.db") as store:
        store.peers.ban("loud", 10.0, "too many requests")
        store.peers.ban("loud", 30.5, "again")
        store.peers.ban("liar", 20.0, "wrong signature")
        store.peers.ban("short", 5.0, "nonsense")
        store.peers.put_card("liar", "{}", 1.0)
        store.peers.put_card("loud", "{}", 2.0)
        store.peers.put_card("liar", '{"new":1}', 3.0)
    with Store.open(tmp_path / "store.db") as store:
        assert [(ban.peer, ban.until, ban.why) for ban in store.peers.bans(5.0)] == [
            ("liar", 20.0, "wrong signature"),
            ("loud", 30.5, "again"),
        ]
        store.peers.unban("liar")
        assert [ban.peer for ban in store.peers.bans(0.0)] == ["short", "loud"]
        assert [(card.peer, card.text) for card in store.peers.cards()] == [("liar", '{"new":1}'), ("loud", "{}")]
        card = store.peers.card("loud")
        assert card is not None
        assert card.seen_at == 2.0
        assert store.peers.card("nobody") is None
