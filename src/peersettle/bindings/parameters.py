"""Parameters: which markets there are, and what margin they ask for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from peersettle.bindings.contract import Contract
from peersettle.chain.calls import Call
from peersettle.errors import NotEnoughCollateral
from peersettle.risk.parameters import MarketTerms, RiskParameters
from peersettle.types import ZERO_ADDRESS, Address, Hash32, address

if TYPE_CHECKING:
    from peersettle.chain.client import BlockId


@dataclass(frozen=True, slots=True)
class Proposal:
    """What is announced for a market, and from when on it may be activated, in Unix seconds."""

    parameters: RiskParameters
    ready_at: int


class Parameters(Contract):
    """The Parameters contract of one deployment, or at one address. Methods that build a `Call` make no request."""

    name = "Parameters"
    field = "parameters"

    # Reading

    def market_count(self, at: BlockId = "latest") -> int:
        """How many markets are listed; they are numbered from zero."""
        return int(self._view("market_count", at=at)[0])

    def terms(self, market: int, at: BlockId = "latest") -> MarketTerms:
        """What of a market never changes.

        Raises:
            UnknownMarket: it is not listed.
        """
        spot_feed, surface_feed, token, *numbers = self._view("terms", market, at=at)[0]
        return MarketTerms(Hash32(spot_feed), Hash32(surface_feed), address(token), *numbers)

    def risk_parameters(self, market: int, at: BlockId = "latest") -> RiskParameters:
        """The parameters as of now.

        Raises:
            UnknownMarket: it is not listed.
        """
        return RiskParameters.unpack(int(self._view("risk_parameters", market, at=at)[0]))

    def market_of(self, token: Address, at: BlockId = "latest") -> int | None:
        """The market whose collateral a token is; None when it is none."""
        try:
            return int(self._view("market_of", token, at=at)[0])
        except NotEnoughCollateral:
            return None

    def proposal(self, market: int, at: BlockId = "latest") -> Proposal | None:
        """What is announced for a market; under `market_count`, a market that is not listed yet."""
        parameters, ready_at = self._view("proposal", market, at=at)[0]
        return Proposal(RiskParameters.unpack(parameters), ready_at) if ready_at else None

    def steward(self) -> Address | None:
        """Who may announce; None when nobody may."""
        found = address(self._view("steward")[0])
        return None if found == ZERO_ADDRESS else found

    def delay(self) -> int:
        """Seconds between an announcement and its activation."""
        return int(self._view("delay")[0])

    # Changing

    def propose_market(self, terms: MarketTerms, parameters: RiskParameters) -> Call:
        """Announce a market; the steward's call."""
        return self._call("propose_market", terms.to_abi(), parameters.pack(), what="propose a market")

    def propose_parameters(self, market: int, parameters: RiskParameters) -> Call:
        """Announce other risk parameters; the steward's call."""
        what = f"propose risk parameters of market {market}"
        return self._call("propose_parameters", market, parameters.pack(), what=what)

    def withdraw_proposal(self, market: int) -> Call:
        """Take an announcement back; the steward's call."""
        return self._call("withdraw_proposal", market, what=f"withdraw the proposal for market {market}")

    def activate(self, market: int) -> Call:
        """Put an announcement in force once its time has come; anybody's call."""
        return self._call("activate", market, what=f"activate market {market}")
