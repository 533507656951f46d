"""Envelopes."""

import json
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.network.world import DOMAIN, NOW, TAKER, ask, offer, request

from peersettle.errors import PeerRefused, ProtocolError
from peersettle.network import Contact, Identity
from peersettle.network.wire import (
    ANSWERS,
    DIRECT,
    MAX_GOSSIP,
    MAX_SKEW,
    PUBLISHED,
    Announcement,
    Hello,
    Ok,
    Presence,
    Refusal,
    seal,
    unseal_answer,
    unseal_direct,
    unseal_published,
)
from peersettle.rfq import Asset, Decline, Item, dump
from peersettle.signing import KeySigner
from peersettle.trades import Domain, LegKind

CARD = Identity(DOMAIN, (TAKER,)).card(Contact("peer", ("/ip4/127.0.0.1/tcp/1",)), NOW)
OPTION = Asset(LegKind.POSITION, DOMAIN.settlement)
times = st.floats(0, 2**39)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)
EACH = [
    (DIRECT, unseal_direct, Hello(CARD)),
    (DIRECT, unseal_direct, request()),
    (DIRECT, unseal_direct, offer()),
    (ANSWERS, unseal_answer, Ok()),
    (ANSWERS, unseal_answer, Hello(CARD)),
    (ANSWERS, unseal_answer, Refusal("busy", "later, please — “so”")),
    (PUBLISHED, unseal_published, Presence(CARD)),
    (PUBLISHED, unseal_published, Announcement(CARD, request())),
]


@given(st.sampled_from(EACH), times, st.floats(-MAX_SKEW + 0.01, MAX_SKEW - 0.01))
def test_what_is_sealed_is_unsealed_within_the_skew(each, now, skew):
    codec, unseal, body = each
    assert unseal(seal(codec, body, now), max(0.0, now + skew)) == body


@given(st.sampled_from(EACH), st.floats(1_000, 2**39), st.floats(MAX_SKEW + 0.01, 900), st.sampled_from([-1, 1]))
def test_a_clock_beyond_the_skew_is_refused_with_both_times(each, now, skew, way):
    codec, unseal, body = each
    with pytest.raises(PeerRefused) as caught:
        unseal(seal(codec, body, now), now + way * skew)
    assert caught.value.code == "clock"
    assert f"{now:.3f}" in str(caught.value)
    assert f"{now + way * skew:.3f}" in str(caught.value)


@given(st.binary(max_size=2_000))
def test_whatever_bytes_come_they_are_garbage_and_nothing_else(data):
    for unseal in (unseal_direct, unseal_answer, unseal_published):
        with pytest.raises(ProtocolError):
            unseal(data, NOW)


@given(json_values, json_values, json_values)
def test_whatever_json_comes_it_is_refused_in_good_order(version, sent_at, body):
    for candidate in (body, {"peersettle": version, "sent_at": sent_at, "body": body}):
        data = json.dumps(candidate).encode()
        for unseal in (unseal_direct, unseal_answer, unseal_published):
            with pytest.raises((ProtocolError, PeerRefused)):
                unseal(data, NOW)


@given(st.sampled_from(EACH), st.data())
def test_a_message_with_bytes_changed_is_itself_or_refused(each, data):
    codec, unseal, body = each
    sealed = bytearray(seal(codec, body, NOW))
    for _ in range(data.draw(st.integers(1, 3))):
        sealed[data.draw(st.integers(0, len(sealed) - 1))] = data.draw(st.integers(0, 255))
    with suppress(ProtocolError, PeerRefused):
        assert type(unseal(bytes(sealed), NOW)) in {type(item) for _, _, item in EACH}


def test_each_channel_takes_its_own_kinds_only():
    for codec, _, body in EACH:
        for other, unseal in ((DIRECT, unseal_direct), (ANSWERS, unseal_answer), (PUBLISHED, unseal_published)):
            if type(body) not in other.kinds.values():
                with pytest.raises(ProtocolError, match="unknown"):
                    unseal(seal(codec, body, NOW), NOW)


def test_another_version_is_no_garbage():
    data = dump({"peersettle": 2, "whatever": "it has"})
    with pytest.raises(PeerRefused, match="we speak 1") as caught:
        unseal_direct(data, NOW)
    assert caught.value.code == "version"


@pytest.mark.parametrize(
    "envelope",
    [
        b'{"peersettle":1,"sent_at":%d}',
        b'{"peersettle":1,"sent_at":%d,"body":{"type":"ok"},"more":1}',
        b'{"peersettle":true,"sent_at":%d,"body":{"type":"ok"}}',
        b'{"peersettle":1,"sent_at":"%d","body":{"type":"ok"}}',
        b'{"peersettle":1,"sent_at":NaN,"body":{"type":"ok"},"x":%d}',
        b'{"peersettle":1,"sent_at":%d,"body":{"type":"ok"},"body":{"type":"ok"}}',
        b'{"peersettle":1,"sent_at":%d,"body":{"type":"ok","more":1}}',
    ],
)
def test_an_envelope_has_its_fields_once_and_no_others(envelope):
    with pytest.raises(ProtocolError):
        unseal_answer(envelope % int(NOW), NOW)


def test_too_large_is_refused_before_it_is_read():
    for unseal, most in ((unseal_direct, 64 * 1024), (unseal_answer, 64 * 1024), (unseal_published, MAX_GOSSIP)):
        with pytest.raises(ProtocolError, match=f"more than {most}"):
            unseal(b"[" * (most + 1), NOW)


def test_the_largest_message_that_can_be_built_can_be_sent():
    text = "\U0001f600" * 500  # twelve bytes each, as JSON escapes them
    assert unseal_direct(seal(DIRECT, Decline(ask().request_id, "no", text), NOW), NOW).text == text
    assert unseal_answer(seal(ANSWERS, Refusal("no", text), NOW), NOW).text == text


def test_the_largest_announcement_that_can_be_built_can_be_published():
    contact = Contact("p" * 100, tuple("/" + "x" * 198 + str(n) for n in range(8)))
    signers = tuple(KeySigner((n + 1).to_bytes(32, "big")) for n in range(16))
    card = Identity(Domain(2**64 - 1, DOMAIN.settlement), signers).card(contact, NOW)
    items = tuple(
        Item(replace(OPTION, token=DOMAIN.settlement, id=2**256 - 1 - n), 2**64 - 1, to_taker=True) for n in range(15)
    )
    largest = request(items=items, domain=Domain(2**64 - 1, DOMAIN.settlement), sub_account=2**95 - 1)
    body = Announcement(card, largest)
    assert unseal_published(seal(PUBLISHED, body, NOW), NOW) == body
