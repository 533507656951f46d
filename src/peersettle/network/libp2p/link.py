"""Requests and answers over one long-lived stream, many at once: frames of a length, a kind, a number and bytes.

A stream for each request would cost a negotiation each, a few milliseconds in pure Python.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from enum import IntEnum
from typing import Any, Final

import structlog
import trio

from peersettle.rfq import MAX_BYTES

HEAD: Final = struct.Struct("!IBQ")
MAX_WAITING_BYTES: Final = 4 * 1024 * 1024
"""That wait to be written to a peer which does not read."""
MAX_UNANSWERED: Final = 64
"""Requests of one stream that we work on at once; until one is answered, no more are read."""
_BATCH: Final = 48 * 1024  # stays within one frame of Noise and of Yamux
_READ: Final = 64 * 1024
_log = structlog.get_logger("peersettle.network")


class Kind(IntEnum):
    """What a frame is."""

    REQUEST = 0
    ANSWER = 1
    FAILED = 2
    PING = 3
    PONG = 4


class Garbage(Exception):
    """What no frame can be."""


class Link:
    """One end of a stream. Lives on trio's side.

    Args:
        stream: of libp2p.
        peer: who is at the other end.
        on_request: a request's number and bytes; it is answered by `answer`, later.
        on_answer: a number, whether it is an answer or a failure, and its bytes.
    """

    def __init__(
        self,
        stream: Any,
        peer: str,
        on_request: Callable[[Link, int, bytes], object],
        on_answer: Callable[[int, bool, bytes], object],
    ) -> None:
        self.peer = peer
        self.closed = trio.Event()
        self.waiting: set[int] = set()
        """Numbers of our requests that have no answer yet."""
        self.was_silent = False
        """Whether it has ended because nothing was heard of the peer any more."""
        self._stream = stream
        self._on_request, self._on_answer = on_request, on_answer
        self._out: deque[bytes] = deque()
        self._out_bytes = 0
        self._wake = trio.Event()
        self._room = trio.Event()
        self._unanswered = 0
        self._heard = trio.current_time()

    def ask(self, number: int, data: bytes) -> bool:
        """Send a request. False when it cannot be: the stream has ended, or the peer does not read."""
        if self.closed.is_set() or self._out_bytes + len(data) > MAX_WAITING_BYTES:
            return False
        self.waiting.add(number)
        self._send(Kind.REQUEST, number, data)
        return True

    def answer(self, number: int, data: bytes | None) -> None:
        """Answer a request; None for a failure of ours."""
        self._unanswered -= 1
        self._room.set()
        if not self.closed.is_set():
            self._send(Kind.FAILED if data is None else Kind.ANSWER, number, data or b"")

    async def run(self, ping_every: float | None = None) -> None:
        """Carry frames until the stream ends, whoever ends it. With `ping_every`, see to it that the peer lives.

        Raises:
            Garbage: the peer has sent what no frame can be.
        """
        garbage: Garbage | None = None
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write)
                if ping_every is not None:
                    nursery.start_soon(self._ping, ping_every)
                await self._read()
                nursery.cancel_scope.cancel()
        except* Garbage as group:
            garbage = next(error for error in group.exceptions if isinstance(error, Garbage))
        except* Exception as group:  # libp2p's many ways to say that a stream has ended
            _log.debug("link_ended", peer=self.peer, error=repr(group.exceptions[0]))
        finally:
            self.closed.set()
            with trio.CancelScope(shield=True), trio.move_on_after(0.5), suppress(Exception):
                await self._stream.reset()
        if garbage is not None:
            raise garbage

    def _send(self, kind: Kind, number: int, data: bytes = b"") -> None:
        self._out.append(HEAD.pack(len(data), kind, number) + data)
        self._out_bytes += HEAD.size + len(data)
        self._wake.set()

    async def _write(self) -> None:
        while True:
            while not self._out:
                self._wake = trio.Event()
                await self._wake.wait()
            batch = bytearray()
            while self._out and len(batch) < _BATCH:
                batch += self._out.popleft()
            self._out_bytes -= len(batch)
            await self._stream.write(bytes(batch))

    async def _read(self) -> None:
        buffer = bytearray()
        while data := await self._stream.read(_READ):
            self._heard = trio.current_time()
            buffer += data
            at = 0
            while len(buffer) - at >= HEAD.size:
                size, kind, number = HEAD.unpack_from(buffer, at)
                if size > MAX_BYTES or kind not in Kind.__members__.values():  # before it is waited for
                    raise Garbage(f"a frame of kind {kind} and {size} bytes")
                begin = at + HEAD.size
                if len(buffer) - begin < size:
                    break
                at = begin + size
                await self._take(Kind(kind), number, bytes(buffer[begin:at]))
            del buffer[:at]

    async def _take(self, kind: Kind, number: int, data: bytes) -> None:
        if kind is Kind.REQUEST:
            while self._unanswered >= MAX_UNANSWERED:
                self._room = trio.Event()
                await self._room.wait()
            self._unanswered += 1
            self._on_request(self, number, data)
        elif kind in (Kind.ANSWER, Kind.FAILED):
            if number in self.waiting:
                self.waiting.discard(number)
                self._on_answer(number, kind is Kind.ANSWER, data)
        elif kind is Kind.PING and self._out_bytes < MAX_WAITING_BYTES:
            self._send(Kind.PONG, number)

    async def _ping(self, every: float) -> None:
        """A peer that has vanished without a word is noticed here, and nowhere else."""
        while True:
            await trio.sleep(every)
            if trio.current_time() - self._heard > 3 * every:
                self.was_silent = True
                raise trio.TooSlowError
            self._send(Kind.PING, 0)
