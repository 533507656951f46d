"""A margin stage on which peers sign: trades of position legs go through the real Settlement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import boa
from tests.contracts.margin.stage import Stage, account_of
from tests.contracts.margin.stage import contract as deploy
from tests.contracts.unit.calls import Outcome
from tests.contracts.unit.scene import PEERS, Peer, Scene, maker, taker

from peersettle.trades import Domain, Leg

WALLET: Final = 10**6
"""Whole units of cash, and of ETH, in every peer's wallet."""


@dataclass(frozen=True)
class Desk:
    """The stage, and the scene of those who sign on it: dollar is the settlement currency, ether a collateral."""

    stage: Stage
    scene: Scene

    @classmethod
    def set(cls, stage: Stage) -> Desk:
        """With wallets and allowances."""
        settlement, ether = stage.settlement, stage.markets[0].token
        check = deploy("SettlementCheck", settlement)
        domain = Domain(boa.env.evm.patch.chain_id, settlement.address)
        desk = cls(stage, Scene(settlement, check, stage.permit2, stage.cash, ether, domain))
        for one in PEERS:
            desk.scene.fund(stage.cash, one.address, WALLET * 10**6)
            desk.scene.fund(ether, one.address, WALLET * 10**18)
        return desk

    def deposit(self, by: Peer, token: Any, amount: int, *approvals: Any, account: int | None = None) -> Outcome:
        """In token units; to the sender's first account if to no other."""
        to = account_of(by.address) if account is None else account
        arguments = (self.stage.ledger.address, to, getattr(token, "address", token), amount)
        return self.scene.send("deposit", *arguments, [one.to_abi() for one in approvals], sender=by.address)

    def cash(self, by: Peer, amount: float, sub_account: int = 0) -> int:
        """Deposit whole units of new cash; returns the account."""
        account = account_of(by.address, sub_account)
        self.stage.cash.mint(by.address, round(amount * 10**6))
        assert self.deposit(by, self.stage.cash, round(amount * 10**6), account=account).settled
        return account

    def ether(self, by: Peer, amount: float, sub_account: int = 0) -> int:
        """Deposit whole units of new ETH; returns the account."""
        account = account_of(by.address, sub_account)
        self.scene.ether.mint(by.address, round(amount * 10**18))
        assert self.deposit(by, self.scene.ether, round(amount * 10**18), account=account).settled
        return account

    def position(self, giver: Peer, receiver: Peer, item: int, lots: int, **sub_accounts: int) -> Leg:
        """A leg that makes the giver shorter by these lots and the receiver longer."""
        return Leg.position(giver.address, receiver.address, self.stage.ledger.address, item, lots, **sub_accounts)

    def premium(self, giver: Peer, receiver: Peer, amount: float) -> Leg:
        """Whole units of the settlement currency from wallet to wallet."""
        return self.scene.leg(giver, receiver, self.stage.cash, round(amount * 10**6))

    def settle(self, *legs: Leg, mask: int = 1, parties: tuple[Peer, ...] = (maker, taker)) -> Outcome:
        """One trade of these legs, signed by all parties and brought by a stranger."""
        return self.scene.settle(self.scene.trade(*legs, parties=parties, nonce_mask=mask))

    def wallet(self, of: Peer) -> float:
        """Whole units of cash beyond what every peer began with."""
        return (int(self.stage.cash.balanceOf(of.address)) - WALLET * 10**6) / 10**6
