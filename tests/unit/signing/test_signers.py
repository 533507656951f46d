"""Signers agree with each other and with eth-account, and say clearly what is wrong."""

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from peersettle.errors import InputError, InvalidField, KeyStoreError
from peersettle.signing import DigestSigner, KeySigner, sign_as, sign_message
from peersettle.trades import Domain, Leg, LegKind, Quote, SignedTrade, Swap, Trade, typed_data
from peersettle.types import ZERO_ADDRESS, checksummed

MAKER = KeySigner(b"\1" * 32)
TAKER = KeySigner(b"\2" * 32)
OTHER = KeySigner(b"\3" * 32)
USDC, WETH, SETTLEMENT = (checksummed(bytes([n]) * 20) for n in (10, 11, 12))
DOMAIN = Domain(31337, SETTLEMENT)
SWAP = Swap(MAKER.address, TAKER.address, USDC, 100, WETH, 5, 7, 2**40)
TRADE = Trade(
    (MAKER.address, TAKER.address),
    (Leg(MAKER.address, TAKER.address, LegKind.ERC20, USDC, 0, 100),),
    nonce_word=0,
    nonce_mask=1,
    valid_after=0,
    deadline=2**40,
)
TRANSACTION = {
    "type": 2,
    "chainId": 31337,
    "nonce": 3,
    "to": USDC,
    "value": 0,
    "data": b"\x00\xab",
    "gas": 50_000,
    "maxFeePerGas": 10**9,
    "maxPriorityFeePerGas": 10**8,
}


@pytest.mark.parametrize("message", [SWAP, TRADE], ids=["swap", "trade"])
def test_digest_by_hand_and_full_typed_data_give_one_signature(message):
    full = typed_data(DOMAIN, message)
    theirs = Account.sign_message(encode_typed_data(full_message=full), MAKER.export_secret()).signature
    assert sign_message(MAKER, DOMAIN, message) == MAKER.sign_typed_data(full) == bytes(theirs)


def test_a_key_signs_transactions_as_eth_account_does():
    theirs = Account.sign_transaction(TRANSACTION, MAKER.export_secret()).raw_transaction
    assert MAKER.sign_transaction({**TRANSACTION, "from": MAKER.address}) == bytes(theirs)


def test_a_transaction_of_another_sender_is_refused():
    with pytest.raises(InputError, match=OTHER.address):
        MAKER.sign_transaction({**TRANSACTION, "from": OTHER.address})


def test_keys_are_digest_signers():
    assert isinstance(MAKER, DigestSigner)


def test_both_sides_sign_a_quote_in_their_own_place():
    quote = sign_as(TAKER, sign_as(MAKER, Quote(DOMAIN, SWAP)))
    quote.verify()
    assert quote.maker_signature
    assert quote.taker_signature
    assert quote.maker_signature != quote.taker_signature


def test_every_party_signs_a_trade():
    signed = sign_as(TAKER, sign_as(MAKER, SignedTrade(DOMAIN, TRADE)))
    signed.verify()
    assert signed.missing == ()


def test_who_is_no_party_cannot_sign():
    with pytest.raises(InvalidField, match="neither the maker"):
        sign_as(OTHER, Quote(DOMAIN, SWAP))
    with pytest.raises(InvalidField, match="no party"):
        sign_as(OTHER, SignedTrade(DOMAIN, TRADE))


def test_nobody_signs_as_the_taker_of_an_open_quote():
    swap = Swap(MAKER.address, ZERO_ADDRESS, USDC, 100, WETH, 5, 7, 2**40)
    with pytest.raises(InvalidField, match="open quote"):
        sign_as(TAKER, Quote(DOMAIN, swap))


@pytest.mark.parametrize("text", ["", "0x", "zz" * 32, "11" * 31, "00" * 32, "ff" * 32])
def test_a_malformed_key_is_a_keystore_error(text):
    with pytest.raises(KeyStoreError):
        KeySigner.from_environment("KEY", {"KEY": text})


def test_a_key_is_read_from_a_file_with_or_without_0x(tmp_path):
    path = tmp_path / "key"
    for text in ("01" * 32, "0x" + "01" * 32 + "\n"):
        path.write_text(text)
        assert KeySigner.from_file(path).address == MAKER.address
    with pytest.raises(KeyStoreError, match="cannot read"):
        KeySigner.from_file(tmp_path / "none")
