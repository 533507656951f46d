"""Calls of contracts as transactions make them, and what came of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import boa
from boa.contracts.vyper.vyper_contract import VyperContract
from eth_abi.abi import encode

from peersettle.types import keccak

GAS = 12_000_000
BYSTANDER = "0x" + "b7" * 20
ERROR = bytes.fromhex("08c379a0")


@dataclass(frozen=True)
class Outcome:
    """What came of a call. `reason` is None on success, "" for a silent revert, else its text (or hex)."""

    reason: str | None
    output: bytes
    gas: int
    events: tuple[Any, ...]

    @property
    def settled(self) -> bool:
        return self.reason is None


def reason_of(output: bytes) -> str:
    """The text of `Error(string)`, as far as it was copied, or what there is, in hex."""
    if output[:4] == ERROR:
        return output[68 : 68 + int.from_bytes(output[36:68], "big")].decode()
    return output.hex()


def call(
    target: VyperContract,
    verb: str,
    *arguments: Any,
    sender: str = BYSTANDER,
    value: int = 0,
    gas: int = GAS,
) -> Outcome:
    """Call `verb` of `target` as a transaction would."""
    data = getattr(target, verb).prepare_calldata(*arguments)
    if value:
        boa.env.set_balance(sender, value)
    done = boa.env.execute_code(to_address=target.address, data=data, sender=sender, value=value, gas=gas)
    output = bytes(done.output)
    if done.is_error:
        return Outcome(reason_of(output), output, done.get_gas_used(), ())
    events = tuple(e for e in target.get_logs(done) if getattr(e, "address", None) == target.address)
    return Outcome(None, output, done.get_gas_used(), events)


def calldata(signature: str, types: Sequence[str], *values: Any) -> bytes:
    """A call by its signature, for contracts that are made to answer what they do not have."""
    return keccak(signature.encode())[:4] + encode(types, values)
