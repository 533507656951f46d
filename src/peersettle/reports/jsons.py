"""JSON from strangers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Final

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
