"""A chain with everything that margin accounts take: a real Oracle with signed rounds and surfaces, and one market."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from peersettle.bindings import Backstop, MarginDesk, Oracle, Settlement, Token
from peersettle.chain import (
    Call,
    Chain,
    Deployment,
    TransactionSender,
    advance_time,
    deploy,
    deploy_margin,
    deploy_oracle,
)
from peersettle.cli.demo_margin import PARAMETERS, SURFACE, smile
from peersettle.cli.demo_oracle import FEED as SPOT
from peersettle.cli.deploying import DEMO_TOKENS
from peersettle.reports import (
    CoSigned,
    Report,
    ReporterSet,
    Round,
    SignedReport,
    SurfaceReport,
    digest,
    report_digest,
)
from peersettle.risk.instruments import expiry, next_day
from peersettle.risk.parameters import MarketTerms
from peersettle.signing import KeySigner
from peersettle.types import Account, Address, to_units

QUOTED = (0, 7, 30)
"""Expiries with a surface, in days after the next one."""


@dataclass
class Stage:
    """Four reporters of whom three make a round; the deployer is the steward of the one market, ETH."""

    chain: Chain
    sender: TransactionSender
    directory: Path
    deployment: Deployment
    keys: dict[Address, KeySigner] = field(default_factory=dict)

    @property
    def members(self) -> ReporterSet:
        return ReporterSet.of(3, self.keys)

    @property
    def oracle(self) -> Oracle:
        return Oracle(self.chain, self.deployment)

    @property
    def desk(self) -> MarginDesk:
        return MarginDesk(self.chain, self.deployment)

    @property
    def settlement(self) -> Settlement:
        return Settlement(self.chain, self.deployment)

    def token(self, symbol: str) -> Token:
        return Token(self.chain, self.deployment.tokens[symbol])

    def day(self, ahead: int) -> int:
        """The day of an expiry so many days after the next one."""
        return next_day(self.chain.now()) + ahead

    def pass_time(self, seconds: int) -> None:
        advance_time(self.chain, seconds)

    def round(self, price: str | int) -> Round:
        """A signed round of the present slot, sent by nobody yet."""
        slot = SPOT.slot_of(self.chain.now())
        reports = []
        for reporter, key in list(self.keys.items())[:3]:
            report = Report(SPOT, to_units(price, 18), slot)
            signature = key.sign_digest(report_digest(self.oracle.domain, report))
            reports.append(SignedReport(self.oracle.domain, report, reporter, signature))
        return Round.of(self.members, reports)

    def report(self, price: str | int) -> None:
        self.pass_time(SPOT.slot)
        self.sender.send(self.oracle.update(self.round(price)))

    def quote_surface(self, days: list[int], volatility: float = 0.8) -> Call:
        """The call that reports one smile for these expiries."""
        slot = SURFACE.slot_of(self.chain.now())
        slices = tuple(smile(expiry(day), slot, volatility) for day in sorted(days))
        report = SurfaceReport(SURFACE, slices, slot)
        hashed = digest(self.oracle.domain, report)
        signed = CoSigned(self.oracle.domain, report, {who: key.sign_digest(hashed) for who, key in self.keys.items()})
        return self.oracle.update_surface(signed, self.members)

    def surface(self, days: list[int], volatility: float = 0.8) -> None:
        self.pass_time(SURFACE.slot)
        self.sender.send(self.quote_surface(days, volatility))

    def quote(self, volatility: float = 0.8) -> None:
        """A new surface, and the price at 3000."""
        self.surface([self.day(ahead) for ahead in QUOTED], volatility)
        self.report(3000)

    def fund(self, owner: Address, usdc: str = "0", weth: str = "0") -> None:
        for symbol, amount, decimals in (("USDC", usdc, 6), ("WETH", weth, 18)):
            if units := to_units(amount, decimals):
                self.sender.send(self.token(symbol).mint(owner, units))

    def back(self, usdc: str) -> None:
        """The deployer's cash, through its account, into the backstop."""
        units, me = to_units(usdc, 6), self.sender.address
        assert self.deployment.ledger
        cash = self.deployment.tokens["USDC"]
        for call in (
            self.token("USDC").mint(me, units),
            self.token("USDC").approve(self.deployment.settlement, units),
            self.settlement.deposit(self.deployment.ledger, Account(me), cash, units),
            Backstop(self.chain, self.deployment).deposit(units, me),
        ):
            self.sender.send(call)


def build(chain: Chain, sender: TransactionSender, directory: Path, *, listed: bool = True) -> Stage:
    """Deploy it all; unless `listed` is false the market is listed, priced at 3000, with a surface and a pool.

    The chain's day begins just after an expiry, whatever the time is: the next one comes when a test wants it.
    """
    advance_time(chain, expiry(next_day(chain.now())) + 1_800 - chain.now())
    keys = {key.address: key for key in (KeySigner.random() for _ in range(4))}
    deployment = deploy(chain, sender, directory=directory, demo_tokens=DEMO_TOKENS)
    members = ReporterSet.of(3, keys)
    deployment = deploy_oracle(chain, sender, deployment, members, directory=directory)
    deployment = deploy_margin(
        chain,
        sender,
        deployment,
        deployment.tokens["USDC"],
        steward=sender.address,
        delay=3_600,
        ramp=3_600,
        directory=directory,
    )
    stage = Stage(chain, sender, directory, deployment, keys)
    if listed:
        terms = MarketTerms.of(SPOT.id, SURFACE.id, lot="0.01", tick="1", token=deployment.tokens["WETH"], decimals=18)
        sender.send(stage.desk.parameters.propose_market(terms, PARAMETERS))
        stage.pass_time(3_601)
        sender.send(stage.desk.parameters.activate(0))
        stage.quote()
        stage.back("5000000")
    return stage
