"""JSON from strangers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Final

from peersettle.errors import InvalidDocument

MAX_DEPTH: Final = 64
_STRING: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+\\?(?:"|\Z)', re.DOTALL)  # to the end where unclosed: linear
_BRACKET: Final = re.compile(rb"[\[\]{}]")


def read_json(data: bytes, number: Callable[[str], Any] = float, pairs: Callable[..., Any] | None = None) -> Any:
    """The value of a JSON text in UTF-8. `number` makes fractions, NaN and Infinity; `pairs` makes objects.

    Depth is bounded before anything is parsed: a parser's own bound is the interpreter's recursion limit, which other
    libraries raise until the stack overflows.

    Raises:
        ValueError: no JSON, or nested deeper than 64.
    """
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", data)):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            raise ValueError(f"nested deeper than {MAX_DEPTH}")
    try:
        return json.loads(data.decode(), parse_float=number, parse_constant=number, object_pairs_hook=pairs)
    except (ArithmeticError, RecursionError) as error:
        raise ValueError(type(error).__name__) from None


# Fields of our documents


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose fields are there once each: two readers must not read two amounts.

    Raises:
        InvalidDocument: a field is there more than once.
    """
    result = dict(pairs)
    if len(result) != len(pairs):
        names = [name for name, _ in pairs]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise InvalidDocument(f"has {', '.join(twice)} more than once")
    return result


def whole_number(value: object, where: str) -> int:
    """A whole number from its decimal text, since JSON readers lose digits beyond 2**53.

    Raises:
        InvalidDocument: no such text.
    """
    if not isinstance(value, str) or not value.isascii() or not value.isdigit() or len(value) > 78:
        raise InvalidDocument(f"{where} is {value!r}: give a whole number as a decimal string")
    return int(value)


def list_of(value: object, where: str) -> list[Any]:
    """A list.

    Raises:
        InvalidDocument: something else.
    """
    if not isinstance(value, list):
        raise InvalidDocument(f"{where}: give a list")
    return value


def bytes_of(value: object, where: str, most: int | None = None) -> bytes:
    """Bytes from 0x and hex digits, at most so many where that is given.

    Raises:
        InvalidDocument: something else.
    """
    if isinstance(value, str) and value.startswith("0x") and (most is None or len(value) <= 2 + 2 * most):
        try:
            return bytes.fromhex(value[2:])
        except ValueError:
            pass
    size = "" if most is None else f"at most {most} "
    raise InvalidDocument(f"{where}: give {size}bytes as 0x and hex digits")
