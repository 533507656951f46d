"""What is meant, sent and bought is on disk before anything depends on it."""

import pytest

from peersettle.errors import StoreError
from peersettle.keeper.journal import FILE, Journal, Status

HOME = "chain 1, ledger 0x01"


@pytest.fixture
def home(tmp_path):
    return tmp_path / "keeper"


def test_an_intent_survives_in_every_stage(home):
    with Journal(home, HOME) as journal:
        meant, signed, done = (journal.mean({"kind": kind}, 5) for kind in ("a", "b", "c"))
        journal.signed(signed, 7, "0xb")
        journal.signed(done, 8, "0xc")
        journal.finish(done, Status.DONE, "0xc")
    with Journal(home, HOME) as journal:
        found = {item.id: (item.what["kind"], item.status, item.nonce, item.tx_hash) for item in journal.open_intents()}
    assert found == {meant: ("a", Status.MEANT, None, None), signed: ("b", Status.SIGNED, 7, "0xb")}


def test_a_purchase_is_kept_until_it_was_told(home):
    with Journal(home, HOME) as journal:
        intent = journal.mean({}, 1)
        bought = {"tx_hash": "0x1", "price": "5"}
        journal.finish(intent, Status.DONE, "0x1", [bought])
        journal.finish(intent, Status.DONE, "0x1", [bought])  # found once more
    with Journal(home, HOME) as journal:
        assert journal.untold() == [bought]
        journal.told("0x1")
        assert journal.untold() == []


def test_the_cursor_and_the_accounts_are_kept_together(home):
    with Journal(home, HOME) as journal:
        assert journal.cursor is None
        journal.read_up_to(5, "0x5", {1, 2**255})
        journal.read_up_to(6, "0x6", {1, 3})
    with Journal(home, HOME) as journal:
        assert journal.cursor == (6, "0x6")
        assert set(journal.accounts()) == {1, 3, 2**255}


def test_a_change_that_fails_leaves_nothing(home):
    with Journal(home, HOME) as journal:
        journal.read_up_to(5, "0x5", {1})
        with pytest.raises(TypeError):
            journal.read_up_to(6, "0x6", [2, "not a number"])  # type: ignore[list-item]
        assert journal.cursor == (5, "0x5")
        assert journal.accounts() == [1]
        journal.read_up_to(7, "0x7", {4})


def test_two_keepers_never_share_one(home):
    with Journal(home, HOME), pytest.raises(StoreError, match="another keeper"):
        Journal(home, HOME)
    Journal(home, HOME).close()


def test_another_deployment_needs_another_journal(home):
    Journal(home, HOME).close()
    with pytest.raises(StoreError, match=r"another keeper\.state"):
        Journal(home, "chain 2, ledger 0x01")
    Journal(home, HOME).close()


def test_a_damaged_file_is_never_taken_for_an_empty_one(home):
    Journal(home, HOME).close()
    (home / FILE).write_bytes(b"not a database, but long enough to be read as one" * 100)
    with pytest.raises(StoreError):
        Journal(home, HOME)


def test_in_memory_it_leaves_no_trace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Journal(None, HOME) as journal:
        journal.read_up_to(5, "0x5", {1})
        assert journal.accounts() == [1]
    assert list(tmp_path.iterdir()) == []
