"""Cards: who speaks for which addresses."""

import json
from dataclasses import replace

import pytest
from eth_account.messages import encode_typed_data
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.network.world import DOMAIN, MAKER, NOW, OTHER, TAKER

from peersettle.errors import InvalidDocument, InvalidField, ProtocolError
from peersettle.network import Card, Claim, Contact, Identity
from peersettle.network.identity import EARLY, speaker_digest, speaker_typed_data
from peersettle.trades import Domain
from peersettle.types import keccak

CONTACT = Contact("12D3KooWpeer", ("/ip4/127.0.0.1/tcp/7411",))


def card(*signers, contact=CONTACT, domain=DOMAIN, at=NOW, **options) -> Card:
    return Identity(domain, signers or (TAKER,), **options).card(contact, at)


def test_a_card_speaks_for_those_who_signed_it():
    it = card(TAKER, MAKER)
    it.verify(CONTACT.peer, DOMAIN.chain_id, NOW)
    assert it.speaks_for(TAKER.address)
    assert it.speaks_for(MAKER.address)
    assert not it.speaks_for(OTHER.address)
    assert it.contact == CONTACT


@pytest.mark.parametrize(
    "change",
    [
        {"peer": "12D3KooWother"},
        {"chain_id": 1},
        {"issued_at": int(NOW) + 1},
        {"expires_at": int(NOW) + 86_401},
        {"claims": (Claim(OTHER.address, card().claims[0].signature),)},
        {"claims": (Claim(TAKER.address, bytes(65)),)},
        {"claims": (Claim(TAKER.address, card().claims[0].signature[:-1] + b"\x63"),)},
        {"claims": (*card().claims, Claim(OTHER.address, card().claims[0].signature))},
    ],
    ids=str,
)
def test_a_card_with_anything_changed_is_refused(change):
    forged = replace(card(), **change)
    with pytest.raises(ProtocolError, match="has not signed"):
        forged.verify(forged.peer, forged.chain_id, NOW + 1)


def test_a_card_is_for_its_peer_its_chain_and_its_time():
    it = card()
    for peer, chain, now in [
        ("other", DOMAIN.chain_id, NOW),
        (CONTACT.peer, 1, NOW),
        (CONTACT.peer, DOMAIN.chain_id, it.issued_at - EARLY - 1),
        (CONTACT.peer, DOMAIN.chain_id, it.expires_at),
    ]:
        with pytest.raises(ProtocolError):
            it.verify(peer, chain, now)


def test_where_a_peer_listens_can_change_without_a_signature():
    moved = replace(card(), listens=("/ip4/10.0.0.1/tcp/1",))
    moved.verify(CONTACT.peer, DOMAIN.chain_id, NOW)


def test_the_digest_is_that_of_the_typed_data_that_wallets_show():
    it = card()
    signable = encode_typed_data(full_message=speaker_typed_data(it, TAKER.address))
    theirs = keccak(b"\x19" + signable.version + signable.header + signable.body)
    assert speaker_digest(it, TAKER.address) == theirs


def test_a_signer_that_shows_typed_data_makes_the_same_card():
    class Wallet:
        address = TAKER.address

        def sign_typed_data(self, full_message):
            return TAKER.sign_typed_data(full_message)

        def sign_transaction(self, transaction):
            raise NotImplementedError

    assert card(Wallet()) == card(TAKER)


@given(
    st.lists(st.sampled_from([TAKER, MAKER, OTHER]), min_size=1, max_size=3, unique_by=id),
    st.lists(st.from_regex(r"/[!-~]{1,50}", fullmatch=True), max_size=8),
    st.integers(1, 2**63),
    st.floats(0, 2**40),
    st.integers(1, 90 * 86_400),
)
def test_a_card_survives_its_json(signers, listens, chain_id, now, life):
    contact = Contact("peer", tuple(listens))
    it = card(*signers, contact=contact, domain=Domain(chain_id, DOMAIN.settlement), at=now, life=life)
    again = Card.from_json(json.loads(json.dumps(it.to_json())))
    assert again == it
    again.verify("peer", chain_id, now)


@pytest.mark.parametrize(
    "change",
    [
        {"peer": ""},
        {"peer": "a b"},
        {"peer": "x" * 101},
        {"listens": ["no"]},
        {"listens": ["/x"] * 9},
        {"listens": ["/" + "x" * 200]},
        {"claims": []},
        {"claims": card().to_json()["claims"] * 2},
        {"expires_at": str(int(NOW))},
        {"expires_at": str(int(NOW) + 91 * 86_400)},
        {"issued_at": int(NOW)},
        {"more": 1},
        {"claims": [{"account": TAKER.address, "signature": "0x00"}]},
    ],
    ids=str,
)
def test_a_malformed_card_is_refused(change):
    with pytest.raises(InvalidDocument):
        Card.from_json({**card().to_json(), **change})


def test_somebody_must_sign():
    with pytest.raises(InvalidField, match="signers"):
        Identity(DOMAIN, ())
    with pytest.raises(InvalidField, match="signers"):
        Identity(DOMAIN, (TAKER,) * 17)
