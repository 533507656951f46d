"""A document survives the mail, and whatever else arrives is refused as one."""

import json
from typing import Any

import coincurve
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peersettle.errors import InvalidDocument, SignatureError
from peersettle.trades import (
    Approval,
    Domain,
    Leg,
    LegKind,
    Quote,
    Signature,
    SignedTrade,
    Swap,
    Trade,
    load,
    sign_digest,
)
from peersettle.trades.documents import dump
from peersettle.types import Address, Hash32, checksummed, keccak

MAKER_KEY = coincurve.PrivateKey(bytes(keccak(b"maker")))
MAKER = checksummed(keccak(MAKER_KEY.public_key.format(compressed=False)[1:])[-20:])
TAKER, USDC, WETH = (Address("0x" + f"{n:040x}") for n in (2, 3, 4))
DOMAIN = Domain(31337, Address("0x" + "5e" * 20))

uints = st.integers(0, 2**256 - 1)
hashes = st.binary(min_size=32, max_size=32).map(Hash32)
addresses = st.integers(1, 2**160 - 1).map(lambda n: checksummed(n.to_bytes(20, "big")))
signatures = st.builds(lambda digest: sign_digest(MAKER_KEY, digest), hashes)
approvals = st.lists(
    st.builds(Approval, st.integers(0, 15), st.integers(1, 3), uints, uints, uints, signatures),
    max_size=3,
).map(lambda items: tuple(sorted(items, key=lambda a: a.leg)))


@st.composite
def quotes(draw: st.DrawFn) -> Quote:
    parties = draw(st.lists(addresses, min_size=2, max_size=2, unique=True))
    swap = Swap(
        parties[0],
        parties[1],
        draw(addresses),
        draw(uints),
        draw(addresses),
        draw(uints),
        draw(uints),
        draw(uints),
        draw(hashes),
    )
    return Quote(DOMAIN, swap, draw(st.binary(max_size=80)), draw(st.binary(max_size=80)), draw(approvals))


@st.composite
def trades(draw: st.DrawFn) -> SignedTrade:
    parties = draw(st.lists(addresses, min_size=1, max_size=8, unique=True))
    legs = draw(
        st.lists(
            st.builds(
                Leg,
                st.sampled_from(parties),
                st.sampled_from(parties),
                st.just(LegKind.ERC1155),
                addresses,
                uints,
                uints,
            ),
            max_size=16,
        )
    )
    trade = Trade(tuple(parties), tuple(legs), draw(uints), draw(st.integers(1, 2**255 - 1)), draw(uints), draw(uints))
    signed = {party: draw(st.binary(min_size=1, max_size=80)) for party in draw(st.sets(st.sampled_from(parties)))}
    return SignedTrade(DOMAIN, trade, signed, draw(approvals))


@given(st.one_of(quotes(), trades()))
def test_a_document_comes_back_as_it_was(document: Quote | SignedTrade):
    assert load(dump(document)) == document


junk = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=8),
    st.just([]),
    st.just({}),
    st.just("0x"),
    st.just("1" * 90),
    st.just("²"),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    if isinstance(value, dict):
        for key, item in value.items():
            found += places(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            found += places(item, (*path, index))
    return found


@given(document=st.one_of(quotes(), trades()), data=st.data())
def test_one_change_is_refused_or_still_means_something(document: Quote | SignedTrade, data: st.DataObject):
    form = document.to_json()
    path = data.draw(st.sampled_from(places(form)))
    inside: Any = form
    for step in path[:-1]:
        inside = inside[step]
    action = data.draw(st.sampled_from(["replace", "remove", "add"]))
    if action == "replace":
        inside[path[-1]] = data.draw(junk)
    elif action == "remove":
        del inside[path[-1]]
    elif isinstance(inside, dict):
        inside["unknown"] = data.draw(junk)
    try:
        again = load(json.dumps(form))
    except InvalidDocument:
        return
    assert load(dump(again)) == again


@pytest.mark.parametrize("text", ["", "[]", "null", "{", '{"format": "peersettle.quote", "version": 2}', "[" * 9_999])
def test_what_is_no_document_is_refused(text: str):
    with pytest.raises(InvalidDocument):
        load(text)


def swap(**changes: Any) -> Swap:
    fields: dict[str, Any] = {
        "maker": MAKER,
        "taker": TAKER,
        "maker_token": USDC,
        "maker_amount": 100,
        "taker_token": WETH,
        "taker_amount": 5,
        "nonce": 1,
        "deadline": 2_000_000_000,
    }
    return Swap(**(fields | changes))


def test_a_tampered_quote_says_who_signed_what():
    quote = Quote(DOMAIN, swap())
    signed = Quote(DOMAIN, swap(), sign_digest(MAKER_KEY, quote.digest).to_bytes())
    signed.verify()
    for changed in (
        Quote(DOMAIN, swap(maker_amount=99), signed.maker_signature),
        Quote(Domain(1, DOMAIN.settlement), swap(), signed.maker_signature),
    ):
        with pytest.raises(SignatureError, match=MAKER):
            changed.verify()
    with pytest.raises(SignatureError, match="has not signed"):
        quote.verify()


def test_a_signature_reads_in_every_form_and_is_refused_in_none_other():
    signature = sign_digest(MAKER_KEY, keccak(b"message"))
    v = signature.to_bytes()[64]
    for data in (
        signature.to_bytes(),
        signature.to_compact(),
        signature.to_bytes()[:64] + bytes([v - 27]),
    ):
        assert Signature.from_bytes(data) == signature
    high = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141 - signature.s
    for bad in (
        b"",
        bytes(64),
        bytes(65),
        signature.to_bytes()[:64] + bytes([29]),
        signature.to_bytes() + b"\0",
        signature.to_bytes()[:32] + high.to_bytes(32, "big") + bytes([55 - v]),
    ):
        with pytest.raises(SignatureError):
            Signature.from_bytes(bad)
