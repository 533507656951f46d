"""What `Ledger.vy` does, call by call, check by check, in the contract's order.

A call that the contract would revert raises the `Reverted` of that reason, with the values, and changes nothing. Time
is passed in, in Unix seconds. Cash, collateral and all that Risk says are in wad; tokens come in units of their own.
What the parts do is in `movements`, `gates`, `liquidations`, `expiries` and `sessions`, as the contract's modules.

Not modelled: gas, re-entry, tokens that refuse a transfer, and the limits on the length of lists, which the ABI decoder
holds. Lots are below 2**64, as Settlement's legs have them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from peersettle.spec.accounts import NO_BOOK, Accounts
from peersettle.spec.contract import PositionMove
from peersettle.spec.expiries import Backstop, Expiries
from peersettle.spec.gates import Gates, Health
from peersettle.spec.ledger_events import Deposited, Event, Granted, Moved, Withdrawn
from peersettle.spec.liquidations import Liquidations
from peersettle.spec.movements import CASH, CASH_UNIT, Movements
from peersettle.spec.parameters import ParametersSpec
from peersettle.spec.requirements import BEYOND, DEAD, UNUSABLE
from peersettle.spec.risk import Risk
from peersettle.spec.rollback import Kept, whole_or_not_at_all
from peersettle.spec.sessions import SESSION, TRADE, WITHDRAW, Sessions, slot_of
from peersettle.spec.snapshots import require
from peersettle.types import Address, Hash32

LOST_PART: Final = 20
"""Who reduces risk may lose a 20th of the requirement that goes."""
MOST_UNITS: Final = 2**120


@dataclass(eq=False)
class Ledger(Kept):
    """The contract, between its Settlement, its Risk, its backstop and its Auction."""

    settlement: Address
    risk: Risk
    parameters: ParametersSpec
    backstop: Backstop
    auction: Address
    cash: Address
    """The settlement currency."""
    cash_scale: int
    """10**(18 - its decimals)"""

    accounts: Accounts = field(default_factory=Accounts)
    sessions: Sessions = field(default_factory=Sessions)
    expiries: Expiries = field(init=False)
    gates: Gates = field(init=False)
    movements: Movements = field(init=False)
    liquidations: Liquidations = field(init=False)
    held: dict[Address, int] = field(default_factory=dict)
    """Token units that the contract has."""
    log: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.expiries = Expiries(self.accounts, self.risk, self.backstop)
        self.gates = Gates(self.accounts, self.risk)
        self.movements = Movements(self.accounts, self.expiries)
        self.liquidations = Liquidations(self.auction, self.accounts, self.expiries, self.gates, self.movements)

    def begin_transaction(self) -> None:
        """Forget what happened in the transaction before: who traded, and who was sold."""
        self.liquidations.happened.clear()

    # Moving in and out

    @whole_or_not_at_all
    def credit(self, caller: Address, account: int, token: Address, amount: int, depositor: Address, now: int) -> None:
        """Settlement only: so much of a token has come. Only an account's owner may bring it a token that is new to it.

        Raises:
            Reverted: "settlement", "account", "amount", "collateral", "owner", "markets".
        """
        require(caller == self.settlement, "settlement", caller=caller)
        require(account & SESSION == 0, "account", account=account)
        require(amount < MOST_UNITS, "amount", amount=amount)
        if token == self.cash:
            self.expiries.credit(account, amount * self.cash_scale, now)
        else:
            market, scale = self.parameters.market_of(token)
            has = market in self.accounts.head(account).markets
            require(has or int(depositor, 16) == account >> 96, "owner", depositor=depositor, account=account)
            self.accounts.enter(account, market)
            self.accounts.add_collateral(account, market, amount * scale)
        self.held[token] = self.held.get(token, 0) + amount
        self.log.append(Deposited(account, token, amount, depositor))

    @whole_or_not_at_all
    def withdraw(self, caller: Address, account: int, token: Address, amount: int, receiver: Address, now: int) -> None:
        """The owner, or a session key with that scope and then to the owner only: take tokens out.

        Raises:
            Reverted: "owner", "session", "session expired", "amount", "cash", "collateral", "candidate", "margin"; or
                "epoch" or "array", when Risk must be refreshed first.
        """
        owner = account >> 96
        if int(caller, 16) != owner:
            require(int(receiver, 16) == owner, "owner", caller=caller, receiver=receiver)
            meant = self.sessions.resolve(int(caller, 16) << 96 | slot_of(account), WITHDRAW, now)
            require(meant == account, "session", caller=caller)
        require(amount < MOST_UNITS, "amount", amount=amount)
        if token == self.cash:
            self.accounts.pay(account, -amount * self.cash_scale)
            require(self.accounts.cash(account) >= 0, "cash", short=-self.accounts.cash(account))
        else:
            market, scale = self.parameters.market_of(token)
            require(market in self.accounts.head(account).markets, "collateral", market=market)
            self.accounts.add_collateral(account, market, -amount * scale)
            if self.accounts.book(account, market) == NO_BOOK:
                self.accounts.leave(account, market)
        self.gates.gate(account, now)
        self.held[token] = self.held.get(token, 0) - amount
        self.log.append(Withdrawn(account, token, amount, receiver))

    @whole_or_not_at_all
    def settle_positions(self, caller: Address, trade_hash: Hash32, moves: Sequence[PositionMove], now: int) -> None:
        """Settlement only: move positions, cash and collateral, then judge every account that the trade names.

        Raises:
            Reverted: "settlement", "session", "session expired", "account", "series", "matured", "lots", "market",
                "markets", "collateral", "amount", "full", "cash"; "feed", "candidate" or "margin" when an account is
                neither good nor less risky; "epoch" or "array" when Risk must be refreshed first.
        """
        require(caller == self.settlement, "settlement", caller=caller)
        resolved: list[PositionMove] = []
        for move in moves:
            giver, receiver = (self.sessions.resolve(account, TRADE, now) for account in (move.giver, move.receiver))
            require(giver != receiver, "account", account=giver)
            resolved.append(replace(move, giver=giver, receiver=receiver))
            self.movements.shift(resolved[-1], now)
            self.log.append(Moved(trade_hash, giver, receiver, move.series, move.lots))
        for account in dict.fromkeys(party for move in resolved for party in (move.giver, move.receiver)):
            self.judge(account, resolved, now)

    # Session keys

    @whole_or_not_at_all
    def grant(self, caller: Address, key: Address, sub_account: int, scopes: int, expires: int) -> int:
        """Let a key act for one of the caller's accounts until a time; zero scopes take the grant back. Returns the
        sub-account by which the key names it.

        Raises:
            Reverted: "account", "scope", "session".
        """
        require(sub_account < SESSION, "account", sub_account=sub_account)
        account = int(caller, 16) << 96 | sub_account
        slot = self.sessions.grant(account, key, scopes, expires)
        self.log.append(Granted(account, key, scopes, expires))
        return slot

    # Expiry

    @whole_or_not_at_all
    def fix(self, market: int, day: int, now: int) -> int:
        """Anybody: the average price before an expiry becomes its fixing, wad.

        Raises:
            Reverted: "market", "fixed", "unexpired", or why the Oracle has no average.
        """
        return self.expiries.fix(market, day, now)

    @whole_or_not_at_all
    def expire(self, caller: Address, accounts: Iterable[int], markets: int, now: int) -> None:
        """Anybody: settle what has expired and is fixed in these accounts, for a small charge on each position.
        `markets` is the set of markets to look at, as bits.

        Raises:
            Reverted: "amount": a balance would not fit.
        """
        for account in accounts:
            self.expiries.accrue(account, now)
            chosen = [market for market in self.accounts.head(account).markets if markets >> market & 1]
            # What an account receives comes before what it pays: nobody is short of what has only to be collected.
            for pays in (False, True):
                for market in chosen:
                    self.log += self.expiries.settle_book(account, market, int(caller, 16) << 96, pays, now)
            self.gates.sweep(account, chosen)

    # For the Auction, and the backstop

    @whole_or_not_at_all
    def shift(self, caller: Address, victim: int, moves: Sequence[PositionMove], now: int) -> None:
        """Auction only: move cash, collateral and lots between the victim and a bidder. Nobody is judged yet.

        Raises:
            Reverted: "auction", "traded": the victim did in this transaction; and as the moves of a trade do.
        """
        self.liquidations.shift(caller, victim, moves, now)

    @whole_or_not_at_all
    def swap(self, caller: Address, victim: int, bidder: int, now: int) -> None:
        """Auction only: the heads of two accounts change places. The bidder gets all books and the cash, and repays the
        debt; the victim keeps nothing.

        Raises:
            Reverted: "auction", "traded"; "markets": the bidder has books, or is in run-off; "cash": it cannot repay.
        """
        self.liquidations.swap(caller, victim, bidder, now)

    @whole_or_not_at_all
    def recount(self, caller: Address, account: int, now: int) -> Health:
        """Auction only: count what an account needs into the open risk. Its health, by which the Auction judges: what
        has no price now counts for nothing, and yet may be there.

        Raises:
            Reverted: "auction"; "epoch" or "array" when Risk must be refreshed first.
        """
        return self.liquidations.recount(caller, account, now)

    @whole_or_not_at_all
    def bar(self, caller: Address, account: int) -> None:
        """Auction only: an account comes into run-off, in which it does not trade, or out of it.

        Raises:
            Reverted: "auction".
        """
        self.liquidations.bar(caller, account)

    @whole_or_not_at_all
    def pay(self, caller: Address, giver: int, receiver: int, amount: int, now: int) -> None:
        """Auction and backstop only: move cash, wad; the receiver's debt is repaid first. Where the backstop moves it
        the giver must have initial margin afterwards.

        Raises:
            Reverted: "auction", "amount", "cash"; of the backstop "candidate", "margin", "epoch", "array".
        """
        self.liquidations.pay(caller, giver, receiver, amount, now)

    # Reading

    def health(self, account: int, now: int) -> Health:
        """The account's equity and what it needs.

        Raises:
            Reverted: "epoch", "array": Risk must be refreshed first.
        """
        return self.gates.evaluate(account, now)

    # Inside

    def judge(self, account: int, moves: Sequence[PositionMove], now: int) -> None:
        """After a trade: initial margin at every price that may be the true one, or no riskier than before. Who only
        receives cash or collateral is not asked."""
        own = [move for move in moves if account in (move.giver, move.receiver)]
        traded = tuple(sorted({move.series >> 36 for move in own if move.series != CASH}))
        lowered = any(move.giver == account or move.series % 2**36 != 0 for move in own)
        signed = ((1 if move.receiver == account else -1, move) for move in own if move.series == CASH)
        received = sum(sign * move.lots for sign, move in signed) * CASH_UNIT
        self.liquidations.trade(account)
        if received != 0:
            self.repay(account, received, now)
        self.gates.sweep(account, traded)
        if not lowered or self.accounts.is_plain(account):
            return
        health = self.gates.evaluate(account, now, traded)
        if not health.is_good():
            self.require_no_riskier(account, traded, received, own, health, now)
            self.gates.sweep(account, traded)

    def repay(self, account: int, received: int, now: int) -> None:
        """After a trade: cash below zero is a debt that a trade may lower, not raise."""
        cash = self.accounts.cash(account)
        if min(cash, cash - received) < 0:
            require(cash >= 0 or received >= 0, "cash", cash=cash, received=received)
            self.expiries.charge(account, now)
            self.expiries.repay(account, min(received, received - self.accounts.cash(account)))

    def require_no_riskier(
        self,
        account: int,
        traded: tuple[int, ...],
        received: int,
        own: Sequence[PositionMove],
        health: Health,
        now: int,
    ) -> None:
        """Against the same snapshots before the trade: no requirement and no net short higher in any market, at most a
        20th of the requirement that goes lost, and equity no smaller a part of the requirement. In a dead market an
        account may become flat when it pays nothing from the ledger for it."""
        reason = "margin"
        if health.traded_status & UNUSABLE:
            reason = "feed"
        elif health.status & BEYOND:
            reason = "candidate"
        after = self.gates.assess(account, traded, now)
        dead = self.accounts.is_flat(account, traded) and all(assessed.status & DEAD for assessed in after)
        paid = received < 0 or any(m.giver == account and m.series != CASH and m.series % 2**36 == 0 for m in own)
        for move in reversed(own):
            self.movements.apply(account, move.series, -move.lots if move.receiver == account else move.lots)
        before = self.gates.assess(account, traded, now)
        for move in own:
            self.movements.apply(account, move.series, move.lots if move.receiver == account else -move.lots)
        for was, is_now in zip(before, after, strict=True):
            no_higher = is_now.requirement <= was.requirement and is_now.short_lots <= was.short_lots
            require(no_higher, reason, before=was, after=is_now)
        if dead and not paid:
            return
        gained = received + sum(assessed.worth for assessed in after) - sum(assessed.worth for assessed in before)
        removed = sum(assessed.requirement for assessed in before) - sum(assessed.requirement for assessed in after)
        require(gained >= -(removed // LOST_PART), reason, gained=gained, removed=removed)
        was_equity, was_needed = health.equity - gained, health.requirement + removed
        kept = was_equity <= 0 or health.equity * was_needed >= was_equity * health.requirement
        require(kept, reason, equity=health.equity, before=was_equity, requirement=health.requirement)
