"""A market with traders, a backstop and keepers on anvil; each test begins where the scene was built."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import structlog
from tests.integration.margin.stage import QUOTED, Stage, build

from peersettle.bindings import Auction, Backstop
from peersettle.chain import Anvil, FeePolicy, TransactionSender, connect, fund
from peersettle.config import KeeperSettings
from peersettle.keeper.daemon import keeper_daemon
from peersettle.risk.instruments import Kind
from peersettle.signing import KeySigner, sign_as
from peersettle.store import Store
from peersettle.trades import Leg, SignedTrade, Trade
from peersettle.types import Account, to_units

ETHER = 10**18
STEP = 2_385


@dataclass
class Trader:
    """A key with an account in the Ledger."""

    signer: KeySigner
    sender: TransactionSender

    @property
    def address(self):
        return self.signer.address

    @property
    def account(self):
        return Account(self.signer.address)


@dataclass
class Scene:
    """The stage of the margin tests, with people on it."""

    stage: Stage
    home: Path
    price: float = 3000.0
    _words: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def chain(self):
        return self.stage.chain

    @property
    def ledger(self):
        return self.stage.desk.ledger

    @property
    def auction(self):
        return Auction(self.chain, self.stage.deployment)

    @property
    def backstop(self):
        return Backstop(self.chain, self.stage.deployment)

    def trader(self, usdc: int = 0, *, sub_accounts=(0,)) -> Trader:
        signer = KeySigner.random()
        fund(self.chain, signer.address, 100 * ETHER)
        made = Trader(signer, TransactionSender(self.chain, signer, policy=FeePolicy(poll_interval=0.02)))
        if usdc:
            units, token = to_units(usdc, 6), self.stage.token("USDC")
            self.stage.sender.send(token.mint(signer.address, units * len(sub_accounts)))
            made.sender.send(token.approve(self.stage.deployment.settlement, units * len(sub_accounts)))
            for sub in sub_accounts:
                account = Account(signer.address, sub)
                made.sender.send(self.stage.settlement.deposit(self.ledger.address, account, token.address, units))
        return made

    def series(self, ahead, strike, kind=Kind.CALL):
        return self.stage.day(ahead) << 22 | strike << 2 | kind

    def trade(self, giver: Trader, receiver: Trader, lots: dict[int, int]) -> None:
        """The receiver gets these lots for nothing."""
        legs = tuple(
            Leg.position(giver.address, receiver.address, self.ledger.address, series, held)
            for series, held in lots.items()
        )
        parties = (giver.address, receiver.address)
        trade = Trade(parties, legs, next(self._words), 1, 0, self.chain.now() + 3_600)
        signed = SignedTrade(self.stage.settlement.domain, trade)
        for who in (giver, receiver):
            signed = sign_as(who.signer, signed)
        plan = self.stage.desk.plan(
            self.stage.settlement.settle(signed),
            receiver.address,
            [giver.account, receiver.account],
            anybodys=True,
            trading=list(lots),
        )
        for call in plan.calls:
            receiver.sender.send(call)

    def move(self, price: float) -> None:
        """The price goes there, confirmed all the way, with a new surface."""
        while self.price != price:
            self.stage.pass_time(STEP)
            step = self.price * 0.09
            self.price = (
                price if abs(price - self.price) <= step else self.price + (step if price > self.price else -step)
            )
            self.stage.report(f"{self.price:.6f}")
        self.quote()

    def quote(self) -> None:
        """A new surface and a fresh price, both as they were."""
        self.stage.surface([self.stage.day(ahead) for ahead in QUOTED])
        self.stage.report(f"{self.price:.6f}")

    def wait(self, seconds: int) -> None:
        """Let time pass, with a fresh price at its end."""
        self.stage.pass_time(max(seconds - 15, 0))
        self.stage.report(f"{self.price:.6f}")

    def refresh(self, *accounts: Account) -> None:
        for call in self.stage.desk.refreshes(self.stage.desk.due(accounts)):
            self.stage.sender.send(call)

    def ratio(self, account):
        """Equity over maintenance, after what is due was refreshed."""
        self.refresh(account)
        found = self.ledger.health(account)
        return found.equity / max(found.maintenance, 1)

    def settings(self, name: str = "keeper", **changes: Any) -> KeeperSettings:
        usual: dict[str, Any] = {
            "max_inventory": 10**6,
            "hedge_cost_percent": 1,
            "upkeep": 50,
            "listen": "127.0.0.1:0",
            "poll": 0.05,
            "state": self.home / name,
        }
        return KeeperSettings(**{**usual, **changes})

    def keeper(self, trader: Trader, name: str = "keeper", **changes: Any):
        """A daemon of this trader's; a context manager."""
        given = {key: changes.pop(key) for key in ("hedge", "chain") if key in changes}
        return keeper_daemon(
            self.settings(name, **changes),
            given.pop("chain", self.chain),
            self.stage.deployment,
            signer=trader.signer,
            store=Store.open(self.home / f"{name}.db"),
            fees=FeePolicy(poll_interval=0.02),
            **given,
        )

    def short(self, lots: int = 2_000, usdc: int = 25_000) -> tuple[Trader, Trader]:
        """Who is short of so many calls of a month, and who is long."""
        seller, buyer = self.trader(usdc), self.trader(100_000)
        self.trade(seller, buyer, {self.series(30, 3000): lots})
        return seller, buyer


@pytest.fixture(autouse=True)
def _quiet():
    """Only what is wrong is worth a line."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("error"))
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="module")
def built(anvil_program, tmp_path_factory):
    directory = tmp_path_factory.mktemp("deployments")
    with Anvil(program=anvil_program) as anvil, connect(anvil.url, attempts=1) as chain:
        signer = KeySigner.random()
        fund(chain, signer.address, 10_000 * ETHER)
        sender = TransactionSender(chain, signer, policy=FeePolicy(poll_interval=0.02))
        stage = build(chain, sender, directory)
        yield stage
        sender.store.close()


@pytest.fixture
def scene(built, tmp_path):
    """Where it was built, with a fresh surface; what a test does is undone."""
    mark = built.chain.request("evm_snapshot")
    found = Scene(built, tmp_path)
    found.quote()
    yield found
    built.chain.request("evm_revert", mark)
