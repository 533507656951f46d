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
    ├── SourceError                    a price source did not answer, or not with a price
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
            ├── BatchGas,
            ├── WrongSlot, FromTheFuture, StaleRound, OldRound, OutOfRange, NoQuorum, NotReporters, NotAscending,
            ├── NotAttested, BadItems, BadWindow, Unobserved, BadSurface, NegativeVariance, ButterflyArbitrage,
            ├── CalendarArbitrage, NotSteward, DelayNotOver, NoSuchProposal, WrongSender, NoTarget,
            ├── BelowMargin, NotEnoughCash, NotEnoughCollateral, AwaitsConfirmation, FeedUnusable, UnknownMarket,
            ├── BadSeries, Matured, BookFull, TooManyMarkets, TooManyLots, AmountTooLarge, BadAccount, StaleEpoch,
            ├── StaleArray, MarkOutOfRange, AlreadyFixed, NotExpiredYet, HasPositions, NotSettlement, NotOwner,
            ├── NoSession, SessionExpired, BadScope, OutOfBounds, BadTerms, ProposalLapsed, BadRamp,
            └── TokenReverted          a reason that is not ours: the token's, the wallet's or the ledger's

Each carries the values it speaks of, and an exit code for the command line.
"""

from __future__ import annotations

from typing import Any

from peersettle.errors.base import (
    ChainError,
    ConfigError,
    Explained,
    InputError,
    InsufficientFunds,
    InvalidDocument,
    InvalidField,
    KeyStoreError,
    NotDeployed,
    NotSettleable,
    PeerSettleError,
    Reverted,
    RpcError,
    RpcUnavailable,
    SignatureError,
    SignerError,
    SourceError,
    StoreError,
    TokenReverted,
    TransactionLost,
    TransactionStuck,
    WrongChain,
)
from peersettle.errors.margin import (
    AlreadyFixed,
    AmountTooLarge,
    AwaitsConfirmation,
    BadAccount,
    BadRamp,
    BadScope,
    BadSeries,
    BadTerms,
    BelowMargin,
    BookFull,
    FeedUnusable,
    HasPositions,
    MarkOutOfRange,
    Matured,
    NoSession,
    NotEnoughCash,
    NotEnoughCollateral,
    NotExpiredYet,
    NotOwner,
    NotSettlement,
    OutOfBounds,
    ProposalLapsed,
    SessionExpired,
    StaleArray,
    StaleEpoch,
    TooManyLots,
    TooManyMarkets,
    UnknownMarket,
)
from peersettle.errors.oracle import (
    BadItems,
    BadSurface,
    BadWindow,
    ButterflyArbitrage,
    CalendarArbitrage,
    DelayNotOver,
    FromTheFuture,
    NegativeVariance,
    NoQuorum,
    NoSuchProposal,
    NoTarget,
    NotAscending,
    NotAttested,
    NotReporters,
    NotSteward,
    OldRound,
    OutOfRange,
    StaleRound,
    Unobserved,
    WrongSender,
    WrongSlot,
)
from peersettle.errors.settlement import (
    BadApproval,
    BadLeg,
    BadMove,
    BadNonceMask,
    BadParties,
    BadSignature,
    BatchGas,
    BatchLength,
    Expired,
    InexactTransfer,
    LegPartyMissing,
    NativeNotSender,
    NetOrder,
    NonceUsed,
    NotBalanced,
    NotNettable,
    OneLedgerOnly,
    TooEarly,
    TransferFailed,
    UnknownKind,
    WrongChainId,
    WrongSubmitter,
    WrongTaker,
    WrongValue,
)

__all__ = [
    "Explained",
    "PeerSettleError",
    "InputError",
    "InvalidField",
    "InvalidDocument",
    "SignatureError",
    "NotSettleable",
    "KeyStoreError",
    "SignerError",
    "ConfigError",
    "StoreError",
    "SourceError",
    "ChainError",
    "RpcError",
    "RpcUnavailable",
    "WrongChain",
    "NotDeployed",
    "InsufficientFunds",
    "TransactionStuck",
    "TransactionLost",
    "Reverted",
    "TokenReverted",
    "Expired",
    "TooEarly",
    "WrongSubmitter",
    "WrongTaker",
    "BadParties",
    "BadSignature",
    "NonceUsed",
    "BadNonceMask",
    "LegPartyMissing",
    "BadLeg",
    "UnknownKind",
    "OneLedgerOnly",
    "TransferFailed",
    "InexactTransfer",
    "BadApproval",
    "NativeNotSender",
    "WrongValue",
    "WrongChainId",
    "NetOrder",
    "NotNettable",
    "BadMove",
    "NotBalanced",
    "BatchLength",
    "BatchGas",
    "WrongSlot",
    "FromTheFuture",
    "StaleRound",
    "OldRound",
    "OutOfRange",
    "NoQuorum",
    "NotReporters",
    "NotAscending",
    "NotAttested",
    "BadItems",
    "BadWindow",
    "Unobserved",
    "BadSurface",
    "NegativeVariance",
    "ButterflyArbitrage",
    "CalendarArbitrage",
    "NotSteward",
    "DelayNotOver",
    "NoSuchProposal",
    "NoTarget",
    "WrongSender",
    "BelowMargin",
    "NotEnoughCash",
    "NotEnoughCollateral",
    "AwaitsConfirmation",
    "FeedUnusable",
    "UnknownMarket",
    "BadSeries",
    "Matured",
    "BookFull",
    "TooManyMarkets",
    "TooManyLots",
    "AmountTooLarge",
    "BadAccount",
    "StaleEpoch",
    "StaleArray",
    "MarkOutOfRange",
    "AlreadyFixed",
    "NotExpiredYet",
    "HasPositions",
    "NotSettlement",
    "NotOwner",
    "NoSession",
    "SessionExpired",
    "BadScope",
    "OutOfBounds",
    "BadTerms",
    "ProposalLapsed",
    "BadRamp",
    "reverted",
]


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
