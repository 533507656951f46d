"""EIP-712 of the oracle, by hand: the digests that are signed, and the JSON form that wallets show.

Source: EIP-712, https://eips.ethereum.org/EIPS/eip-712
"""

from __future__ import annotations

from typing import Any, Final

from peersettle.reports.messages import Batch, OracleDomain, Report, SurfaceReport
from peersettle.trades.typed_data import full_message, separator
from peersettle.types import Hash32, keccak

NAME: Final = "PeerSettle Oracle"
VERSION: Final = "1"

REPORT_TYPE: Final = "Report(bytes32 feed,int256 value,uint64 observedAt)"
BATCH_TYPE: Final = "Batch(bytes items,uint64 observedAt)"
SURFACE_TYPE: Final = "Surface(bytes32 feed,uint256[] slices,uint64 observedAt)"

_REPORT_TYPEHASH: Final = keccak(REPORT_TYPE.encode())
_BATCH_TYPEHASH: Final = keccak(BATCH_TYPE.encode())
_SURFACE_TYPEHASH: Final = keccak(SURFACE_TYPE.encode())


def _word(value: int) -> bytes:
    return value.to_bytes(32, "big")


def _words(values: list[int]) -> bytes:
    return keccak(b"".join(map(_word, values)))


def domain_separator(domain: OracleDomain) -> Hash32:
    """The EIP-712 domain separator of one Oracle on one chain."""
    return separator(NAME, VERSION, domain.chain_id, domain.oracle)


def report_digest(domain: OracleDomain, report: Report) -> Hash32:
    """What one reporter signs."""
    return _digest(domain, _REPORT_TYPEHASH + report.feed.id + _word(report.value) + _word(report.observed_at))


def batch_digest(domain: OracleDomain, batch: Batch) -> Hash32:
    """What k reporters sign alike, for many feeds."""
    return _digest(domain, _BATCH_TYPEHASH + keccak(batch.items) + _word(batch.observed_at))


def surface_digest(domain: OracleDomain, surface: SurfaceReport) -> Hash32:
    """What k reporters sign alike, for a surface."""
    slices = _words([item.packed for item in surface.slices])
    return _digest(domain, _SURFACE_TYPEHASH + surface.feed.id + slices + _word(surface.observed_at))


def digest(domain: OracleDomain, message: Report | Batch | SurfaceReport) -> Hash32:
    """The digest of any of them."""
    if isinstance(message, Report):
        return report_digest(domain, message)
    return batch_digest(domain, message) if isinstance(message, Batch) else surface_digest(domain, message)


def typed_data(domain: OracleDomain, message: Report | Batch | SurfaceReport) -> dict[str, Any]:
    """The same in the form of `eth_signTypedData_v4`. JSON-ready: whole numbers are text."""
    if isinstance(message, Report):
        kind, text = "Report", REPORT_TYPE
        value: dict[str, Any] = {"feed": "0x" + message.feed.id.hex(), "value": str(message.value)}
    elif isinstance(message, Batch):
        kind, text = "Batch", BATCH_TYPE
        value = {"items": "0x" + message.items.hex()}
    else:
        kind, text = "Surface", SURFACE_TYPE
        value = {"feed": "0x" + message.feed.id.hex(), "slices": [str(item.packed) for item in message.slices]}
    value["observedAt"] = str(message.observed_at)
    return full_message(NAME, VERSION, domain.chain_id, domain.oracle, kind, [text], value)


def _digest(domain: OracleDomain, encoded: bytes) -> Hash32:
    return keccak(b"\x19\x01" + domain_separator(domain) + keccak(encoded))
