"""`peersettle keys`: made, brought, listed; never overwritten, never without a password."""

import json
import stat

import pytest
from eth_account import Account
from tests.unit.cli.conftest import PASSWORD

from peersettle.signing import KeySigner, KeyStore


def test_a_new_key_is_written_and_listed(user):
    address = user.new_key("maker")
    assert user.run("keys", "list", "--json").json == [
        {
            "name": "maker",
            "address": address,
            "path": str(user.home / "keystore" / "maker.json"),
            "private": True,
        }
    ]
    assert user.run("keys", "export-address", "maker").out == address + "\n"
    assert user.run("keys", "show", "maker").out.count(address) == 1
    assert address in user.run("keys", "list").out
    assert stat.S_IMODE((user.home / "keystore" / "maker.json").stat().st_mode) == 0o600


def test_an_empty_keystore_says_how_to_begin(user):
    assert user.run("keys", "list", "--json").json == []
    assert "peersettle keys new NAME" in user.run("keys", "list").out


def test_a_name_is_taken_only_once(user):
    address = user.new_key("maker")
    result = user.run("keys", "new", "maker")
    assert result.code == 5
    assert "already" in result.err
    assert user.run("keys", "export-address", "maker").out.strip() == address


def test_the_password_comes_from_a_file_too(user, monkeypatch):
    monkeypatch.delenv("PEERSETTLE_PASSWORD")
    file = user.home / "password"
    file.write_text("from a file\n")
    assert user.run("keys", "new", "maker", "--password-file", file).code == 0
    KeyStore(user.home / "keystore").unlock("maker", "from a file")


def test_without_a_terminal_a_password_must_be_given(user, monkeypatch):
    monkeypatch.delenv("PEERSETTLE_PASSWORD")
    result = user.run("keys", "new", "maker", "--json")
    assert result.code == 5
    assert "--password-file" in result.json["message"]
    assert not (user.home / "keystore").exists()


@pytest.mark.parametrize("content", [None, "", "\n"])
def test_a_password_file_must_have_one(user, content):
    file = user.home / "password"
    if content is not None:
        file.write_text(content)
    assert user.run("keys", "new", "maker", "--password-file", file).code == 5


def test_a_key_is_imported_from_variable_file_and_keystore_file(user, monkeypatch):
    signer = KeySigner.random()
    digits = signer.export_secret().hex()
    monkeypatch.setenv("PEERSETTLE_KEY", digits)
    assert user.run("keys", "import", "one", "--json").json["address"] == signer.address
    (user.home / "key").write_text("0x" + digits)
    assert user.run("keys", "import", "two", "--key-file", "key", "--json").json["address"] == signer.address
    foreign = Account.encrypt(signer.export_secret(), PASSWORD, kdf="pbkdf2", iterations=2)
    (user.home / "foreign.json").write_text(json.dumps(foreign))
    result = user.run("keys", "import", "three", "--keystore-file", "foreign.json", "--json")
    assert result.json["address"] == signer.address


def test_a_missing_key_names_those_there_are(user):
    user.new_key("maker")
    result = user.run("keys", "show", "taker")
    assert result.code == 5
    assert "there is maker" in result.err


def test_a_file_that_others_can_read_is_pointed_out(user):
    user.new_key("maker")
    (user.home / "keystore" / "maker.json").chmod(0o644)
    assert "chmod 600" in user.run("keys", "show", "maker").out
