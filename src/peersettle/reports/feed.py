"""A feed's id is its term sheet."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from peersettle.errors import InvalidField
from peersettle.types import Hash32, hash32

PPM: Final = 1_000_000
_NAME: Final = re.compile(r"[!-~]{1,20}")


@dataclass(frozen=True, slots=True)
class Feed:
    """One feed: a name and the rules that can never change for it. `id` is what contracts and reports name it by.

    Args:
        name: 1 to 20 printable ASCII characters, as `ETH/USD`.
        slot: seconds between two times that a round may have; 1 to 65,535.
        max_age: seconds after which a round is too old to be taken; at least `slot`.
        jump_rate: how far a value may move at once, in millionths of it per square root of a second.
        jump_cap: and how far at most, in millionths of it. Beyond either, a second round must confirm.

    Raises:
        InvalidField: a field is out of its range.
    """

    name: str
    slot: int = 15
    max_age: int = 120
    jump_rate: int = 2_000
    jump_cap: int = 100_000

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(str(self.name)):
            raise InvalidField("feed", self.name, "a name has 1 to 20 printable ASCII characters and no space")
        for field, low, bits in (("slot", 1, 16), ("max_age", 1, 32), ("jump_rate", 1, 24), ("jump_cap", 1, 24)):
            value = getattr(self, field)
            if not isinstance(value, int) or isinstance(value, bool) or not low <= value < 1 << bits:
                raise InvalidField(field, value, f"give a whole number from {low} to {(1 << bits) - 1}")
        if self.max_age < self.slot:
            raise InvalidField(
                "max_age", self.max_age, f"at least the slot of {self.slot} s, or no round is ever in time"
            )

    @property
    def id(self) -> Hash32:
        """`name 160 | slot 16 | max_age 32 | jump_rate 24 | jump_cap 24` bits from the top."""
        return Hash32(
            self.name.encode().ljust(20, b"\0")
            + self.slot.to_bytes(2, "big")
            + self.max_age.to_bytes(4, "big")
            + self.jump_rate.to_bytes(3, "big")
            + self.jump_cap.to_bytes(3, "big")
        )

    @classmethod
    def from_id(cls, value: bytes | str) -> Feed:
        """Read a feed off its id.

        Raises:
            InvalidField: 32 bytes that are no feed's.
        """
        data = hash32(value, "feed")
        name = data[:20].rstrip(b"\0")
        try:
            text = name.decode("ascii")
        except UnicodeDecodeError:
            raise InvalidField("feed", "0x" + data.hex(), "its name is not ASCII") from None
        return cls(
            text,
            slot=int.from_bytes(data[20:22], "big"),
            max_age=int.from_bytes(data[22:26], "big"),
            jump_rate=int.from_bytes(data[26:29], "big"),
            jump_cap=int.from_bytes(data[29:], "big"),
        )

    def slot_of(self, time: float) -> int:
        """The slot that a moment belongs to: the last one that has begun."""
        return int(time) // self.slot * self.slot
