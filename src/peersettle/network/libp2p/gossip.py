"""Gossipsub, guarded: whatever a peer publishes, the service lives on."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

import structlog
from libp2p.custom_types import TProtocol
from libp2p.peer.id import ID
from libp2p.pubsub.gossipsub import GossipSub
from libp2p.pubsub.pubsub import Pubsub

from peersettle.network.wire import MAX_GOSSIP

PROTOCOL: Final = TProtocol("/meshsub/1.1.0")
PER_FORWARDER: Final = 500.0
"""Messages a second that one neighbour may hand on; libp2p drops more without a word. Publishers have limits above."""
MAX_RPC: Final = 256 * 1024
_log = structlog.get_logger("peersettle.network")

Judge: TypeAlias = Callable[[str, str, bytes], Awaitable[bool]]


def new_router() -> GossipSub:
    """The mesh. Its own adaption of the heartbeat is off: it would make it half a minute when most needed."""
    return GossipSub(
        protocols=[PROTOCOL],
        degree=6,
        degree_low=4,
        degree_high=12,
        heartbeat_interval=1,
        adaptive_gossip_enabled=False,
        max_messages_per_topic_per_second=PER_FORWARDER,
    )


class GuardedPubsub(Pubsub):
    """Pubsub that drops what it would fail at, and has every message judged before it is passed on.

    `judge` gets the publisher, whose signature has been checked, the topic and the bytes. `on_garbage` is told the
    neighbour that has handed us what cannot be read.
    """

    def __init__(self, host: Any, router: GossipSub, judge: Judge, on_garbage: Callable[[str], object]) -> None:
        super().__init__(
            host, router, strict_signing=True, max_inbound_rpc_size=MAX_RPC, max_concurrent_validator_count=256
        )
        self._judge, self._on_garbage = judge, on_garbage
        # Seconds, as libp2p has it, are numbers that were used already where we published more than one a second.
        self.counter = time.time_ns()

    async def push_msg(self, msg_forwarder: ID, msg: Any) -> None:
        """As libp2p's, which a malformed key would end together with the whole service."""
        if len(msg.data) > MAX_GOSSIP or len(msg.topicIDs) != 1:
            self._on_garbage(str(msg_forwarder))
            return
        try:
            await super().push_msg(msg_forwarder, msg)
        except Exception as error:
            _log.warning("gossip_dropped", peer=str(msg_forwarder), error=repr(error))
            self._on_garbage(str(msg_forwarder))

    async def listen(self, topic: str) -> Any:
        """Subscribe, with the judge before it."""

        async def is_good(_: ID, msg: Any) -> bool:
            publisher = ID(msg.from_id)
            return publisher == self.my_id or await self._judge(str(publisher), topic, msg.data)

        self.set_topic_validator(topic, is_good, is_async_validator=True)
        return await self.subscribe(topic)
