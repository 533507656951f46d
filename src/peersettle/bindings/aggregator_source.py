"""AggregatorSource, a reporter that is a contract; and any other contract that answers alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from peersettle.chain.artifacts import artifact
from peersettle.errors import Reverted
from peersettle.types import Address, Hash32

if TYPE_CHECKING:
    from peersettle.chain.client import Chain


class AggregatorSource:
    """The contract at an address, which may be none of the kind: what it does not answer is None or zero.

    Only a failing node raises.
    """

    def __init__(self, chain: Chain, address: Address) -> None:
        self._chain = chain
        self.address: Final = address

    def feed(self) -> Hash32 | None:
        """The id of the feed that it reports; None where it has no code, or does not say."""
        word = self._word("feed") if self._chain.code(self.address) else None
        return None if word is None else Hash32(word)

    def price(self) -> int:
        """What it would stand by in the next block, in wad; zero when its aggregator's answer is old or unsound."""
        return int.from_bytes(self._word("price") or b"", "big")

    def _word(self, name: str) -> bytes | None:
        try:
            answer = self._chain.call(self.address, artifact("AggregatorSource").functions[name].encode())
        except Reverted:
            return None
        return answer if len(answer) == 32 else None
