"""Undoing by notes does what copying all tables does."""

from dataclasses import dataclass, field

import pytest

from peersettle.errors import Reverted, reverted
from peersettle.sim.journal import Journal
from peersettle.spec.rollback import Kept, whole_or_not_at_all


@dataclass(eq=False)
class Inner(Kept):
    table: dict = field(default_factory=lambda: {"a": 1, "b": 2})
    number: int = 5

    @whole_or_not_at_all
    def change(self):
        self.table["a"] = 9
        self.table["c"] = 3
        self.table.pop("b")
        self.number += 1


@dataclass(eq=False)
class Outer(Kept):
    inner: Inner
    log: list = field(default_factory=list)
    spare: dict = field(default_factory=dict)

    @whole_or_not_at_all
    def change(self, fails):
        self.inner.change()
        self.spare.setdefault("x", 1)
        self.log.append("changed")
        if fails:
            raise reverted("cash")


@pytest.fixture
def outer():
    return Outer(Inner())


def test_a_call_that_fails_leaves_no_trace(outer):
    journal = Journal(outer)
    with pytest.raises(Reverted), journal.call():
        outer.change(True)
    assert (outer.inner.table, outer.inner.number, outer.log, outer.spare) == ({"a": 1, "b": 2}, 5, [], {})


def test_a_call_that_succeeds_stays_after_a_later_failure(outer):
    journal = Journal(outer)
    with journal.call():
        outer.change(False)

    def clear():
        with journal.call():
            outer.inner.table["b"] = 2
            outer.inner.table.clear()
            raise reverted("cash")

    with pytest.raises(Reverted):
        clear()
    assert (outer.inner.table, outer.inner.number, outer.log) == ({"a": 9, "c": 3}, 6, ["changed"])


def test_it_says_what_a_call_has_written(outer):
    journal = Journal(outer)
    with journal.call():
        outer.inner.table["a"] = 0
        assert list(journal.written()) == [(outer.inner.table, "a")]
