"""Who may say what, over the in-memory transport."""

import asyncio
import json
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.network.world import (
    DOMAIN,
    MAKER,
    NOW,
    OTHER,
    TAKER,
    Inbox,
    ManualClock,
    ask,
    offer,
    request,
    settle,
    taker_and_maker,
    world,
)

from peersettle.errors import InvalidField, PeerRefused, PeerUnreachable, ProtocolError
from peersettle.network import Contact, Faults, Identity, Rules
from peersettle.network.directory import MAX_CARDS, Directory
from peersettle.network.wire import ANSWERS, DIRECT, PUBLISHED, Announcement, Hello, Presence, seal
from peersettle.rfq import dump
from peersettle.trades import Domain

TOPIC = Identity(DOMAIN, (TAKER,)).topic


def run(work):
    return asyncio.run(work)


def answer_of(data):
    return ANSWERS.decode(json.loads(data)["body"])


async def stranger(place, name="stranger"):
    """A transport without a node: it says what it likes."""
    transport = place.network.transport(name)

    async def deaf(*_):
        return b""

    async def deaf_too(*_):
        return True

    await transport.start(deaf, deaf_too)
    return transport


async def says(transport, data, to="maker"):
    return answer_of(await transport.request(Contact(to), data, 5.0))


@cache
def card(peer="stranger", signer=OTHER, at=NOW, **options):
    return Identity(DOMAIN, (signer,), **options).card(Contact(peer), at)


def test_a_message_arrives_with_its_sender_and_cards_are_exchanged_first():
    async def scene():
        async with taker_and_maker() as place:
            await place.nodes["taker"].send("maker", request())
            await place.nodes["maker"].send("taker", offer())
            assert place.inboxes["maker"] == [("taker", request())]
            assert place.inboxes["taker"] == [("maker", offer())]
            assert place.nodes["maker"].find(TAKER.address.lower()) == "taker"

    run(scene())


def test_an_announcement_reaches_everybody_and_can_be_answered_without_more_ado():
    async def scene():
        async with world(("taker", TAKER), ("maker", MAKER), ("other", OTHER)) as place:
            await place.nodes["taker"].announce(request())
            await settle()
            assert place.inboxes["maker"] == place.inboxes["other"] == [("taker", request())]
            assert place.inboxes["taker"] == []
            await place.nodes["maker"].send("taker", offer())
            assert place.inboxes["taker"].messages == [offer()]

    run(scene())


def test_a_node_finds_the_others_by_their_presence():
    async def scene():
        async with world(("taker", TAKER), ("maker", MAKER), ("other", OTHER)) as place:
            await place.clock.advance(6)
            for name, node in place.nodes.items():
                assert {card.peer for card in node.known()} == {"taker", "maker", "other"} - {name}

    run(scene())


def test_cards_are_made_anew_before_they_expire_and_who_stays_is_spoken_to_for_days():
    async def scene():
        async with world(("taker", TAKER), ("maker", MAKER)) as place:
            await place.clock.advance(6)
            first = place.nodes["maker"].card
            for day in range(1, 4):
                for _ in range(24):  # a card holds for 24 hours
                    await place.clock.advance(3_600)
                await settle(500)
                await place.nodes["taker"].send("maker", request(day))
            assert len(place.inboxes["maker"].messages) == 3
            card = place.nodes["maker"].card
            assert card.expires_at > place.clock.now() > first.expires_at
            assert place.nodes["taker"].known() == (card,)

    run(scene())


def test_find_knows_identities_names_and_addresses():
    async def scene():
        async with world(("maker", MAKER)) as place:
            node = await place.node("taker", TAKER, names={"desk": Contact("maker")})
            await place.clock.advance(6)
            assert {node.find(text) for text in ("maker", "desk", MAKER.address, MAKER.address.upper())} == {"maker"}
            with pytest.raises(InvalidField, match="desk"):
                node.find("nobody")
            await place.node("twin", MAKER)
            await place.clock.advance(6)
            with pytest.raises(InvalidField, match="maker, twin"):
                node.find(MAKER.address)

    run(scene())


def test_an_unknown_peer_is_refused():
    async def scene():
        async with taker_and_maker() as place:
            who = await stranger(place)
            answer = await says(who, seal(DIRECT, ask(), NOW))
            assert answer.code == "unknown"
            assert place.inboxes["maker"] == []

    run(scene())


def test_an_address_that_the_card_does_not_speak_for_is_refused_and_counts():
    async def scene():
        async with taker_and_maker() as place:
            who = await stranger(place)
            await says(who, seal(DIRECT, Hello(card()), NOW))
            for message in (request(taker=TAKER), offer(maker=MAKER)):
                assert (await says(who, seal(DIRECT, message, NOW))).code == "garbage"
            await who.publish(TOPIC, seal(PUBLISHED, Announcement(card(), request(taker=TAKER)), NOW))
            await settle()
            assert place.inboxes["maker"] == []
            assert place.nodes["maker"].counters["garbage"] == 3

    run(scene())


def test_we_do_not_say_what_peers_would_call_forged():
    async def scene():
        async with taker_and_maker() as place:
            with pytest.raises(InvalidField, match="we speak for"):
                await place.nodes["taker"].send("maker", request(taker=OTHER))
            with pytest.raises(InvalidField, match="we speak for"):
                await place.nodes["taker"].announce(request(taker=OTHER))
            with pytest.raises(InvalidField, match="we settle by"):
                await place.nodes["taker"].announce(request(domain=Domain(1, DOMAIN.settlement)))

    run(scene())


def test_a_replayed_card_of_another_peer_is_refused():
    async def scene():
        async with taker_and_maker() as place:
            who = await stranger(place)
            stolen = place.nodes["taker"].card
            assert (await says(who, seal(DIRECT, Hello(stolen), NOW))).code == "garbage"
            await who.publish(TOPIC, seal(PUBLISHED, Presence(stolen), NOW))
            await settle()
            assert "stranger" not in {each.peer for each in place.nodes["maker"].known()}
            assert place.nodes["maker"].counters["garbage"] == 2

    run(scene())


def test_firm_messages_are_refused_on_gossip():
    async def scene():
        async with taker_and_maker() as place:
            who = await stranger(place)
            await says(who, seal(DIRECT, Hello(card()), NOW))
            await who.publish(TOPIC, seal(DIRECT, offer(maker=OTHER), NOW))
            await settle()
            assert place.inboxes["maker"] == []
            assert place.nodes["maker"].counters["garbage"] == 1

    run(scene())


@pytest.mark.parametrize(
    ("raised", "code", "garbage"),
    [
        (ProtocolError("nonsense"), "garbage", 1),
        (PeerRefused("not now", "later"), "later", 0),
        (PeerRefused("odd", "Not One Word"), "refused", 0),
        (RuntimeError("a secret of ours"), "failed", 0),
    ],
)
def test_what_the_handler_raises_is_what_the_sender_is_told(raised, code, garbage):
    async def scene():
        async with taker_and_maker() as place:
            place.inboxes["maker"].fails = raised
            with pytest.raises(PeerRefused) as caught:
                await place.nodes["taker"].send("maker", request())
            assert caught.value.code == code
            assert "secret" not in str(caught.value)
            assert place.nodes["maker"].counters["garbage"] == garbage
            place.inboxes["maker"].fails = None
            await place.nodes["taker"].send("maker", request())

    run(scene())


def test_who_sends_garbage_is_banned_until_the_ban_ends():
    async def scene():
        async with taker_and_maker(rules=Rules(garbage_limit=3, ban_seconds=100)) as place:
            who = await stranger(place)
            codes = [(await says(who, b"{}")).code for _ in range(4)]
            assert codes == ["garbage", "garbage", "garbage", "banned"]
            hello = seal(DIRECT, Hello(card()), NOW)
            assert (await says(who, hello)).code == "banned"
            await who.publish(TOPIC, seal(PUBLISHED, Presence(card()), NOW))
            await settle()
            assert "stranger" not in {each.peer for each in place.nodes["maker"].known()}
            with pytest.raises(PeerUnreachable, match="banned"):
                await place.nodes["maker"].send("stranger", ask())
            await place.clock.advance(101)
            assert isinstance(await says(who, seal(DIRECT, Hello(card(at=NOW)), place.clock.now())), Hello)

    run(scene())


def test_who_says_too_much_is_told_so_and_not_heard():
    async def scene():
        async with taker_and_maker(rules=Rules(direct_rate=1, direct_burst=5)) as place:
            who = await stranger(place)
            codes = [type(await says(who, seal(DIRECT, Hello(card()), NOW))).__name__ for _ in range(7)]
            assert codes == ["Hello"] * 5 + ["Refusal"] * 2
            await place.clock.advance(1)
            assert isinstance(await says(who, seal(DIRECT, Hello(card()), place.clock.now())), Hello)

    run(scene())


def test_a_clock_that_differs_is_told_with_both_times():
    async def scene():
        async with world(("maker", MAKER)) as place:
            node = await place.node("taker", TAKER, clock=ManualClock(NOW + 31))
            with pytest.raises(PeerRefused, match=r"1780000000.*1780000031|1780000031.*1780000000") as caught:
                await node.send("maker", request())
            assert caught.value.code == "clock"
            assert place.nodes["maker"].counters["garbage"] == 0
            await node.announce(request())
            await settle()
            assert place.inboxes["maker"] == []

    run(scene())


def test_a_replayed_message_is_refused_once_it_is_old():
    async def scene():
        async with taker_and_maker() as place:
            who = await stranger(place)
            await says(who, seal(DIRECT, Hello(card()), NOW))
            data = seal(DIRECT, request(taker=OTHER), NOW)
            await says(who, data)
            await place.clock.advance(31)
            assert (await says(who, data)).code == "clock"
            assert place.inboxes["maker"].messages == [request(taker=OTHER)]

    run(scene())


def test_a_peer_that_was_restarted_is_greeted_again():
    async def scene():
        async with taker_and_maker() as place:
            await place.nodes["taker"].send("maker", request(1))
            place.network.kill("maker")
            with pytest.raises(PeerUnreachable):
                await place.nodes["taker"].send("maker", request(2))
            await place.nodes["maker"].stop()
            await place.node("maker", MAKER)
            await place.nodes["taker"].send("maker", request(2))
            assert place.inboxes["maker"].messages == [request(1), request(2)]

    run(scene())


def test_a_peer_that_has_forgotten_us_is_greeted_again():
    async def scene():
        async with taker_and_maker() as place:
            await place.nodes["taker"].send("maker", request(1))
            await place.nodes["maker"].stop()
            await place.node("maker", MAKER)
            assert place.nodes["maker"].known() == ()
            await place.nodes["taker"].send("maker", request(2))
            assert place.nodes["taker"].counters["told_unknown"] == 1
            assert place.inboxes["maker"].messages == [request(1), request(2)]

    run(scene())


def test_a_newcomer_hears_from_those_who_have_long_been_there(monkeypatch):
    monkeypatch.setattr("peersettle.network.peers.FRIENDS", 0)

    async def scene():
        async with taker_and_maker() as place:
            await place.clock.advance(310)  # a presence was published just before, and the next comes in a minute
            node = await place.node("other", OTHER)
            await place.clock.advance(5)
            assert {card.peer for card in node.known()} == {"taker", "maker"}

    run(scene())


def test_who_has_no_card_that_holds_any_more_is_unknown():
    async def scene():
        async with taker_and_maker() as place:
            who = await stranger(place)
            await says(who, seal(DIRECT, Hello(card(life=10)), NOW))
            assert not hasattr(await says(who, seal(DIRECT, ask(), NOW)), "code")
            await place.clock.advance(10)
            assert (await says(who, seal(DIRECT, ask(), place.clock.now()))).code == "unknown"
            assert "stranger" not in {each.peer for each in place.nodes["maker"].known()}

    run(scene())


def test_cards_of_strangers_do_not_fill_the_memory_and_do_not_push_out_configured_peers():
    directory = Directory({"desk": Contact("desk")})
    directory.add(card("desk", life=1), NOW)
    for number in range(MAX_CARDS + 10):
        directory.add(replace(card("x"), peer=f"p{number}"), NOW)
    assert len(directory.cards(NOW)) == MAX_CARDS
    assert directory.card("desk", NOW) is not None


def test_an_older_card_does_not_take_the_place_of_a_newer_one():
    directory = Directory({})
    newer, older = card("x", at=NOW + 5), card("x", signer=MAKER, at=NOW)
    directory.add(newer, NOW)
    directory.add(older, NOW)
    assert directory.card("x", NOW) == newer


def test_a_peer_that_dies_while_it_answers_is_unreachable():
    async def scene():
        async with taker_and_maker() as place:
            await place.nodes["taker"].greet("maker")
            place.network.kill_before_answer("maker")
            with pytest.raises(PeerUnreachable):
                await place.nodes["taker"].send("maker", request())
            assert place.inboxes["maker"].messages == [request()], "it may have acted on it"

    run(scene())


def test_a_split_parts_peers_until_it_heals():
    async def scene():
        async with taker_and_maker() as place:
            await place.nodes["taker"].send("maker", request(1))
            place.network.split(["taker"], ["maker"])
            with pytest.raises(PeerUnreachable):
                await place.nodes["taker"].send("maker", request(2))
            await place.nodes["taker"].announce(request(3))
            await settle()
            place.network.heal()
            await place.nodes["taker"].send("maker", request(2))
            assert place.inboxes["maker"].messages == [request(1), request(2)]

    run(scene())


def test_a_card_is_renewed_before_it_ends():
    async def scene():
        async with taker_and_maker() as place:
            first = place.nodes["maker"].card
            await place.nodes["taker"].send("maker", request(1))
            for node in place.nodes.values():
                await node._renew()
            assert place.nodes["maker"].card.expires_at >= first.expires_at
            await place.nodes["taker"].send("maker", request(2))
            assert place.inboxes["maker"].messages == [request(1), request(2)]

    run(scene())


def test_a_configured_peer_is_greeted_as_soon_as_it_is_there():
    async def scene():
        async with world() as place:
            node = await place.node("taker", TAKER, names={"desk": Contact("maker")})
            await place.clock.advance(5)
            await place.node("maker", MAKER)
            place.network.split(["taker"], ["maker"])  # its presence is lost
            await place.clock.advance(3)
            place.network.heal()
            await place.clock.advance(20)
            assert MAKER.address in {account for each in node.known() for account in each.accounts}

    run(scene())


_FAULTS = st.builds(Faults, st.floats(0, 0.3), st.floats(0, 0.4), st.floats(0, 1), st.floats(0, 1))


@settings(max_examples=25)
@given(st.integers(0, 2**32), _FAULTS)
def test_who_tries_again_gets_through_a_bad_network_and_nothing_is_heard_that_was_not_said(seed, faults):
    async def scene():
        async with taker_and_maker(seed=seed, faults=faults, timeout=3.0) as place:
            said = [request(number) for number in range(5)]

            async def insist(message):
                while True:
                    try:
                        return await place.nodes["taker"].send("maker", message)
                    except PeerUnreachable:
                        pass

            await place.while_time_passes(asyncio.gather(*map(insist, said)), seconds=600)
            assert {message.request_id for message in place.inboxes["maker"].messages} == {m.request_id for m in said}

    run(scene())


@settings(max_examples=200)
@given(
    st.binary(max_size=300)
    | st.builds(
        lambda body: dump({"peersettle": 1, "sent_at": NOW, "body": body}),
        st.dictionaries(st.text(max_size=8), st.none() | st.integers() | st.text(max_size=8), max_size=4),
    )
)
def test_whatever_a_stranger_says_the_node_answers_and_lives(data):
    async def scene():
        async with taker_and_maker() as place:
            who = await stranger(place)
            assert (await says(who, data)).code in ("garbage", "clock", "version", "unknown")
            await who.publish(TOPIC, data)
            await settle()
            await place.nodes["taker"].send("maker", request())
            assert place.inboxes["maker"].messages == [request()]

    run(scene())


def test_nothing_is_left_behind_when_a_node_stops():
    async def scene():
        async with taker_and_maker() as place:
            await place.clock.advance(3)
            await place.nodes["taker"].stop()
            await place.nodes["taker"].stop()
        await settle()
        return [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]

    assert run(scene()) == []


def test_a_handler_that_never_ends_does_not_keep_others_waiting():
    async def scene():
        async with taker_and_maker() as place:

            class Stuck(Inbox):
                async def __call__(self, peer, message):
                    self.append((peer, message))
                    if message == ask(1):
                        await asyncio.Event().wait()

            place.nodes["maker"]._on_message = stuck = Stuck()
            stuck_send = asyncio.ensure_future(place.nodes["taker"].send("maker", ask(1)))
            await settle()
            await place.nodes["taker"].send("maker", ask(2))
            assert stuck.messages == [ask(1), ask(2)]
            await place.clock.advance(6)
            with pytest.raises(PeerUnreachable, match="5 s"):
                await stuck_send

    run(scene())
