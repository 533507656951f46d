"""Why Settlement refuses: one class for each reason."""

from __future__ import annotations

from peersettle.errors.base import Reverted


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
    """Position legs on two ledgers, or a call that only the Ledger may make."""

    reason = "ledger"
    hint = "all position legs of a trade must be on one ledger; Risk and backstop obey their Ledger only"


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
