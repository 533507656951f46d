"""What a failure says: its message, what to do next, and its exit code. Nothing secret gets through.

Exit codes: 0 done · 1 unexpected, or a check that failed · 2 input · 3 signature · 4 would not settle · 5 key
or signer · 6 configuration · 7 local record · 8 chain · 9 reverted, nothing moved · 10 no peer, or no
node · 130 interrupted.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any, Final

import typer

from peersettle import errors
from peersettle.errors import PeerSettleError

UNEXPECTED: Final = 1
USAGE: Final = 2
INTERRUPTED: Final = 130

_NEXT: Final[tuple[tuple[type[PeerSettleError], str], ...]] = (
    (errors.InvalidDocument, "ask its sender for the file again; it must arrive unchanged"),
    (errors.SourceError, "see why with: peersettle oracle report --dry-run; a source that stays away can be left out"),
    (errors.SignatureError, "do not settle it; ask its signer for a new one over exactly these fields"),
    (errors.NotSettleable, "each party puts right what is theirs, then: peersettle check FILE"),
    (
        errors.KeyStoreError,
        "see `peersettle keys list`; the password comes from --password-file, "
        "PEERSETTLE_PASSWORD or, at a terminal, a prompt",
    ),
    (
        errors.SignerError,
        "check the signer's address, URL and log; `peersettle config show` prints what is used",
    ),
    (errors.ConfigError, "see `peersettle config show --help` and correct the key that is named"),
    (errors.StoreError, "see `peersettle doctor`; nothing is sent before it is recorded"),
    (errors.WrongChain, "point chain.url at the right node, or correct chain.expected_id"),
    (
        errors.NotDeployed,
        "run `peersettle deploy`, or point paths.deployments at the directory with the record",
    ),
    (
        errors.TransactionStuck,
        "run the same command again: it follows the transaction and does not send twice",
    ),
    (
        errors.RpcUnavailable,
        "is the node running? `peersettle chain up --anvil` starts one; else check chain.url",
    ),
    (errors.RpcError, "see `peersettle doctor`"),
    (errors.NegotiationError, "see where it stands: peersettle quotes KEY"),
    (errors.NetworkError, "see `peersettle peers`: is the other side running?"),
    (errors.ChainError, "see `peersettle doctor`"),
)
_KEY_LIKE: Final = re.compile(r"(?<![0-9A-Fa-f])(0x)?[0-9A-Fa-f]{64}(?![0-9A-Fa-f])")
_SECRET_VARIABLES: Final = ("PEERSETTLE_KEY", "PEERSETTLE_PASSWORD")
_SHORTEST_SECRET: Final = 8
_secrets: set[str] = set()


@dataclass(frozen=True, slots=True)
class Failure:
    """One failure, ready to be shown."""

    exit_code: int
    message: str
    next_step: str
    data: dict[str, Any]


def keep_secret(*values: str) -> None:
    """Never show these in a failure. What is too short to be a secret is left, lest words turn into stars."""
    _secrets.update(values)


def conceal(text: str, *, key_like: bool = False) -> str:
    """Text without secrets; with `key_like`, without anything that has the form of a key either."""
    known = _secrets | {os.environ.get(name, "") for name in _SECRET_VARIABLES}
    for secret in sorted((s for s in known if len(s) >= _SHORTEST_SECRET), key=len, reverse=True):
        text = text.replace(secret, "***").replace(secret.removeprefix("0x"), "***")
    return _KEY_LIKE.sub("***", text) if key_like else text


def failure(error: BaseException) -> Failure:
    """The failure that an exception stands for."""
    if isinstance(error, PeerSettleError):
        next_step = error.values.get("next_step") or next(
            (step for kind, step in _NEXT if isinstance(error, kind) and not isinstance(error, errors.Reverted)),
            "",
        )
        return _failure(error.exit_code, error.message, str(next_step), error.to_json())
    if isinstance(error, typer.TyperException):
        message = conceal(str(error.format_message()), key_like=True)
        context = getattr(error, "ctx", None)
        return _failure(
            USAGE,
            message,
            f"{context.command_path if context else 'peersettle'} --help",
            {"error": "UsageError"},
        )
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return _failure(INTERRUPTED, "interrupted", "", {"error": "Interrupted"})
    message = conceal(f"{type(error).__name__}: {error}", key_like=True)
    return _failure(
        UNEXPECTED,
        f"unexpected {message}",
        "this is a defect; run again with PEERSETTLE_DEBUG=1 for a traceback and report it",
        {"error": type(error).__name__},
    )


def _failure(exit_code: int, message: str, next_step: str, data: dict[str, Any]) -> Failure:
    shown = conceal(message)
    return Failure(
        exit_code,
        shown,
        next_step,
        {**data, "message": shown, "next_step": next_step, "exit_code": exit_code},
    )
