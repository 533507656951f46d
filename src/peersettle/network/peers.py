"""What a node says to other peers, and hears from them.

Whoever speaks first shows its card, and is shown the other's. From then on every message that names a chain address
must be of a peer whose card speaks for it. What a handler refuses goes back to the peer with its code; what no honest
peer says counts against it until nobody listens to it any more.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from random import random
from typing import Final, TypeAlias

import structlog

from peersettle.errors import InvalidField, NetworkError, PeerRefused, PeerUnreachable, ProtocolError
from peersettle.network.directory import Directory
from peersettle.network.identity import Card, Identity
from peersettle.network.limits import Limits, Rules
from peersettle.network.transport import Contact, Transport
from peersettle.network.wire import (
    ANSWERS,
    DIRECT,
    MAX_TEXT,
    PUBLISHED,
    Announcement,
    Answer,
    Direct,
    Hello,
    Ok,
    Presence,
    Refusal,
    seal,
    unseal_answer,
    unseal_direct,
    unseal_published,
)
from peersettle.rfq import Message, Offer, Request
from peersettle.service.clock import Clock, SystemClock
from peersettle.service.tasks import Tasks
from peersettle.types import Address

OnMessage: TypeAlias = Callable[[str, Message], Awaitable[None]]
"""Takes a message of a peer, whose right to say it has been checked. `ProtocolError` calls it garbage, `PeerRefused`
says no with a code; anything else that it raises is our failure."""

TIMEOUT: Final = 5.0
"""Seconds that a peer has to answer."""
PRESENCE_EVERY: Final = 60.0
RENEW_AT: Final = 0.5
"""Part of a card's life after which it is made anew."""
NEWCOMER_WITHIN: Final = 5.0
"""Seconds within which we answer a newcomer's presence with ours."""
FRIENDS: Final = 8
"""Peers beyond the configured ones that we connect to, so that what is published has more than one way."""
MAX_PENDING: Final = 1_000
"""Announced requests that wait for the handler; more are dropped."""
_CODE: Final = re.compile("[a-z][a-z_]{0,31}")
_log = structlog.get_logger("peersettle.network")


class Peers:
    """Our end of the network. All methods belong to one asyncio loop.

    Args:
        transport: how bytes travel.
        identity: the addresses that we speak for, and the settlement contract that they settle by.
        on_message: takes what peers say.
        names: peers of the configuration, by name; we stay connected to them.
        rules: what one peer may do to us.
        clock: tells envelopes and cards their time.
        timeout: seconds that a peer has to answer.
        random: 0 to 1, so that not everybody greets a newcomer at once.
    """

    def __init__(
        self,
        transport: Transport,
        identity: Identity,
        on_message: OnMessage,
        *,
        names: Mapping[str, Contact] | None = None,
        rules: Rules | None = None,
        clock: Clock | None = None,
        timeout: float = TIMEOUT,
        random: Callable[[], float] = random,
    ) -> None:
        self._transport = transport
        self._identity = identity
        self._on_message = on_message
        self._clock = clock or SystemClock()
        self._timeout = timeout
        self._random = random
        self._directory = Directory(names or {})
        self._greeted: set[str] = set()  # who has our present card
        self._card: Card | None = None
        self._contact = Contact("")
        self._friends: set[str] = set()
        self._answers_newcomer = False
        self._tasks = Tasks()
        self.limits = Limits(rules or Rules())
        """Who may say how much, and who is banned: `dump` and `load` keep that over a restart."""
        self.counters: Counter[str] = Counter()
        """What has happened so far: `sent`, `received`, `announced`, `unreachable`, `garbage`, `banned`,
        `gossip_dropped`; by code what we refuse, `refused_<code>` and `gossip_<code>`, and what is refused to us,
        `told_<code>`."""

    async def start(self) -> None:
        """Listen, and tell everybody that we are here.

        Raises:
            ConfigError: the transport cannot listen.
            SignerError: a signer does not sign our card.
        """
        self._contact = await self._transport.start(self._on_request, self._on_gossip)
        try:
            await self._renew()
            await self._tell_presence()
        except BaseException:
            await self._transport.stop()
            raise
        self._tasks.spawn(self._stay_present())
        for contact in self._directory.named():
            self._tasks.spawn(self._stay_acquainted(contact, for_good=True))

    async def stop(self) -> None:
        """Hang up. May be called twice."""
        await self._tasks.close()
        await self._transport.stop()

    @property
    def card(self) -> Card:
        """Ours, as peers see it.

        Raises:
            PeerUnreachable: not started.
        """
        if self._card is None:
            raise PeerUnreachable("the network has not been started")
        return self._card

    async def send(self, peer: str, message: Message) -> None:
        """Say something to one peer alone; its node has taken it when this returns.

        Raises:
            InvalidField: the message names an address that we do not speak for, or is too large.
            PeerUnreachable: no answer, or none that can be understood; or it is banned here.
            PeerRefused: it says no, and why.
        """
        self._assert_ours(message)
        if peer not in self._greeted:
            await self.greet(peer)
        try:
            await self._ask(peer, message)
        except PeerRefused as error:
            if error.code != "unknown":  # it has forgotten our card
                raise
            await self.greet(peer)
            await self._ask(peer, message)

    async def greet(self, peer: str) -> Card:
        """Show a peer our card, and see its own.

        Raises:
            PeerUnreachable, PeerRefused: as `send`.
        """
        shown = self.card
        answer = await self._ask(peer, Hello(shown))
        if not isinstance(answer, Hello):
            raise PeerUnreachable(f"{peer} has not shown its card", peer=peer)
        try:
            self._accept(peer, answer.card)
        except ProtocolError as error:
            self._count_garbage(peer, error)
            raise PeerUnreachable(f"{peer} has shown a card that is not its own: {error}", peer=peer) from error
        if shown is self._card:
            self._greeted.add(peer)
        return answer.card

    async def announce(self, request: Request) -> None:
        """Ask everybody who settles by our contract. Nothing says who has heard it.

        Raises:
            InvalidField: the request is for another contract, names an address that we do not speak for, or is too
                large.
        """
        if request.domain != self._identity.domain:
            raise InvalidField("domain", request.domain, f"we settle by {self._identity.domain}")
        self._assert_ours(request)
        data = seal(PUBLISHED, Announcement(self.card, request), self._clock.now())
        self.counters["announced"] += 1
        await self._transport.publish(self._identity.topic, data)

    def known(self) -> tuple[Card, ...]:
        """The cards that we have seen and that hold."""
        return self._directory.cards(self._clock.now())

    def find(self, text: str) -> str:
        """The peer that is meant by an identity, a name of the configuration, or a chain address.

        Raises:
            InvalidField: none is, or more than one.
        """
        return self._directory.find(text, self._clock.now())

    def ban(self, peer: str, seconds: float | None = None) -> None:
        """Listen to nothing from a peer, for as long as the rules say where no time is given."""
        self.limits.ban(peer, self._clock.now() + (seconds or self.limits.rules.ban_seconds))

    def unban(self, peer: str) -> None:
        """Listen to it again."""
        self.limits.unban(peer)

    # What we say

    async def _ask(self, peer: str, body: Direct) -> Answer:
        contact = self._directory.contact(peer)
        if self.limits.banned_until(peer, self._clock.now()) is not None:
            raise PeerUnreachable(f"{peer} is banned here", peer=peer)
        data = seal(DIRECT, body, self._clock.now())
        try:
            answer = unseal_answer(await self._transport.request(contact, data, self._timeout), self._clock.now())
        except PeerUnreachable:
            self.counters["unreachable"] += 1
            raise
        except ProtocolError as error:
            self._count_garbage(peer, error)
            raise PeerUnreachable(f"{peer} does not answer with sense: {error}", peer=peer) from error
        if isinstance(answer, Refusal):
            self.counters[f"told_{answer.code}"] += 1
            raise PeerRefused(f"{peer} refuses: {answer.text or answer.code}", answer.code, peer=peer)
        self.counters["sent"] += 1
        return answer

    def _assert_ours(self, message: Message) -> None:
        account = _account_of(message)
        if account is not None and not self.card.speaks_for(account):
            raise InvalidField("signer", account, f"we speak for {', '.join(self.card.accounts)}")

    async def _renew(self) -> None:
        # A remote signer is asked over a socket that blocks.
        self._card = await asyncio.to_thread(self._identity.card, self._contact, self._clock.now())
        self._greeted.clear()

    async def _tell_presence(self) -> None:
        data = seal(PUBLISHED, Presence(self.card), self._clock.now())
        await self._transport.publish(self._identity.topic, data)

    async def _stay_present(self) -> None:
        pause = 1.0  # at first often: who is connected only now has not heard it yet
        while True:
            await self._clock.sleep(pause)
            pause = min(pause * 2, PRESENCE_EVERY)
            try:
                if self._clock.now() > self.card.issued_at + RENEW_AT * self._identity.life:
                    await self._renew()
                await self._tell_presence()
            except Exception:
                _log.exception("presence_failed")

    def _welcome(self, card: Card) -> None:
        if not self._answers_newcomer:
            self._answers_newcomer = True
            self._tasks.spawn(self._answer_newcomer())
        if len(self._friends) < FRIENDS and card.peer not in self._friends:
            self._friends.add(card.peer)
            self._tasks.spawn(self._stay_acquainted(card.contact, for_good=False))

    async def _answer_newcomer(self) -> None:
        try:
            await self._clock.sleep(NEWCOMER_WITHIN * self._random())
            await self._tell_presence()
        except Exception:
            _log.exception("presence_failed")
        finally:
            self._answers_newcomer = False

    async def _stay_acquainted(self, contact: Contact, *, for_good: bool) -> None:
        """Connected, so that what is published goes both ways, and with cards exchanged. A peer of the configuration is
        tried again for good; another is forgotten when it cannot be reached."""
        pause = 1.0
        try:
            while True:
                try:
                    await self._transport.connect(contact)
                    if contact.peer not in self._greeted:
                        await self.greet(contact.peer)
                    pause = PRESENCE_EVERY
                except Exception as error:
                    if not isinstance(error, NetworkError):
                        _log.exception("peer_failed", peer=contact.peer)
                    elif for_good:
                        _log.info("peer_absent", peer=contact.peer, error=str(error))
                    if not for_good:
                        return
                    pause = min(pause * 2, PRESENCE_EVERY)
                await self._clock.sleep(pause)
        finally:
            self._friends.discard(contact.peer)

    # What we hear

    async def _on_request(self, peer: str, data: bytes) -> bytes:
        answer = await self._answer(peer, data)
        if isinstance(answer, Refusal):
            self.counters[f"refused_{answer.code}"] += 1
        return seal(ANSWERS, answer, self._clock.now())

    async def _answer(self, peer: str, data: bytes) -> Answer:
        now = self._clock.now()
        until = self.limits.banned_until(peer, now)
        if until is not None:
            return Refusal("banned", f"until {until:.0f}")
        if not self.limits.admits(peer, now):
            return Refusal("busy", f"more than {self.limits.rules.direct_rate:g} messages a second")
        try:
            body = unseal_direct(data, now)
            if isinstance(body, Hello):
                self._accept(peer, body.card)
                self._greeted.add(peer)  # if our answer is lost, it will say that it does not know us
                return Hello(self.card)
            await self._take(peer, body)
        except ProtocolError as error:
            self._count_garbage(peer, error)
            return _refusal("garbage", error)
        except PeerRefused as error:
            return _refusal(error.code, error)
        except Exception:
            _log.exception("handler_failed", peer=peer)
            return Refusal("failed", "it could not be worked on here; try again")
        return Ok()

    async def _on_gossip(self, peer: str, topic: str, data: bytes) -> bool:
        now = self._clock.now()
        if peer == self._contact.peer:
            return True
        if self.limits.banned_until(peer, now) is not None or not self.limits.admits(peer, now, gossip=True):
            self.counters["gossip_dropped"] += 1
            return False
        try:
            if topic != self._identity.topic:
                raise ProtocolError(f"nobody speaks of {topic[:80]!r} here")
            body = unseal_published(data, now)
            is_new = self._directory.card(peer, now) is None
            self._accept(peer, body.card)
            if is_new:
                self._welcome(body.card)
            if isinstance(body, Announcement):
                self._check(peer, body.request)
                if len(self._tasks) >= MAX_PENDING:
                    raise PeerRefused("too many announced requests wait", "busy")
                self._tasks.spawn(self._take_announced(peer, body.request))
        except ProtocolError as error:
            self._count_garbage(peer, error)
            return False
        except PeerRefused as error:  # another version, or late: no crime, but not worth passing on
            self.counters[f"gossip_{error.code}"] += 1
            return False
        return True

    async def _take(self, peer: str, message: Message) -> None:
        self._check(peer, message)
        self.counters["received"] += 1
        await self._on_message(peer, message)

    async def _take_announced(self, peer: str, request: Request) -> None:
        try:
            await self._take(peer, request)
        except ProtocolError as error:
            self._count_garbage(peer, error)
        except PeerRefused as error:
            self.counters[f"gossip_{error.code}"] += 1
        except Exception:
            _log.exception("handler_failed", peer=peer)

    def _check(self, peer: str, message: Message) -> None:
        card = self._directory.card(peer, self._clock.now())
        if card is None:
            raise PeerRefused("say hello first: there is no card of yours here that holds", "unknown")
        account = _account_of(message)
        if account is not None and not card.speaks_for(account):
            raise ProtocolError(f"{peer} names {account}, which its card does not speak for", peer=peer)
        if isinstance(message, Request) and message.domain != self._identity.domain:
            ours = self._identity.domain
            raise PeerRefused(f"we settle by {ours.settlement} on chain {ours.chain_id}", "domain")

    def _accept(self, peer: str, card: Card) -> None:
        now = self._clock.now()
        card.verify(peer, self._identity.domain.chain_id, now)
        self._directory.add(card, now)

    def _count_garbage(self, peer: str, error: Exception) -> None:
        self.counters["garbage"] += 1
        banned = self.limits.garbage(peer, self._clock.now())
        if banned:
            self.counters["banned"] += 1
        _log.warning("garbage", peer=peer, error=str(error)[:MAX_TEXT], banned=banned)


def _account_of(message: Message) -> Address | None:
    """The chain address that whoever says this speaks for."""
    if isinstance(message, Request):
        return message.taker
    return message.maker if isinstance(message, Offer) else None


def _refusal(code: str, error: NetworkError) -> Refusal:
    return Refusal(code if _CODE.fullmatch(code) else "refused", str(error)[:MAX_TEXT])
