"""Encrypted keys on disk: one Web3 Secret Storage (version 3, scrypt) file each, for its owner only."""

from __future__ import annotations

import json
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from peersettle.errors import KeyStoreError, PeerSettleError
from peersettle.signing.key import KeySigner
from peersettle.types import Address, address

SCRYPT_N: Final = 2**18
"""scrypt's cost: about a second on one core, the standard of the format."""
# Shorter than a key in hex: one that is given as a name by mistake must not become a file's name.
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What is known of a stored key without its password."""

    name: str
    address: Address
    path: Path

    @property
    def is_private(self) -> bool:
        """Whether the file can be read by its owner only."""
        return stat.S_IMODE(self.path.stat().st_mode) & 0o077 == 0


class KeyStoreSigner(KeySigner):
    """A key unlocked from a keystore."""

    __slots__ = ("_name",)

    def __init__(self, secret: bytes, name: str) -> None:
        super().__init__(secret)
        self._name = name

    @property
    def name(self) -> str:
        """Its name in the keystore."""
        return self._name

    def __repr__(self) -> str:
        return f"<KeyStoreSigner {self._name} {self.address}>"


class KeyStore:
    """A directory of encrypted keys. `work_factor` is scrypt's n for new files."""

    def __init__(self, directory: Path, *, work_factor: int = SCRYPT_N) -> None:
        self.directory = directory
        self._work_factor = work_factor

    def add(self, name: str, signer: KeySigner, password: str) -> KeyRecord:
        """Encrypt a key and write it under a new name.

        Raises:
            KeyStoreError: the name is taken or malformed, the password empty, or the file cannot be written.
        """
        from eth_keyfile.keyfile import create_keyfile_json

        path = self.assert_free(name)
        if not password:
            raise KeyStoreError("the password is empty; a keystore file needs one")
        content = create_keyfile_json(
            signer.export_secret(), password.encode(), version=3, kdf="scrypt", iterations=self._work_factor
        )
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write_private(path, json.dumps(content, indent=2) + "\n")
        except OSError as error:
            raise KeyStoreError(f"cannot write {path}: {error.strerror}", path=str(path)) from error
        return KeyRecord(name, signer.address, path)

    def assert_free(self, name: str) -> Path:
        """The path for a new key of this name.

        Raises:
            KeyStoreError: the name is taken or malformed.
        """
        path = self._path(name)
        if path.exists():
            raise KeyStoreError(f"there is a key {name!r} already; choose another name", name=name)
        return path

    def records(self) -> tuple[KeyRecord, ...]:
        """Every key of the store, by name.

        Raises:
            KeyStoreError: a file that is no keystore file.
        """
        if not self.directory.is_dir():
            return ()
        return tuple(self.record(path.stem) for path in sorted(self.directory.glob("*.json")))

    def record(self, name: str) -> KeyRecord:
        """One key.

        Raises:
            KeyStoreError: there is none of this name, or its file is no keystore file.
        """
        path = self._path(name)
        digits = str(self._content(name).get("address", "")).removeprefix("0x").lower()
        try:
            return KeyRecord(name, address("0x" + digits), path)
        except PeerSettleError:
            raise KeyStoreError(f"{path} does not say its address", name=name, path=str(path)) from None

    def unlock(self, name: str, password: str) -> KeyStoreSigner:
        """The signer of one key.

        Raises:
            KeyStoreError: there is none of this name, its file is damaged, or the password is wrong.
        """
        record = self.record(name)
        signer = KeyStoreSigner(unlock_file(record.path, password).export_secret(), name)
        if signer.address != record.address:
            raise KeyStoreError(f"{record.path} says {record.address} but holds the key of {signer.address}")
        return signer

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise KeyStoreError("a key's name takes 1 to 32 letters, digits, - and _, a letter or digit first")
        return self.directory / f"{name}.json"

    def _content(self, name: str) -> dict[str, Any]:
        path = self._path(name)
        if not path.exists():
            names = ", ".join(sorted(p.stem for p in self.directory.glob("*.json"))) or "none"
            raise KeyStoreError(f"no key {name!r} in {self.directory}; there is {names}", name=name)
        return _read(path)


def unlock_file(path: Path, password: str) -> KeySigner:
    """The key in any version 3 keystore file.

    Raises:
        KeyStoreError: the file cannot be read or is damaged, or the password is wrong.
    """
    from eth_keyfile.keyfile import decode_keyfile_json

    content = _read(path)
    try:
        secret = decode_keyfile_json(content, password.encode())
    except ValueError:
        raise KeyStoreError(f"the password for {path.stem!r} is wrong", path=str(path)) from None
    except Exception as error:  # whatever a damaged file makes it raise
        raise KeyStoreError(f"{path} is damaged ({type(error).__name__})", path=str(path)) from None
    return KeySigner(bytes(secret))


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text())
    except OSError as error:
        raise KeyStoreError(f"cannot read {path}: {error.strerror}", path=str(path)) from error
    except ValueError:
        raise KeyStoreError(f"{path} is not a keystore file", path=str(path)) from None
    if not isinstance(content, dict) or content.get("version") != 3 or "crypto" not in content:
        raise KeyStoreError(f"{path} is not a version 3 keystore file", path=str(path))
    return content


def _write_private(path: Path, text: str) -> None:
    """Write a new file with mode 0600, whole or not at all, never over another."""
    draft = path.with_suffix(f".{os.getpid()}.new")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
