"""Every exception of PeerSettle, in one tree.

    PeerSettleError
    ├── InputError                     what the caller gave cannot be meant
    │   ├── InvalidField               one field of a message, with its name and value
    │   └── InvalidDocument            a file or JSON text that is no signed document of ours
    ├── SignatureError                 a signature is missing, malformed or another's
    ├── NotSettleable                  the pre-flight check found problems; carries them all
    ├── KeyStoreError                  a key cannot be found, unlocked or written
    ├── SignerError                    a remote signer refused or answered nonsense
    ├── ConfigError                    the configuration cannot be used
    ├── StoreError                     the local record cannot be read or written
    └── ChainError
        ├── RpcError                   the node answered with an error
        │   └── RpcUnavailable         the node did not answer; trying again may help
        ├── WrongChain                 the node is on another chain than asked for
        ├── NotDeployed                no record of the contracts on this chain
        ├── InsufficientFunds          the sender cannot pay the value and the fees
        ├── TransactionStuck           not included in time, fee bumps spent; carries the hashes
        ├── TransactionLost            another transaction has taken its nonce; it will never be included
        └── Reverted                   the chain said no; one subclass for each of our reasons
            ├── Expired, TooEarly, WrongSubmitter, WrongTaker, BadParties, BadSignature, NonceUsed, BadNonceMask,
            ├── LegPartyMissing, BadLeg, UnknownKind, OneLedgerOnly, TransferFailed, InexactTransfer, BadApproval,
            ├── NativeNotSender, WrongValue, WrongChainId, NetOrder, NotNettable, BadMove, NotBalanced, BatchLength,
            ├── BatchGas
            └── TokenReverted          a reason that is not ours: the token's, the wallet's or the ledger's

Each carries the values it speaks of, and an exit code for the command line.
"""

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


class Expired(Reverted):
    """The deadline has passed."""

    reason = "expired"
    hint = "the deadline has passed; ask for a new quote"


class TooEarly(Reverted):
    """The trade is not valid yet."""

    reason = "early"
    hint = "the trade is not valid yet; send it after its valid-after time"


class WrongSubmitter(Reverted):
    """The trade names another submitter."""

    reason = "submitter"
    hint = "the trade names another address as its submitter"


class WrongTaker(Reverted):
    """The quote is for another taker, or the taker has not signed."""

    reason = "taker"
    hint = "the quote is for another taker, or the taker has neither signed nor sent it"


class BadParties(Reverted):
    """Parties out of order, or not as many signatures as parties."""

    reason = "parties"
    hint = "parties must ascend strictly, exclude Settlement, and have one signature slot each"


class BadSignature(Reverted):
    """Somebody who must has not signed exactly this."""

    reason = "signature"
    hint = "somebody who must has not signed exactly this message for this chain and contract"


class NonceUsed(Reverted):
    """Settled, cancelled or retired already."""

    reason = "nonce"
    hint = "it has been settled, cancelled or retired already"


class BadNonceMask(Reverted):
    """An empty mask, or one with the reserved top bit."""

    reason = "mask"
    hint = "a nonce mask takes at least one of the bits 0..254"


class LegPartyMissing(Reverted):
    """A leg's giver or receiver, or a canceller, is none of the parties."""

    reason = "party"
    hint = "a giver, receiver or canceller is none of the parties"


class BadLeg(Reverted):
    """A leg has a field that its kind does not use, or lacks one that it needs."""

    reason = "leg"
    hint = "a leg has a field that its kind does not use, or lacks one that it needs"


class UnknownKind(Reverted):
    """A leg of a kind that does not exist."""

    reason = "kind"
    hint = "leg kinds are 0 to 5"


class OneLedgerOnly(Reverted):
    """Position legs on two ledgers."""

    reason = "ledger"
    hint = "all position legs of a trade must be on one ledger"


class TransferFailed(Reverted):
    """A token answered no, or has no code."""

    reason = "token"
    hint = "a token answered false, has no code, or is not of the kind the leg says"


class InexactTransfer(Reverted):
    """Another amount arrived than was signed."""

    reason = "exact"
    hint = "the token delivered another amount than was signed; it takes a fee or rebases"


class BadApproval(Reverted):
    """Approvals out of order, of an unknown method, or for a leg that takes none."""

    reason = "approval"
    hint = "approvals must ascend by leg, use methods 1 to 3, and belong to ERC-20 legs"


class NativeNotSender(Reverted):
    """Native legs are the sender's own."""

    reason = "native"
    hint = "only the sender itself can give the native asset; token and id of the leg must be zero"


class WrongValue(Reverted):
    """The native amount sent is not the sum of the native legs."""

    reason = "value"
    hint = "send exactly the sum of the native legs"


class WrongChainId(Reverted):
    """The chain's id has changed since the deployment."""

    reason = "chain"
    hint = "the chain id changed after deployment; deploy again and sign again"


class NetOrder(Reverted):
    """Parties or tokens of a netting out of order."""

    reason = "order"
    hint = "parties and tokens of a netting must ascend strictly"


class NotNettable(Reverted):
    """A swap whose nonce does not allow netting."""

    reason = "netting"
    hint = "the swap's nonce does not carry the netting bit that both must have signed"


class BadMove(Reverted):
    """A move that does not go from a debtor to a creditor within both nets."""

    reason = "move"
    hint = "each move must go from a debtor to a creditor, within what either has left"


class NotBalanced(Reverted):
    """The moves leave a net open."""

    reason = "net"
    hint = "the moves do not settle every net"


class BatchLength(Reverted):
    """Not one gas cap for each entry."""

    reason = "length"
    hint = "give one gas cap for each entry"


class BatchGas(Reverted):
    """Not enough gas left to give an entry its cap."""

    reason = "gas"
    hint = "send the batch with more gas than the sum of its caps"


class TokenReverted(Reverted):
    """A reason that is not ours: the token's, the wallet's or the ledger's."""

    hint = "the token, wallet or ledger refused"


def reverted(reason: str | None, **values: Any) -> Reverted:
    """The exception for a decoded revert reason; `None` or empty when the chain gave none."""
    for kind in Reverted.__subclasses__():
        if reason and kind.reason == reason:
            return kind(**values)
    if reason:
        return TokenReverted(f"refused by a token, wallet or ledger: {reason}", reason=reason, **values)
    return Reverted(
        "reverted without a reason: a token without code, a re-entry, or a call that ran out of gas", **values
    )
