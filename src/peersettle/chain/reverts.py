"""What a chain said when it refused, as an exception of our own."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Any, Final

from peersettle.errors import InputError, Reverted, reverted

_ERROR: Final = bytes.fromhex("08c379a0")  # Error(string)
_PANIC: Final = bytes.fromhex("4e487b71")  # Panic(uint256)

_PANICS: Final = {
    0x01: "an assertion failed",
    0x11: "arithmetic overflow",
    0x12: "division by zero",
    0x21: "not a member of an enum",
    0x22: "broken storage encoding",
    0x31: "pop of an empty array",
    0x32: "index out of bounds",
    0x41: "too much memory",
    0x51: "call of an uninitialised function",
}

_CUSTOM: Final = (
    # Permit2
    "InvalidNonce()",
    "InvalidSigner()",
    "InvalidSignature()",
    "InvalidSignatureLength()",
    "InvalidContractSignature()",
    "SignatureExpired(uint256)",
    "InvalidAmount(uint256)",
    # ERC-6093
    "ERC20InsufficientBalance(address,uint256,uint256)",
    "ERC20InsufficientAllowance(address,uint256,uint256)",
    "ERC20InvalidSender(address)",
    "ERC20InvalidReceiver(address)",
    "ERC20InvalidApprover(address)",
    "ERC20InvalidSpender(address)",
    "ERC721NonexistentToken(uint256)",
    "ERC721IncorrectOwner(address,uint256,address)",
    "ERC721InsufficientApproval(address,uint256)",
    "ERC721InvalidReceiver(address)",
    "ERC1155InsufficientBalance(address,uint256,uint256,uint256)",
    "ERC1155MissingApprovalForAll(address,address)",
    "ERC1155InvalidReceiver(address)",
    # ERC-2612 and OpenZeppelin
    "ERC2612ExpiredSignature(uint256)",
    "ERC2612InvalidSigner(address,address)",
    "SafeERC20FailedOperation(address)",
    "EnforcedPause()",
    # Solady
    "InsufficientBalance()",
    "InsufficientAllowance()",
    "InvalidPermit()",
    "PermitExpired()",
)

_REVERT_WORDS: Final = re.compile(
    r"revert|vm execution error|out of ?gas|invalid (opcode|instruction|jump)|stack (under|over)flow|"
    r"write protection|bad instruction",
    re.IGNORECASE,
)
_NO_REASON: Final = re.compile(
    r"out of ?gas|invalid (opcode|instruction|jump)|stack (under|over)flow|write protection|bad instruction",
    re.IGNORECASE,
)
_PREFIXES: Final = re.compile(
    r"^(?:vm exception while processing transaction: |"
    r"vm execution error\.?|execution reverted|reverted with reason string|reverted|revert)[:, ]*",
    re.IGNORECASE,
)


def decode_revert(cause: object, **values: Any) -> Reverted:
    """The exception for a refusal: bytes, hex text, a JSON-RPC error, an exception of web3 or eth-tester.

    `values` are kept in the exception. An unknown custom error keeps its data as its reason.
    """
    data, text = _found(cause)
    if data:
        return _from_data(data, values)
    return _from_text(text, values)


def reason_of(error: Reverted) -> str:
    """The reason in the contract's own words; empty where it gave none.

    `decode_revert` makes the same error of it.
    """
    return str(error.reason or error.values.get("reason") or "")


def is_revert(cause: object) -> bool:
    """Whether an error is the contract's refusal, and not the node's."""
    if isinstance(cause, Reverted):
        return True
    name = type(cause).__name__
    if name in ("ContractLogicError", "ContractCustomError", "ContractPanicError", "TransactionFailed"):
        return True
    response = getattr(cause, "rpc_response", None)
    error = response.get("error") if isinstance(response, Mapping) else cause
    if not isinstance(error, Mapping):
        return False
    if error.get("code") == 3:
        return True
    return _REVERT_WORDS.search(f"{error.get('message')} {error.get('data')}") is not None


def _found(cause: object) -> tuple[bytes | None, str]:
    """The returned data, if any can be found, and the text that came with it."""
    if isinstance(cause, Reverted):
        return None, reason_of(cause)
    if isinstance(cause, (bytes, bytearray)):
        return bytes(cause), ""
    if isinstance(cause, str):
        return _hex(cause), cause
    if isinstance(cause, Mapping):
        return _data(cause.get("data")), str(cause.get("message") or "")
    response = getattr(cause, "rpc_response", None)
    if isinstance(response, Mapping) and isinstance(response.get("error"), Mapping):
        return _found(response["error"])
    data = _data(getattr(cause, "data", None))
    arguments = getattr(cause, "args", ())
    first = arguments[0] if arguments else ""
    if data is None and not isinstance(first, str):
        return _found(first) if first is not cause else (None, "")
    text = str(first)
    if data is None and (quoted := re.search(r"""b(['"]).*\1""", text, re.DOTALL)):
        data = _literal(quoted.group())
    return data, text


def _data(value: object) -> bytes | None:
    """The bytes in the `data` of an error: hex text, or that in an object, however deep."""
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    if isinstance(value, str):
        return _hex(value)
    if isinstance(value, Mapping):
        for key in ("data", "result", "output", "return", "originalError"):
            if (found := _data(value.get(key))) is not None:
                return found
    return None


def _hex(text: str) -> bytes | None:
    match = re.search(r"0x((?:[0-9a-fA-F]{2})*)$", text.strip())
    return bytes.fromhex(match.group(1)) if match else None


def _literal(text: str) -> bytes | None:
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return None
    return value if isinstance(value, bytes) else None


def _from_data(data: bytes, values: dict[str, Any]) -> Reverted:
    from peersettle.chain.artifacts import decode, selector

    head, body = data[:4], data[4:]
    try:
        if head == _ERROR:
            return reverted(str(decode(["string"], body)[0]), **values)
        if head == _PANIC:
            code = int(decode(["uint256"], body)[0])
            return reverted(f"panic {code:#04x}, {_PANICS.get(code, 'of an unknown kind')}", **values)
        for text in _CUSTOM:
            if selector(text) == head:
                name, _, rest = text.partition("(")
                types = [kind for kind in rest.rstrip(")").split(",") if kind]
                said = ", ".join(_show(value) for value in decode(types, body))
                return reverted(f"{name}({said})", **values)
    except InputError:
        pass
    shown = data.hex() if len(data) <= 100 else f"{data[:100].hex()}…"
    return reverted(f"custom error 0x{shown}", **values)


def _from_text(text: str, values: dict[str, Any]) -> Reverted:
    reason = text.strip()
    while (shorter := _PREFIXES.sub("", reason).strip()) != reason:
        reason = shorter
    reason = reason.strip("'\"")
    if reason in ("", "b", "0x", "no data") or _NO_REASON.search(reason):
        return reverted(None, **({"detail": text.strip()} if text.strip() else {}), **values)
    return reverted(reason, **values)


def _show(value: object) -> str:
    return str(value)
