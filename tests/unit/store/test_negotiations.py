"""Negotiations: events are kept in order, each once, in whole groups, beside what they make of the negotiation."""

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.unit.store.made import CHAIN, DIGEST, PLAIN, entry
from tests.unit.store.test_store import MAKER, SETTLEMENT, quote

from peersettle.errors import InvalidField, StoreError
from peersettle.store import Entry, NegotiationRecord, SignedDocument, Store
from peersettle.trades.documents import dump

KEYS = ("maker:1", "maker:2", "taker:1")


def record_of(entries: list[Entry]) -> NegotiationRecord:
    """By another way than the store's: what a list of one negotiation's events makes of it."""
    peers = [item.peer for item in entries if item.peer]
    digests = [item.digest for item in entries if item.digest is not None]
    first, last = entries[0], entries[-1]
    return NegotiationRecord(
        key=first.key,
        side=first.side,
        request_id=first.request_id,
        peer=peers[-1] if peers else "",
        chain_id=first.chain_id,
        status=last.status,
        is_over=last.is_over,
        digest=digests[-1] if digests else None,
        last_number=len(entries) - 1,
        created_at=first.at,
        updated_at=last.at,
    )


class Appending(RuleBasedStateMachine):
    """A store against lists: what is appended is there, what is refused changes nothing, closing loses nothing."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.crashes = 0
        self.store = Store.open(self.path)
        self.model: dict[str, list[Entry]] = {}

    @property
    def path(self) -> Path:
        return Path(self.folder.name) / f"store-{self.crashes}.db"

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            self.folder.cleanup()

    def following(self, data: st.DataObject, model: dict[str, list[Entry]]) -> Entry:
        key = data.draw(st.sampled_from(KEYS))
        number = len(model.get(key, ()))
        return replace(
            entry(number, key, side=key.partition(":")[0]),
            peer=data.draw(st.sampled_from(["", "one", "two"])),
            status=data.draw(st.sampled_from(["asked", "agreed"])),
            is_over=data.draw(st.booleans()),
            digest=data.draw(st.sampled_from([None, DIGEST])),
            text=data.draw(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)),
        )

    @rule(data=st.data(), size=st.integers(1, 6))
    def append(self, data: st.DataObject, size: int) -> None:
        after = {key: list(entries) for key, entries in self.model.items()}
        group = []
        for _ in range(size):
            kept = [item for entries in after.values() for item in entries]
            comes_again: bool = data.draw(st.booleans())
            if kept and comes_again:
                group.append(data.draw(st.sampled_from(kept)))
            else:
                group.append(self.following(data, after))
                after.setdefault(group[-1].key, []).append(group[-1])
        self.store.negotiations.append(group)
        self.model = after

    @precondition(lambda self: self.model)
    @rule(data=st.data(), is_gap=st.booleans())
    def append_what_is_refused(self, data: st.DataObject, is_gap: bool) -> None:
        good = self.following(data, self.model)
        key = data.draw(st.sampled_from(sorted(self.model)))
        kept = self.model[key]
        bad = entry(len(kept) + 2, key) if is_gap else replace(data.draw(st.sampled_from(kept)), text="another")
        with pytest.raises(StoreError, match="does not follow" if is_gap else "two programs"):
            self.store.negotiations.append([good, bad])

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = Store.open(self.path)

    @rule()
    def crash(self) -> None:
        """Go on with what the disk has now: the process did not get to close anything."""
        before, store = self.path, self.store
        self.crashes += 1
        shutil.copy(before, self.path)
        shutil.copy(f"{before}-wal", f"{self.path}-wal")
        store.close()
        self.store = Store.open(self.path)

    @invariant()
    def holds_what_was_appended(self) -> None:
        if not hasattr(self, "model"):
            return
        kept = self.store.negotiations
        for key in KEYS:
            entries = self.model.get(key, [])
            assert kept.events(key) == [item.text for item in entries]
            assert kept.get(key) == (record_of(entries) if entries else None)
        records = [record_of(entries) for entries in self.model.values()]
        newest = sorted(records, key=lambda record: (-record.updated_at, record.key))
        assert kept.list() == newest
        assert kept.unfinished(CHAIN) == [
            (record, [item.text for item in self.model[record.key]])
            for record in sorted(records, key=lambda record: (record.created_at, record.key))
            if not record.is_over
        ]


TestAppending = Appending.TestCase
TestAppending.settings = settings(max_examples=30, stateful_step_count=12)


@pytest.fixture
def store(tmp_path: Path):
    with Store.open(tmp_path / "store.db") as opened:
        yield opened


def test_a_list_is_filtered_limited_and_paged(store: Store) -> None:
    for number in range(6):
        side = ("taker", "maker")[number % 2]
        store.negotiations.append([entry(key=f"{number}", side=side, at=float(number), is_over=number > 3, peer=side)])
    listed = store.negotiations.list
    assert [item.key for item in listed(limit=2)] == ["5", "4"]
    assert [item.key for item in listed(limit=2, before=4.0)] == ["3", "2"]
    assert [item.key for item in listed(side="maker", is_over=False)] == ["3", "1"]
    assert [item.key for item in listed(peer="taker", is_over=True)] == ["4"]
    assert listed(chain_id=1) == listed(status="agreed") == listed(digest=DIGEST) == []
    assert store.negotiations.unfinished(1) == []


def test_an_event_comes_with_its_document_or_not_at_all(store: Store) -> None:
    digest = "0x" + quote().digest.hex()
    document = SignedDocument(digest, "quote", dump(quote()), SETTLEMENT, "maker", MAKER)
    agreed = entry(0, digest=digest, document=document)
    with pytest.raises(StoreError, match="does not follow"):
        store.negotiations.append([agreed, entry(5, "other")])
    assert store.list_documents() == []
    assert store.negotiations.list() == []
    store.negotiations.append([agreed])
    assert store.get_document(digest).role == "maker"
    other = replace(document, text=dump(quote(2)))
    with pytest.raises(StoreError, match="the document is of"):
        store.negotiations.append([entry(1, document=other)])
    assert len(store.negotiations.events(PLAIN.key)) == 1
    with pytest.raises(InvalidField):
        store.negotiations.append([entry(1, document=replace(document, kind="order"))])


def test_a_group_of_many_negotiations_is_written_whole(store: Store) -> None:
    entries = [entry(number, f"{key}") for number in range(2) for key in range(1_200)]
    store.negotiations.append(entries)
    assert len(store.negotiations.unfinished(CHAIN)) == 1_200
    store.negotiations.append(entries)
    store.negotiations.append([])
    assert store.negotiations.events("7") == [entry(0).text, entry(1).text]


def test_a_side_that_is_none_is_refused(store: Store) -> None:
    with pytest.raises(InvalidField):
        store.negotiations.append([entry(side="both")])
