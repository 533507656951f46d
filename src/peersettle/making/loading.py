"""A user's strategy by its name: `path/to/file.py:Class` or `package.module:Class`."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from peersettle.errors import ConfigError
from peersettle.making.strategy import Strategy

METHODS: Final[Mapping[str, tuple[str, ...]]] = {
    "quote": ("inquiry", "book"),
    "last_look": ("inquiry", "price", "book"),
}
_SHAPE: Final = "give path/to/file.py:Class or package.module:Class"


def load_strategy(name: str, options: Mapping[str, Any] | None = None) -> Strategy:
    """Import a class and build it with options, its keyword arguments.

    The code runs with all rights of this process: load only what you would run.

    Raises:
        ConfigError: there is no such file, module or class, it does not take these options, or it is no strategy; says
            what is missing.
    """
    where, _, kind = name.rpartition(":")
    if not where or not kind.isidentifier():
        raise ConfigError(f"strategy {name!r} cannot be read: {_SHAPE}", strategy=name)
    module = _module(where, name)
    found = getattr(module, kind, None)
    if not inspect.isclass(found):
        classes = sorted(key for key, item in vars(module).items() if inspect.isclass(item) and _is_own(item, module))
        raise ConfigError(f"{where} has no class {kind}; it has {', '.join(classes) or 'none'}", strategy=name)
    check_strategy(found)
    try:
        inspect.signature(found).bind(**(options or {}))
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{kind} cannot be built with the given options: {error}", strategy=name) from None
    try:
        built = found(**(options or {}))
    except Exception as error:
        raise ConfigError(f"{kind} could not be built: {type(error).__name__}: {error}", strategy=name) from error
    assert isinstance(built, Strategy)
    return built


def check_strategy(kind: type) -> None:
    """See that a class has what `Strategy` asks for.

    Raises:
        ConfigError: says all that is missing.
    """
    problems = [problem for method in METHODS if (problem := _problem(kind, method)) is not None]
    if problems:
        raise ConfigError(f"{kind.__name__} is no strategy: {'; '.join(problems)}", problems=problems)


def _problem(kind: type, method: str) -> str | None:
    wanted = f"{method}(self, {', '.join(METHODS[method])})"
    found = inspect.getattr_static(kind, method, None)
    if found is None:
        return f"it lacks {wanted}"
    function = getattr(kind, method)
    if not callable(function):
        return f"{method} is no method; it needs {wanted}"
    if inspect.iscoroutinefunction(function):
        return f"{method} is asynchronous; it must answer at once"
    names = METHODS[method] if isinstance(found, staticmethod | classmethod) else ("self", *METHODS[method])
    try:
        inspect.signature(function).bind(*names)
    except TypeError:
        return f"{method}{inspect.signature(function)} should be {wanted}"
    return None


def _module(where: str, name: str) -> ModuleType:
    try:
        return _from_file(Path(where).expanduser(), name) if where.endswith(".py") else importlib.import_module(where)
    except ConfigError:
        raise
    except ModuleNotFoundError as error:
        if error.name and (where == error.name or where.startswith(f"{error.name}.")):
            raise ConfigError(f"there is no module {where}: {_SHAPE}", strategy=name) from None
        raise ConfigError(f"{where} needs the module {error.name}, which is not installed", strategy=name) from error
    except Exception as error:  # whatever a user's file does while it is read
        raise ConfigError(f"{where} could not be imported: {type(error).__name__}: {error}", strategy=name) from error


def _from_file(path: Path, name: str) -> ModuleType:
    if not path.is_file():
        raise ConfigError(f"there is no file {path}: {_SHAPE}", strategy=name)
    label = f"peersettle_strategy_{path.stem}"
    spec = importlib.util.spec_from_file_location(label, path.resolve())
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[label] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[label]
        raise
    return module


def _is_own(kind: type, module: ModuleType) -> bool:
    return kind.__module__ == module.__name__
