"""Exports: every trade is in the file, which is there whole or as it was."""

import csv
import json
import stat
from pathlib import Path

import polars
import pytest
from tests.unit.store.test_store import CHAIN, DOMAIN, MAKER, TAKER, TX, put, quote

from peersettle.errors import InvalidField, StoreError
from peersettle.store import SettlementStatus, Store, export, export_trades
from peersettle.trades import Leg, LegKind, SignedTrade, Trade
from peersettle.types import Address

LEG = Leg(MAKER, TAKER, LegKind.ERC20, Address("0x" + "22" * 20), 0, 2**256 - 1)
TRADE = SignedTrade(DOMAIN, Trade((MAKER, TAKER), (LEG,), 0, 1, 0, 9))


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("peersettle.store.rows.time.time", lambda: 1_700_000_000.9)
    with Store.open(tmp_path / "store.db") as opened:
        put(opened, quote(), role="maker")
        put(opened, TRADE)
        opened.put_settlement(CHAIN, quote().digest, TX, SettlementStatus.INCLUDED, block_number=7)
        yield opened


def read(path: Path) -> list[dict]:
    if path.suffix == ".parquet":
        return polars.read_parquet(path).to_dicts()
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", ["trades.csv", "trades.parquet"])
def test_every_trade_is_in_the_file(store: Store, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    assert export_trades(store, path) == 2
    rows = {row["kind"]: row for row in read(path)}
    assert all(tuple(row) == export.COLUMNS for row in rows.values())
    swap, trade = rows["quote"], rows["trade"]
    assert (swap["role"], swap["status"], swap["tx_hash"], str(swap["block_number"])) == ("maker", "included", TX, "7")
    assert (swap["maker_token"], swap["maker_amount"]) == (quote().swap.maker_token, "1")
    assert swap["created_at"] == swap["updated_at"] == "2023-11-14T22:13:20Z"
    assert (swap["parties"], swap["digest"], str(swap["chain_id"])) == (
        f"{MAKER} {TAKER}",
        "0x" + quote().digest.hex(),
        str(CHAIN),
    )
    (leg,) = json.loads(trade["legs"])
    assert (leg["giver"], int(leg["amount"])) == (MAKER, 2**256 - 1)
    assert not any(trade[column] for column in ("status", "tx_hash", "block_number", "maker_token", "taker_amount"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["none.csv", "none.parquet"])
def test_a_store_without_trades_makes_a_table_without_rows(store: Store, tmp_path: Path, name: str) -> None:
    assert export_trades(store, tmp_path / name, chain_id=1) == 0
    assert read(tmp_path / name) == []


def test_what_cannot_be_written_leaves_the_file_as_it_was(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "trades.csv"
    path.write_text("before")

    def failing(*_: object) -> None:
        raise OSError("no room")

    monkeypatch.setattr("peersettle.store.export.csv.DictWriter.writerows", failing)
    with pytest.raises(StoreError, match="no room"):
        export_trades(store, path)
    assert path.read_text() == "before"
    assert sorted(item.name for item in tmp_path.iterdir() if "csv" in item.name) == ["trades.csv"]
    with pytest.raises(StoreError, match="cannot write"):
        export_trades(store, tmp_path / "missing" / "trades.csv")
    with pytest.raises(InvalidField):
        export_trades(store, tmp_path / "trades.xlsx")
