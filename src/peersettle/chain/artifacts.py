"""The compiled contracts that the package ships, and the encoding of calls by their ABI."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from typing import Any

from peersettle.errors import InputError
from peersettle.types import Hash32, keccak


@dataclass(frozen=True, slots=True)
class Function:
    """One function of an ABI."""

    selector: bytes
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def encode(self, *arguments: object) -> bytes:
        """Calldata: selector and arguments."""
        return self.selector + encode(self.inputs, arguments)

    def decode(self, answer: bytes) -> tuple[Any, ...]:
        """What the function returned.

        Raises:
            InputError: the answer is not of the declared types.
        """
        return decode(self.outputs, answer)


@dataclass(frozen=True, slots=True)
class Artifact:
    """A compiled contract. `runtime` is its code without the immutables that follow it on chain."""

    name: str
    abi: tuple[dict[str, Any], ...] = field(repr=False)
    bytecode: bytes = field(repr=False)
    runtime: bytes = field(repr=False)
    source_hash: str
    functions: dict[str, Function] = field(repr=False)
    events: dict[str, Hash32] = field(repr=False)
    constructor: tuple[str, ...]

    def deployment(self, *arguments: object) -> bytes:
        """The data of the transaction that deploys it."""
        return self.bytecode + encode(self.constructor, arguments)


@lru_cache(maxsize=32)
def artifact(name: str) -> Artifact:
    """The compiled contract `name`.

    Raises:
        InputError: the package has none of that name.
    """
    file = resources.files("peersettle") / "contracts" / "artifacts" / f"{name}.json"
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"no compiled contract {name!r}; run `make artifacts`", contract=name) from None
    abi = tuple(data["abi"])
    functions = {e["name"]: _function(e) for e in abi if e["type"] == "function"}
    events = {e["name"]: keccak(signature(e).encode()) for e in abi if e["type"] == "event"}
    constructors = [_types(e["inputs"]) for e in abi if e["type"] == "constructor"]
    return Artifact(
        name=data["name"],
        abi=abi,
        bytecode=bytes.fromhex(data["bytecode"][2:]),
        runtime=bytes.fromhex(data["runtime"][2:]),
        source_hash=data["source_hash"],
        functions=functions,
        events=events,
        constructor=constructors[0] if constructors else (),
    )


def encode(types: Sequence[str], arguments: Sequence[object]) -> bytes:
    """ABI encoding of values."""
    from eth_abi.abi import encode as abi_encode

    return abi_encode(types, arguments)


def decode(types: Sequence[str], data: bytes) -> tuple[Any, ...]:
    """ABI decoding.

    Raises:
        InputError: the data are not of these types.
    """
    from eth_abi.abi import decode as abi_decode
    from eth_abi.exceptions import DecodingError

    try:
        return tuple(abi_decode(types, data))
    except (DecodingError, OverflowError, UnicodeDecodeError) as error:
        raise InputError(f"{len(data)} bytes are no ({','.join(types)}): {error}") from None


def signature(entry: dict[str, Any]) -> str:
    """The canonical signature of a function or an event of an ABI."""
    return f"{entry['name']}({','.join(_types(entry['inputs']))})"


def selector(text: str) -> bytes:
    """The four bytes that choose a function, from its canonical signature."""
    return bytes(keccak(text.encode())[:4])


def _function(entry: dict[str, Any]) -> Function:
    return Function(selector(signature(entry)), _types(entry["inputs"]), _types(entry["outputs"]))


def _types(items: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    return tuple(_type(item) for item in items)


def _type(item: dict[str, Any]) -> str:
    kind = str(item["type"])
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(_types(item['components']))})" + kind.removeprefix("tuple")
