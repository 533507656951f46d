"""The chain engine: the real contracts, and their specification, which must agree with them block by block."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from peersettle.bindings import MarginDesk, Settlement, Token
from peersettle.bindings.auction import Auction
from peersettle.bindings.backstop import Backstop
from peersettle.bindings.multicall import Question, ask
from peersettle.chain import Call, FeePolicy, TransactionSender, deploy, deploy_margin, deploy_oracle, fund
from peersettle.errors import InputError, Reverted
from peersettle.reports import (
    CoSigned,
    Report,
    ReporterSet,
    Round,
    SignedReport,
    SurfaceReport,
    SurfaceSlice,
    digest,
    report_digest,
)
from peersettle.risk.instruments import Market
from peersettle.risk.parameters import MarketTerms
from peersettle.sim.actors import Actor, Opening, actor
from peersettle.sim.blocks import WEALTH, Blocks
from peersettle.sim.fast import DELAY, TOKEN_SCALE, FastVenue, Places, moves_of
from peersettle.sim.scenario import Scenario
from peersettle.sim.venue import Agreement, Outcome
from peersettle.spec.accounts import Accounts
from peersettle.trades import Leg, SignedTrade, Trade
from peersettle.types import Account, Address, Hash32

TOKENS: Final = (("USD Coin (replay)", "USDC", 6), ("Wrapped underlying (replay)", "WRAP", 18))
LOOKED_AT: Final = 3
"""Healths compared in each block, of the accounts that it has touched; of all accounts in the end."""
_LEAD: Final = 3 * DELAY


class ChainVenue(FastVenue):
    """As `Venue`. What is read is the specification's; every block is executed by the contracts, too, and compared."""

    def __init__(self, scenario: Scenario, market: Market, start: int, blocks: Blocks) -> None:
        self._blocks: Final = blocks
        self._operator: Final = actor(scenario, "operator", 0)
        self._reporters: Final = [actor(scenario, "reporter", n) for n in range(scenario.reporters.count)]
        self._members: Final = ReporterSet.of(scenario.reporters.threshold, [one.address for one in self._reporters])
        with tempfile.TemporaryDirectory() as directory:
            deployment = self._deployed(Path(directory))
        assert deployment.ledger
        assert deployment.auction
        assert deployment.backstop
        home = Places(
            deployment.settlement,
            deployment.ledger,
            deployment.auction,
            deployment.backstop,
            self._operator.address,
            deployment.tokens["USDC"],
            deployment.tokens["WRAP"],
        )
        super().__init__(scenario, market, start, home)
        self.agreement: Agreement | None = Agreement()
        self._desk: Final = MarginDesk(blocks.chain, deployment)
        self._settlement: Final = Settlement(blocks.chain, deployment)
        self._sales: Final = Auction(blocks.chain, deployment)
        self._pool: Final = Backstop(blocks.chain, deployment)
        self._pending: list[tuple[Actor, Call, Outcome | None]] = []
        self._touched: set[int] = set()
        self.gas_used: list[tuple[str, int, int]] = []
        """Of each transaction: what it was, what the fast engine takes it to cost, and what it did."""
        self.blocks_used: list[tuple[int, int]] = []
        """Of each block: the gas that was reckoned, which the limit is for, and the gas that it took."""
        self._list(start)

    # Deploying

    def _deployed(self, directory: Path) -> Any:
        chain, signer = self._blocks.chain, self._operator.signer
        fund(chain, signer.address, WEALTH)
        sender = TransactionSender(chain, signer, policy=FeePolicy(poll_interval=0.02))
        deployment = deploy(chain, sender, directory=directory, demo_tokens=TOKENS)
        deployment = deploy_oracle(chain, sender, deployment, self._members, directory=directory)
        return deploy_margin(
            chain,
            sender,
            deployment,
            deployment.tokens["USDC"],
            steward=signer.address,
            delay=DELAY,
            ramp=DELAY,
            directory=directory,
        )

    def _list(self, start: int) -> None:
        terms: MarketTerms = self.terms
        propose = self._desk.parameters.propose_market(terms, self.scenario.market.parameters)
        operator = self._operator.signer
        for time, call in ((start - _LEAD, propose), (start - 2, self._desk.parameters.activate(0))):
            (done,) = self._blocks.mine(time, [(operator, call)])
            if not done.ok:
                raise InputError(f"the market cannot be listed: {done.reason}")

    # Time

    def block(self, time: int) -> None:
        """As `Venue.block`; the present block is executed first, and compared."""
        self._execute()
        super().block(time)

    def close(self) -> None:
        """As `Venue.close`; all accounts are compared once more."""
        self._execute()
        if self._blocks.chain.block().timestamp < self.now:
            self._blocks.mine(self.now, [])
        self._compare(list(self.mirror.accounts), len(self.mirror))
        self._blocks.close()

    # Before the replay

    def bring(self, who: Actor) -> None:
        """As `Venue.bring`."""
        super().bring(who)
        for where, total, scale in ((self.places.cash, who.cash, TOKEN_SCALE), (self.places.token, who.collateral, 1)):
            if total:
                token = Token(self._blocks.chain, where)
                self._queue(who, token.mint(who.address, total // scale))
                self._queue(who, token.approve(self._settlement.address, total // scale))
        deposits = [(account, self.places.cash, cash // TOKEN_SCALE) for account, cash in who.deposits]
        for account, where, units in (*deposits, (who.account, self.places.token, who.collateral)):
            if units:
                call = self._settlement.deposit(self.places.ledger, Account.from_id(account), where, units)
                self._queue(who, call)
        if who.role == "depositor" and who.cash:
            self._queue(who, self._pool.deposit(who.cash // TOKEN_SCALE, who.address))

    def open(self, openings: Sequence[Opening]) -> None:
        """As `Venue.open`; one trade each, which both have signed."""
        for opening in openings:
            super().open([opening])
            pair = (opening.account, opening.dealer)
            names = {one.account: one.address for one in pair}
            legs = tuple(
                Leg.position(names[giver], names[receiver], self.places.ledger, item, amount)
                for giver, receiver, item, amount in moves_of(opening)
            )
            trade = Trade(tuple(one.address for one in pair), legs, 1, 1, 0, self.now + DELAY)
            signed = SignedTrade(self._settlement.domain, trade)
            for one in pair:
                signed = signed.with_signature(one.address, one.signer.sign_digest(signed.digest))
            self._queue(self._operator, self._settlement.settle(signed), Outcome(True))

    # In it

    def report(self, values: Sequence[int], observed_at: int) -> bool:
        """As `Venue.report`, signed by as many as make a round."""
        done = super().report(values, observed_at)
        domain, reports = self._desk.oracle.domain, []
        for one, value in zip(self._reporters, values, strict=False):
            report = Report(self.spot, value, observed_at)
            signature = one.signer.sign_digest(report_digest(domain, report))
            reports.append(SignedReport(domain, report, one.address, signature))
        call = self._desk.oracle.update(Round.of(self._members, reports))
        self._queue(self._operator, call, Outcome(done))
        return done

    def quote(self, slices: Sequence[SurfaceSlice], observed_at: int) -> bool:
        """As `Venue.quote`, signed by all."""
        done = super().quote(slices, observed_at)
        report = SurfaceReport(self.surface, tuple(slices), observed_at)
        domain = self._desk.oracle.domain
        hashed: Hash32 = digest(domain, report)
        signed = CoSigned(domain, report, {one.address: one.signer.sign_digest(hashed) for one in self._reporters})
        self._queue(self._operator, self._desk.oracle.update_surface(signed, self._members), Outcome(done))
        return done

    def send(self, sender: Actor, contract: str, verb: str, *arguments: Any) -> Outcome:
        """As `Venue.send`."""
        outcome = super().send(sender, contract, verb, *arguments)
        if not outcome.waits:
            self._queue(sender, self._encoded(contract, verb, arguments), outcome)
        return outcome

    # Inside

    def _encoded(self, contract: str, verb: str, arguments: Sequence[Any]) -> Call:
        homes: dict[str, Any] = {
            "risk": self._desk.risk,
            "ledger": self._desk.ledger,
            "auction": self._sales,
            "backstop": self._pool,
        }
        home = homes[contract]
        where: Address = home.address
        data = home.question(verb, *arguments).data
        return Call(where, data, what=f"{contract}.{verb}")

    def _queue(self, who: Actor, call: Call, outcome: Outcome | None = None) -> None:
        self._pending.append((who, call, outcome))

    def _execute(self) -> None:
        """Have the contracts do what the specification has done in this block."""
        pending, self._pending = self._pending, []
        if not pending:
            return
        included = self._blocks.mine(self.now, [(who.signer, call) for who, call, _ in pending])
        assert self.agreement is not None
        for (_, call, wanted), found in zip(pending, included, strict=True):
            expected = (True, None) if wanted is None else (wanted.ok, None if wanted.ok else wanted.reason)
            self.agreement.compare(f"{call.what} at {self.now}", expected, (found.ok, found.reason))
            if wanted is not None:
                self.gas_used.append((call.what.partition(" ")[0], wanted.gas, found.gas))
        if self.space.limit is not None:
            self.blocks_used.append((self.space.used, sum(found.gas for found in included)))
        touched, self._touched = sorted(self._touched), set()
        self._compare(touched, LOOKED_AT)

    def _compare(self, accounts: Sequence[int], healths: int) -> None:
        """What both have of these accounts, of the pool, the price and the epoch."""
        assert self.agreement is not None
        wanted: list[tuple[str, Any]] = []
        questions: list[Question] = []

        def add(what: str, question: Question, value: Any) -> None:
            wanted.append((what, value))
            questions.append(question)

        kept: Accounts = self.ledger.accounts
        for place, account in enumerate(accounts):
            head, book = kept.head(account), kept.book(account, 0)
            markets = sum(1 << market for market in head.markets)
            add(f"head of {account:#x}", self._desk.ledger.question("head", account), (head.cash, markets))
            add(
                f"book of {account:#x}",
                self._desk.ledger.question("book", account, 0),
                (book.header, book.words),
            )
            if place < healths:
                add(f"health of {account:#x}", self._desk.ledger.question("health", account), self._health(account))
                sale = self.auction.sale(account)
                state = (sale.started_at, sale.insolvent_at, sale.lowest, sale.run_off)
                add(f"auction of {account:#x}", self._sales.question("auction", account), (state,))
        reading = self.oracle.read(self.spot.id)
        price = (reading.value, reading.observed_at, reading.spread, reading.candidate, reading.candidate_at)
        add("price", self._desk.oracle.question("read", self.spot.id), (price,))
        if 0 in self.ledger.risk.markets:
            add("epoch", self._desk.risk.question("snapshot", 0), self.ledger.risk.markets[0].words)
        pool = self.backstop
        add("reserved", self._pool.question("reserved"), (pool.reserved,))
        add("lent", self._pool.question("lent"), (pool.loans.lent,))
        add("funded", self._pool.question("funded"), (pool.funded,))
        answers = ask(self._blocks.chain, questions)
        for (what, value), answer in zip(wanted, answers, strict=True):
            found: Any = answer
            if what.startswith("head") and answer is not None:
                found = (answer[0], answer[2])
            elif what.startswith("book") and answer is not None:
                found = (answer[0], list(answer[1]))
            self.agreement.compare(f"{what} at {self.now}", value, found)

    def _health(self, account: int) -> Any:
        try:
            found = self.ledger.health(account, self.now)
        except Reverted:
            return None
        return found.equity, found.maintenance, found.initial, found.unpriced

    def _follow(self) -> None:
        heads = self.ledger.accounts.heads
        self._touched |= {key for table, key in self.journal.written() if table is heads}
        super()._follow()
