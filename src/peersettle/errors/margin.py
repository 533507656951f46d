"""Why Ledger, Risk and Parameters refuse: one class for each reason that Settlement and Oracle do not have."""

from __future__ import annotations

from peersettle.errors.base import Reverted

# What an account lacks


class BelowMargin(Reverted):
    """The account would be below initial margin, and riskier than it was."""

    reason = "margin"
    hint = "the account would be below initial margin and riskier than before; deposit more, or trade less"


class NotEnoughCash(Reverted):
    """More cash than the account has."""

    reason = "cash"
    hint = "the account has less cash than this takes, and nobody lends it for a trade or withdrawal; deposit first"


class NotEnoughCollateral(Reverted):
    """More collateral than the account has, or a token that is no market's, or another's already."""

    reason = "collateral"
    hint = (
        "the account has less of this collateral, or the token is no market's; a new market takes a token that none has"
    )


class AwaitsConfirmation(Reverted):
    """A price waits for its confirmation, and the account would not stand it."""

    reason = "candidate"
    hint = "a jump of the price waits for its confirmation, beyond what margin covers; try again after the next round"


class FeedUnusable(Reverted):
    """There is no usable price of the market."""

    reason = "feed"
    hint = "the market's price is too old or was never reported; submit a round (peersettle oracle submit), then again"


# What a book takes


class UnknownMarket(Reverted):
    """No such market, or one that was never refreshed."""

    reason = "market"
    hint = "no such market is listed, or its first refresh is missing; see peersettle margin markets"


class BadSeries(Reverted):
    """A series off the grid: no strike, or a kind that does not exist."""

    reason = "series"
    hint = "an instrument has a strike of at least one tick and is a call, a put or a forward"


class Matured(Reverted):
    """The expiry has passed."""

    reason = "matured"
    hint = "the expiry has passed; it can only be settled: peersettle account settle-expired"


class BookFull(Reverted):
    """32 positions in one market, or 64 markets."""

    reason = "full"
    hint = (
        "a market holds 32 positions of an account, and there are 64 markets at most; close one, or use a sub-account"
    )


class TooManyMarkets(Reverted):
    """An account in nine markets."""

    reason = "markets"
    hint = "an account is in 8 markets at most; use another sub-account"


class TooManyLots(Reverted):
    """A position of 2^27 lots and more."""

    reason = "lots"
    hint = "a position has fewer than 2^27 lots; split it over sub-accounts"


class AmountTooLarge(Reverted):
    """An amount that no balance can hold."""

    reason = "amount"
    hint = "the amount is larger than a balance can be"


class BadAccount(Reverted):
    """The same account on both sides, or the name of a session where an account must be."""

    reason = "account"
    hint = "giver and receiver are two accounts, and a sub-account is below 2^95"


# Refreshing and expiry


class StaleEpoch(Reverted):
    """The epoch is over: its price, age or averaging window."""

    reason = "epoch"
    hint = "the market's snapshot is over; refresh the account's series first, which peersettle does by itself"


class StaleArray(Reverted):
    """A series has no risk array of the present epoch."""

    reason = "array"
    hint = "a series was not computed in this epoch; refresh it first, which peersettle does by itself"


class MarkOutOfRange(Reverted):
    """An option whose price no mark can hold."""

    reason = "mark"
    hint = "the series is worth more than 8 times the reference price; choose a strike nearer to it"


class AlreadyFixed(Reverted):
    """The expiry has its fixing."""

    reason = "fixed"
    hint = "this expiry has its fixing already; settle the accounts in it"


class NotExpiredYet(Reverted):
    """A fixing before its time."""

    reason = "unexpired"
    hint = "the expiry has not come by the chain's clock; fix it after 08:00 UTC of its day"


class HasPositions(Reverted):
    """A book with positions cannot be forgotten."""

    reason = "positions"
    hint = "only a book without positions leaves the open risk of its market"


# Who may


class NotSettlement(Reverted):
    """Deposits and moves come through Settlement only."""

    reason = "settlement"
    hint = "deposits and trades go through the Ledger's Settlement"


class NotOwner(Reverted):
    """Only the owner may do this."""

    reason = "owner"
    hint = "only the owner brings an account its first token of a market, or sends a withdrawal elsewhere"


class NoSession(Reverted):
    """A key without this account's grant, or a name that another account has."""

    reason = "session"
    hint = "the account has not granted this key that scope; its owner grants it first"


class SessionExpired(Reverted):
    """The grant is over."""

    reason = "session expired"
    hint = "the grant of this session key is over; the account's owner grants it anew"


class BadScope(Reverted):
    """A grant of a scope that does not exist, or without end."""

    reason = "scope"
    hint = "scopes are 1 trade, 2 withdraw, and their sum; a grant ends before 2^64"


# Parameters


class OutOfBounds(Reverted):
    """A risk parameter beyond the bounds in the contract."""

    reason = "bounds"
    hint = "a risk parameter is beyond the bounds in the contract; peersettle.risk.parameters.FIELDS has them"


class BadTerms(Reverted):
    """The terms of a market do not fit."""

    reason = "terms"
    hint = "a market has two feeds, lot and tick that are powers of ten, and the token's own decimals"


class ProposalLapsed(Reverted):
    """A proposal that nobody activated for 14 days."""

    reason = "lapsed"
    hint = "the proposal was ready for more than 14 days; propose it anew"


class BadRamp(Reverted):
    """A ramp out of its bounds."""

    reason = "ramp"
    hint = "what tightens comes in over 1 hour to 14 days"
