"""Amounts and addresses: exact both ways, and a slip of the finger is refused."""

from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peersettle.errors import InvalidField
from peersettle.types import UINT256_MAX, address, checksummed, from_units, hash32, to_units, uint

units = st.integers(0, UINT256_MAX)
decimals = st.integers(0, 77)
raw_accounts = st.binary(min_size=20, max_size=20)


@given(units, decimals)
def test_units_come_back_as_they_went(amount, places):
    text = from_units(amount, places)
    assert to_units(text, places) == amount
    assert Decimal(text) * 10**0 == Decimal(text)
    assert "e" not in text.lower()
    assert "." not in text or not text.endswith(("0", "."))


@given(units, st.integers(0, 30), st.integers(1, 9))
def test_a_decimal_too_many_is_refused(amount, places, digit):
    whole, _, part = from_units(amount, places).partition(".")
    with pytest.raises(InvalidField, match="decimals"):
        to_units(f"{whole}.{part.ljust(places, '0')}{digit}", places)


@pytest.mark.parametrize(
    ("text", "places", "expected"),
    [("1.50", 6, 1_500_000), ("0", 0, 0), ("1e3", 2, 100_000), (7, 3, 7_000), ("0.000001", 6, 1), ("1.000", 0, 1)],
)
def test_examples(text, places, expected):
    assert to_units(text, places) == expected


@pytest.mark.parametrize("amount", ["", "x", "-1", "NaN", "Infinity", "-0.5", "1,5", None, "0x10", str(2**256)])
def test_what_is_no_amount_is_refused(amount):
    with pytest.raises(InvalidField):
        to_units(amount, 6)


@given(raw_accounts)
def test_an_address_is_read_in_every_case(raw):
    right = checksummed(raw)
    for text in (right, "0x" + raw.hex(), "0x" + raw.hex().upper(), "0X" + raw.hex()):
        assert address(text) == right


@given(raw_accounts, st.data())
def test_one_letter_of_the_wrong_case_is_refused(raw, data):
    right = checksummed(raw)
    letters = [at for at, digit in enumerate(right) if at > 1 and digit.isalpha()]
    if not letters:
        return
    at = data.draw(st.sampled_from(letters))
    wrong = right[:at] + right[at].swapcase() + right[at + 1 :]
    if wrong[2:] in (wrong[2:].lower(), wrong[2:].upper()):
        assert address(wrong) == right
    else:
        with pytest.raises(InvalidField, match=f"did you mean {right}"):
            address(wrong)


@given(raw_accounts, st.data())
def test_one_wrong_digit_is_noticed(raw, data):
    """By the checksum, mostly; and what it misses is another address, never this one."""
    right = checksummed(raw)
    at = data.draw(st.integers(2, 41))
    digit = data.draw(st.sampled_from("0123456789").filter(lambda d: d != right[at]))
    with suppress(InvalidField):
        assert address(right[:at] + digit + right[at + 1 :]) != right


@pytest.mark.parametrize(
    "value", ["", "0x", "0x12", "11" * 20, "0x" + "11" * 19, "0x" + "11" * 21, "0x" + "zz" * 20, 5]
)
@pytest.mark.parametrize("read", [address, hash32])
def test_what_is_no_address_or_hash_is_refused(read, value):
    with pytest.raises(InvalidField):
        read(value)


@pytest.mark.parametrize("value", [True, False, 1.0, "1", None, -1, 2**256])
def test_what_is_no_word_is_refused(value):
    with pytest.raises(InvalidField, match="amount"):
        uint(value, "amount")
