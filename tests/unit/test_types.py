"""Addresses and amounts are exact or refused."""

from decimal import Decimal

import pytest
from eth_utils import to_checksum_address
from hypothesis import given
from hypothesis import strategies as st

from peersettle.errors import InvalidField
from peersettle.types import address, checksummed, from_units, hash32, to_units, uint


@given(st.binary(min_size=20, max_size=20))
def test_checksums_are_those_of_eip_55(raw: bytes):
    assert str(checksummed(raw)) == str(to_checksum_address(raw))
    assert address("0x" + raw.hex()) == checksummed(raw)


@given(st.binary(min_size=20, max_size=20), st.data())
def test_a_wrong_checksum_is_refused(raw: bytes, data: st.DataObject):
    right = checksummed(raw)
    letters = [i for i, char in enumerate(right) if i > 1 and char.isalpha()]
    if len(letters) < 2:
        return
    place = data.draw(st.sampled_from(letters))
    wrong = right[:place] + right[place].swapcase() + right[place + 1 :]
    if wrong[2:] in (wrong[2:].lower(), wrong[2:].upper()):
        return
    with pytest.raises(InvalidField, match=right):
        address(wrong)


@pytest.mark.parametrize(
    "value", [None, 5, "", "0x", "0x12", "12" * 20, "0x" + "g" * 40, "0x" + "1" * 41, " 0x" + "1" * 40]
)
def test_what_is_no_address_is_refused(value: object):
    with pytest.raises(InvalidField):
        address(value)


@given(st.integers(0, 2**256 - 1), st.integers(0, 36))
def test_amounts_come_back_exactly(units: int, decimals: int):
    assert to_units(from_units(units, decimals), decimals) == units


@pytest.mark.parametrize("amount", ["0.0000001", "-1", "nan", "inf", "1e90", "", "ten", "1,5", None])
def test_what_is_no_amount_is_refused(amount: object):
    with pytest.raises(InvalidField):
        to_units(amount, 6)  # type: ignore[arg-type]


def test_amounts_read_as_people_write_them():
    assert to_units("3.5", 6) == 3_500_000
    assert to_units(Decimal("1e3"), 6) == 10**9
    assert from_units(3_500_000, 6) == "3.5"
    assert from_units(10**9, 6) == "1000"


@pytest.mark.parametrize("value", [True, -1, 2**256, 1.0, "1", None])
def test_what_is_no_uint_is_refused(value: object):
    with pytest.raises(InvalidField):
        uint(value, "amount")


@pytest.mark.parametrize("value", ["0x12", "12" * 32, b"12", "0x" + "z" * 64, 5])
def test_what_is_no_hash_is_refused(value: object):
    with pytest.raises(InvalidField):
        hash32(value)
