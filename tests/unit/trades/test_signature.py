"""A signature is read in the forms that wallets make, and in no other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.trades.strategies import hashes, keys

from peersettle.errors import SignatureError
from peersettle.trades import Domain, Quote, Signature, Swap, recover, sign_digest
from peersettle.trades.signature import HALF_ORDER, ORDER
from peersettle.types import Address, Hash32, checksummed, keccak


def address_of(key) -> Address:
    return checksummed(keccak(key.public_key.format(compressed=False)[1:])[-20:])


def packed(r: int, s: int, v: int | None = None) -> bytes:
    return r.to_bytes(32, "big") + s.to_bytes(32, "big") + (b"" if v is None else bytes([v]))


@given(keys, hashes)
def test_every_form_names_the_signer(key, digest):
    signature = sign_digest(key, Hash32(digest))
    assert 0 < signature.s <= HALF_ORDER
    forms = [signature.to_bytes(), signature.to_compact(), packed(signature.r, signature.s, signature.parity)]
    assert [len(form) for form in forms] == [65, 64, 65]
    assert {Signature.from_bytes(form) for form in forms} == {signature}
    assert recover(Hash32(digest), signature) == address_of(key)


@given(keys, hashes, hashes)
def test_over_another_digest_it_is_somebody_elses(key, digest, other):
    signature = sign_digest(key, Hash32(digest))
    if digest != other:
        assert recover(Hash32(other), signature) != address_of(key)


@given(keys, hashes, st.integers(0, 255).filter(lambda v: v not in (0, 1, 27, 28)))
def test_no_other_v_is_read(key, digest, v):
    signature = sign_digest(key, Hash32(digest))
    with pytest.raises(SignatureError, match="v is"):
        Signature.from_bytes(packed(signature.r, signature.s, v))


@given(keys, hashes)
def test_the_other_half_of_a_signature_is_refused(key, digest):
    """ECDSA: (r, -s) with the other parity is valid too; only one of the two may count."""
    signature = sign_digest(key, Hash32(digest))
    twin = Signature(signature.r, ORDER - signature.s, 1 - signature.parity)
    assert recover(Hash32(digest), twin) == address_of(key)
    with pytest.raises(SignatureError, match="high"):
        Signature.from_bytes(twin.to_bytes())


@pytest.mark.parametrize("v", [0, 27])
@pytest.mark.parametrize(
    ("r", "s"),
    [(0, 1), (1, 0), (0, 0), (ORDER, 1), (1, ORDER), (2**256 - 1, 1), (1, HALF_ORDER + 1), (1, 2**256 - 1)],
)
def test_numbers_out_of_range_are_refused(r, s, v):
    with pytest.raises(SignatureError):
        Signature.from_bytes(packed(r, s, v))


def test_the_largest_low_s_is_read():
    assert Signature.from_bytes(packed(1, HALF_ORDER)).s == HALF_ORDER
    assert Signature.from_bytes(packed(1, HALF_ORDER | 1 << 255)).parity == 1


@given(st.binary(max_size=200).filter(lambda data: len(data) not in (64, 65)))
def test_no_other_length_is_read(data):
    with pytest.raises(SignatureError, match=f"this one {len(data)}"):
        Signature.from_bytes(data)


@given(st.binary(min_size=64, max_size=65), hashes)
def test_random_bytes_are_refused_or_somebodys(data, digest):
    try:
        signature = Signature.from_bytes(data)
        who = recover(Hash32(digest), signature)
    except SignatureError:
        return
    assert who != "0x" + "0" * 40


@given(keys, keys)
def test_verify_says_whose_it_is(key, other):
    maker, token = address_of(key), Address("0x" + "44" * 20)
    swap = Swap(maker, Address("0x" + "33" * 20), token, 5, token, 6, 7, 8)
    quote = Quote(Domain(1, Address("0x" + "11" * 20)), swap)
    with pytest.raises(SignatureError, match="has not signed"):
        quote.verify()
    signed = Quote(quote.domain, swap, sign_digest(other, quote.digest).to_bytes())
    if address_of(other) == maker:
        signed.verify()
    else:
        with pytest.raises(SignatureError) as raised:
            signed.verify()
        assert raised.value.values == {"signer": maker, "recovered": address_of(other)}
