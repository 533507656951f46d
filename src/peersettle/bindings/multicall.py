"""Several calls as one transaction, and several questions at one moment, without a contract that must be there.

The transaction creates a contract whose constructor makes the calls and leaves no code behind. To the contracts that
are called the sender is that constructor, so it serves calls that anybody may make.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from peersettle.chain.artifacts import Function
from peersettle.chain.calls import Call
from peersettle.errors import InputError
from peersettle.types import Address

if TYPE_CHECKING:
    from peersettle.chain.client import BlockId, Chain

MAX_CODE: Final = 49_152
"""Bytes of a constructor and its data (EIP-3860)."""
_MOST_ANSWERS: Final = 20_000
"""Bytes: a contract's code is at most 24,576 (EIP-170)."""
_LEAF: Final = re.compile(r"[a-z]\w*")

# Opcodes, of the Shanghai rules on.
_ADD, _CODECOPY, _RETURNDATASIZE, _RETURNDATACOPY = b"\x01", b"\x39", b"\x3d", b"\x3e"
_POP, _MSTORE, _JUMPI, _GAS, _JUMPDEST, _PUSH0, _PUSH20 = b"\x50", b"\x52", b"\x57", b"\x5a", b"\x5b", b"\x5f", b"\x73"
_DUP2, _DUP3, _DUP4, _CALL, _RETURN, _STATICCALL, _REVERT = (
    b"\x81",
    b"\x82",
    b"\x83",
    b"\xf1",
    b"\xf3",
    b"\xfa",
    b"\xfd",
)
_WORD: Final = b"\x60\x20"  # PUSH1 32


@dataclass(frozen=True, slots=True)
class Question:
    """A view of a contract, and how to read what it answers."""

    to: Address
    data: bytes
    function: Function

    def read(self, answer: bytes) -> tuple[Any, ...]:
        """What the view returned."""
        return self.function.decode(answer)


def together(preparations: Sequence[Call], call: Call) -> Call:
    """The preparations and the call as one transaction.

    A preparation that is refused does not stop the call: what the call needs, its target demands itself. When the call
    is refused all of it is, with its reason.

    Raises:
        InputError: a call carries native asset or deploys, or all is longer than a transaction may be.
    """
    if not preparations:
        return call
    assembly = _Assembly()
    for preparation in preparations:
        assembly.call(preparation)
        assembly.code += _POP
    assembly.call(call)
    refused = _JUMPI + _RETURNDATASIZE + _PUSH0 + _PUSH0 + _RETURNDATACOPY + _RETURNDATASIZE + _PUSH0 + _REVERT
    after = len(assembly.code) + 4 + len(refused)
    assembly.code += b"\x62" + after.to_bytes(3, "big") + refused + _JUMPDEST + _PUSH0 + _PUSH0 + _RETURN
    what = f"{call.what}, behind {len(preparations)} preparations"
    return Call(None, assembly.assembled(), 0, what, call.settles, call.minimum_gas)


def ask(
    chain: Chain, questions: Sequence[Question], preparations: Sequence[Call] = (), at: BlockId = "latest"
) -> list[tuple[Any, ...] | None]:
    """What views would answer after these calls; nothing is sent. None for one that reverts.

    All at one moment, but for so many questions that their answers are too long for a contract's code: then of as many
    moments as it takes.

    Raises:
        InputError: more preparations than a call may carry.
    """
    found: list[tuple[Any, ...] | None] = []
    batch: list[Question] = []
    size = 0
    for question in questions:
        length = 64 + 32 * sum(len(_LEAF.findall(kind)) for kind in question.function.outputs)
        if batch and size + length > _MOST_ANSWERS:
            found += _ask(chain, batch, preparations, at)
            batch, size = [], 0
        batch.append(question)
        size += length
    return found + (_ask(chain, batch, preparations, at) if batch else [])


def _ask(
    chain: Chain, questions: Sequence[Question], preparations: Sequence[Call], at: BlockId
) -> list[tuple[Any, ...] | None]:
    assembly = _Assembly()
    for preparation in preparations:
        assembly.call(preparation)
        assembly.code += _POP
    assembly.code += _PUSH0  # from here on the top of the stack is where the next answer goes
    for question in questions:
        assembly.copy(question.data, _DUP3)
        length = len(question.data).to_bytes(3, "big")
        assembly.code += _PUSH0 + _PUSH0 + b"\x62" + length + _DUP4
        assembly.code += _PUSH20 + bytes.fromhex(question.to[2:]) + _GAS + _STATICCALL
        assembly.code += _DUP2 + _MSTORE + _WORD + _ADD
        assembly.code += _RETURNDATASIZE + _DUP2 + _MSTORE + _WORD + _ADD
        assembly.code += _RETURNDATASIZE + _PUSH0 + _DUP3 + _RETURNDATACOPY + _RETURNDATASIZE + _ADD
    assembly.code += _PUSH0 + _RETURN
    answer = chain.create(assembly.assembled(), at=at)
    found: list[tuple[Any, ...] | None] = []
    place = 0
    for question in questions:
        done, size = (int.from_bytes(answer[at_word : at_word + 32], "big") for at_word in (place, place + 32))
        said = answer[place + 64 : place + 64 + size]
        found.append(question.read(said) if done else None)
        place += 64 + size
    return found


class _Assembly:
    """Code that is followed by the data that it copies; where those are is filled in when all are known."""

    def __init__(self) -> None:
        self.code = bytearray()
        self._data: list[bytes] = []
        self._places: list[int] = []

    def copy(self, data: bytes, destination: bytes) -> None:
        """Copy data to where the opcode says."""
        self.code += b"\x62" + len(data).to_bytes(3, "big") + b"\x62"
        self._places.append(len(self.code))
        self._data.append(data)
        self.code += b"\0\0\0" + destination + _CODECOPY

    def call(self, call: Call) -> None:
        """Make a call; whether it succeeded is left on the stack."""
        if call.to is None or call.value:
            raise InputError(f"only calls without value go together, and no deployment: {call.what}")
        self.copy(call.data, _PUSH0)
        self.code += _PUSH0 + _PUSH0 + b"\x62" + len(call.data).to_bytes(3, "big") + _PUSH0 + _PUSH0
        self.code += _PUSH20 + bytes.fromhex(call.to[2:]) + _GAS + _CALL

    def assembled(self) -> bytes:
        """All of it."""
        offset = len(self.code)
        for place, data in zip(self._places, self._data, strict=True):
            self.code[place : place + 3] = offset.to_bytes(3, "big")
            offset += len(data)
        whole = bytes(self.code) + b"".join(self._data)
        if len(whole) > MAX_CODE:
            raise InputError(f"{len(whole)} bytes of calls in one transaction; {MAX_CODE} is the most")
        return whole
