"""What `Auction.vy` does, call by call, check by check, in the contract's order.

A call that the contract would revert raises the `Reverted` of that reason, with the values, and changes nothing. Money,
fractions, ratios and rates are in wad: 10**18 is one. A rate is what is paid for a unit of maintenance requirement that
a bidder relieves the account of. Time is passed in, in Unix seconds. Divisions round down.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from peersettle.spec import parts, reliefs
from peersettle.spec.auction_events import Ended, Event, RunOff, Sold, Started, TakenOver
from peersettle.spec.backstop import Backstop
from peersettle.spec.gates import NONE
from peersettle.spec.ledger import Ledger
from peersettle.spec.risk import Risk
from peersettle.spec.rollback import Kept, whole_or_not_at_all
from peersettle.spec.run_offs import RunOffs
from peersettle.spec.sales import DURATION, FREE, LAST_COVER, MOST_RATIO, Quote, Rates, Sale, Standing
from peersettle.spec.sessions import SESSION
from peersettle.spec.snapshots import require
from peersettle.types import WAD, Address

ENOUGH: Final = WAD // 100
"""Less than this part of an account is not sold; below maintenance it is more."""
WHOLE: Final = WAD * 3 // 4
"""From here on all of it may be sold."""
SMALLEST: Final = 10
"""A bid takes at least a tenth of what is for sale."""
SLACK: Final = 50
"""The pool puts a 50th more behind what it takes over than initial margin."""


@dataclass(eq=False)
class Auction(Kept):
    """The contract, which Ledger, Risk and backstop know by its address."""

    address: Address
    ledger: Ledger
    risk: Risk
    backstop: Backstop
    run_offs: RunOffs = field(init=False)
    sales: dict[int, Sale] = field(default_factory=dict)
    """By account."""
    log: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.run_offs = RunOffs(self.ledger.accounts, self.ledger.expiries, self.risk)
        # On a chain they know one another's addresses before they are there.
        self.risk.auction = self.run_offs
        self.backstop.ledger = self.ledger

    # Beginning and ending

    @whole_or_not_at_all
    def start(self, caller: Address, account: int, now: int) -> None:
        """Anybody: begin an auction; or note in one that the account has fallen below zero, or has come back.

        Raises:
            Reverted: "healthy": not below maintenance at every price that may be the true one; "started"; "epoch" or
                "array" when Risk must be refreshed first.
        """
        standing, sale = self.standing(account, now), self.sale(account)
        if not sale.is_live(now):
            self._begin(caller, account, standing, now)
            return
        require((sale.insolvent_at != 0) != (standing.equity <= 0), "started", started_at=sale.started_at)
        self.sales[account] = sale.seen(standing, now)

    @whole_or_not_at_all
    def end(self, account: int, now: int) -> None:
        """Anybody: end the auction of an account that has enough again, or whose time is up.

        Raises:
            Reverted: "unstarted", "unhealthy"; "epoch" or "array" when Risk must be refreshed first.
        """
        sale = self.sale(account)
        require(sale.started_at != 0, "unstarted", account=account)
        if sale.run_off:
            standing = self.standing(account, now)
            require(standing.equity >= standing.maintenance, "unhealthy", standing=standing)
        elif sale.is_live(now):
            standing = self.standing(account, now)
            require(self.most(account, standing, FREE) == 0, "unhealthy", standing=standing)
        self._close(account, sale)

    @whole_or_not_at_all
    def rescue(self, account: int, now: int) -> None:
        """Anybody, when nobody has bid for long enough: the backstop takes the whole account over, at the last price.

        Raises:
            Reverted: "account": it is the backstop's; "unstarted", "healthy", "bidding", "room", "traded"; "epoch" or
                "array" when Risk must be refreshed first.
        """
        require(not self.is_pool(account), "account", account=account)
        self._accrue(account, now)
        standing = self.standing(account, now)
        sale = self._at_last_price(account, standing, now)
        rates = sale.rates(standing, now)
        price = 0
        if standing.equity > 0:
            price = standing.equity - standing.maintenance * (rates.paid + rates.fee) // WAD
        needed = self._needed(account, standing) + price
        require(self.backstop.admits(needed), "room", room=self.backstop.room(), needs=needed)
        bidder = self.backstop.admit(self.address)
        self._close(bidder, self.sale(bidder))  # of what stood there before
        self._close(account, sale)
        self.backstop.fund(self.address, bidder, needed, now)
        self.ledger.swap(self.address, account, bidder, now)
        spare = self.ledger.recount(self.address, bidder, now).spare
        require(spare > NONE, "candidate", spare=spare)
        if spare < price:
            # Counted anew it adds to the market's open risk, which may ask for more initial margin.
            self.backstop.fund(self.address, bidder, price - spare, now)
        if price != 0:
            self.ledger.pay(self.address, bidder, account, price, now)
        self.log.append(TakenOver(account, bidder, price, 0))

    @whole_or_not_at_all
    def run_off(self, account: int, now: int) -> None:
        """Anybody, when an account is below zero at the best price that may be the true one, nobody has bid, and the
        backstop has no room for it: it does not trade, and stays in auction until it is sold or has enough again.

        Raises:
            Reverted: "unstarted", "bidding", "healthy", "run-off", "solvent", "room"; "epoch" or "array" when Risk
                must be refreshed first.
        """
        self._accrue(account, now)
        standing = self.standing(account, now)
        sale = self._at_last_price(account, standing, now)
        require(not sale.run_off, "run-off", account=account)
        require(standing.equity + self.relief(account, now) < 0, "solvent", equity=standing.equity)
        needed = self._needed(account, standing)
        require(self.is_pool(account) or not self.backstop.admits(needed), "room", needs=needed)
        self.sales[account] = replace(sale, run_off=True)
        self.run_offs.count(account)
        self.ledger.bar(self.address, account)
        self.log.append(RunOff(account, standing.equity))

    # Bidding

    @whole_or_not_at_all
    def bid(self, caller: Address, account: int, sub_account: int, most: int, least: int, limit: int, now: int) -> int:
        """Buy up to `most` of an account, at least `least`, into an account of the caller's, for at most `limit`; below
        zero, the least to be paid. Begins the auction when there is none. Returns the fraction sold.

        Each balance moves by the fraction, rounded towards zero. The price is the equity that moved, less what is paid
        for the maintenance that went, rounded down.

        Raises:
            Reverted: "account", "healthy", "fraction", "price", "traded"; "whole": after rounding a part would not
                restore the account; of the bidder "cash", "margin", "markets", "full", "lots", "amount"; "epoch" or
                "array" when Risk must be refreshed first.
        """
        bidder = self._bidder(caller, account, sub_account)
        self._accrue(account, now)
        before = self.standing(account, now)
        sale = self._open(caller, account, before, now)
        rates = sale.rates(before, now)
        on_sale = self.most(account, before, rates)
        require(on_sale != 0, "healthy", standing=before)
        fraction = min(most, on_sale)
        require(fraction >= least and fraction * SMALLEST >= on_sale, "fraction", on_sale=on_sale, fraction=fraction)
        require(fraction < WAD, "whole", on_sale=on_sale)
        self._take(account, bidder, fraction, now)
        after = Standing.of(self.ledger.recount(self.address, account, now))
        # Rounding to whole lots may relieve an account of nothing: then only all of it can be sold.
        require(after.maintenance < before.maintenance, "whole", before=before, after=after)
        relieved = before.maintenance - after.maintenance
        fee = relieved * rates.fee // WAD
        price = before.equity - after.equity - relieved * rates.paid // WAD
        equity = after.equity
        if before.equity > 0:
            self._pay(bidder, account, price, fee, now)
            equity += price - fee
            kept = equity * before.maintenance > before.equity * after.maintenance
            require(kept, "whole", before=before, after=after)
        elif price < 0:
            lacking = -before.equity + before.maintenance * LAST_COVER // WAD
            price = -self.backstop.cover(self.address, bidder, min(-price, lacking * fraction // WAD), now)
        else:
            self._pay(bidder, account, price, 0, now)
            equity += price
        require(price <= limit, "price", price=price, limit=limit)
        self._judge(bidder, now)
        self.log.append(Sold(account, bidder, fraction, price, fee, equity, after.maintenance))
        if not sale.run_off and self.most(account, replace(after, equity=equity), FREE) == 0:
            self._close(account, sale)
            return fraction
        self.sales[account] = sale
        if sale.run_off:
            self.run_offs.discount(account)
            self.run_offs.count(account)
        return fraction

    @whole_or_not_at_all
    def take_over(self, caller: Address, account: int, sub_account: int, limit: int, now: int) -> None:
        """Buy the whole account, into an account of the caller's that has nothing but cash, when nearly all would be
        sold anyway, or at the last price. Begins the auction when there is none.

        Raises:
            Reverted: "account", "healthy", "part", "price", "traded", "markets"; "whole": it is worth less than the
                fee; of the bidder "cash", "margin", "amount"; "epoch" or "array" when Risk must be refreshed first.
        """
        bidder = self._bidder(caller, account, sub_account)
        sale = self.sale(account)
        self._close(account, sale)
        own = self.ledger.accounts.cash(bidder)
        self.ledger.swap(self.address, account, bidder, now)
        # What the account was, the bidder is now, with its own cash.
        health = self.ledger.recount(self.address, bidder, now)
        standing = Standing.of(replace(health, equity=health.equity - own))
        sale = sale.seen(standing, now) if sale.is_live(now) else self._new(account, bidder, standing, now)
        rates = sale.rates(standing, now)
        on_sale = self.most(account, standing, rates)
        require(on_sale != 0, "healthy", standing=standing)
        require(on_sale >= WHOLE or self._is_unwanted(account, sale, standing, now), "part", on_sale=on_sale)
        fee = standing.maintenance * rates.fee // WAD
        price = standing.equity - standing.maintenance * rates.paid // WAD
        if price < 0:
            price = -self.backstop.cover(self.address, bidder, -price, now)
        else:
            self._pay(bidder, account, price, fee, now)
        require(price <= limit, "price", price=price, limit=limit)
        require(health.spare >= price, "margin", spare=health.spare, price=price)
        self.log.append(TakenOver(account, bidder, price, fee))

    # Reading

    def sale(self, account: int) -> Sale:
        """What is going on."""
        return self.sales.get(account, Sale())

    def quote(self, account: int, now: int) -> Quote:
        """What a bid would get now; in an auction that has not begun, as if it began.

        Raises:
            Reverted: "epoch" or "array" when Risk must be refreshed first.
        """
        standing, sale = self.standing(account, now), self.sale(account)
        if not sale.is_live(now):
            if not self.may_begin(account, account, standing, now):
                return Quote(standing.equity, standing.maintenance, standing.initial)
            sale = self._new(account, account, standing, now)
        rates = sale.seen(standing, now).rates(standing, now)
        most = self.most(account, standing, rates)
        return Quote(
            standing.equity,
            standing.maintenance,
            standing.initial,
            WAD if most >= WHOLE else most,
            rates.paid,
            rates.fee,
        )

    def standing(self, account: int, now: int) -> Standing:
        """How an account stands.

        Raises:
            Reverted: "epoch" or "array" when Risk must be refreshed first.
        """
        return Standing.of(self.ledger.health(account, now))

    def relief(self, account: int, now: int) -> int:
        """What the account would gain at the best prices that may be the true ones."""
        accounts = self.ledger.accounts
        markets = accounts.head(account).markets
        return sum(reliefs.relief(self.risk, market, accounts.book(account, market), now) for market in markets)

    def may_begin(self, account: int, holder: int, standing: Standing, now: int) -> bool:
        """Below maintenance at every price that may be the true one; the backstop's own are always for sale. `holder`
        has the account's books now."""
        if self.is_pool(account):
            return account != self.backstop.account and (standing.maintenance != 0 or standing.equity < 0)
        if standing.equity >= standing.maintenance:
            return False
        return standing.equity + self.relief(holder, now) < standing.maintenance

    def most(self, account: int, standing: Standing, rates: Rates) -> int:
        """The fraction whose sale brings the account halfway between maintenance and initial margin, rounded up; zero
        when it is there or nearly so, as after a bid for all that was on sale."""
        if self.is_pool(account) or standing.equity <= 0:
            return WAD
        target = (standing.maintenance + standing.initial) // 2
        if standing.equity >= target:
            return 0
        lost = standing.maintenance * (rates.paid + rates.fee) // WAD
        fraction = min(WAD, (target - standing.equity) * WAD // (target - lost) + 1)
        return fraction if fraction >= ENOUGH else 0

    def is_pool(self, account: int) -> bool:
        """Whether it is one of the backstop's accounts."""
        return account >> 96 == self.backstop.account >> 96

    # Inside

    def _new(self, account: int, holder: int, standing: Standing, now: int) -> Sale:
        require(self.may_begin(account, holder, standing, now), "healthy", standing=standing)
        return Sale(now, 0, MOST_RATIO).seen(standing, now)

    def _begin(self, caller: Address, account: int, standing: Standing, now: int) -> Sale:
        self.sales[account] = self._new(account, account, standing, now)
        self.log.append(Started(account, caller, standing.equity, standing.maintenance))
        return self.sales[account]

    def _open(self, caller: Address, account: int, standing: Standing, now: int) -> Sale:
        """The auction that there is, or a new one."""
        sale = self.sale(account)
        return sale.seen(standing, now) if sale.is_live(now) else self._begin(caller, account, standing, now)

    def _at_last_price(self, account: int, standing: Standing, now: int) -> Sale:
        """The auction of an account that nobody has wanted at any price."""
        sale = self.sale(account)
        require(sale.is_live(now), "unstarted", account=account)
        sale = sale.seen(standing, now)
        require(self.is_pool(account) or standing.equity < standing.maintenance, "healthy", standing=standing)
        require(self._is_unwanted(account, sale, standing, now), "bidding", sale=sale)
        return sale

    def _is_unwanted(self, account: int, sale: Sale, standing: Standing, now: int) -> bool:
        """Still below maintenance when bidders have had all the time there is."""
        if not self.is_pool(account) and standing.equity >= standing.maintenance:
            return False
        return now >= max(sale.started_at, sale.insolvent_at) + DURATION

    def _accrue(self, account: int, now: int) -> None:
        """Interest that is owed is a debt like any other, before anybody looks."""
        if self.ledger.accounts.cash(account) < 0:
            self.ledger.expire(self.address, [account], 0, now)

    def _close(self, account: int, sale: Sale) -> None:
        if sale.started_at != 0:
            self.sales[account] = Sale()
            self.log.append(Ended(account))
        if sale.run_off:
            self.run_offs.discount(account)
            self.ledger.bar(self.address, account)

    def _needed(self, account: int, standing: Standing) -> int:
        """What the pool must put behind an account for initial margin, and to repay its debt."""
        wanted = standing.initial + standing.initial // SLACK - (standing.equity - standing.unpriced)
        return max(wanted, -self.ledger.accounts.cash(account), 0)

    def _bidder(self, caller: Address, account: int, sub_account: int) -> int:
        require(sub_account < SESSION, "account", sub_account=sub_account)
        bidder = int(caller, 16) << 96 | sub_account
        require(bidder != account, "account", account=account)
        return bidder

    def _take(self, account: int, bidder: int, fraction: int, now: int) -> None:
        """A fraction of everything; a debt is repaid in the same proportion."""
        accounts = self.ledger.accounts
        cash = accounts.cash(account)
        for market in accounts.head(account).markets:
            moves = parts.of_book(account, bidder, market, accounts.book(account, market), fraction, now)
            self.ledger.shift(self.address, account, moves, now)
        if cash > 0:
            self.ledger.pay(self.address, account, bidder, cash * fraction // WAD, now)
        elif cash < 0:
            owed = -accounts.cash(account)  # with interest
            self.ledger.pay(self.address, bidder, account, owed * fraction // WAD, now)

    def _judge(self, bidder: int, now: int) -> None:
        spare = self.ledger.recount(self.address, bidder, now).spare
        require(spare >= 0, "margin", spare=spare)

    def _pay(self, bidder: int, account: int, price: int, fee: int, now: int) -> None:
        """The bidder's price, of which the fee goes to the backstop."""
        require(price >= fee, "whole", price=price, fee=fee)
        self.ledger.pay(self.address, bidder, account, price - fee, now)
        if fee != 0:
            self.ledger.pay(self.address, bidder, self.backstop.account, fee, now)
