"""A signer behind JSON-RPC (Clef, Web3Signer, a wallet's bridge). What comes back is checked, not trusted."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any, Final
from urllib.parse import urlsplit

from peersettle.errors import InputError, SignatureError, SignerError
from peersettle.signing.key import typed_data_digest
from peersettle.trades import Signature, recover
from peersettle.types import Address, address

_MAX_ANSWER: Final = 1 << 20


class RemoteSigner:
    """Asks a JSON-RPC server to sign as `signer_address`, and waits `timeout` seconds for each answer."""

    def __init__(self, url: str, signer_address: str, *, timeout: float = 60.0) -> None:
        if urlsplit(url).scheme not in ("http", "https"):
            raise InputError("a remote signer's URL starts with http:// or https://")
        self._url = url
        self._address = address(signer_address, "signer address")
        self._timeout = timeout

    @property
    def address(self) -> Address:
        """Whose signatures these are."""
        return self._address

    def sign_typed_data(self, full_message: dict[str, Any]) -> bytes:
        """Have EIP-712 data signed.

        Raises:
            SignerError: no answer, a refusal, or a signature that is not this address's over this data.
        """
        digest = typed_data_digest(full_message)
        answer = self._call("eth_signTypedData_v4", [self._address, full_message])
        try:
            signature = Signature.from_bytes(_bytes(answer))
            signed_by = recover(digest, signature)
        except (ValueError, SignatureError) as error:
            raise SignerError(f"the remote signer's answer is no signature: {error}") from None
        if signed_by != self._address:
            raise SignerError(
                f"the remote signer's signature is {signed_by}'s, not {self._address}'s: "
                "it holds another key or signed other data",
                recovered=signed_by,
            )
        return signature.to_bytes()

    def sign_transaction(self, transaction: dict[str, Any]) -> bytes:
        """Have a transaction signed.

        Raises:
            SignerError: no answer, a refusal, or another transaction or signer than asked for.
        """
        asked = {"from": self._address, **transaction}
        answer = self._call("eth_signTransaction", [{name: _json(value) for name, value in asked.items()}])
        raw = answer.get("raw") if isinstance(answer, dict) else answer
        try:
            encoded = _bytes(raw)
            signed_by, fields = _decode(encoded)
        except Exception as error:
            raise SignerError(
                f"the remote signer's answer is no signed transaction of type 2 ({type(error).__name__})"
            ) from None
        if signed_by != self._address:
            raise SignerError(f"the remote signer signed as {signed_by}, not as {self._address}")
        for name, value in fields.items():
            if _plain(name, value) != _plain(name, transaction.get(name)):
                raise SignerError(f"the remote signer changed {name}; the transaction is not sent", field=name)
        return encoded

    def _call(self, method: str, params: list[Any]) -> Any:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        request = urllib.request.Request(self._url, body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=self._timeout) as response:
                answer = json.loads(response.read(_MAX_ANSWER))
        except urllib.error.HTTPError as error:
            error.close()
            raise SignerError(f"the remote signer answered HTTP {error.code} to {method}") from None
        except (OSError, urllib.error.URLError) as error:
            why = getattr(error, "reason", None) or error
            raise SignerError(f"the remote signer did not answer {method}: {why}") from None
        except ValueError:
            raise SignerError(f"the remote signer's answer to {method} is not JSON") from None
        if not isinstance(answer, dict) or ("result" not in answer and "error" not in answer):
            raise SignerError(f"the remote signer's answer to {method} is not JSON-RPC")
        if answer.get("error"):
            refusal = answer["error"]
            message = refusal.get("message", "") if isinstance(refusal, dict) else str(refusal)
            raise SignerError(f"the remote signer refused {method}: {message}", method=method)
        return answer["result"]

    def __repr__(self) -> str:
        return f"<RemoteSigner {self._address}>"  # the URL may carry credentials


def _decode(encoded: bytes) -> tuple[Address, dict[str, Any]]:
    from eth_account import Account
    from eth_account.typed_transactions.typed_transaction import TypedTransaction
    from hexbytes import HexBytes

    fields = TypedTransaction.from_bytes(HexBytes(encoded)).as_dict()
    for name in ("v", "r", "s", "yParity"):
        fields.pop(name, None)
    return address(str(Account.recover_transaction(encoded))), dict(fields)


def _bytes(answer: object) -> bytes:
    if not isinstance(answer, str) or not answer.startswith("0x"):
        raise ValueError("not hex")
    return bytes.fromhex(answer[2:])


def _json(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return hex(value)
    return "0x" + value.hex().removeprefix("0x") if isinstance(value, bytes) else value


def _plain(name: str, value: Any) -> object:
    """One form for what transactions write in several: absent, numbers, 0x numbers, bytes, addresses."""
    if name == "accessList":
        return [(_text(item["address"]), [_number(key) for key in item["storageKeys"]]) for item in value or ()]
    if name in ("to", "data"):
        return _text(value)
    if value is None:
        return 2 if name == "type" else 0
    return _number(value)


def _number(value: Any) -> int:
    return int(value) if isinstance(value, int) else int(_text(value) or "0", 16)


def _text(value: Any) -> str:
    return (value.hex() if isinstance(value, bytes) else str(value or "")).lower().removeprefix("0x")
