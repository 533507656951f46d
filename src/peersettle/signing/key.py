"""A private key in memory. It can sign and be exported on purpose; nothing shows it by accident."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NoReturn

import coincurve

from peersettle.errors import InputError, KeyStoreError
from peersettle.trades import sign_digest
from peersettle.types import Address, Hash32, checksummed, keccak

DEFAULT_VARIABLE: Final = "PEERSETTLE_KEY"
"""The environment variable that a raw key is read from, unless the configuration names another."""


class KeySigner:
    """Signs with a key held in memory. `repr` shows the address only; it cannot be pickled or copied.

    Raises:
        KeyStoreError: not 32 bytes, or no key of the curve. The message never has the value.
    """

    __slots__ = ("_address", "_key")

    def __init__(self, secret: bytes) -> None:
        self._key = _private_key(secret)
        self._address = checksummed(keccak(self._key.public_key.format(compressed=False)[1:])[-20:])

    @classmethod
    def random(cls) -> KeySigner:
        """A fresh key from the operating system's randomness."""
        return cls(coincurve.PrivateKey().secret)

    @classmethod
    def from_hex(cls, text: str, source: str = "the key") -> KeySigner:
        """A key from 64 hex digits, with or without 0x. `source` says in errors where the text came from.

        Raises:
            KeyStoreError: anything else.
        """
        digits = text.strip().removeprefix("0x")
        try:
            if len(digits) != 64:
                raise ValueError
            secret = bytes.fromhex(digits)
        except ValueError:
            raise KeyStoreError(f"{source} is not a private key: give 64 hex digits") from None
        return cls(secret)

    @classmethod
    def from_environment(cls, variable: str = DEFAULT_VARIABLE, environ: Mapping[str, str] = os.environ) -> KeySigner:
        """The key in an environment variable.

        Raises:
            KeyStoreError: not set, or no key.
        """
        text = environ.get(variable, "")
        if not text:
            raise KeyStoreError(f"the environment variable {variable} is not set", variable=variable)
        return cls.from_hex(text, f"the environment variable {variable}")

    @classmethod
    def from_file(cls, path: Path) -> KeySigner:
        """The key in a text file, as hex.

        Raises:
            KeyStoreError: the file cannot be read, or has no key.
        """
        try:
            text = path.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise KeyStoreError(f"cannot read {path}: {type(error).__name__}", path=str(path)) from None
        return cls.from_hex(text, str(path))

    @property
    def address(self) -> Address:
        """The address of the key."""
        return self._address

    def sign_digest(self, digest: Hash32) -> bytes:
        """Sign 32 bytes; deterministic (RFC 6979), low s."""
        return sign_digest(self._key, digest).to_bytes()

    def sign_typed_data(self, full_message: dict[str, Any]) -> bytes:
        """Sign EIP-712 data.

        Raises:
            InputError: not typed data.
        """
        return self.sign_digest(typed_data_digest(full_message))

    def sign_transaction(self, transaction: dict[str, Any]) -> bytes:
        """Sign a transaction; its `from`, if there is one, must be this address.

        Raises:
            InputError: a field is missing or malformed, or it is another's transaction.
        """
        from eth_account import Account

        fields = dict(transaction)
        sender = fields.pop("from", self._address)
        if str(sender).lower() != self._address.lower():
            raise InputError(f"the transaction is from {sender}, but this key is {self._address}'s")
        try:
            return bytes(Account.sign_transaction(fields, self._key.secret).raw_transaction)
        except Exception as error:  # its own message may quote what it was given
            raise InputError(f"this transaction cannot be signed: {type(error).__name__}") from None

    def export_secret(self) -> bytes:
        """The key itself, for writing it into a keystore. The only way out."""
        return self._key.secret

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._address}>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a signer is not pickled or copied: its key stays in this process")


def typed_data_digest(full_message: dict[str, Any]) -> Hash32:
    """The EIP-712 digest of data in the form of `eth_signTypedData_v4`.

    Raises:
        InputError: not typed data.
    """
    from eth_account.messages import encode_typed_data

    try:
        signable = encode_typed_data(full_message=full_message)
    except Exception as error:
        raise InputError(f"this is not EIP-712 typed data: {error}") from error
    return keccak(b"\x19" + signable.version + signable.header + signable.body)


def _private_key(secret: bytes) -> coincurve.PrivateKey:
    try:
        if len(secret) != 32:
            raise ValueError
        return coincurve.PrivateKey(secret)
    except (TypeError, ValueError):
        raise KeyStoreError("not a private key: it takes 32 bytes in the range of the curve") from None
