"""What `Parameters.vy` does, call by call, check by check, in the contract's order.

A call that the contract would revert raises the `Reverted` of that reason, with the values, and changes nothing.
Time is passed in, in Unix seconds. Not modelled: gas, and tokens that answer for their decimals differently each time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final, TypeAlias

from peersettle.errors import InvalidField, reverted
from peersettle.risk.parameters import FIELDS, AbiTerms, MarketTerms, RiskParameters, Tighter
from peersettle.types import ZERO_ADDRESS, Address, Hash32

MIN_DELAY: Final = 3_600
MAX_DELAY: Final = 30 * 86_400
MIN_RAMP: Final = 3_600
MAX_RAMP: Final = 14 * 86_400
LAPSE: Final = 14 * 86_400
"""Seconds after an announcement is ready, after which it cannot be put in force any more."""
MAX_MARKETS: Final = 64


# What is logged


@dataclass(frozen=True)
class MarketProposed:
    """The steward has announced the market of this number."""

    market: int
    terms: MarketTerms
    parameters: RiskParameters
    ready_at: int


@dataclass(frozen=True)
class MarketListed:
    """The market is there for good."""

    market: int
    spot_feed: Hash32
    token: Address


@dataclass(frozen=True)
class ParametersProposed:
    """The steward has announced other parameters."""

    market: int
    parameters: RiskParameters
    ready_at: int


@dataclass(frozen=True)
class ParametersActivated:
    """What loosens is in force; what tightens will be, whole, at `ramped_at`."""

    market: int
    parameters: RiskParameters
    ramped_at: int


@dataclass(frozen=True)
class ProposalWithdrawn:
    """The steward has taken back what it announced."""

    market: int


Event: TypeAlias = MarketProposed | MarketListed | ParametersProposed | ParametersActivated | ProposalWithdrawn


# What is kept


@dataclass(frozen=True)
class Proposal:
    """What is announced for a market; terms only for one that is not listed yet."""

    parameters: RiskParameters
    ready_at: int
    terms: MarketTerms | None = None


@dataclass(frozen=True)
class Market:
    """A listed market. Its parameters move from `origin` to `target`, where they are at `ramped_at`; None: they are."""

    terms: MarketTerms
    origin: RiskParameters
    target: RiskParameters
    ramped_at: int | None = None


@dataclass
class ParametersSpec:
    """The contract. `decimals` has every token that answers for its decimals.

    Raises:
        Reverted: "delay" or "ramp": out of bounds.
    """

    steward: Address
    delay: int
    ramp: int
    decimals: Mapping[Address, int] = field(default_factory=dict)

    markets: list[Market] = field(default_factory=list)
    proposals: dict[int, Proposal] = field(default_factory=dict)
    log: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        _require(MIN_DELAY <= self.delay <= MAX_DELAY, "delay", delay=self.delay)
        _require(MIN_RAMP <= self.ramp <= MAX_RAMP, "ramp", ramp=self.ramp)

    # Reading

    def market(self, market: int) -> Market:
        """A listed market.

        Raises:
            Reverted: "market": it is not listed.
        """
        _require(market < len(self.markets), "market", market=market, listed=len(self.markets))
        return self.markets[market]

    def proposed_terms(self) -> MarketTerms:
        """The terms of the market that is announced.

        Raises:
            Reverted: "proposal": none is.
        """
        proposal = self._proposal(len(self.markets))
        assert proposal.terms is not None
        return proposal.terms

    def market_of(self, token: Address) -> tuple[int, int]:
        """The market whose collateral a token is, and the token's scale.

        Raises:
            Reverted: "collateral": it is none's.
        """
        found = self._collateral(token)
        _require(found is not None, "collateral", token=token)
        assert found is not None
        return found, self.markets[found].terms.token_scale

    def risk_parameters(self, market: int, now: int) -> RiskParameters:
        """The parameters in force: each field on a straight line from origin to target, rounded towards its origin.

        Raises:
            Reverted: "market".
        """
        listed = self.market(market)
        if listed.ramped_at is None or now >= listed.ramped_at:
            return listed.target
        gone = Fraction(self.ramp - (listed.ramped_at - now), self.ramp)
        moving = ((getattr(listed.origin, f.name), getattr(listed.target, f.name)) for f in FIELDS)
        return RiskParameters(*(old + int((new - old) * gone) for old, new in moving))

    def ramp_target(self, market: int) -> tuple[RiskParameters, int]:
        """The parameters in force or on their way, and when all of them are there; zero when nothing has tightened.

        Raises:
            Reverted: "market".
        """
        listed = self.market(market)
        return listed.target, listed.ramped_at or 0

    # Changing

    def propose_market(self, caller: Address, terms: AbiTerms, parameters: int, now: int) -> None:
        """Steward only: announce the next market. It takes the place of what was announced as that, and waits anew.

        Raises:
            Reverted: "steward", "full", "terms", "collateral", "bounds".
        """
        _require(caller == self.steward, "steward", caller=caller)
        number = len(self.markets)
        _require(number < MAX_MARKETS, "full", markets=number)
        checked = self._checked_terms(terms)
        _require(self._collateral(checked.token) is None, "collateral", token=checked.token)
        proposal = Proposal(_checked(parameters), now + self.delay, checked)
        self.proposals[number] = proposal
        self.log.append(MarketProposed(number, checked, proposal.parameters, proposal.ready_at))

    def propose_parameters(self, caller: Address, market: int, parameters: int, now: int) -> None:
        """Steward only: announce other parameters of a listed market, in the place of those announced before.

        Raises:
            Reverted: "steward", "market", "bounds".
        """
        _require(caller == self.steward, "steward", caller=caller)
        self.market(market)
        proposal = Proposal(_checked(parameters), now + self.delay)
        self.proposals[market] = proposal
        self.log.append(ParametersProposed(market, proposal.parameters, proposal.ready_at))

    def withdraw_proposal(self, caller: Address, market: int) -> None:
        """Steward only: take an announcement back.

        Raises:
            Reverted: "steward", "proposal".
        """
        _require(caller == self.steward, "steward", caller=caller)
        self._proposal(market)
        del self.proposals[market]
        self.log.append(ProposalWithdrawn(market))

    def activate(self, market: int, now: int) -> None:
        """Anybody: put an announcement in force once it has waited out the delay, and before it lapses.

        Raises:
            Reverted: "proposal", "delay", "lapsed".
        """
        proposal = self._proposal(market)
        _require(now >= proposal.ready_at, "delay", now=now, ready_at=proposal.ready_at)
        _require(now <= proposal.ready_at + LAPSE, "lapsed", now=now, lapsed_at=proposal.ready_at + LAPSE)
        target = proposal.parameters
        ramped_at = None
        if proposal.terms is not None:
            self.markets.append(Market(proposal.terms, target, target))
            self.log.append(MarketListed(market, proposal.terms.spot_feed, proposal.terms.token))
        else:
            origin = origin_of(self.risk_parameters(market, now), target)
            ramped_at = None if origin == target else now + self.ramp
            self.markets[market] = Market(self.markets[market].terms, origin, target, ramped_at)
        del self.proposals[market]
        self.log.append(ParametersActivated(market, target, ramped_at or now))

    def _proposal(self, market: int) -> Proposal:
        _require(market in self.proposals, "proposal", market=market)
        return self.proposals[market]

    def _collateral(self, token: Address) -> int | None:
        """Which market's collateral a token is; the zero address is none's."""
        if token == ZERO_ADDRESS:
            return None
        return next((number for number, one in enumerate(self.markets) if one.terms.token == token), None)

    def _checked_terms(self, words: AbiTerms) -> MarketTerms:
        """The terms, if they are sound and the token's scale is what its decimals say."""
        try:
            terms = MarketTerms(*words)
        except InvalidField as wrong:
            raise reverted("terms", **wrong.values) from None
        decimals = self.decimals.get(terms.token)
        _require(terms.decimals == decimals, "terms", token=terms.token, scale=terms.token_scale, decimals=decimals)
        return terms


def origin_of(current: RiskParameters, target: RiskParameters) -> RiskParameters:
    """Where the way to the target begins: fields that tighten as they are now, all others as they shall be."""
    values = []
    for rule in FIELDS:
        old, new = getattr(current, rule.name), getattr(target, rule.name)
        tightens = rule.tighter is (Tighter.MORE if new > old else Tighter.LESS)
        values.append(old if tightens else new)
    return RiskParameters(*values)


def _checked(word: int) -> RiskParameters:
    try:
        return RiskParameters.unpack(word)
    except InvalidField as wrong:
        raise reverted("bounds", **wrong.values) from None


def _require(condition: bool, reason: str, **values: Any) -> None:
    """Go on only if the condition holds."""
    if not condition:
        raise reverted(reason, **values)
