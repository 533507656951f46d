"""Trades as a table in a file, CSV or Parquet, for spreadsheets and notebooks."""

from __future__ import annotations

import csv
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeAlias

from peersettle.errors import InvalidField, StoreError
from peersettle.store.records import DocumentRecord, SettlementRecord
from peersettle.store.store import Store
from peersettle.trades.documents import Quote, load

COLUMNS: Final = (
    "digest",
    "kind",
    "role",
    "parties",
    "status",
    "tx_hash",
    "block_number",
    "chain_id",
    "created_at",
    "updated_at",
    "maker_token",
    "maker_amount",
    "taker_token",
    "taker_amount",
    "legs",
)
_NUMBERS: Final = ("block_number", "chain_id")
"""All others are text, amounts too: they are up to 2**256 - 1."""

Row: TypeAlias = dict[str, Any]


def export_trades(store: Store, path: str | Path, *, chain_id: int | None = None) -> int:
    """Write every trade, newest first, to a .csv or .parquet file, in place of one that is there.

    Swaps have tokens and amounts, in smallest units; trades have legs, as JSON. `parties` are parted by spaces, times
    are ISO 8601 in UTC, `status` is empty where no settlement was tried. The file can be read by its owner alone.

    Returns:
        How many there are.

    Raises:
        InvalidField: another ending.
        StoreError: the store cannot be read, or the file not written; then what was there is as it was.
    """
    target = Path(path)
    write = _FORMS.get(target.suffix.lower())
    if write is None:
        raise InvalidField("path", str(path), f"must end in {' or '.join(_FORMS)}")
    rows = [_row(*found) for found in store.documents_with_settlements(chain_id=chain_id)]
    try:
        _replace(target, rows, write)
    except OSError as error:
        raise StoreError(f"cannot write {target}: {error}", path=str(target)) from None
    return len(rows)


def _replace(target: Path, rows: Sequence[Row], write: Callable[[Path, Sequence[Row]], None]) -> None:
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    unfinished = Path(name)
    try:
        write(unfinished, rows)
        os.fsync(handle)
        unfinished.replace(target)
    finally:
        os.close(handle)
        unfinished.unlink(missing_ok=True)


def _write_csv(path: Path, rows: Sequence[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def _write_parquet(path: Path, rows: Sequence[Row]) -> None:
    import polars  # slow to import, and seldom needed

    schema = {name: polars.Int64 if name in _NUMBERS else polars.String for name in COLUMNS}
    polars.DataFrame(rows, schema=schema, orient="row").write_parquet(path)


_FORMS: Final = {".csv": _write_csv, ".parquet": _write_parquet}


def _row(record: DocumentRecord, settlement: SettlementRecord | None) -> Row:
    document = load(record.text)
    row: Row = dict.fromkeys(COLUMNS)
    row |= {
        "digest": record.digest,
        "kind": record.kind,
        "role": record.role,
        "chain_id": record.chain_id,
        "created_at": _iso(record.created_at),
        "updated_at": _iso(max(record.updated_at, settlement.updated_at if settlement else 0)),
    }
    if settlement is not None:
        row |= {
            "status": str(settlement.status),
            "tx_hash": settlement.tx_hash,
            "block_number": settlement.block_number,
        }
    if not isinstance(document, Quote):
        legs = json.dumps(document.to_json()["trade"]["legs"], separators=(",", ":"))
        return row | {"parties": " ".join(document.trade.parties), "legs": legs}
    swap = document.swap
    return row | {
        "parties": f"{swap.maker} {swap.taker}",
        "maker_token": swap.maker_token,
        "maker_amount": str(swap.maker_amount),
        "taker_token": swap.taker_token,
        "taker_amount": str(swap.taker_amount),
    }


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
