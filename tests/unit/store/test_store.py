"""The store: what is put is kept, once, whole, and for the right reader."""

import sqlite3
import stat
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import coincurve
import pytest

from peersettle.errors import InvalidField, StoreError
from peersettle.store import SCHEMA_VERSION, OutboxStatus, SettlementStatus, Store
from peersettle.trades import Domain, Leg, LegKind, Quote, SignedTrade, Swap, Trade, load, sign_digest
from peersettle.trades.documents import dump
from peersettle.types import Address, Hash32, checksummed, keccak

KEYS = [coincurve.PrivateKey(bytes([n]) * 32) for n in (1, 2)]
MAKER, TAKER = (checksummed(keccak(key.public_key.format(compressed=False)[1:])[-20:]) for key in KEYS)
SETTLEMENT = Address("0x" + "11" * 20)
DOMAIN = Domain(31337, SETTLEMENT)
CHAIN = DOMAIN.chain_id
TX, OTHER_TX = "0x" + "aa" * 32, "0x" + "bb" * 32


def quote(nonce: int = 1) -> Quote:
    return Quote(DOMAIN, Swap(MAKER, TAKER, Address("0x" + "22" * 20), 1, Address("0x" + "33" * 20), 2, nonce, 9))


def signed(key: coincurve.PrivateKey, digest: Hash32) -> bytes:
    return sign_digest(key, digest).to_bytes()


def put(store: Store, document: Quote | SignedTrade, **options: Any) -> Any:
    kind = "quote" if isinstance(document, Quote) else "trade"
    return store.put_document(document.digest, kind, dump(document), CHAIN, SETTLEMENT, **options)


def put_outbox(store: Store, tx_hash: str = TX, nonce: int = 0, fee: int = 1, **options: Any) -> Any:
    return store.put_outbox(CHAIN, MAKER, nonce, tx_hash, b"raw", {"maxFeePerGas": fee}, "what", **options)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "deep" / "store.db") as opened:
        yield opened


def test_everything_is_there_when_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with Store.open(path) as store:
        put(store, quote(), role="maker", party=MAKER, note="first")
        put_outbox(store, settles=[quote().digest])
        kept = store.get_document(quote().digest), store.outbox(CHAIN, MAKER), store.open_settlements(CHAIN)
    with Store.open(str(path)) as store:
        assert kept == (
            store.get_document(quote().digest),
            store.outbox(CHAIN, MAKER),
            store.open_settlements(CHAIN),
        )
        assert kept[1][0].raw == b"raw"
        assert kept[2][0].status is SettlementStatus.PENDING


def test_nobody_else_can_read_the_file(tmp_path: Path) -> None:
    with Store.open(tmp_path / "store.db"):
        assert stat.S_IMODE((tmp_path / "store.db").stat().st_mode) == 0o600


def test_a_document_is_found_by_a_unique_beginning(store: Store) -> None:
    quotes = [quote(n) for n in range(30)]
    for item in quotes:
        put(store, item)
    digest = quotes[0].digest.hex()
    assert store.get_document("0x" + digest[:12]).digest == "0x" + digest
    assert store.get_document(digest[:12].upper()).digest == "0x" + digest
    with pytest.raises(StoreError, match="no document"):
        store.get_document("ffff" * 16)
    for useless in ("0x12", "", "%%%%", "zzzz", "0x" + "0" * 65):
        with pytest.raises(StoreError, match="no digest"):
            store.get_document(useless)


def test_an_ambiguous_beginning_is_refused(store: Store) -> None:
    for ending in ("0", "1"):
        store.put_document("0xabcd" + "0" * 59 + ending, "quote", "{}", CHAIN, SETTLEMENT)
    with pytest.raises(StoreError, match="several"):
        store.get_document("abcd")


def test_a_document_put_again_keeps_every_signature(store: Store) -> None:
    plain = quote()
    maker = replace(plain, maker_signature=signed(KEYS[0], plain.digest))
    taker = replace(plain, taker_signature=signed(KEYS[1], plain.digest))
    for document in (maker, plain, taker, maker):
        put(store, document)
    both = load(store.get_document(plain.digest).text)
    assert both == replace(maker, taker_signature=taker.taker_signature)
    assert len(store.list_documents()) == 1


def test_a_trade_put_again_keeps_every_signature(store: Store) -> None:
    leg = Leg(MAKER, TAKER, LegKind.ERC20, Address("0x" + "22" * 20), 0, 1)
    trade = SignedTrade(DOMAIN, Trade((MAKER, TAKER), (leg,), 0, 1, 0, 9))
    for key, party in zip(KEYS, (MAKER, TAKER), strict=True):
        put(store, trade.with_signature(party, signed(key, trade.digest)))
    kept = load(store.get_document(trade.digest).text)
    assert isinstance(kept, SignedTrade)
    assert kept.missing == ()


def test_another_message_under_a_known_digest_is_refused(store: Store) -> None:
    put(store, quote(1))
    with pytest.raises(StoreError):
        store.put_document(quote(1).digest, "quote", dump(quote(2)), CHAIN, SETTLEMENT)
    assert load(store.get_document(quote(1).digest).text) == quote(1)


def test_an_unknown_kind_is_refused(store: Store) -> None:
    with pytest.raises(InvalidField):
        store.put_document(quote().digest, "order", "{}", CHAIN, SETTLEMENT)


def test_trades_join_documents_and_settlements(store: Store) -> None:
    put(store, quote(1), role="taker", note="lunch")
    put(store, quote(2))
    store.put_settlement(CHAIN, quote(1).digest, TX, SettlementStatus.INCLUDED, block_number=7, block_hash=OTHER_TX)
    rows = {row.digest: row for row in store.trades()}
    settled, unsettled = rows["0x" + quote(1).digest.hex()], rows["0x" + quote(2).digest.hex()]
    assert (settled.status, settled.block_number, settled.tx_hash) == (SettlementStatus.INCLUDED, 7, TX)
    assert (settled.parties, settled.role, settled.note) == ((MAKER, TAKER), "taker", "lunch")
    assert (unsettled.status, unsettled.tx_hash) == (None, None)
    assert store.trades(chain_id=1) == []


def test_an_abandoned_transaction_drops_its_settlements_until_it_is_sent_after_all(store: Store) -> None:
    digest = quote().digest
    put_outbox(store, settles=[digest])
    store.set_outbox(CHAIN, TX, OutboxStatus.ABANDONED, "no funds")
    dropped = store.settlement(CHAIN, digest)
    assert dropped is not None
    assert (dropped.status, dropped.error, dropped.closed) == (SettlementStatus.DROPPED, "no funds", True)
    put_outbox(store, settles=[digest])
    assert [s.status for s in store.open_settlements(CHAIN)] == [SettlementStatus.PENDING]
    assert [entry.status for entry in store.outbox(CHAIN, MAKER)] == [OutboxStatus.SIGNED]


def test_the_outbox_is_ordered_by_nonce_then_fee(store: Store) -> None:
    put_outbox(store, "0x" + "03" * 32, nonce=1, fee=5)
    put_outbox(store, "0x" + "02" * 32, nonce=0, fee=9)
    put_outbox(store, "0x" + "01" * 32, nonce=0, fee=8)
    assert [entry.tx_hash[2:4] for entry in store.outbox(CHAIN, MAKER)] == ["01", "02", "03"]
    store.set_outbox(CHAIN, "0x" + "01" * 32, OutboxStatus.REPLACED)
    assert [entry.tx_hash[2:4] for entry in store.outbox(CHAIN, MAKER, in_flight=True)] == ["02", "03"]
    assert store.outbox(1, MAKER) == []
    assert store.outbox_entry(CHAIN, TX) is None


def test_a_failed_change_changes_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from peersettle.store import store as module

    def failing(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "_write_settlement", failing)
        with pytest.raises(KeyboardInterrupt):
            put_outbox(store, settles=[quote().digest])
    assert store.outbox(CHAIN, MAKER) == []


@pytest.mark.parametrize("where", ["file", "memory"])
def test_many_threads_write_at_once(tmp_path: Path, where: str) -> None:
    with Store.open(tmp_path / "store.db" if where == "file" else ":memory:") as store:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda n: put_outbox(store, f"0x{n:064x}", nonce=n), range(64)))
        assert [entry.nonce for entry in store.outbox(CHAIN, MAKER)] == list(range(64))


@pytest.mark.parametrize(
    ("version", "remedy"), [(SCHEMA_VERSION + 1, "upgrade PeerSettle"), (0, "the version that made it")]
)
def test_a_store_of_another_version_is_refused(tmp_path: Path, version: int, remedy: str) -> None:
    path = tmp_path / "store.db"
    Store.open(path).close()
    connection = sqlite3.connect(path)
    connection.execute("UPDATE peersettle_meta SET value = ?", (str(version),))
    connection.commit()
    connection.close()
    with pytest.raises(StoreError, match=remedy):
        Store.open(path)


def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "other.db")
    other.execute("CREATE TABLE cats (name TEXT)")
    other.commit()
    other.close()
    (tmp_path / "text.db").write_text("not a database, and long enough to be read as one" * 9)
    (tmp_path / "file").touch()
    for name, said in (
        ("other.db", "no PeerSettle store"),
        ("text.db", "not a database"),
        ("file/x", "cannot open"),
    ):
        with pytest.raises(StoreError, match=said):
            Store.open(tmp_path / name)


def test_a_locked_store_says_so(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with Store.open(path, timeout=0.05) as store:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked: another process"):
            put_outbox(store)
        other.execute("ROLLBACK")
        other.close()
        put_outbox(store)


def test_a_database_address_is_shown_without_its_password() -> None:
    with pytest.raises(StoreError) as caught:
        Store.open("nonsense://me:secret@127.0.0.1/peersettle")
    assert "secret" not in str(caught.value)
    with pytest.raises(StoreError):
        Store.open("://secret")


def test_a_driver_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pg8000", None)
    with pytest.raises(StoreError, match=r"install peersettle\[postgresql\]"):
        Store.open("postgresql://me@127.0.0.1:1/peersettle")
