"""The keystore: standard files, readable by their owner only, never overwritten."""

import json
import stat

import pytest
from eth_account import Account

from peersettle.errors import KeyStoreError
from peersettle.signing import KeySigner, KeyStore
from peersettle.signing.keystore import unlock_file

PASSWORD = "correct horse"


@pytest.fixture
def keystore(tmp_path):
    return KeyStore(tmp_path / "keys", work_factor=2)


def test_what_is_written_can_be_unlocked(keystore):
    signer = KeySigner.random()
    record = keystore.add("maker", signer, PASSWORD)
    unlocked = keystore.unlock("maker", PASSWORD)
    assert unlocked.address == record.address == signer.address
    assert unlocked.name == "maker"
    assert keystore.records() == (record,)


def test_files_are_standard_and_read_by_other_programs(keystore):
    signer = KeySigner.random()
    record = keystore.add("maker", signer, PASSWORD)
    content = json.loads(record.path.read_text())
    assert (content["version"], content["crypto"]["kdf"]) == (3, "scrypt")
    assert bytes(Account.decrypt(content, PASSWORD)) == signer.export_secret()


def test_files_of_other_programs_are_read(tmp_path):
    account = Account.create()
    path = tmp_path / "theirs.json"
    path.write_text(json.dumps(Account.encrypt(account.key, PASSWORD, kdf="pbkdf2", iterations=2)))
    assert unlock_file(path, PASSWORD).address == account.address


def test_only_the_owner_can_read_files_and_directory(keystore):
    record = keystore.add("maker", KeySigner.random(), PASSWORD)
    assert stat.S_IMODE(record.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(keystore.directory.stat().st_mode) == 0o700
    assert record.is_private
    record.path.chmod(0o644)
    assert not record.is_private


def test_a_key_is_never_overwritten(keystore):
    record = keystore.add("maker", KeySigner.random(), PASSWORD)
    before = record.path.read_bytes()
    with pytest.raises(KeyStoreError, match="already"):
        keystore.add("maker", KeySigner.random(), PASSWORD)
    assert record.path.read_bytes() == before
    assert [path.name for path in keystore.directory.iterdir()] == ["maker.json"]


def test_a_wrong_password_is_said_to_be_wrong(keystore):
    keystore.add("maker", KeySigner.random(), PASSWORD)
    with pytest.raises(KeyStoreError, match="password for 'maker' is wrong") as raised:
        keystore.unlock("maker", "incorrect")
    assert "incorrect" not in str(raised.value)


def test_a_missing_key_names_those_that_are_there(keystore):
    keystore.add("maker", KeySigner.random(), PASSWORD)
    with pytest.raises(KeyStoreError, match="there is maker"):
        keystore.unlock("taker", PASSWORD)


@pytest.mark.parametrize("name", ["", "../evil", "a/b", ".hidden", "x" * 33, "11" * 32, "a b", "é"])
def test_a_name_cannot_leave_the_directory(keystore, name):
    with pytest.raises(KeyStoreError, match="name takes"):
        keystore.add(name, KeySigner.random(), PASSWORD)


def test_an_empty_password_is_refused(keystore):
    with pytest.raises(KeyStoreError, match="empty"):
        keystore.add("maker", KeySigner.random(), "")
    assert not keystore.directory.exists()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"version": 1}', '{"version": 3, "crypto": 5, "address": "0x1"}'])
def test_a_damaged_file_is_a_clear_error(keystore, content):
    keystore.directory.mkdir()
    (keystore.directory / "maker.json").write_text(content)
    with pytest.raises(KeyStoreError, match=r"maker\.json"):
        keystore.unlock("maker", PASSWORD)


def test_a_file_that_says_another_address_is_refused(keystore):
    record = keystore.add("maker", KeySigner.random(), PASSWORD)
    content = json.loads(record.path.read_text())
    content["address"] = KeySigner.random().address[2:].lower()
    record.path.write_text(json.dumps(content))
    with pytest.raises(KeyStoreError, match="holds the key of"):
        keystore.unlock("maker", PASSWORD)
