"""Why Oracle refuses: one class for each reason."""

from __future__ import annotations

from peersettle.errors.base import Reverted


class WrongSlot(Reverted):
    """The time of a round is no multiple of the feed's slot."""

    reason = "slot"
    hint = "reports of a feed carry a multiple of its slot as their time"


class FromTheFuture(Reverted):
    """A round of a slot that has not begun."""

    reason = "future"
    hint = "the slot has not begun by the chain's clock; send the round later"


class StaleRound(Reverted):
    """A round older than its feed takes."""

    reason = "stale"
    hint = "the round is older than the feed's maximum age; collect reports of a newer slot"


class OldRound(Reverted):
    """The feed has a round of this slot or a later one."""

    reason = "old"
    hint = "the feed has this slot or a later one already; nothing is lost"


class OutOfRange(Reverted):
    """A value of zero, or of 2^87 and more."""

    reason = "range"
    hint = "values are positive and below 2^87 units of 1e-18"


class NoQuorum(Reverted):
    """Fewer reports than the threshold, or a set whose honest members could not reach it."""

    reason = "quorum"
    hint = "bring at least k reports; a set takes k >= 3 and as many members as k and the liars it tolerates"


class NotReporters(Reverted):
    """A signature is another's or over something else, a member is there twice, or the silent ones are wrong."""

    reason = "reporters"
    hint = (
        "every report must be signed for exactly this feed, value, slot and contract, by a different "
        "member of the set in place"
    )


class NotAscending(Reverted):
    """Reports, members or expiries out of order."""

    reason = "ascending"
    hint = "reports ascend by value, members and expiries strictly"


class NotAttested(Reverted):
    """A contract among the reporters does not stand by the value."""

    reason = "attest"
    hint = "the attesting contract answers for its own fresh value only"


class BadItems(Reverted):
    """An empty or torn batch or surface."""

    reason = "items"
    hint = "a batch is 49 bytes for each feed, at least one; a surface has at least one expiry"


class BadWindow(Reverted):
    """A window off the grid, empty, or longer than 30 minutes."""

    reason = "window"
    hint = "windows begin and end at multiples of 300 seconds, at most 30 minutes apart"


class Unobserved(Reverted):
    """Too little of the window was observed, or its end is not behind us yet."""

    reason = "unobserved"
    hint = "two thirds of the window must be observed and a later observation must have come, within seven days"


class BadSurface(Reverted):
    """SVI parameters out of their domain, or no usable surface of an expiry."""

    reason = "surface"
    hint = (
        "a reported surface needs b >= 0, sigma > 0, |rho| < 1 and a positive forward; "
        "at a refresh, submit a fresh surface with this expiry"
    )


class NegativeVariance(Reverted):
    """A surface with a variance that is not positive."""

    reason = "variance"
    hint = "fit the surface again; its total variance must be positive everywhere"


class ButterflyArbitrage(Reverted):
    """A surface that prices a butterfly below zero."""

    reason = "butterfly"
    hint = "fit the surface again; a slice allows butterfly arbitrage"


class CalendarArbitrage(Reverted):
    """A surface that prices a calendar spread below zero."""

    reason = "calendar"
    hint = "fit the surface again; a later expiry lies below an earlier one"


class NotSteward(Reverted):
    """Somebody else than the steward proposes reporters, a market or risk parameters."""

    reason = "steward"
    hint = "only the steward proposes reporters, a market or risk parameters, or takes that back"


class DelayNotOver(Reverted):
    """A proposal before its time, or a delay out of its bounds."""

    reason = "delay"
    hint = (
        "what was proposed waits out the delay: 2 to 30 days for reporters, "
        "1 hour to 30 days for markets and risk parameters"
    )


class NoSuchProposal(Reverted):
    """Nothing of the kind has been proposed."""

    reason = "proposal"
    hint = "nothing of the kind is proposed; activate exactly what was proposed last"


class WrongSender(Reverted):
    """A bundle asked to act for another account."""

    reason = "sender"
    hint = "as an account's code, a bundle obeys that account only"


class NoTarget(Reverted):
    """A bundle whose last call goes to an address without code."""

    reason = "target"
    hint = "the bundle's call goes to an address without code"
