"""No path out of a signer but `export_secret`: not repr, not errors, not copies."""

import copy
import logging
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peersettle.errors import PeerSettleError
from peersettle.signing import KeySigner, KeyStore, KeyStoreSigner
from peersettle.trades.signature import ORDER

keys = st.integers(1, ORDER - 1).map(lambda n: n.to_bytes(32, "big"))


def shown(error: BaseException | None) -> str:
    """All that a handler or a traceback could print of an error and its causes."""
    text = ""
    while error is not None:
        text += f"{error} {error!r} {error.args}"
        if isinstance(error, PeerSettleError):
            text += str(error.to_json())
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return text


def attempts(signer: KeySigner, secret: bytes):
    """Every way of misusing a signer that ends in an error."""
    digits = secret.hex()
    yield lambda: signer.sign_transaction({"to": "nonsense"})
    yield lambda: signer.sign_transaction({"from": "0x" + "11" * 20})
    yield lambda: signer.sign_transaction({})
    yield lambda: signer.sign_typed_data({})
    yield lambda: signer.sign_typed_data({"types": {}, "primaryType": "X", "domain": {}, "message": {}})
    yield lambda: signer.sign_digest(b"short")  # type: ignore[arg-type]
    yield lambda: pickle.dumps(signer)
    yield lambda: copy.copy(signer)
    yield lambda: copy.deepcopy(signer)
    yield lambda: signer.__getstate__() and signer.__dict__
    yield lambda: KeySigner(secret + b"\0")
    yield lambda: KeySigner(secret[:31])
    yield lambda: KeySigner.from_hex(digits[:-1])
    yield lambda: KeySigner.from_hex(digits + "00")
    yield lambda: KeySigner.from_hex(digits[:-1] + "x")
    yield lambda: KeySigner.from_environment("KEY", {"KEY": digits + "z"})
    yield lambda: KeySigner.from_environment("KEY", {"KEY": "0x0x" + digits})
    yield lambda: KeySigner.from_environment("OTHER", {"KEY": digits})


@settings(deadline=None, max_examples=40)
@given(keys)
def test_no_error_shows_a_key(secret):
    for signer in (KeySigner(secret), KeyStoreSigner(secret, "maker")):
        for number, attempt in enumerate(attempts(signer, secret)):
            with pytest.raises(Exception) as raised:  # noqa: PT011
                attempt()
            text = shown(raised.value).lower()
            # 16 digits in a row are far more than chance, and enough to call a leak
            assert not any(secret.hex()[i : i + 16] in text for i in range(49)), number
            assert str(int.from_bytes(secret, "big")) not in text or int.from_bytes(secret, "big") < 2**64


@settings(deadline=None, max_examples=20)
@given(keys)
def test_representations_show_the_address_only(secret):
    signer = KeySigner(secret)
    for text in (repr(signer), str(signer), f"{signer}", f"{[signer]}"):
        assert signer.address in text
        assert secret.hex() not in text


def test_logging_a_signer_shows_no_key(caplog):
    signer = KeySigner.random()
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("peersettle").warning("signing with %s %r", signer, signer)
    assert signer.address in caplog.text
    assert signer.export_secret().hex() not in caplog.text


def test_a_keystore_file_holds_no_key_in_the_clear(tmp_path):
    signer = KeySigner.random()
    record = KeyStore(tmp_path / "keys", work_factor=2).add("maker", signer, "correct horse")
    text = record.path.read_text().lower()
    assert signer.export_secret().hex() not in text
    assert "correct horse" not in text
