"""What deployments are made of: steps that survive an interruption, and code that is what was compiled."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peersettle.chain.artifacts import Artifact
from peersettle.chain.calls import Call, Sent
from peersettle.errors import InvalidField, NotDeployed, TransactionLost
from peersettle.types import Address, keccak

if TYPE_CHECKING:
    from peersettle.chain.client import Chain
    from peersettle.chain.sender import TransactionSender


class Progress:
    """The transactions of a deployment under way, on disk before they are broadcast."""

    def __init__(self, chain: Chain, sender: TransactionSender, path: Path, force: bool) -> None:
        self._chain = chain
        self._sender = sender
        self._path = path
        self._steps: dict[str, dict[str, Any]] = {}
        if path.exists() and not force:
            try:
                self._steps = dict(json.loads(path.read_text(encoding="utf-8")))
            except ValueError:
                raise InvalidField("progress", str(path), "it is no JSON; remove the file") from None

    def deploy(self, name: str, contract: Artifact, arguments: tuple[object, ...]) -> tuple[Address, int]:
        """The address and block of a contract: from the step before the interruption, else deployed now."""
        data = contract.deployment(*arguments)
        receipt = self._finished(name, data)
        if receipt is None:
            receipt = self._sender.send(
                Call(None, data, what=f"deploy {name}"), on_signed=lambda sent: self._note(name, data, sent)
            )
        assert receipt.contract is not None
        return receipt.contract, receipt.block_number

    def nonce(self, name: str) -> int | None:
        """The nonce of a step's transaction by this sender; None when it was not sent."""
        step = self._steps.get(name)
        return None if step is None or step["sender"] != self._sender.address else int(step["nonce"])

    def finish(self) -> None:
        """The record is written; the progress is of no more use."""
        self._path.unlink(missing_ok=True)

    def _note(self, name: str, data: bytes, sent: Sent) -> None:
        self._steps[name] = {
            "tx_hash": sent.tx_hash,
            "nonce": sent.nonce,
            "sender": sent.sender,
            "data": _digest(data),
        }
        write_json(self._path, self._steps)

    def _finished(self, name: str, data: bytes) -> Any:
        step = self._steps.get(name)
        if step is None or step["data"] != _digest(data):
            return None
        receipt = self._chain.receipt(step["tx_hash"])
        if receipt is None and step["sender"] == self._sender.address:
            left = [sent for sent in self._sender.resume() if sent.nonce == step["nonce"]]
            if left:
                try:
                    receipt = self._sender.wait(left[0])
                except TransactionLost:
                    return None
        if receipt is None or receipt.contract is None or not self._chain.code(receipt.contract):
            return None
        return receipt


def verify_code(chain: Chain, contract: Artifact, at: Address, immutables: Sequence[bytes]) -> None:
    """Check that a contract's code is there, followed by its immutables, in whichever order.

    Raises:
        NotDeployed: it is not.
    """
    code = chain.code(at)
    if not code:
        raise NotDeployed(f"chain {chain.chain_id} has no code at {at}, where {contract.name} should be", address=at)
    size = len(contract.runtime)
    tail = code[size:]
    words = [tail[i : i + 32] for i in range(0, len(tail), 32)]
    if code[:size] != contract.runtime or sorted(words) != sorted(immutables):
        raise NotDeployed(
            f"the code at {at} is not this version's {contract.name}; use the PeerSettle that deployed it, or "
            "deploy anew",
            address=at,
        )


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Write a file; the whole of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with partial.open("w", encoding="utf-8") as file:
        file.write(json.dumps(data, indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def address_word(value: Address) -> bytes:
    """An address as a word of code or calldata."""
    return bytes(12) + bytes.fromhex(value[2:])


def _digest(data: bytes) -> str:
    return "0x" + keccak(data).hex()
