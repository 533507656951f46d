"""What `Ledger.vy` does, call by call, check by check, in the contract's order.

A call that the contract would revert raises the `Reverted` of that reason, with the values, and changes nothing. Time
is passed in, in Unix seconds. Cash, collateral and all that Risk says are in wad; tokens come in units of their own.

Not modelled: gas, re-entry, tokens that refuse a transfer, and the limits on the length of lists, which the ABI decoder
holds. Lots are below 2**64, as Settlement's legs have them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from peersettle.errors import Reverted
from peersettle.risk.assessments import Assessment
from peersettle.spec.accounts import COLLATERAL_UNIT, LOT_LIMIT, NO_BOOK, Accounts
from peersettle.spec.contract import PositionMove
from peersettle.spec.expiries import Backstop, Expiries
from peersettle.spec.ledger_events import Deposited, Event, Granted, Moved, Withdrawn
from peersettle.spec.parameters import ParametersSpec
from peersettle.spec.requirements import BEYOND, DEAD, UNUSABLE
from peersettle.spec.risk import Risk
from peersettle.spec.snapshots import expiry_of, require
from peersettle.types import Address, Hash32, keccak

P = ParamSpec("P")
R = TypeVar("R")

CASH_UNIT: Final = 10**12
"""A move's unit of cash, wad."""
CASH: Final = 2**42
"""What a move of cash names in the place of a series."""
LOST_PART: Final = 20
"""Who reduces risk may lose a 20th of the requirement that goes."""
SESSION: Final = 2**95
"""The bit of a sub-account that names a grant."""
TRADE: Final = 1
WITHDRAW: Final = 2
MOST_UNITS: Final = 2**120
MOST_MARKETS: Final = 64


# What is kept


@dataclass(frozen=True)
class Grant:
    """What a key may do for an account, until when."""

    account: int
    scopes: int = 0
    expires: int = 0


@dataclass(frozen=True)
class Health:
    """Of an account: what all its markets say together."""

    equity: int
    maintenance: int = 0
    initial: int = 0
    requirement: int = 0
    candidate_loss: int = 0
    status: int = 0
    traded_status: int = 0
    """Of the markets that were just traded."""

    def plus(self, assessment: Assessment, traded: bool) -> Health:
        """With one more market. What cannot be priced counts against the account only."""
        unusable = assessment.status & UNUSABLE
        return Health(
            equity=self.equity + (min(assessment.worth, 0) if unusable else assessment.worth),
            maintenance=self.maintenance + assessment.maintenance,
            initial=self.initial + assessment.initial,
            requirement=self.requirement + assessment.requirement,
            candidate_loss=self.candidate_loss + assessment.candidate_loss,
            status=self.status | assessment.status,
            traded_status=self.traded_status | (assessment.status if traded else 0),
        )

    def is_good(self) -> bool:
        """Initial margin is there, at the confirmed price and at a candidate, and what was traded has a price."""
        known = not self.status & BEYOND and not self.traded_status & UNUSABLE
        return known and self.equity >= self.initial + self.candidate_loss


def tables_of(part: object) -> dict[str, Any]:
    """A copy of all that a part has; what stands in its tables never changes itself."""
    return {name: copied(value) for name, value in vars(part).items()}


def copied(value: Any) -> Any:
    """A copy of a table, and of the tables in it."""
    if isinstance(value, dict):
        return {key: copied(item) for key, item in value.items()}
    return list(value) if isinstance(value, list) else value


def whole_or_not_at_all(call: Callable[Concatenate[Ledger, P], R]) -> Callable[Concatenate[Ledger, P], R]:
    """A call that, if it fails, changes nothing here, in Risk, or in the backstop."""

    @wraps(call)
    def guarded(ledger: Ledger, /, *args: P.args, **kwargs: P.kwargs) -> R:
        parts = (ledger.accounts, ledger.expiries, ledger.risk, ledger.backstop)
        before = [tables_of(part) for part in parts]
        grants, held, logged = dict(ledger.grants), dict(ledger.held), len(ledger.log)
        try:
            return call(ledger, *args, **kwargs)
        except Reverted:
            for part, tables in zip(parts, before, strict=True):
                vars(part).update(tables)
            ledger.grants, ledger.held = grants, held
            del ledger.log[logged:]
            raise

    return guarded


@dataclass
class Ledger:
    """The contract, between its Settlement, its Risk and its backstop."""

    settlement: Address
    risk: Risk
    parameters: ParametersSpec
    backstop: Backstop
    cash: Address
    """The settlement currency."""
    cash_scale: int
    """10**(18 - its decimals)"""

    accounts: Accounts = field(default_factory=Accounts)
    expiries: Expiries = field(init=False)
    grants: dict[int, Grant] = field(default_factory=dict)
    """By the account as the key names it: its own address << 96 | `slot_of` the granting account."""
    held: dict[Address, int] = field(default_factory=dict)
    """Token units that the contract has."""
    log: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.expiries = Expiries(self.accounts, self.risk, self.backstop)

    # Moving in and out

    @whole_or_not_at_all
    def credit(self, caller: Address, account: int, token: Address, amount: int, depositor: Address) -> None:
        """Settlement only: so much of a token has come. Only an account's owner may bring it a token that is new to it.

        Raises:
            Reverted: "settlement", "account", "amount", "collateral", "owner", "markets".
        """
        require(caller == self.settlement, "settlement", caller=caller)
        require(account & SESSION == 0, "account", account=account)
        require(amount < MOST_UNITS, "amount", amount=amount)
        if token == self.cash:
            self.expiries.credit(account, amount * self.cash_scale)
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
            meant = self.resolve(int(caller, 16) << 96 | slot_of(account), WITHDRAW, now)
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
        if not self.accounts.is_plain(account):
            health = self.evaluate(account, now)
            require(not health.status & BEYOND, "candidate", health=health)
            require(health.is_good(), "margin", health=health)
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
            giver, receiver = (self.resolve(account, TRADE, now) for account in (move.giver, move.receiver))
            require(giver != receiver, "account", account=giver)
            resolved.append(replace(move, giver=giver, receiver=receiver))
            self.shift(resolved[-1], now)
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
        require(scopes <= TRADE | WITHDRAW and expires < 2**64, "scope", scopes=scopes, expires=expires)
        account = int(caller, 16) << 96 | sub_account
        slot = slot_of(account)
        named = int(key, 16) << 96 | slot
        require(self.grants.get(named, Grant(account)).account == account, "session", key=key)
        self.grants[named] = Grant(account, scopes, expires)
        self.log.append(Granted(account, key, scopes, expires))
        return slot

    def resolve(self, account: int, scope: int, now: int) -> int:
        """The account meant: itself, or the one that has granted its owner this scope."""
        if account & SESSION == 0:
            return account
        granted = self.grants.get(account, Grant(0))
        require(granted.scopes & scope != 0, "session", account=account)
        require(now < granted.expires, "session expired", account=account, expires=granted.expires)
        return granted.account

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
            chosen = [market for market in self.accounts.head(account).markets if markets >> market & 1]
            # What an account receives comes before what it pays: nobody is short of what has only to be collected.
            for pays in (False, True):
                for market in chosen:
                    self.log += self.expiries.settle_book(account, market, int(caller, 16) << 96, pays, now)
            self.sweep(account, chosen)

    # Reading

    def health(self, account: int, now: int) -> Health:
        """The account's equity and what it needs.

        Raises:
            Reverted: "epoch", "array": Risk must be refreshed first.
        """
        return self.evaluate(account, now)

    # Inside

    def apply(self, account: int, item: int, amount: int) -> int:
        """Add to one balance of an account. Returns by how much its long side of a series grew."""
        market, series = item >> 36, item % 2**36
        if item == CASH:
            self.accounts.pay(account, amount * CASH_UNIT)
            return 0
        self.accounts.enter(account, market)
        if series == 0:
            self.accounts.add_collateral(account, market, amount * COLLATERAL_UNIT)
            return 0
        return self.accounts.add(account, market, series, amount)

    def shift(self, move: PositionMove, now: int) -> None:
        """Move cash, collateral or lots of a series from one account to another."""
        market, series = move.series >> 36, move.series % 2**36
        if series != 0:
            require(series & 3 != 3 and (series >> 2) % 2**20 != 0, "series", series=series)
            require(now < expiry_of(series >> 22), "matured", series=series)
            require(move.lots < LOT_LIMIT, "lots", lots=move.lots)
        require(move.series <= CASH, "market", market=market)
        grown = self.apply(move.giver, move.series, -move.lots) + self.apply(move.receiver, move.series, move.lots)
        if grown != 0:
            held = self.expiries.open_interest.get((market, series), 0)
            self.expiries.open_interest[market, series] = held + grown

    def judge(self, account: int, moves: Sequence[PositionMove], now: int) -> None:
        """After a trade: initial margin at every price that may be the true one, or no riskier than before. Who only
        receives cash or collateral is not asked."""
        own = [move for move in moves if account in (move.giver, move.receiver)]
        traded = tuple(sorted({move.series >> 36 for move in own if move.series != CASH}))
        lowered = any(move.giver == account or move.series % 2**36 != 0 for move in own)
        signed = ((1 if move.receiver == account else -1, move) for move in own if move.series == CASH)
        received = sum(sign * move.lots for sign, move in signed) * CASH_UNIT
        cash = self.accounts.cash(account)
        owed = max(received - cash, 0)
        if cash < 0 or owed:
            require(cash >= 0 or received >= 0, "cash", cash=cash, received=received)
            self.expiries.repay(account, min(received, owed))
        self.sweep(account, traded)
        if not lowered or self.accounts.is_plain(account):
            return
        health = self.evaluate(account, now, traded)
        if not health.is_good():
            self.require_no_riskier(account, traded, received, own, health, now)
            self.sweep(account, traded)

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
        after = self.assess(account, traded, now)
        dead = self.accounts.is_flat(account, traded) and all(assessed.status & DEAD for assessed in after)
        paid = received < 0 or any(m.giver == account and m.series != CASH and m.series % 2**36 == 0 for m in own)
        for move in reversed(own):
            self.apply(account, move.series, -move.lots if move.receiver == account else move.lots)
        before = self.assess(account, traded, now)
        for move in own:
            self.apply(account, move.series, move.lots if move.receiver == account else -move.lots)
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

    def assess(self, account: int, markets: Iterable[int], now: int) -> list[Assessment]:
        """An account's books in these markets; an empty one is worth and asks for nothing."""
        return [self.risk.assess(market, self.accounts.book(account, market), now) for market in markets]

    def evaluate(self, account: int, now: int, traded: tuple[int, ...] = ()) -> Health:
        """The account's health; what it now needs in the traded markets is counted into their open risk."""
        health = Health(self.accounts.cash(account))
        for market in self.accounts.head(account).markets:
            book = self.accounts.book(account, market)
            if market in traded:
                assessment, counted = self.risk.commit(market, book, now)
                self.accounts.put(account, market, counted)
            else:
                assessment = self.risk.assess(market, book, now)
            health = health.plus(assessment, market in traded)
        return health

    def sweep(self, account: int, markets: Iterable[int]) -> None:
        """Books without positions leave their market's open risk; empty ones leave the account."""
        for market in markets:
            book = self.accounts.book(account, market)
            if book.positions:
                continue
            if book.requirement or book.addition:
                book = self.risk.forget(market, book)
                self.accounts.put(account, market, book)
            if book == NO_BOOK:
                self.accounts.leave(account, market)


def slot_of(account: int) -> int:
    """The sub-account by which a session key names an account."""
    return SESSION | int.from_bytes(keccak(account.to_bytes(32, "big")), "big") % SESSION
