"""Several calls as one transaction, and several questions at one moment, without a contract that must be there.

The transaction creates a contract whose constructor makes the calls and leaves no code behind. To the contracts that
are called the sender is that constructor, so it serves calls that anybody may make.
"""

from __future__ import annotations

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
MAX_ANSWERS: Final = 24_576
"""Bytes of all answers to one request: they are left as a contract's code (EIP-170)."""
_HEAD: Final = 64
"""Bytes before each answer: whether it was given, and its length."""
_ASKING: Final = 80
"""Bytes of code for a question, and after the last one; its data come on top."""
_AT_ONCE: Final = 512

# Opcodes, of the Shanghai rules on.
_ADD, _LT, _CODECOPY, _RETURNDATASIZE, _RETURNDATACOPY = b"\x01", b"\x10", b"\x39", b"\x3d", b"\x3e"
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

    All at one moment, but for so many questions, or such long answers, that one request cannot have them all: then of
    as many moments as it takes. How long an answer is need not be known before it is there.

    Raises:
        InputError: more preparations than a call may carry; a question or an answer that is too long for a request.
    """
    found: list[tuple[Any, ...] | None] = []
    most = _AT_ONCE
    while len(found) < len(questions):
        asked, answers = _ask(chain, questions[len(found) : len(found) + most], preparations, at)
        found += answers
        if len(answers) < asked:  # there was no room for more: those that follow are likely to be as long
            most = len(answers) + len(answers) // 4 + 1
    return found


def _ask(
    chain: Chain, questions: Sequence[Question], preparations: Sequence[Call], at: BlockId
) -> tuple[int, list[tuple[Any, ...] | None]]:
    """How many of these questions were asked, as far as there was room, and as many of their answers."""
    assembly = _Assembly()
    for preparation in preparations:
        assembly.call(preparation)
        assembly.code += _POP
    assembly.code += _PUSH0  # from here on the top of the stack is where the next answer goes
    asked = 0
    for question in questions:
        if asked and assembly.size + _ASKING + len(question.data) > MAX_CODE:
            break
        assembly.ask(question)
        asked += 1
    assembly.leave()
    answer = chain.create(assembly.assembled(), at=at)
    found: list[tuple[Any, ...] | None] = []
    place = 0
    while place < len(answer):
        done, size = (int.from_bytes(answer[word : word + 32], "big") for word in (place, place + 32))
        said = answer[place + _HEAD : place + _HEAD + size]
        found.append(questions[len(found)].read(said) if done else None)
        place += _HEAD + size
    if not found:
        raise InputError(f"the answer of {questions[0].to} is longer than {MAX_ANSWERS - _HEAD} bytes")
    return asked, found


class _Assembly:
    """Code that is followed by the data that it copies; where those are is filled in when all are known."""

    def __init__(self) -> None:
        self.code = bytearray()
        self._data: list[bytes] = []
        self._places: list[int] = []
        self._exits: list[int] = []
        self._following = 0

    @property
    def size(self) -> int:
        """Bytes of all of it."""
        return len(self.code) + self._following

    def copy(self, data: bytes, destination: bytes) -> None:
        """Copy data to where the opcode says."""
        self.code += b"\x62" + len(data).to_bytes(3, "big") + b"\x62"
        self._places.append(len(self.code))
        self._data.append(data)
        self._following += len(data)
        self.code += b"\0\0\0" + destination + _CODECOPY

    def call(self, call: Call) -> None:
        """Make a call; whether it succeeded is left on the stack."""
        if call.to is None or call.value:
            raise InputError(f"only calls without value go together, and no deployment: {call.what}")
        self.copy(call.data, _PUSH0)
        self.code += _PUSH0 + _PUSH0 + b"\x62" + len(call.data).to_bytes(3, "big") + _PUSH0 + _PUSH0
        self.code += _PUSH20 + bytes.fromhex(call.to[2:]) + _GAS + _CALL

    def ask(self, question: Question) -> None:
        """Ask a view, and write its answer where the top of the stack says, unless that is too long: then leave."""
        self.copy(question.data, _DUP3)
        length = len(question.data).to_bytes(3, "big")
        self.code += _PUSH0 + _PUSH0 + b"\x62" + length + _DUP4
        self.code += _PUSH20 + bytes.fromhex(question.to[2:]) + _GAS + _STATICCALL
        self.code += _RETURNDATASIZE + _DUP3 + _ADD + b"\x62" + (MAX_ANSWERS - _HEAD).to_bytes(3, "big") + _LT + b"\x62"
        self._exits.append(len(self.code))
        self.code += b"\0\0\0" + _JUMPI
        self.code += _DUP2 + _MSTORE + _WORD + _ADD
        self.code += _RETURNDATASIZE + _DUP2 + _MSTORE + _WORD + _ADD
        self.code += _RETURNDATASIZE + _PUSH0 + _DUP3 + _RETURNDATACOPY + _RETURNDATASIZE + _ADD

    def leave(self) -> None:
        """Return the answers."""
        self.code += _PUSH0  # in place of whether the answer that was too long was given
        for place in self._exits:
            self.code[place : place + 3] = len(self.code).to_bytes(3, "big")
        self.code += _JUMPDEST + _POP + _PUSH0 + _RETURN

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
