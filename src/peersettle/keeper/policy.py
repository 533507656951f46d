"""What a keeper does, and why: from a view of accounts, prices and time to decisions. Nothing here asks or sends.

A decision that is not to act says what is missing, so that a dry run explains itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from peersettle.bindings.auction import AuctionQuote
from peersettle.errors import InvalidField
from peersettle.keeper.appraisal import LAST_COVER, Buyer, Offer
from peersettle.keeper.view import (
    PURCHASES,
    Candidate,
    Decision,
    Kind,
    Policy,
    Reserved,
    Settleable,
    Unfixed,
    View,
    at_last_price,
    from_wad,
)
from peersettle.types import WAD

__all__ = ["best_rate", "plan"]

_FEE: Final = 2 * 10**16
_KEPT: Final = 2
_SLACK: Final = 50
_UNBOUNDED: Final = 2**128 - 1


def plan(view: View, policy: Policy) -> list[Decision]:
    """What to do now, in this order: purchases by what they bring, then what lets others buy or be paid.

    The account that promises most is considered first, and each purchase counts when the next one is judged. Where
    candidates bring their offers, at most one purchase is made into each of our sub-accounts.
    """
    found: list[Decision] = []
    buyer = view.buyer
    for candidate in sorted(view.candidates, key=_promising):
        if candidate.account >> 96 == view.owner:
            ours = f"our own account has {_of(candidate.quote)}: deposit, or reduce it"
            found.append(Decision(Kind.BID, False, ours, (candidate.account,)))
            continue
        appraised = candidate if buyer is None else replace(candidate, offers=_appraised(buyer, candidate))
        about = _about(appraised, view, policy)
        found += about
        for decision in about:
            if decision.acts and decision.kind in PURCHASES and buyer is not None:
                buyer = buyer.having(_offer_of(decision, appraised))
    found += [_fixing(item, view, policy) for item in view.unfixed]
    found += [_settling(item, view, policy) for item in view.settleable]
    found += [_collecting(slot, view, policy) for slot in view.collectable]
    found += [_lapsing(item, view, policy) for item in view.reserved if item.until < view.now]
    if policy.max_gas_price is not None and view.gas_price > policy.max_gas_price:
        dear = f"gas costs {view.gas_price} wei, more than the {policy.max_gas_price} of keeper.max_gas_price"
        found = [_stopped(item, dear) if item.acts else item for item in found]
    found.sort(key=lambda item: (not item.acts, list(Kind).index(item.kind), item.cost - item.edge))
    return found if buyer is not None else list(_one_each(found))


def best_rate(quote: AuctionQuote, lowest: int) -> int:
    """The most that a unit of maintenance requirement will pay in this auction as the account is now, wad."""
    if quote.equity <= 0:
        return LAST_COVER
    bound = min(lowest or _UNBOUNDED, quote.equity * WAD // max(quote.maintenance, 1)) // _KEPT
    return min(WAD, bound - min(_FEE, bound))


def _about(candidate: Candidate, view: View, policy: Policy) -> list[Decision]:
    quote, state, who = candidate.quote, candidate.state, (candidate.account,)
    live = state.is_live(view.now)
    if quote.most == 0:
        return _unsold(candidate, live, view, policy)
    bought = _buying(candidate, live, view, policy)
    if bought.acts:
        return [bought]
    gas = policy.gas.start + policy.gas.judged * candidate.positions + _refreshing(candidate.stale, policy)
    if not live:
        is_pool = view.pool is not None and candidate.account >> 96 == view.pool
        why = "the backstop's own" if is_pool else _of(quote)
        return [
            bought,
            _unpaid(Kind.START, who, why, gas, _promise(candidate, view, policy, gas), view, policy, candidate),
        ]
    if quote.equity <= 0 and state.insolvent_at == 0:
        worth = _promise(candidate, view, policy, gas)
        why = "it became insolvent: from when that is noted on, the backstop pays"
        return [bought, _unpaid(Kind.NOTE, who, why, gas, worth, view, policy, candidate)]
    return [bought, *_last(candidate, view, policy)]


def _promising(candidate: Candidate) -> int:
    """Less for who comes first: what it would bring if we bought all that is on sale."""
    quote = candidate.quote
    return -(quote.paid * quote.maintenance // WAD * quote.most)


def _appraised(buyer: Buyer, candidate: Candidate) -> tuple[Offer, ...]:
    if candidate.quote.most == 0:
        return ()
    try:
        return buyer.offers(candidate.margin, candidate.quote)
    except InvalidField:  # what cannot be valued is not bought
        return ()


def _offer_of(decision: Decision, candidate: Candidate) -> Offer:
    """The one that was chosen."""
    return next(
        offer
        for offer in candidate.offers
        if (offer.sub_account, offer.is_whole) == (decision.sub_account, decision.kind is Kind.TAKE_OVER)
    )


def _buying(candidate: Candidate, live: bool, view: View, policy: Policy) -> Decision:
    """The purchase that leaves most, or why none is made."""
    free = [offer for offer in candidate.offers if not offer.obstacles]
    if not free:
        met = dict.fromkeys(str(item) for offer in candidate.offers for item in offer.obstacles)
        why = f"{_of(candidate.quote)}, but nothing fits us: {', '.join(met) or 'no account of ours'}"
        return Decision(Kind.BID, False, why, (candidate.account,))
    made = [_purchase(candidate, offer, view, policy) for offer in free]
    best = max(made, key=lambda item: item.edge - item.cost)
    left = best.edge - best.cost
    if left >= policy.min_edge:
        why = f"{_of(candidate.quote)}; {from_wad(left)} are left after gas and hedge"
        return replace(best, acts=True, reason=why)
    if best.edge >= policy.min_edge:
        why = f"gas is too dear: {from_wad(best.cost)} of an edge of {from_wad(best.edge)}"
    else:
        paid = f"{candidate.quote.paid / WAD:.1%} of the requirement"
        waits = "not yet begun" if not live else f"pays {paid}"
        why = f"the edge of {from_wad(best.edge)} after the hedge is below {from_wad(policy.min_edge)}: {waits}"
    return replace(best, acts=False, reason=why)


def _purchase(candidate: Candidate, offer: Offer, view: View, policy: Policy) -> Decision:
    gas = policy.gas.take_over if offer.is_whole else policy.gas.bid + policy.gas.position * offer.positions
    stale = _both(candidate)
    gas += policy.gas.judged * candidate.positions + _refreshing(stale, policy)
    edge = offer.edge - offer.relieved * policy.hedge_rate // WAD
    cost = view.cost(gas)
    return Decision(
        Kind.TAKE_OVER if offer.is_whole else Kind.BID,
        False,
        "",
        (candidate.account,),
        gas=gas,
        cost=cost,
        edge=edge,
        sub_account=offer.sub_account,
        fraction=offer.fraction,
        least=offer.fraction * 9 // 10,
        limit=offer.price + max(edge - cost - policy.min_edge, 0),
        stale=stale,
    )


def _promise(candidate: Candidate, view: View, policy: Policy, gas: int) -> int:
    """What the best purchase would leave at the auction's last price, beyond the gas of starting it and of buying."""
    rate = best_rate(candidate.quote, candidate.state.lowest) - policy.hedge_rate
    found = []
    for offer in candidate.offers:
        if offer.obstacles:
            continue
        then = policy.gas.take_over if offer.is_whole else policy.gas.bid + policy.gas.position * offer.positions
        found.append(offer.relieved * rate // WAD - view.cost(gas + then))
    return max(found, default=0)


def _unpaid(
    kind: Kind,
    who: tuple[int, ...],
    why: str,
    gas: int,
    promise: int,
    view: View,
    policy: Policy,
    candidate: Candidate | None = None,
) -> Decision:
    """A call that pays nobody: made where it promises a purchase, or costs no more than upkeep may."""
    cost, stale = view.cost(gas), candidate.stale if candidate else {}
    if promise >= policy.min_edge and promise > 0:
        why = f"{why}; it promises {from_wad(promise)} in the end"
        return Decision(kind, True, why, who, gas=gas, cost=cost, stale=stale)
    if cost <= policy.upkeep:
        return Decision(kind, True, f"{why}; costs {from_wad(cost)}, as upkeep", who, gas=gas, cost=cost, stale=stale)
    why = (
        f"{why}; but it costs {from_wad(cost)}, more than the {from_wad(policy.upkeep)} of upkeep, and promises nothing"
    )
    return Decision(kind, False, why, who, gas=gas, cost=cost, stale=stale)


def _unsold(candidate: Candidate, live: bool, view: View, policy: Policy) -> list[Decision]:
    quote, state, who = candidate.quote, candidate.state, (candidate.account,)
    is_enough = quote.equity >= quote.maintenance
    if state.started_at and (is_enough or not (live or state.run_off)):
        gas = policy.gas.end + policy.gas.judged * candidate.positions + _refreshing(candidate.stale, policy)
        why = "it has enough again" if is_enough else "its time is up"
        return [_unpaid(Kind.END, who, why, gas, 0, view, policy, candidate)]
    if not is_enough:
        why = f"{_of(quote)}, but it may not be sold: a price is unusable or waits for its confirmation"
        return [Decision(Kind.START, False, why, who)]
    return []


def _last(candidate: Candidate, view: View, policy: Policy) -> list[Decision]:
    """Nobody wants it at the last price: the backstop's turn."""
    quote = candidate.quote
    is_pool = view.pool is not None and candidate.account >> 96 == view.pool
    if not at_last_price(candidate.state, view.now):
        return []
    price = max(quote.equity - quote.maintenance * (quote.paid + quote.fee) // WAD, 0) if quote.equity > 0 else 0
    wanted = quote.initial + quote.initial // _SLACK - quote.equity
    needed = max(wanted, -candidate.margin.cash, 0) + price
    gas = policy.gas.rescue + policy.gas.judged * candidate.positions + _refreshing(candidate.stale, policy)
    if needed <= view.room and not is_pool and Kind.RESCUE not in candidate.refused:
        why = f"nobody bids, and the backstop has room: {from_wad(needed)} of {from_wad(view.room)}"
        return [_unpaid(Kind.RESCUE, (candidate.account,), why, gas, 0, view, policy, candidate)]
    if quote.equity < 0 and Kind.RUN_OFF not in candidate.refused:
        why = f"insolvent, nobody bids, and the backstop has no room for {from_wad(needed)}"
        return [_unpaid(Kind.RUN_OFF, (candidate.account,), why, gas, 0, view, policy, candidate)]
    if candidate.refused:
        why = f"nobody bids, but the contract refuses what could be done: {' and '.join(sorted(candidate.refused))}"
        return [Decision(Kind.RESCUE, False, f"{why}; a price may wait for its confirmation", (candidate.account,))]
    return []


def _fixing(item: Unfixed, view: View, policy: Policy) -> Decision:
    why = f"day {item.day} of market {item.market} has expired, and {item.holders} accounts hold it"
    return replace(_unpaid(Kind.FIX, (), why, policy.gas.fix, 0, view, policy), market=item.market, day=item.day)


def _settling(item: Settleable, view: View, policy: Policy) -> Decision:
    gas = policy.gas.settle + policy.gas.settled * item.positions
    cost = view.cost(gas)
    why = f"{item.positions} positions would be settled, for {from_wad(item.income)}"
    fields: dict[str, Any] = {"gas": gas, "cost": cost, "edge": item.income}
    if cost - item.income <= policy.upkeep:
        return Decision(Kind.SETTLE, True, f"{why}; costs {from_wad(cost)}", item.accounts, **fields)
    why = f"{why}, but that costs {from_wad(cost)}, more than it pays and {from_wad(policy.upkeep)} of upkeep"
    return Decision(Kind.SETTLE, False, why, item.accounts, **fields)


def _collecting(slot: int, view: View, policy: Policy) -> Decision:
    why = f"the backstop's account {slot} has been sold"
    return replace(_unpaid(Kind.COLLECT, (), why, policy.gas.collect, 0, view, policy), slot=slot)


def _lapsing(item: Reserved, view: View, policy: Policy) -> Decision:
    kept = f"the backstop still keeps {from_wad(item.amount)} for day {item.day} of market {item.market}"
    why = f"{kept}, which nobody can lend, bid with or leave with; its time is up"
    return replace(_unpaid(Kind.LAPSE, (), why, policy.gas.lapse, 0, view, policy), market=item.market, day=item.day)


def _one_each(decisions: Iterable[Decision]) -> Iterable[Decision]:
    """Of purchases into one sub-account the first, and of calls about one account, too."""
    filled: set[int] = set()
    for item in decisions:
        if item.acts and item.kind in PURCHASES:
            if item.sub_account in filled:
                yield _stopped(item, f"after the purchase into sub-account {item.sub_account}")
                continue
            filled.add(item.sub_account)
        yield item


def _both(candidate: Candidate) -> dict[int, tuple[int, ...]]:
    """What must be refreshed before the account and ours can be judged."""
    stale, ours = candidate.stale, candidate.own_stale
    markets = sorted({*stale, *ours})
    return {market: tuple(sorted({*stale.get(market, ()), *ours.get(market, ())}, reverse=True)) for market in markets}


def _refreshing(stale: Mapping[int, tuple[int, ...]], policy: Policy) -> int:
    return policy.gas.refreshing(sum(len(series) for series in stale.values()), len(stale))


def _of(quote: AuctionQuote) -> str:
    return f"equity {from_wad(quote.equity)}, maintenance {from_wad(quote.maintenance)}"


def _stopped(decision: Decision, why: str) -> Decision:
    return replace(decision, acts=False, reason=f"{why}; else: {decision.reason}")
