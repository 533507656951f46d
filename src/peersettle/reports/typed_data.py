"""EIP-712 of the oracle, by hand: the digests that are signed, and the JSON form that wallets show.

Source: EIP-712, https://eips.ethereum.org/EIPS/eip-712
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from peersettle.reports.messages import Batch, OracleDomain, Report, SurfaceReport
from peersettle.types import Hash32, keccak

NAME: Final = "PeerSettle Oracle"
VERSION: Final = "1"

DOMAIN_TYPE: Final = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
REPORT_TYPE: Final = "Report(bytes32 feed,int256 value,uint64 observedAt)"
BATCH_TYPE: Final = "Batch(bytes items,uint64 observedAt)"
SURFACE_TYPE: Final = "Surface(bytes32 feed,uint256[] slices,uint64 observedAt)"

_DOMAIN_TYPEHASH: Final = keccak(DOMAIN_TYPE.encode())
_REPORT_TYPEHASH: Final = keccak(REPORT_TYPE.encode())
_BATCH_TYPEHASH: Final = keccak(BATCH_TYPE.encode())
_SURFACE_TYPEHASH: Final = keccak(SURFACE_TYPE.encode())

_DOMAIN_FIELDS: Final = [
    {"name": "name", "type": "string"},
    {"name": "version", "type": "string"},
    {"name": "chainId", "type": "uint256"},
    {"name": "verifyingContract", "type": "address"},
]


def _word(value: int) -> bytes:
    return value.to_bytes(32, "big")


def _words(values: list[int]) -> bytes:
    return keccak(b"".join(map(_word, values)))


@lru_cache(maxsize=256)
def domain_separator(domain: OracleDomain) -> Hash32:
    """The EIP-712 domain separator of one Oracle on one chain."""
    return keccak(
        _DOMAIN_TYPEHASH
        + keccak(NAME.encode())
        + keccak(VERSION.encode())
        + _word(domain.chain_id)
        + bytes(12)
        + bytes.fromhex(domain.oracle[2:])
    )


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
    """The same in the form of `eth_signTypedData_v4`."""
    if isinstance(message, Report):
        kind, text = "Report", REPORT_TYPE
        values: dict[str, Any] = {"feed": "0x" + message.feed.id.hex(), "value": message.value}
    elif isinstance(message, Batch):
        kind, text = "Batch", BATCH_TYPE
        values = {"items": "0x" + message.items.hex()}
    else:
        kind, text = "Surface", SURFACE_TYPE
        values = {"feed": "0x" + message.feed.id.hex(), "slices": [item.packed for item in message.slices]}
    fields = [field.split(" ") for field in text[len(kind) + 1 : -1].split(",")]
    return {
        "types": {"EIP712Domain": _DOMAIN_FIELDS, kind: [{"name": n, "type": t} for t, n in fields]},
        "primaryType": kind,
        "domain": {
            "name": NAME,
            "version": VERSION,
            "chainId": domain.chain_id,
            "verifyingContract": domain.oracle,
        },
        "message": {**values, "observedAt": message.observed_at},
    }


def _digest(domain: OracleDomain, encoded: bytes) -> Hash32:
    return keccak(b"\x19\x01" + domain_separator(domain) + keccak(encoded))
