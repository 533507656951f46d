"""Why Auction and Backstop refuse, and why the Ledger does for their sake."""

from __future__ import annotations

from peersettle.errors.base import Reverted

# Auctions


class StillHealthy(Reverted):
    """The account has enough margin, at one of the prices that may be the true one."""

    reason = "healthy"
    hint = "the account is not below maintenance at every price that may be the true one; look again when that changes"


class StillUnhealthy(Reverted):
    """The account has not enough margin to end its auction."""

    reason = "unhealthy"
    hint = "the account has not enough yet; its auction goes on until it has, or lapses after 30 minutes"


class AuctionStarted(Reverted):
    """There is an auction, and nothing new about the account."""

    reason = "started"
    hint = "the auction has begun already; bid"


class NoAuction(Reverted):
    """No auction of the account, or one that has lapsed."""

    reason = "unstarted"
    hint = "there is no auction of this account, or it has lapsed after 30 minutes; start one"


class StillBidding(Reverted):
    """Bidders still have time."""

    reason = "bidding"
    hint = "bidders have ten minutes, from the beginning or since the account is insolvent, before the backstop"


class BadFraction(Reverted):
    """Less than the bidder wanted at least, or than a tenth of what is on sale."""

    reason = "fraction"
    hint = "less is on sale than you wanted at least, or your bid is below a tenth of it; ask for a quote again"


class OnlyWhole(Reverted):
    """Rounding to whole lots would make a part useless."""

    reason = "whole"
    hint = "a part of this account, rounded to whole lots, would not help it; take all of it over"


class OnlyPart(Reverted):
    """Only a part is on sale yet."""

    reason = "part"
    hint = "the sale of a part restores this account; all of it can be taken over after ten minutes without a bidder"


class PriceBeyondLimit(Reverted):
    """The price is beyond the bidder's limit."""

    reason = "price"
    hint = "the price is beyond your limit; it falls with the age of the auction"


class StillSolvent(Reverted):
    """The account may be worth more than nothing."""

    reason = "solvent"
    hint = "only what is worth less than nothing at the best price that may be true is put into run-off"


class InRunOff(Reverted):
    """The account is in run-off already."""

    reason = "run-off"
    hint = "the account is in run-off already; it can be sold at any time"


class NotAuction(Reverted):
    """Only the deployment's Auction may do this."""

    reason = "auction"
    hint = "the Ledger, Risk and the backstop obey their one Auction only"


class Traded(Reverted):
    """The account traded in this transaction."""

    reason = "traded"
    hint = "the account traded in the same transaction; sell it in one of its own"


class InLiquidation(Reverted):
    """The account was sold in this transaction, or is in run-off."""

    reason = "liquidation"
    hint = "the account is in run-off, or was sold in this transaction: it cannot trade; deposits are possible"


# The backstop


class NoRoom(Reverted):
    """The backstop cannot put so much behind one more account, or could."""

    reason = "room"
    hint = "what the backstop may put behind an account does not fit this; `Backstop.room` says how much it is"


class NoInventory(Reverted):
    """The backstop has taken over nothing into this sub-account."""

    reason = "inventory"
    hint = "the backstop has no such account; `Backstop.inventory` lists those it has"


class StillReserved(Reverted):
    """The reserve of an expiry is kept for three days."""

    reason = "reserved"
    hint = "what is reserved for an expiry is free three days after its fixing"


class NotIdle(Reverted):
    """The backstop has less cash that is idle and not reserved."""

    reason = "idle"
    hint = "the backstop's cash is lent, reserved or behind accounts; take less, or wait for it"


class NoNotice(Reverted):
    """Shares that were not asked for, not two days ago, or too long ago."""

    reason = "notice"
    hint = "ask to leave first; two days later, and for two days, you can"


class NotEnoughShares(Reverted):
    """More shares than the owner has."""

    reason = "shares"
    hint = "the owner has fewer shares than this; those asked to leave with are set apart"


class NotAllowed(Reverted):
    """More shares than their owner has allowed."""

    reason = "allowance"
    hint = "the owner has not allowed you so many shares; have it approve them"


class BadReceiver(Reverted):
    """Shares for nobody, or for the pool itself."""

    reason = "receiver"
    hint = "shares go neither to the zero address nor to the pool itself"
