"""Messages and events as JSON, by the types of their fields; anything else is refused whole.

Whole numbers are decimal strings, bytes 0x and hex digits, enumerations their values, times JSON numbers.
"""

from __future__ import annotations

import json
import types
from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import IntEnum, StrEnum
from functools import cache
from typing import Any, Final, TypeAlias, Union, get_args, get_origin, get_type_hints

from peersettle.errors import InputError, InvalidDocument
from peersettle.jsons import bytes_of, list_of, once, read_json

MAX_BYTES: Final = 64 * 1024
"""Of one message."""
_MAX_DIGITS: Final = 79

Decode: TypeAlias = Callable[[Any, str], Any]


@dataclass(frozen=True, slots=True)
class Codec:
    """Values of some frozen dataclasses to JSON and back, each told by its name."""

    kinds: dict[str, type]
    names: dict[type, str]

    @classmethod
    def of(cls, *kinds: type) -> Codec:
        """For these, named as `MakerState` is "maker_state"."""
        names = {kind: _name(kind) for kind in kinds}
        return cls({name: kind for kind, name in names.items()}, names)

    def encode(self, value: Any) -> dict[str, Any]:
        """JSON-ready: the fields, and `type`."""
        name = self.names.get(type(value))
        if name is None:
            raise TypeError(f"{type(value).__name__} is not of this codec")
        kind: Any = type(value)
        return {"type": name, **_encoder(kind)(value)}

    def decode(self, data: object) -> Any:
        """The value.

        Raises:
            InvalidDocument: an unknown type, a missing, unknown or invalid field.
        """
        if not isinstance(data, dict) or not isinstance(data.get("type"), str):
            raise InvalidDocument("give an object with its type")
        kind = self.kinds.get(data["type"])
        if kind is None:
            raise InvalidDocument(f"type is {data['type'][:40]!r}, which is unknown")
        rest = {name: value for name, value in data.items() if name != "type"}
        return _decoder(kind)(rest, data["type"])


def dump(value: dict[str, Any]) -> bytes:
    """JSON on one line."""
    return json.dumps(value, separators=(",", ":")).encode()


def parse(data: bytes) -> Any:
    """JSON from a stranger, at most `MAX_BYTES`, each field once.

    Raises:
        InvalidDocument: it is none.
    """
    if len(data) > MAX_BYTES:
        raise InvalidDocument(f"{len(data)} bytes are more than {MAX_BYTES}")
    try:
        return read_json(data, pairs=once)
    except InvalidDocument:
        raise
    except ValueError as error:
        raise InvalidDocument(f"not JSON: {error}") from None


def _name(kind: type) -> str:
    return "".join("_" + c.lower() if c.isupper() else c for c in kind.__name__).lstrip("_")


@cache
def _encoder(hint: Any) -> Callable[[Any], Any]:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        (inner,) = (item for item in get_args(hint) if item is not type(None))
        encode = _encoder(inner)
        return lambda value: None if value is None else encode(value)
    if origin is tuple:
        item = _encoder(get_args(hint)[0])
        return lambda value: [item(part) for part in value]
    hint = getattr(hint, "__supertype__", hint)
    if hint in (str, bool, float):
        return lambda value: value
    if hint is bytes:
        return lambda value: "0x" + value.hex()
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return str
    if isinstance(hint, type) and issubclass(hint, int):
        return lambda value: str(int(value))
    hints = get_type_hints(hint)
    encoders = [(field.name, _encoder(hints[field.name])) for field in fields(hint)]
    return lambda value: {name: encode_field(getattr(value, name)) for name, encode_field in encoders}


@cache
def _decoder(hint: Any) -> Decode:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        (inner,) = (item for item in get_args(hint) if item is not type(None))
        decode = _decoder(inner)
        return lambda data, where: None if data is None else decode(data, where)
    if origin is tuple:
        item = _decoder(get_args(hint)[0])
        return lambda data, where: tuple(item(value, where) for value in list_of(data, where))
    hint = getattr(hint, "__supertype__", hint)  # what a NewType stands for
    if hint in _SIMPLE:
        return _SIMPLE[hint]
    if isinstance(hint, type) and issubclass(hint, IntEnum):
        return lambda data, where: _checked(hint, _whole(data, where), where)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return lambda data, where: _checked(hint, data, where)
    return _object_decoder(hint)


def _object_decoder(kind: Any) -> Decode:
    hints = get_type_hints(kind)
    decoders = {field.name: _decoder(hints[field.name]) for field in fields(kind)}

    def decode(data: Any, where: str) -> Any:
        if not isinstance(data, dict):
            raise InvalidDocument(f"{where}: give an object")
        if data.keys() != decoders.keys():
            wrong = sorted(str(name)[:40] for name in data.keys() ^ decoders.keys())
            raise InvalidDocument(f"{where} lacks, or has too much: {', '.join(wrong)}")
        values = {name: decode_field(data[name], f"{where}.{name}") for name, decode_field in decoders.items()}
        try:
            return kind(**values)
        except InvalidDocument:
            raise
        except InputError as error:
            raise InvalidDocument(f"{where}: {error}") from error

    return decode


def _checked(kind: Any, value: Any, where: str) -> Any:
    try:
        return kind(value)
    except ValueError:
        raise InvalidDocument(f"{where} is {str(value)[:40]!r}: give one of {', '.join(map(str, kind))}") from None


def _whole(value: Any, where: str) -> int:
    digits = value.removeprefix("-") if isinstance(value, str) else ""
    if not (digits.isascii() and digits.isdigit()) or len(digits) > _MAX_DIGITS:
        raise InvalidDocument(f"{where} is {str(value)[:90]!r}: give a whole number as a decimal string")
    return int(value)


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise InvalidDocument(f"{where}: give text")
    return value


def _flag(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise InvalidDocument(f"{where}: give true or false")
    return value


def _time(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**40:
        raise InvalidDocument(f"{where}: give a time in Unix seconds")
    return float(value)


_SIMPLE: Final[dict[Any, Decode]] = {int: _whole, str: _text, bool: _flag, float: _time, bytes: bytes_of}
