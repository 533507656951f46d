"""Two sides, a network that drops, doubles and reorders, sides that crash anywhere, and a chain.

Whatever happens, at most one document of a request settles, nothing that both have signed is lost, and all agree with
the chain in the end.
"""

from contextlib import suppress
from dataclasses import replace

from hypothesis import event
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.unit.rfq.requests import MAKER, NOW, OTHER, TAKER, offered, request, signature

from peersettle.errors import NegotiationError, PeerRefused
from peersettle.rfq import (
    Accepted,
    Begun,
    Cancelled,
    Decide,
    Decided,
    Declined,
    Indicated,
    MakerPhase,
    Price,
    Received,
    Refused,
    Seen,
    Send,
    Side,
    Standing,
    Submit,
    Submitted,
    TakerPhase,
    Ticked,
    Void,
    Wanted,
    Withdrawn,
    event_of,
    text_of,
)
from peersettle.rfq.negotiation import begun, read_back

MAKERS = {"maker": MAKER, "other": OTHER}


class Chain:
    """Settles a document once, before its deadline; forgets it in a reorganisation."""

    def __init__(self):
        self.now = float(NOW)
        self.settled = {}
        self.void = set()
        self.final = set()

    def nonce(self, document):
        if hasattr(document, "swap"):
            return document.swap.maker, document.swap.nonce
        return document.trade.parties, document.trade.nonce_word, document.trade.nonce_mask

    def deadline(self, document):
        return document.swap.deadline if hasattr(document, "swap") else document.trade.deadline

    def settle(self, document):
        place = self.nonce(document)
        if place in self.void or place in self.settled or self.now > self.deadline(document):
            return False
        self.settled[place] = document.digest
        return True

    def standing(self, document):
        place = self.nonce(document)
        if self.settled.get(place) == document.digest:
            return Standing.FINAL if place in self.final else Standing.INCLUDED
        if place in self.final or (place in self.void and place not in self.settled):
            return Standing.RETIRED
        return Standing.ABSENT if self.now > self.deadline(document) + 60 else Standing.WAITING


class Driver:
    """A driver: writes events down, then does what they want; a crash forgets everything but what was written."""

    def __init__(self, world, name):
        self.world, self.name = world, name
        self.texts, self.state, self.up = [], None, True

    def handle(self, happened):
        happened = event_of(text_of(happened))
        if self.state is None:
            state, effects = begun(happened)
        else:
            state, effects = self.state.step(happened)
        if self.state is not None and state == self.state and not effects:
            return
        self.texts.append(text_of(happened))
        self.state = state
        if self.world.crashes():
            self.crash()
            return
        self.act(effects)

    def crash(self):
        self.up = False

    def restart(self):
        self.up = True
        if self.texts:
            again = read_back(event_of(text) for text in self.texts)
            assert again == self.state
            self.act(again.resumed())

    def act(self, effects):
        for effect in effects:
            if not self.up:
                return
            match effect:
                case Send(peer, message, until):
                    if self.world.chain.now <= until:
                        self.world.wire.append((self.name, peer, message))
                case Submit(document):
                    self.submit(document)
                case Void(document):
                    if self.world.chain.nonce(document) not in self.world.chain.settled:
                        self.world.chain.void.add(self.world.chain.nonce(document))
                case Price() | Decide():
                    self.asked = effect

    def submit(self, document):
        at = self.world.chain.now
        if self.world.chain.standing(document) in (Standing.INCLUDED, Standing.FINAL):
            return
        if self.world.blocked:
            self.handle(Refused("allowance", "the maker lets Settlement move 0", at))
        elif self.world.chain.settle(document):
            self.handle(Submitted("0x" + document.digest.hex(), at))
        else:
            self.handle(Refused("nonce", "used", at))

    def look(self):
        if self.state is None or not self.up:
            return
        order = [Standing.FINAL, Standing.INCLUDED, Standing.WAITING, Standing.RETIRED, Standing.ABSENT]
        seen = [
            (order.index(self.world.chain.standing(document)), choice, document)
            for choice, document in enumerate(self.state.watched())
        ]
        if not seen:
            return
        # Of several alternatives at most one is there; its nonce makes the others look retired.
        place, choice, document = min(seen, key=lambda item: item[0])
        if order[place] is not Standing.WAITING or self.state.status == "settled":
            self.handle(Seen(order[place], "0x" + document.digest.hex(), choice, self.world.chain.now))


class Negotiations(RuleBasedStateMachine):
    @initialize(
        last_look=st.booleans(),
        partial=st.booleans(),
        firm=st.booleans(),
        submitter=st.sampled_from(list(Side)),
        smooth=st.integers(0, 12),
    )
    def begin(self, last_look, partial, firm, submitter, smooth):
        self.chain, self.wire, self.blocked, self.crashing = Chain(), [], False, False
        self.request = request(last_look=last_look, partial=partial, firm=firm, submitter=submitter)
        self.sides = {name: Driver(self, name) for name in ("taker", *MAKERS)}
        self.taker.handle(Begun(self.request, tuple(MAKERS), self.chain.now))
        self.goes_well(smooth)

    @property
    def taker(self):
        return self.sides["taker"]

    def crashes(self):
        crashing, self.crashing = self.crashing, False
        return crashing

    def deliver(self, place):
        sender, receiver, message = self.wire[place]
        side = self.sides[receiver]
        if side.up:
            with suppress(PeerRefused):
                side.handle(Received(sender, message, self.chain.now))
        return side.up

    @rule(steps=st.integers(1, 6))
    def goes_well(self, steps):
        """What would happen next if nothing went wrong."""
        for _ in range(steps):
            if self.wire:
                self.arrives(0, twice=False)
                continue
            for name in MAKERS:
                self.strategy_answers(name, "offer")
                self.last_look(name, yes=True)
                self.wants_it_firm(name)
                if self.taker.state.phase is TakerPhase.OPEN:
                    self.accepts(name, choice=0)
            self.tick()

    @precondition(lambda self: self.wire)
    @rule(place=st.integers(0, 100), twice=st.booleans())
    def arrives(self, place, twice):
        place %= len(self.wire)
        if self.deliver(place) and not twice:
            del self.wire[place]

    @precondition(lambda self: self.wire)
    @rule(place=st.integers(0, 100))
    def is_lost(self, place):
        del self.wire[place % len(self.wire)]

    @rule(name=st.sampled_from(["taker", *MAKERS]))
    def dies_at_the_next_step(self, name):
        self.crashing = True
        if name == "taker":
            self.sides[name].crash()

    @rule(name=st.sampled_from(["taker", *MAKERS]))
    def restarts(self, name):
        if not self.sides[name].up:
            self.sides[name].restart()

    @rule(name=st.sampled_from(list(MAKERS)), says=st.sampled_from(["offer", "indicate", "decline"]))
    def strategy_answers(self, name, says):
        side = self.sides[name]
        if not side.up or side.state is None or side.state.phase is not MakerPhase.PRICING:
            return
        at = self.chain.now
        if says == "decline":
            side.handle(Declined("size", "too large", at))
        elif not side.state.firm:
            side.handle(Indicated(20_000 * 10**6, 10_000, at))
        else:
            parts = (10_000, 5_000) if self.request.partial else (10_000,)
            offer = offered(self.request, at, MAKERS[name], parts, nonce=7 << 8)
            side.handle(replace(offer, expires_at=int(at) + 30))

    @rule(name=st.sampled_from(list(MAKERS)), yes=st.booleans())
    def last_look(self, name, yes):
        side = self.sides[name]
        if side.up and side.state is not None and side.state.phase is MakerPhase.LAST_LOOK:
            document = side.state._document(side.state.accepted.choice)
            given = signature(MAKERS[name], document) if yes else b""
            side.handle(Decided(given, "moved", "the market has moved", self.chain.now))

    @rule(name=st.sampled_from(list(MAKERS)))
    def withdraws(self, name):
        side = self.sides[name]
        if side.up and side.state is not None and side.state.phase is MakerPhase.OFFERED:
            side.handle(Withdrawn(self.chain.now))

    @rule(name=st.sampled_from(list(MAKERS)))
    def wants_it_firm(self, name):
        if self.taker.up:
            with suppress(NegotiationError):
                self.taker.handle(Wanted(name, self.chain.now))

    @rule(name=st.sampled_from(list(MAKERS)), choice=st.integers(0, 1))
    def accepts(self, name, choice):
        answer = self.taker.state.answers.get(name)
        if not self.taker.up or answer is None or answer.offer is None or choice >= len(answer.offer.alternatives):
            return
        document = self.taker.state.document(name, answer.offer.number, choice)
        accepted = Accepted(name, answer.offer.number, choice, signature(TAKER, document), self.chain.now)
        try:
            self.taker.handle(accepted)
        except NegotiationError:
            assert self.taker.state.phase is not TakerPhase.OPEN or answer.live_offer(self.chain.now) is None

    @rule(really=st.integers(0, 5))
    def cancels(self, really):
        if not really and self.taker.up and self.taker.state.phase is TakerPhase.OPEN:
            self.taker.handle(Cancelled(self.chain.now))

    @rule(name=st.sampled_from(list(MAKERS)))
    def a_taker_settles_in_silence(self, name):
        """It has a signed offer: nobody can keep it from sending that by itself."""
        answer = self.taker.state.answers.get(name)
        if self.blocked or self.taker.state.accepted is not None or answer is None or answer.offer is None:
            return
        if answer.offer.alternatives[0].signature:
            self.chain.settle(self.taker.state.document(name, answer.offer.number, 0))

    @rule()
    def reorganises(self):
        for place in [place for place in self.chain.settled if place not in self.chain.final]:
            del self.chain.settled[place]

    @rule()
    def finalises(self):
        self.chain.final |= set(self.chain.settled)

    @rule(blocked=st.booleans())
    def an_allowance_changes(self, blocked):
        self.blocked = blocked

    @rule(seconds=st.sampled_from([0.5, 5, 20, 70]))
    def time_passes(self, seconds):
        self.chain.now += seconds
        self.tick()

    def tick(self):
        for side in self.sides.values():
            if side.up and side.state is not None:
                side.look()
            if side.up and side.state is not None and side.state.due is not None and self.chain.now >= side.state.due:
                side.handle(Ticked(self.chain.now))

    @invariant()
    def at_most_one_settles_of_a_nonce_and_final_is_true(self):
        for side in getattr(self, "sides", {}).values():
            if side.state is not None and side.state.status == "final":
                document = side.state.deal.document
                assert self.chain.settled[self.chain.nonce(document)] == document.digest

    def teardown(self):
        if not hasattr(self, "sides"):
            return
        self.crashing = False
        agreed = self.taker.state.deal is not None and not self.taker.state.is_over
        deal = self.taker.state.deal
        could = agreed and not self.blocked and self.chain.now + 25 < deal.deadline
        could = could and self.chain.nonce(deal.document) not in self.chain.void
        could = could and not any(self.sides[name].state and self.sides[name].state.withdrawn for name in MAKERS)
        other = could and self.chain.settled.get(self.chain.nonce(deal.document), deal.document.digest)
        could = could and other == deal.document.digest
        for side in self.sides.values():
            if not side.up:
                side.restart()
        for _ in range(200):
            while self.wire:
                self.deliver(0)
                del self.wire[0]
            self.tick()
            self.chain.now += 2
        self.chain.final |= set(self.chain.settled)
        for _ in range(3):
            self.tick()
            self.chain.now += 100
        if could:
            assert self.taker.state.status == "final", "nothing that both have signed is lost"
        event(f"the taker ends {self.taker.state.status}")
        for side in self.sides.values():
            if side.state is None:
                continue
            assert side.state.is_over, (side.name, side.state.status)
            if side.state.deal is not None:
                document = side.state.deal.document
                on_chain = self.chain.settled.get(self.chain.nonce(document)) == document.digest
                assert on_chain == (side.state.status == "final"), side.name


TestNegotiations = Negotiations.TestCase
