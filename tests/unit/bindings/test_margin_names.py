"""How accounts, sessions and contracts yet to come are named."""

import pytest

from peersettle.bindings import session_sub_account
from peersettle.chain.margin_contracts import created_address
from peersettle.errors import InvalidField
from peersettle.types import ZERO_ADDRESS, Account, Address, address

OWNER = address("0x6ac7ea33f8831ea9dcc53393aaa88b25a785dbf0")


@pytest.mark.parametrize("sub", [0, 1, 2**95 - 1])
def test_an_account_is_read_off_its_id_and_its_text(sub):
    account = Account(OWNER, sub)
    assert account.id == int(OWNER, 16) << 96 | sub
    assert Account.from_id(account.id) == account
    assert Account.parse(str(account)) == account
    assert Account(Address(OWNER.lower()), sub) == account


@pytest.mark.parametrize(
    ("owner", "sub"),
    [(ZERO_ADDRESS, 0), (OWNER, 2**95), (OWNER, -1), (OWNER, True), ("0x12", 0), (OWNER[:-1] + "g", 0)],
)
def test_no_account_is_built_wrong(owner, sub):
    with pytest.raises(InvalidField):
        Account(owner, sub)


@pytest.mark.parametrize("text", [f"{OWNER}/x", f"{OWNER}/-1", "alice/1", f"{OWNER}/1/2"])
def test_a_text_that_is_no_account_is_refused(text):
    with pytest.raises(InvalidField):
        Account.parse(text)


def test_a_session_key_names_an_account_with_the_top_bit_of_a_sub_account():
    one, other = (session_sub_account(Account(OWNER, sub)) for sub in (0, 1))
    assert one != other
    for name in (one, other):
        assert name >> 95 == 1
        with pytest.raises(InvalidField):
            Account(OWNER, name)


# From go-ethereum, crypto_test.go, TestNewContractAddress.
@pytest.mark.parametrize(
    ("sender", "nonce", "contract"),
    [
        ("0x970e8128ab834e8eac17ab8e3812f010678cf791", 0, "0x333c3310824b7c685133f2bedb2ca4b8b4df633d"),
        ("0x970e8128ab834e8eac17ab8e3812f010678cf791", 1, "0x8bda78331c916a08481428e4b07c96d3e916d165"),
        ("0x970e8128ab834e8eac17ab8e3812f010678cf791", 2, "0xc9ddedf451bc62ce88bf9292afb13df35b670699"),
    ],
)
def test_the_address_of_a_contract_follows_from_sender_and_nonce(sender, nonce, contract):
    assert created_address(address(sender), nonce) == address(contract)


@pytest.mark.parametrize("nonce", [0, 1, 127, 128, 255, 256, 65_535, 65_536])
def test_the_address_agrees_with_rlp(nonce):
    rlp = pytest.importorskip("rlp")
    from peersettle.types import checksummed, keccak

    encoded = rlp.encode([bytes.fromhex(OWNER[2:]), nonce])
    assert created_address(OWNER, nonce) == checksummed(keccak(encoded)[12:])
