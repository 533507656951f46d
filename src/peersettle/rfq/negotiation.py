"""A negotiation as the list of its events: begun by the first, read back by all of them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final, TypeAlias

from peersettle.errors import InvalidDocument
from peersettle.jsons import once
from peersettle.rfq.codec import Codec
from peersettle.rfq.events import EVENTS, MESSAGES, Begun, Effect, Event, Received
from peersettle.rfq.maker import MakerState
from peersettle.rfq.messages import Side
from peersettle.rfq.taker import TakerState

Negotiation: TypeAlias = TakerState | MakerState

_EVENTS: Final = Codec.of(*EVENTS)
MESSAGE_CODEC: Final = Codec.of(*MESSAGES)
"""Messages as JSON."""


def begun(event: Event) -> tuple[Negotiation, tuple[Effect, ...]]:
    """The negotiation that an event begins: ours, or a peer's.

    Raises:
        PeerRefused: it is of a request that has not come, or not yet.
    """
    if isinstance(event, Begun):
        return TakerState.begun(event)
    if isinstance(event, Received):
        return MakerState.begun(event)
    raise TypeError(f"{type(event).__name__} begins nothing")


def read_back(events: Iterable[Event]) -> Negotiation:
    """What these events have made, the first of which begins it."""
    first, *rest = events
    state, _ = begun(first)
    for event in rest:
        state, _ = state.step(event)
    return state


def key_of(side: Side, request_id: str, peer: str = "") -> str:
    """What a negotiation is known by: a request of ours by its id alone, a peer's with the peer."""
    return request_id if side is Side.TAKER else f"{request_id}:{peer}"


def text_of(event: Event) -> str:
    """An event as the store keeps it."""
    if isinstance(event, Received):
        data = {"type": "received", "peer": event.peer, "message": MESSAGE_CODEC.encode(event.message), "at": event.at}
    else:
        data = _EVENTS.encode(event)
    return json.dumps(data, separators=(",", ":"))


def event_of(text: str) -> Event:
    """An event from what `text_of` made.

    Raises:
        InvalidDocument: it is none.
    """
    data = json.loads(text, object_pairs_hook=once)
    if isinstance(data, dict) and data.get("type") == "received":
        try:
            return Received(str(data["peer"]), MESSAGE_CODEC.decode(data["message"]), float(data["at"]))
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidDocument(f"no event: {error}") from None
    event: Event = _EVENTS.decode(data)
    return event
