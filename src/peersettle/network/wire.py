"""What travels: a body in an envelope, as JSON of at most `MAX_BYTES`.

{"peersettle": 1, "sent_at": 1767225600.25, "body": {"type": "ask", "request_id": "…"}}

`sent_at` bounds how long a message can be replayed, and tells peers whose clocks differ so at once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, TypeAlias

from peersettle.errors import InvalidDocument, InvalidField, PeerRefused, ProtocolError
from peersettle.network.identity import Card
from peersettle.rfq import MAX_BYTES, MESSAGES, Codec, Message, Request, dump, parse

VERSION: Final = 1
MAX_SKEW: Final = 30.0
"""Seconds that two clocks may differ, together with the way."""
MAX_GOSSIP: Final = 16 * 1024
"""Of what is published; everybody has to carry it."""
MAX_TEXT: Final = 500
_CODE: Final = re.compile("[a-z][a-z_]{0,31}")


@dataclass(frozen=True, slots=True)
class Hello:
    """This is who I am; who are you? Answered by a `Hello`."""

    card: Card


@dataclass(frozen=True, slots=True)
class Ok:
    """It was taken."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """It was not taken. `code` is one word for a program, `text` for people."""

    code: str
    text: str = ""

    def __post_init__(self) -> None:
        if _CODE.fullmatch(self.code) is None:
            raise InvalidField("code", self.code[:40], "one word in small letters")
        if len(self.text) > MAX_TEXT:
            raise InvalidField("text", f"{len(self.text)} characters", f"at most {MAX_TEXT}")


@dataclass(frozen=True, slots=True)
class Presence:
    """Published: I am here."""

    card: Card


@dataclass(frozen=True, slots=True)
class Announcement:
    """Published: who asks, and what for. With the card, so that nobody has to fetch it."""

    card: Card
    request: Request


Direct: TypeAlias = Message | Hello
Answer: TypeAlias = Hello | Ok | Refusal
Published: TypeAlias = Presence | Announcement

DIRECT: Final = Codec.of(*MESSAGES, Hello)
ANSWERS: Final = Codec.of(Hello, Ok, Refusal)
PUBLISHED: Final = Codec.of(Presence, Announcement)


def seal(codec: Codec, body: Direct | Answer | Published, now: float) -> bytes:
    """A body in its envelope.

    Raises:
        InvalidField: larger than may travel.
    """
    data = dump({"peersettle": VERSION, "sent_at": now, "body": codec.encode(body)})
    most = MAX_GOSSIP if codec is PUBLISHED else MAX_BYTES
    if len(data) > most:
        raise InvalidField("message", f"{len(data)} bytes", f"at most {most} can be sent")
    return data


def unseal_direct(data: bytes, now: float) -> Direct:
    """What a peer says to us alone.

    Raises:
        ProtocolError: garbage.
        PeerRefused: another version ("version"), or a clock that differs too much ("clock").
    """
    return _unseal(DIRECT, data, now, MAX_BYTES)  # type: ignore[return-value]


def unseal_answer(data: bytes, now: float) -> Answer:
    """What a peer answers. Raises as `unseal_direct`."""
    return _unseal(ANSWERS, data, now, MAX_BYTES)  # type: ignore[return-value]


def unseal_published(data: bytes, now: float) -> Published:
    """What a peer says to everybody. Raises as `unseal_direct`."""
    return _unseal(PUBLISHED, data, now, MAX_GOSSIP)  # type: ignore[return-value]


def _unseal(codec: Codec, data: bytes, now: float, most: int) -> object:
    if len(data) > most:
        raise ProtocolError(f"{len(data)} bytes are more than {most}")
    try:
        envelope = parse(data)
        if not isinstance(envelope, dict) or type(envelope.get("peersettle")) is not int:
            raise InvalidDocument("give an envelope with its version, peersettle")
        if envelope["peersettle"] != VERSION:
            raise PeerRefused(f"version {envelope['peersettle']} was said; we speak {VERSION}", "version")
        if envelope.keys() != {"peersettle", "sent_at", "body"}:
            raise InvalidDocument("an envelope has peersettle, sent_at and body")
        _check_clock(envelope["sent_at"], now)
        return codec.decode(envelope["body"])
    except InvalidDocument as error:
        raise ProtocolError(str(error)) from error


def _check_clock(sent_at: object, now: float) -> None:
    if isinstance(sent_at, bool) or not isinstance(sent_at, int | float) or not 0 <= sent_at < 2**40:
        raise InvalidDocument("sent_at: give a time in Unix seconds")
    if abs(sent_at - now) > MAX_SKEW:
        raise PeerRefused(
            f"sent at {sent_at:.3f}, the clock here says {now:.3f}: more than {MAX_SKEW:g} s apart; keep both by NTP",
            "clock",
            sent_at=sent_at,
            now=now,
        )
