"""What was signed is on disk first; a crash at any moment lets nobody have two values of one slot."""

import json
import os

import pytest
from tests.unit.oracle.world import SLOT

from peersettle.errors import StoreError
from peersettle.oracle.journal import FILE, Journal


def test_a_slot_keeps_what_was_claimed_first_across_restarts(tmp_path):
    with Journal(tmp_path) as journal:
        assert journal.claim("feed", SLOT, "1") == "1"
        assert journal.claim("feed", SLOT, "2") == "1"
    with Journal(tmp_path) as journal:
        assert journal.claim("feed", SLOT, "3") == "1"
        assert journal.claim("feed", SLOT + 15, "3") == "3"
        assert journal.claim("other", SLOT, "4") == "4"


def test_an_older_slot_is_refused_for_ever(tmp_path):
    with Journal(tmp_path) as journal:
        journal.claim("feed", SLOT, "1")
    with Journal(tmp_path) as journal, pytest.raises(StoreError, match="already"):
        journal.claim("feed", SLOT - 15, "1")


def test_all_are_claimed_or_none(tmp_path):
    with Journal(tmp_path) as journal:
        journal.claim("b", SLOT, "1")
        with pytest.raises(StoreError):
            journal.claim_all(SLOT, {"a": "5", "b": "2"})
        assert journal.claim("a", SLOT, "6") == "6"
        journal.claim_all(SLOT, {"a": "6", "b": "1"})


def test_it_is_on_disk_and_synced_before_claim_returns(tmp_path, monkeypatch):
    events = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)

        def noted(*arguments, real=real, name=name):
            events.append(name)
            return real(*arguments)

        monkeypatch.setattr(os, name, noted)
    with Journal(tmp_path) as journal:
        journal.claim("feed", SLOT, "1")
        assert json.loads((tmp_path / FILE).read_text()) == {"feed": [SLOT, "1"]}
    assert events == ["fsync", "replace", "fsync"]  # the file before it takes its place, the directory after


@pytest.mark.parametrize("step", ["fsync", "rename"])
def test_a_crash_or_full_disk_while_writing_leaves_the_old_record_and_no_claim(tmp_path, monkeypatch, step):
    with Journal(tmp_path) as journal:
        journal.claim("feed", SLOT, "1")

        def crash(*_, **__):
            raise OSError("no space left")

        target = "os.fsync" if step == "fsync" else "pathlib.Path.replace"
        with monkeypatch.context() as patch:
            patch.setattr(target, crash)
            with pytest.raises(StoreError, match="nothing is signed"):
                journal.claim("feed", SLOT + 15, "2")
        assert journal.claim("feed", SLOT, "9") == "1"
    with Journal(tmp_path) as journal:
        assert journal.claim("feed", SLOT, "9") == "1"


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"feed": 5}', '{"feed": ["x", "1"]}', '{"feed": [1, 2]}'])
def test_a_damaged_record_is_never_taken_for_an_empty_one(tmp_path, damage):
    (tmp_path / FILE).write_text(damage)
    with pytest.raises(StoreError, match="damaged"):
        Journal(tmp_path)
    (tmp_path / FILE).unlink()
    Journal(tmp_path).close()


def test_two_processes_cannot_share_a_record(tmp_path):
    with Journal(tmp_path), pytest.raises(StoreError, match="another reporter"):
        Journal(tmp_path)
    Journal(tmp_path).close()


def test_a_closed_journal_claims_nothing(tmp_path):
    journal = Journal(tmp_path)
    journal.close()
    with pytest.raises(StoreError):
        journal.claim("feed", SLOT, "1")


def test_a_directory_that_cannot_be_used_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file"):
        Journal(tmp_path / "file")
