"""What is signed is what wallets, by EIP-712, show and sign."""

import json

from eth_account import Account
from eth_account.messages import encode_typed_data
from hypothesis import given
from tests.unit.reports.strategies import domains, messages, reports

from peersettle.reports import digest, typed_data
from peersettle.reports.typed_data import BATCH_TYPE, REPORT_TYPE, SURFACE_TYPE, domain_separator
from peersettle.types import keccak


@given(domains, messages)
def test_a_digest_is_that_of_eth_account(domain, message):
    signable = encode_typed_data(full_message=typed_data(domain, message))
    assert keccak(b"\x19\x01" + signable.header + signable.body) == digest(domain, message)


@given(domains, domains, messages, messages)
def test_another_message_or_place_has_another_digest(here, there, one, other):
    assert (digest(here, one) == digest(there, one)) == (here == there)
    assert (digest(here, one) == digest(here, other)) == (one == other)


@given(domains, reports())
def test_a_wallets_signature_recovers_over_the_digest(domain, report):
    signer = Account.from_key(b"\x01" * 32)
    signed = signer.sign_typed_data(full_message=typed_data(domain, report))
    assert bytes(signed.message_hash) == digest(domain, report)


@given(domains, messages)
def test_a_reader_of_doubles_loses_no_digit(domain, message):
    """As a wallet in JavaScript reads it: whole numbers are text."""
    shown = typed_data(domain, message)["message"]
    read = json.loads(json.dumps(shown), parse_int=float)
    assert read == shown
    assert not [value for value in shown.values() if isinstance(value, int)]


def test_types_are_those_of_the_contract():
    assert REPORT_TYPE == "Report(bytes32 feed,int256 value,uint64 observedAt)"
    assert BATCH_TYPE == "Batch(bytes items,uint64 observedAt)"
    assert SURFACE_TYPE == "Surface(bytes32 feed,uint256[] slices,uint64 observedAt)"


@given(domains)
def test_the_separator_is_that_of_eth_account(domain):
    fields = {"name": "PeerSettle Oracle", "version": "1", "chainId": domain.chain_id}
    signable = encode_typed_data(
        {**fields, "verifyingContract": domain.oracle}, {"A": [{"name": "a", "type": "uint8"}]}, {"a": 1}
    )
    assert signable.header == domain_separator(domain)
