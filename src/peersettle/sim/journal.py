"""Undoing what a refused call of the specification has changed, at a cost that does not grow with the population.

The specification copies all of its tables before a call. That is plain to read and slow for ten thousand accounts; here
tables note what is overwritten, and only the outermost call can be undone. The rules themselves are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import MethodType
from typing import Any, Final, TypeVar

from peersettle.spec.rollback import Kept, reached

R = TypeVar("R")

_ABSENT: Final = object()


class Table(dict[Any, Any]):
    """A dictionary that notes what it had when it is written to."""

    def __init__(self, values: dict[Any, Any], notes: list[tuple[Table, Any, Any]]) -> None:
        super().__init__(values)
        self._notes = notes

    def __setitem__(self, key: Any, value: Any) -> None:
        self._notes.append((self, key, self.get(key, _ABSENT)))
        super().__setitem__(key, value)

    def __delitem__(self, key: Any) -> None:
        self._notes.append((self, key, self[key]))
        super().__delitem__(key)

    def pop(self, key: Any, *default: Any) -> Any:
        """As of any dictionary."""
        if key in self:
            self._notes.append((self, key, self[key]))
        return super().pop(key, *default)

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """As of any dictionary."""
        if key not in self:
            self[key] = default
        return self[key]

    def clear(self) -> None:
        """As of any dictionary."""
        for key in list(self):
            del self[key]

    def put_back(self, key: Any, value: Any) -> None:
        """As it was."""
        if value is _ABSENT:
            super().pop(key, None)
        else:
            super().__setitem__(key, value)


class Journal:
    """The parts of some contracts, of whose calls each happens whole or not at all."""

    def __init__(self, *contracts: Kept) -> None:
        self._notes: list[tuple[Table, Any, Any]] = []
        self._parts = list({id(part): part for contract in contracts for part in reached(contract)}.values())
        for part in self._parts:
            for name, value in vars(part).items():
                if type(value) is dict:
                    setattr(part, name, Table(value, self._notes))
            self._open(part)
        kept = (Table, list, MethodType, Kept)
        self._plain = [
            (vars(part), tuple(name for name, value in vars(part).items() if not isinstance(value, kept)))
            for part in self._parts
        ]
        self._lists = [value for part in self._parts for value in vars(part).values() if isinstance(value, list)]

    @property
    def parts(self) -> list[Kept]:
        """All that can change."""
        return self._parts

    def written(self) -> Iterator[tuple[Table, Any]]:
        """What the present call has written to."""
        return ((table, key) for table, key, _ in self._notes)

    @contextmanager
    def call(self) -> Iterator[None]:
        """Undo what happens inside, if it raises."""
        plain = [(values, [(name, values[name]) for name in names]) for values, names in self._plain]
        lengths = [len(items) for items in self._lists]
        self._notes.clear()
        try:
            yield
        except BaseException:
            for table, key, value in reversed(self._notes):
                table.put_back(key, value)
            for values, before in plain:
                values.update(before)
            for items, length in zip(self._lists, lengths, strict=True):
                del items[length:]
            raise
        finally:
            self._notes.clear()

    @staticmethod
    def _open(part: Kept) -> None:
        """Have the part's calls run without copies of their own."""
        for kind in type(part).__mro__:
            for name, method in vars(kind).items():
                inner: Callable[..., Any] | None = getattr(method, "__wrapped__", None)
                if inner is not None and callable(method):
                    setattr(part, name, MethodType(inner, part))
