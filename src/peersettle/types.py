"""The words that every room uses: addresses, hashes, amounts, and the checks that make them safe to build with."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation, localcontext
from functools import lru_cache
from typing import Final, NewType

from eth_hash.auto import keccak as _portable_keccak

from peersettle.errors import InvalidField

try:  # the C hash is several times faster and there on every CPython; without it the portable one serves
    from sha3 import keccak_256 as _fast_keccak
except ImportError:  # pragma: no cover
    _fast_keccak = None

Address = NewType("Address", str)
"""A checksummed 20-byte address."""

Hash32 = NewType("Hash32", bytes)
"""Exactly 32 bytes."""

_ADDRESS: Final = re.compile("0[xX][0-9a-fA-F]{40}")

ZERO_ADDRESS: Final = Address("0x" + "0" * 40)
ZERO_HASH: Final = Hash32(b"\0" * 32)
UINT256_MAX: Final = 2**256 - 1
WAD: Final = 10**18


def keccak(data: bytes) -> Hash32:
    """Keccak-256, as Ethereum uses it."""
    if _fast_keccak is None:
        return Hash32(_portable_keccak(data))
    return Hash32(_fast_keccak(data).digest())


@lru_cache(maxsize=65_536)
def checksummed(raw: bytes) -> Address:
    """The EIP-55 form of 20 raw bytes."""
    digits = raw.hex()
    marks = keccak(digits.encode()).hex()
    return Address("0x" + "".join(d.upper() if m > "7" else d for d, m in zip(digits, marks, strict=False)))


def address(value: object, field: str = "address") -> Address:
    """A checksummed address from 20-byte hex text.

    Mixed-case text must carry the right checksum: a typing error is refused, not sent money to.

    Raises:
        InvalidField: not an address, or its checksum is wrong.
    """
    right = _parse(value) if isinstance(value, str) else None
    if right is None:
        raise InvalidField(field, value, "give an address: 0x and 40 hex digits")
    assert isinstance(value, str)
    digits = value[2:]
    if digits != right[2:] and digits not in (digits.lower(), digits.upper()):
        raise InvalidField(field, value, f"the checksum is wrong; did you mean {right}?")
    return right


@lru_cache(maxsize=65_536)
def _parse(text: str) -> Address | None:
    if _ADDRESS.fullmatch(text) is None:
        return None
    return checksummed(bytes.fromhex(text[2:]))


def uint(value: object, field: str, bits: int = 256) -> int:
    """An unsigned integer of at most `bits` bits.

    Raises:
        InvalidField: not an integer (booleans and floats are none), or out of range.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidField(field, value, "give a whole number")
    if not 0 <= value < 2**bits:
        raise InvalidField(field, value, f"must lie in 0 .. 2**{bits} - 1")
    return value


def hash32(value: object, field: str = "hash") -> Hash32:
    """Exactly 32 bytes, from bytes or from 0x and 64 hex digits.

    Raises:
        InvalidField: anything else.
    """
    if isinstance(value, str) and value.startswith("0x"):
        try:
            value = bytes.fromhex(value[2:])
        except ValueError:
            raise InvalidField(field, value, "give 0x and 64 hex digits") from None
    if not isinstance(value, bytes) or len(value) != 32:
        raise InvalidField(field, value, "give 32 bytes, as 0x and 64 hex digits")
    return Hash32(bytes(value))


@dataclass(frozen=True, slots=True)
class Account:
    """A margin account: its owner and a sub-account, which counts from zero. Nothing registers it.

    Raises:
        InvalidField: no address, the zero address, or a sub-account of 2**95 and more; those name session keys.
    """

    owner: Address
    sub_account: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "owner", address(self.owner, "owner"))
        if self.owner == ZERO_ADDRESS:
            raise InvalidField("owner", self.owner, "must not be the zero address")
        uint(self.sub_account, "sub_account", 95)

    @property
    def id(self) -> int:
        """As contracts name it: owner 160 | sub-account 96 bits."""
        return int(self.owner, 16) << 96 | self.sub_account

    @classmethod
    def from_id(cls, value: int) -> Account:
        """Read an account off its id."""
        word = uint(value, "account")
        return cls(checksummed((word >> 96).to_bytes(20, "big")), word & (2**96 - 1))

    @classmethod
    def parse(cls, text: str) -> Account:
        """An account as `str` writes it: `0x…` or `0x…/1`.

        Raises:
            InvalidField: it is none.
        """
        owner, _, rest = text.partition("/")
        if rest and not (rest.isascii() and rest.isdigit()):
            raise InvalidField("account", text, "give an address, or an address and a sub-account, as 0x…/1")
        return cls(address(owner, "account"), int(rest or "0"))

    def __str__(self) -> str:
        return f"{self.owner}/{self.sub_account}" if self.sub_account else self.owner


def to_units(amount: str | int | Decimal, decimals: int, field: str = "amount") -> int:
    """A decimal amount in a token's smallest units, exactly.

    Raises:
        InvalidField: not a finite, non-negative number, more decimals than the token has, or too large.
    """
    try:
        with localcontext() as context:
            context.prec = 120
            scaled = Decimal(amount).scaleb(decimals)
            whole = scaled.to_integral_value()
    except (InvalidOperation, ValueError, TypeError):
        raise InvalidField(field, amount, "give a decimal number") from None
    if not scaled.is_finite() or scaled < 0:
        raise InvalidField(field, amount, "give a finite number, zero or more")
    if whole != scaled:
        raise InvalidField(field, amount, f"the token has {decimals} decimals, no more")
    return uint(int(whole), field)


def from_units(units: int, decimals: int) -> str:
    """Smallest units as plain decimal text, without trailing zeros."""
    with localcontext() as context:
        context.prec = 120
        text = format(Decimal(units).scaleb(-decimals), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
