"""Every failure has its exit code, says what next, is valid JSON on demand, and shows no secret."""

import contextlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from peersettle import errors
from peersettle.cli.failures import conceal, failure, keep_secret
from peersettle.signing import KeySigner
from peersettle.trades.signature import ORDER

CODES = {
    errors.PeerSettleError: 1,
    errors.InputError: 2,
    errors.InvalidDocument: 2,
    errors.SignatureError: 3,
    errors.KeyStoreError: 5,
    errors.SignerError: 5,
    errors.ConfigError: 6,
    errors.StoreError: 7,
    errors.ChainError: 8,
    errors.RpcUnavailable: 8,
    errors.WrongChain: 8,
    errors.NotDeployed: 8,
    errors.TransactionStuck: 8,
    errors.Expired: 9,
    errors.NonceUsed: 9,
    errors.TokenReverted: 9,
}


@pytest.fixture
def failing(user, monkeypatch):
    """Make a command fail with a given exception."""

    def run(error, *options):
        def fail(*_):
            raise error

        monkeypatch.setattr("peersettle.config.load_settings", fail)
        return user.run("config", "show", *options)

    return run


@pytest.mark.parametrize(("kind", "code"), CODES.items(), ids=lambda value: getattr(value, "__name__", value))
def test_each_error_has_its_exit_code_and_reads_as_text_and_as_json(failing, kind, code):
    plain = failing(kind("what went wrong"))
    assert (plain.code, plain.out) == (code, "")
    assert plain.err.startswith("error: what went wrong")
    said = failing(kind("what went wrong", party="0x1", count=2), "--json")
    assert (said.code, said.err) == (code, "")
    assert said.json["error"] == kind.__name__
    assert said.json["message"] == "what went wrong"
    assert (said.json["exit_code"], said.json["count"]) == (code, 2)


def test_problems_found_before_sending_exit_with_4(failing):
    class Problem:
        def explain(self):
            return "maker has allowed 3.5 of the 10 USDC needed"

    result = failing(errors.NotSettleable([Problem()]))
    assert result.code == 4
    assert "maker has allowed 3.5 of the 10 USDC needed" in result.err
    assert "next:" in result.err


def test_an_unexpected_exception_is_said_without_what_looks_like_a_key(failing):
    secret = KeySigner.random().export_secret().hex()
    for options in ((), ("--json",)):
        result = failing(RuntimeError(f"key 0x{secret} is odd"), *options)
        assert result.code == 1
        assert "RuntimeError" in result.text
        assert secret not in result.text


def test_a_traceback_on_request_shows_no_key_either(failing, monkeypatch):
    monkeypatch.setenv("PEERSETTLE_DEBUG", "1")
    secret = KeySigner.random().export_secret().hex()
    result = failing(RuntimeError(f"key {secret} is odd"))
    assert "Traceback" in result.err
    assert secret not in result.text


def test_an_interrupt_exits_with_130(failing):
    assert failing(KeyboardInterrupt()).code == 130


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["quote", "--give"], ["settle"], ["keys"], ["chain", "up", "--port", "x"], ["trades", "a", "b"]],
    ids=" ".join,
)
def test_a_command_that_cannot_be_understood_exits_with_2(user, arguments):
    assert user.run(*arguments).code == 2
    result = user.run("--json", *arguments)
    assert (result.code, result.json["error"]) == (2, "UsageError")
    assert "--help" in result.json["next_step"]


def test_every_error_says_what_to_do_next_where_there_is_something_to_do():
    for kind in (errors.NotDeployed, errors.RpcUnavailable, errors.StoreError, errors.ConfigError):
        assert failure(kind("x")).next_step


def test_what_is_kept_secret_is_concealed():
    keep_secret("s3cret-token")
    assert conceal("https://host/s3cret-token") == "https://host/***"


keys = st.integers(1, ORDER - 1).map(lambda number: f"{number:064x}")
quick = settings(deadline=None, max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])


@quick
@given(keys)
def test_a_key_in_a_wrong_place_is_not_repeated(user, monkeypatch, key):
    """A key given as an argument, as a name, as an amount, as a file, in a variable, in a file: all go wrong."""
    damaged = user.home / "damaged"
    damaged.write_text(key + "zz")
    attempts = [
        ("keys", "import", "maker", key),
        ("keys", "import", "maker", "0x" + key),
        ("keys", "new", key),
        ("keys", "show", key),
        ("keys", "import", "maker", "--key-file", damaged),
        ("settle", "f.json", "--key", key),
        ("--" + key,),
        (key,),
        ("trades", "--interval", key + "s"),
    ]
    for arguments in attempts:
        for options in ((), ("--json",)):
            result = user.run(*arguments, *options)
            assert result.code != 0
            assert key not in result.text.lower(), arguments
    for text in (key + "00", "x" + key, key[:-1]):
        with monkeypatch.context() as patch:
            patch.setenv("PEERSETTLE_KEY", text)
            result = user.run("keys", "import", "maker", "--json")
            assert result.code == 5
            assert key[:32] not in result.text.lower()


@quick
@given(keys)
def test_no_command_about_keys_shows_one(user, monkeypatch, key):
    with contextlib.suppress(FileNotFoundError):
        (user.home / "keystore" / "maker.json").unlink()
    monkeypatch.setenv("PEERSETTLE_KEY", key)
    said = [
        user.run(*command, *options).text.lower()
        for command in (["keys", "import", "maker"], ["keys", "list"], ["keys", "show", "maker"], ["config", "show"])
        for options in ((), ("--json",))
    ]
    assert not any(key in text for text in said)
    assert KeySigner.from_hex(key).address.lower() in said[0]
