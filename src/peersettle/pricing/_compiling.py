"""Loops over arrays: interpreted while there is little to do, compiled by numba from the first large call on.

Numba takes 110 MB of memory and up to a second to load. A maker that values one option at a time, or a command that
shows one account, never needs it: interpreted, an element takes about 20 µs. Results may differ in the last bits.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import update_wrapper
from types import FunctionType
from typing import Any, Final, TypeVar

import numpy as np

Function = TypeVar("Function", bound=Callable[..., Any])
Loop = Callable[..., None]

FEW: Final = 512
"""Elements of the largest array that are interpreted, in 10 ms or so."""

_OPTIONS: Final[dict[str, Any]] = {"fastmath": {"contract"}, "error_model": "numpy", "nogil": True}
"""Of fast mathematics only fused multiplication and addition: the rest would break NaN and the splitting of bits."""
_INLINED: Final = "_is_inlined"
_compiling: Final = threading.RLock()
_namespaces: Final[dict[str, dict[str, Any]]] = {}
"""Of modules with a kernel that is compiled: from then on the compiler is there, and all are."""


def inlined(function: Function) -> Function:
    """A step of a kernel, compiled into it: a call would keep the loop from being vectorised."""
    setattr(function, _INLINED, True)
    return function


def kernel(function: Loop) -> Kernel:
    """Mark a loop over arrays, all given by place, into the last of which it writes."""
    return Kernel(function)


class Kernel:
    """A loop over arrays, with the steps of its module that are `inlined`."""

    def __init__(self, function: Loop) -> None:
        self._function = function
        self._compiled: Loop | None = None
        update_wrapper(self, function)

    def __call__(self, *arguments: Any) -> None:
        """Run it, the way that pays."""
        if self._compiled is not None:
            self._compiled(*arguments)
        elif not _namespaces and max(np.size(argument) for argument in arguments) <= FEW:
            self.interpreted(*arguments)
        else:
            self.compiled(*arguments)

    def interpreted(self, *arguments: Any) -> None:
        """Run it as it is written."""
        with np.errstate(all="ignore"):
            self._function(*arguments)

    def compiled(self, *arguments: Any) -> None:
        """Run it compiled; kept on disk too, wherever a folder for it can be written."""
        with _compiling:
            if self._compiled is None:
                self._compiled = _compile(self._function)
        self._compiled(*arguments)


def _compile(function: Loop) -> Loop:
    from numba import njit

    twin = _twin(function, _namespace(function))
    try:
        kept: Loop = njit(cache=True, **_OPTIONS)(twin)
    except RuntimeError:  # numba finds no folder to write to
        kept = njit(**_OPTIONS)(twin)
    return kept


def _namespace(function: Loop) -> dict[str, Any]:
    """A module's names, with its steps compiled. In the module itself they stay as they are, to be interpreted."""
    from numba import njit

    module = function.__module__
    if module not in _namespaces:
        names = dict(function.__globals__)
        steps = {name: item for name, item in names.items() if getattr(item, _INLINED, False)}
        for name, step in steps.items():
            names[name] = njit(forceinline=True, **_OPTIONS)(_twin(step, names))
        _namespaces[module] = names
    return _namespaces[module]


def _twin(function: Loop, names: dict[str, Any]) -> Loop:
    """The same function, that sees these names."""
    return update_wrapper(FunctionType(function.__code__, names), function)
