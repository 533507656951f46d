"""What was signed last, on disk before anybody sees it: nobody can make us sign two values for one slot.

One small JSON file, replaced as a whole and synced; a crash leaves the old one or the new one. One process at a time.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Final

from peersettle.errors import StoreError

FILE: Final = "signed.json"


class Journal:
    """The last slot signed under each key, and what was signed for it.

    Raises:
        StoreError: the directory cannot be used, another process uses it, or the file is damaged. A damaged file is
            never taken for an empty one: whoever removes it answers for what was signed before.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE
        self._lock: IO[str] | None = None
        self._guard = threading.RLock()  # a remote signer is asked in a thread
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = (directory / "lock").open("w")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            raise StoreError(f"another reporter uses {directory}; give each its own oracle.state") from None
        except OSError as error:
            self.close()
            raise StoreError(f"cannot use {directory}: {error}", path=str(directory)) from error
        try:
            self._entries = _read(self._path)
        except StoreError:
            self.close()
            raise

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let another process have it."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def claim(self, key: str, slot: int, content: str) -> str:
        """What may be signed for this slot: `content`, or what was claimed for the same slot before.

        It is on disk when this returns.

        Raises:
            StoreError: a later slot was claimed already, or the disk does not take it. Then nothing may be signed.
        """
        with self._guard:
            entry = self._entries.get(key)
            if entry is not None and entry[0] == slot:
                return entry[1]
            self.claim_all(slot, {key: content})
        return content

    def claim_all(self, slot: int, contents: Mapping[str, str]) -> None:
        """Claim all of these, or none.

        Raises:
            StoreError: another content was claimed for one of them, or a later slot, or the disk does not take it.
        """
        with self._guard:
            if (problem := self.contradiction(slot, contents)) is not None:
                raise StoreError(problem, slot=slot)
            entries = {**self._entries, **{key: (slot, content) for key, content in contents.items()}}
            if entries != self._entries:
                self._write(entries)
                self._entries = entries

    def contradiction(self, slot: int, contents: Mapping[str, str]) -> str | None:
        """What was claimed before that forbids one of these, in a line; None where nothing does."""
        with self._guard:
            for key, content in contents.items():
                last = self._entries.get(key)
                if last is not None and (last[0] > slot or (last[0] == slot and last[1] != content)):
                    return f"signed {last[1]} for slot {last[0]} already, so not {content} for {slot}"
        return None

    def _write(self, entries: Mapping[str, tuple[int, str]]) -> None:
        if self._lock is None:
            raise StoreError("the journal is closed")
        text = json.dumps({key: list(entry) for key, entry in entries.items()}, indent=1)
        beside = self._path.with_suffix(".new")
        try:
            with beside.open("w") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._path)
            directory = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        except OSError as error:
            raise StoreError(f"cannot write {self._path}: {error}; nothing is signed", path=str(self._path)) from error


def _read(path: Path) -> dict[str, tuple[int, str]]:
    try:
        text = path.read_text()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"cannot read {path}: {error}", path=str(path)) from error
    try:
        entries = {str(key): (slot, content) for key, (slot, content) in json.loads(text).items()}
        if not all(isinstance(slot, int) and isinstance(content, str) for slot, content in entries.values()):
            raise ValueError("not slots and contents")
    except (ValueError, TypeError, AttributeError) as error:
        raise StoreError(
            f"{path} is damaged ({error}); restore it, or wait until no slot signed before is accepted any more "
            "and remove it",
            path=str(path),
        ) from None
    return entries
