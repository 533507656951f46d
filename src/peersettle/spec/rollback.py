"""A call that, when it fails, changes nothing: neither in its own contract nor in those that it called."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from peersettle.errors import Reverted

P = ParamSpec("P")
R = TypeVar("R")
K = TypeVar("K", bound="Kept")


class Kept:
    """Something with tables that a call may change. What it refers to and is `Kept`, too, may change with it."""


def whole_or_not_at_all(call: Callable[Concatenate[K, P], R]) -> Callable[Concatenate[K, P], R]:
    """Undo what a call that is `Reverted` has changed, wherever it did."""

    @wraps(call)
    def guarded(contract: K, /, *args: P.args, **kwargs: P.kwargs) -> R:
        before = [(part, tables_of(part)) for part in reached(contract)]
        try:
            return call(contract, *args, **kwargs)
        except Reverted:
            for part, tables in before:
                restore(part, tables)
            raise

    return guarded


def reached(first: Kept) -> list[Kept]:
    """All that a call of it may change."""
    found: dict[int, Kept] = {}
    waiting = [first]
    while waiting:
        part = waiting.pop()
        if id(part) not in found:
            found[id(part)] = part
            waiting += [other for other in vars(part).values() if isinstance(other, Kept)]
    return list(found.values())


def tables_of(part: Kept) -> dict[str, Any]:
    """A copy of all that a part has; what stands in its tables never changes itself."""
    return {name: copied(value) for name, value in vars(part).items()}


def restore(part: Kept, tables: dict[str, Any]) -> None:
    """Give a part back what it had; a list, which others may share, remains the same one."""
    for name, value in tables.items():
        if isinstance(value, list):
            vars(part)[name][:] = value
        else:
            vars(part)[name] = value


def copied(value: Any) -> Any:
    """A copy of a table, and of the tables in it."""
    if isinstance(value, dict):
        return {key: copied(item) for key, item in value.items()}
    return list(value) if isinstance(value, list) else value
