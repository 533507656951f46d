"""What can go wrong, down to what the chain refuses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol


class Explained(Protocol):
    """Anything that can say in one line what is wrong; `peersettle.trades.Problem` does."""

    def explain(self) -> str:
        """One line, with the values."""
        ...


class PeerSettleError(Exception):
    """Base of all errors of PeerSettle. `exit_code` is stable and documented."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, /, **values: Any) -> None:
        super().__init__(message)
        self.message = message
        self.values = values

    def to_json(self) -> dict[str, Any]:
        """The error as the command line's `--json` prints it."""
        return {"error": type(self).__name__, "message": self.message, **self.values}


class InputError(PeerSettleError, ValueError):
    """What the caller gave cannot be meant."""

    exit_code = 2


class InvalidField(InputError):
    """One field of a message does not fit its type or its rule."""

    def __init__(self, field: str, value: object, rule: str) -> None:
        super().__init__(f"{field} is {value!r}: {rule}", field=field, value=str(value), rule=rule)


class InvalidDocument(InputError):
    """A file or JSON text that is no signed document of ours."""


class SignatureError(PeerSettleError):
    """A signature is missing, malformed or another's."""

    exit_code = 3


class NotSettleable(PeerSettleError):
    """The pre-flight check found problems; `problems` has all of them."""

    exit_code = 4

    def __init__(self, problems: Sequence[Explained]) -> None:
        lines = "\n".join(f"  - {problem.explain()}" for problem in problems)
        super().__init__(f"the trade would not settle:\n{lines}", problems=[p.explain() for p in problems])
        self.problems = tuple(problems)


class KeyStoreError(PeerSettleError):
    """A key cannot be found, unlocked or written. Never carries key material."""

    exit_code = 5


class SignerError(PeerSettleError):
    """A remote signer refused or answered nonsense."""

    exit_code = 5


class ConfigError(PeerSettleError):
    """The configuration cannot be used."""

    exit_code = 6


class StoreError(PeerSettleError):
    """The local record cannot be read or written."""

    exit_code = 7


class SourceError(PeerSettleError):
    """A price source did not answer, or not with a price. `kind` is one word for what happened."""

    exit_code = 8

    def __init__(self, message: str, /, kind: str = "unavailable", **values: Any) -> None:
        super().__init__(message, kind=kind, **values)
        self.kind = kind


class ChainError(PeerSettleError):
    """Base of what goes wrong between us and a chain."""

    exit_code = 8


class RpcError(ChainError):
    """The node answered with an error."""


class RpcUnavailable(RpcError):
    """The node did not answer; trying again may help."""


class WrongChain(ChainError):
    """The node is on another chain than asked for."""


class NotDeployed(ChainError):
    """No record of the contracts on this chain."""


class InsufficientFunds(ChainError):
    """The sender cannot pay the value and the fees."""


class TransactionStuck(ChainError):
    """Not included in time, and the fee bumps are spent. Carries every hash that may still be included."""


class TransactionLost(ChainError):
    """Another transaction has taken its nonce; it will never be included."""


class Reverted(ChainError):
    """The chain refused; nothing has moved. `reason` is what the contract said, `hint` what to do next."""

    exit_code = 9
    reason: ClassVar[str | None] = None
    hint: ClassVar[str] = ""

    def __init__(self, message: str = "", /, **values: Any) -> None:
        text = message or f"{self.reason}: {self.hint}"
        super().__init__(text, **values)


class TokenReverted(Reverted):
    """A reason that is not ours: the token's, the wallet's or the ledger's."""

    hint = "the token, wallet or ledger refused"
