"""What `Backstop.vy` does, call by call, check by check, in the contract's order.

A call that the contract would revert raises the `Reverted` of that reason, with the values, and changes nothing. Money
is in wad, but `assets` are in units of the settlement currency; shares have 18 decimals. Time is passed in, in Unix
seconds. Divisions round down unless said: what a caller pays is rounded up, what it gets down.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from peersettle.spec.backstop_events import Admitted, Collected, Covered, Deposit, Event, Requested, Withdraw
from peersettle.spec.chain import uint256
from peersettle.spec.ledger import Ledger
from peersettle.spec.loans import Loan, Loans
from peersettle.spec.rollback import Kept, whole_or_not_at_all
from peersettle.spec.shares import Shares
from peersettle.spec.snapshots import require
from peersettle.types import WAD, Address

NOTICE: Final = 2 * 86_400
"""Seconds between asking to leave and leaving."""
WINDOW: Final = 2 * 86_400
"""Seconds in which to leave then."""
RESERVE_PART: Final = 10
"""A 10th of the pool is reserved for the shortfalls of one expiry."""
RESERVED_FOR: Final = 3 * 86_400
"""Seconds after the first shortfall."""
NEAR: Final = 3
"""Days before and after an expiry whose reserves may still stand."""
GRAIN: Final = 10**12
"""Reserves are multiples of this, so that what rounding leaves over here and there does not show."""
INVENTORY_PART: Final = 4
"""A quarter of the pool stands behind what it has taken over, at most."""
INVENTORY: Final = range(1, 9)
"""The sub-accounts for what is taken over."""
ONE: Final = WAD
"""One share and one unit of currency that nobody has: the price begins at one."""
MOST_ASSETS: Final = 2**120


@dataclass(frozen=True)
class Request:
    """Who wants to leave with how much, and when it may."""

    shares: int = 0
    ready_at: int = 0


@dataclass(frozen=True)
class Reserve:
    """What is kept for an expiry, until when."""

    amount: int = 0
    until: int = 0


@dataclass(eq=False)
class Backstop(Kept):
    """The contract. Its idle cash is the cash of its own account in the Ledger."""

    address: Address
    auction: Address
    cash_scale: int
    """10**(18 - the currency's decimals)"""

    ledger: Ledger = field(init=False)
    """Told by the Auction, when all are there."""
    loans: Loans = field(default_factory=Loans)
    shares: Shares = field(init=False)
    requests: dict[Address, Request] = field(default_factory=dict)
    reserves: dict[tuple[int, int], Reserve] = field(default_factory=dict)
    """By market and day."""
    reserved: int = 0
    """All of them."""
    committed: dict[int, int] = field(default_factory=dict)
    """By day: what was reserved for all its expiries, used or not."""
    behind: dict[int, int] = field(default_factory=dict)
    """The sub-accounts in use, and what was put behind each."""
    funded: int = 0
    """Behind all of them."""
    log: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.shares = Shares(self.address, self.log)

    @property
    def account(self) -> int:
        """The pool's own account in the Ledger."""
        return int(self.address, 16) << 96

    # For the Ledger

    def capital(self) -> int:
        """Cash that is idle and not reserved."""
        return self.free()

    def lend(self, account: int, wanted: int, now: int) -> int:
        """How much of what an account lacks the pool lends it, at most what is wanted."""
        return self.loans.lend(account, wanted, self.free(), now)

    def repaid(self, account: int, amount: int) -> None:
        """An account has paid back."""
        self.loans.repaid(account, amount)

    def accrue(self, account: int, now: int) -> int:
        """The interest on an account's loan since the last time, rounded up; from now on it is owed, too."""
        return self.loans.accrue(account, now)

    def reserve(self, market: int, day: int, now: int) -> int:
        """What the pool keeps ready for all shortfalls of an expiry; asked at the first.

        What was settled before does not change it: loans count as if they had not been made, reserves of the days
        around as if they had been neither made nor used.
        """
        around = sum(self.committed.get(near, 0) for near in range(day - NEAR, day + NEAR + 1))
        worth = self.free() + self.loans.lent + self.loans.interest(now) + around
        amount = min(worth // (RESERVE_PART * GRAIN) * GRAIN, self.free())
        self.reserves[market, day] = Reserve(amount, now + RESERVED_FOR)
        self.reserved += amount
        self.committed[day] = self.committed.get(day, 0) + amount
        return amount

    def release(self, market: int, day: int, wanted: int) -> int:
        """What of this, which the pool has, its reserve still has, too. The Ledger takes it out of the pool's cash."""
        kept = self.reserves.get((market, day), Reserve())
        amount = min(wanted, kept.amount)
        self.reserves[market, day] = replace(kept, amount=kept.amount - amount)
        self.reserved -= amount
        return amount

    @whole_or_not_at_all
    def lapse(self, market: int, day: int, now: int) -> None:
        """Anybody: what was reserved for an expiry and not used is free again.

        Raises:
            Reverted: "reserved".
        """
        kept = self.reserves.get((market, day), Reserve())
        require(now > kept.until, "reserved", until=kept.until)
        self.reserved -= kept.amount
        self.reserves[market, day] = Reserve()

    # For auctions

    def room(self) -> int:
        """Cash that the pool may put behind one more account; zero when it may take none."""
        return 0 if len(self.behind) == len(INVENTORY) else self._room()

    def admits(self, amount: int) -> bool:
        """Whether the pool takes over one more account that needs so much cash behind it. Each place that is taken
        doubles what the next is kept for at least: trifles do not fill them."""
        room, left = self._room(), len(INVENTORY) - len(self.behind)
        return left != 0 and room >> left <= amount <= room

    def admit(self, caller: Address) -> int:
        """Auction only: an empty account of the pool's.

        Raises:
            Reverted: "auction", "room".
        """
        require(caller == self.auction, "auction", caller=caller)
        slot = next((slot for slot in INVENTORY if slot not in self.behind), None)
        require(slot is not None, "room", in_use=len(self.behind))
        assert slot is not None
        self.behind[slot] = 0
        return self.account | slot

    @whole_or_not_at_all
    def fund(self, caller: Address, account: int, amount: int, now: int) -> None:
        """Auction only: put cash behind an account that the pool has admitted.

        Raises:
            Reverted: "auction", "room": more than is free.
        """
        require(caller == self.auction, "auction", caller=caller)
        require(amount <= self.free(), "room", free=self.free(), needs=amount)
        self.behind[account % 16] += amount
        self.funded += amount
        self.ledger.pay(self.address, self.account, account, amount, now)
        self.log.append(Admitted(account, amount))

    @whole_or_not_at_all
    def cover(self, caller: Address, bidder: int, amount: int, now: int) -> int:
        """Auction only: pay a bidder for taking what is worth less than nothing. What was paid: at most what is free.

        Raises:
            Reverted: "auction".
        """
        require(caller == self.auction, "auction", caller=caller)
        paid = min(amount, self.free())
        self.ledger.pay(self.address, self.account, bidder, paid, now)
        self.log.append(Covered(bidder, paid))
        return paid

    @whole_or_not_at_all
    def collect(self, slot: int, now: int) -> None:
        """Anybody: an account that the pool took over and has sold is closed, and its cash is idle again.

        Raises:
            Reverted: "inventory": not in use; "positions"; "cash": it has a debt.
        """
        require(slot in self.behind, "inventory", slot=slot)
        head = self.ledger.accounts.head(self.account | slot)
        require(not head.markets, "positions", markets=head.markets)
        require(head.cash >= 0, "cash", cash=head.cash)
        self.funded -= self.behind.pop(slot)
        self.ledger.pay(self.address, self.account | slot, self.account, head.cash, now)
        self.log.append(Collected(self.account | slot, head.cash))

    # Coming and leaving

    @whole_or_not_at_all
    def deposit(self, caller: Address, assets: int, receiver: Address, now: int) -> int:
        """Bring cash from the caller's account in the Ledger (sub-account zero), at the higher valuation. Returns the
        shares, rounded down.

        Raises:
            Reverted: "amount", "receiver", "cash", "candidate", "margin"; "epoch" or "array" when Risk must be
                refreshed first, for the caller or for what the pool took over.
        """
        minted = self.to_shares(assets, self.high(now), up=False)
        self._come(caller, assets, minted, receiver, now)
        return minted

    @whole_or_not_at_all
    def mint(self, caller: Address, amount: int, receiver: Address, now: int) -> int:
        """As `deposit`, for so many shares. Returns the assets, rounded up."""
        assets = self.to_assets(amount, self.high(now), up=True)
        self._come(caller, assets, amount, receiver, now)
        return assets

    @whole_or_not_at_all
    def request(self, caller: Address, amount: int, now: int) -> None:
        """Ask to leave with so many shares, and those asked for before: in two days, and for two days. They go on
        bearing losses.

        Raises:
            Reverted: "shares".
        """
        self.shares.shift(caller, self.address, amount)
        asked = self.requests.get(caller, Request()).shares + amount
        self.requests[caller] = Request(asked, now + NOTICE)
        self.log.append(Requested(caller, asked, now + NOTICE))

    @whole_or_not_at_all
    def stay(self, caller: Address) -> None:
        """Take all that was asked for back."""
        amount = self.requests.get(caller, Request()).shares
        self.requests[caller] = Request()
        self.shares.shift(self.address, caller, amount)

    @whole_or_not_at_all
    def redeem(self, caller: Address, amount: int, receiver: Address, owner: Address, now: int) -> int:
        """Leave with shares that were asked for, at the lower valuation. Cash goes to the receiver's account in the
        Ledger. Returns the assets, rounded down.

        Raises:
            Reverted: "amount", "notice", "idle", "allowance"; "epoch" or "array" when Risk must be refreshed first.
        """
        assets = self.to_assets(amount, self.low(now), up=False)
        self._leave(caller, assets, amount, receiver, owner, now)
        return assets

    @whole_or_not_at_all
    def withdraw(self, caller: Address, assets: int, receiver: Address, owner: Address, now: int) -> int:
        """As `redeem`, for so many assets. Returns the shares, rounded up."""
        burned = self.to_shares(assets, self.low(now), up=True)
        self._leave(caller, assets, burned, receiver, owner, now)
        return burned

    # Shares

    @whole_or_not_at_all
    def transfer(self, caller: Address, receiver: Address, amount: int) -> bool:
        """ERC-20.

        Raises:
            Reverted: "receiver", "shares".
        """
        self.shares.move(caller, receiver, amount)
        return True

    @whole_or_not_at_all
    def transfer_from(self, caller: Address, owner: Address, receiver: Address, amount: int) -> bool:
        """ERC-20.

        Raises:
            Reverted: "allowance", "receiver", "shares".
        """
        self.shares.spend(caller, owner, amount)
        self.shares.move(owner, receiver, amount)
        return True

    def approve(self, caller: Address, spender: Address, amount: int) -> bool:
        """ERC-20."""
        self.shares.approve(caller, spender, amount)
        return True

    # Reading

    def loan(self, account: int) -> Loan:
        """What an account owes."""
        return self.loans.loan(account)

    def idle(self) -> int:
        """The cash of the pool's own account."""
        return max(self.ledger.accounts.cash(self.account), 0)

    def free(self) -> int:
        """What of it is not reserved."""
        return max(self.idle() - self.reserved, 0)

    def low(self, now: int) -> int:
        """What the pool is worth at least: what is free, half of what is lent, and of what was taken over what it has
        beyond initial margin."""
        worth = self.free() + self.loans.lent // 2
        for slot in sorted(self.behind):
            health = self.ledger.health(self.account | slot, now)
            worth += max(health.equity - health.initial, 0)
        return worth

    def high(self, now: int) -> int:
        """And at most: what is idle, all that is lent with its interest, and of what was taken over its equity and its
        maintenance requirement, what has no price now at its last mark."""
        worth = self.idle() + self.loans.lent + self.loans.interest(now)
        for slot in sorted(self.behind):
            health = self.ledger.health(self.account | slot, now)
            worth += max(health.equity + health.unpriced + health.maintenance, 0)
        return worth

    def to_shares(self, assets: int, worth: int, *, up: bool) -> int:
        """What assets come to at a valuation."""
        shares = uint256(uint256(assets * self.cash_scale) * (self.shares.total + ONE))
        return uint256(shares + (worth + ONE - 1 if up else 0)) // (worth + ONE)

    def to_assets(self, amount: int, worth: int, *, up: bool) -> int:
        """What shares come to at a valuation."""
        whole = (self.shares.total + ONE) * self.cash_scale
        return uint256(uint256(amount * (worth + ONE)) + (whole - 1 if up else 0)) // whole

    def ready(self, owner: Address, now: int) -> int:
        """Shares that may leave now."""
        asked = self.requests.get(owner, Request())
        return asked.shares if asked.ready_at <= now <= asked.ready_at + WINDOW else 0

    def max_redeem(self, owner: Address, now: int) -> int:
        """Shares that may leave now, and for which there is cash."""
        return min(self.ready(owner, now), self.to_shares(self.free() // self.cash_scale, self.low(now), up=False))

    def max_withdraw(self, owner: Address, now: int) -> int:
        """The same in assets."""
        return min(self.to_assets(self.ready(owner, now), self.low(now), up=False), self.free() // self.cash_scale)

    # Inside

    def _room(self) -> int:
        free = self.free()
        return min(free, max((free + self.funded) // INVENTORY_PART - self.funded, 0))

    def _come(self, caller: Address, assets: int, minted: int, receiver: Address, now: int) -> None:
        require(minted != 0 and assets < MOST_ASSETS, "amount", assets=assets, shares=minted)
        self.shares.mint(receiver, minted)
        self.ledger.pay(self.address, int(caller, 16) << 96, self.account, assets * self.cash_scale, now)
        self.log.append(Deposit(caller, receiver, assets, minted))

    def _leave(self, caller: Address, assets: int, burned: int, receiver: Address, owner: Address, now: int) -> None:
        require(burned != 0 and assets < MOST_ASSETS, "amount", assets=assets, shares=burned)
        require(burned <= self.ready(owner, now), "notice", ready=self.ready(owner, now), shares=burned)
        require(assets * self.cash_scale <= self.free(), "idle", free=self.free(), assets=assets)
        self.shares.spend(caller, owner, burned)
        request = self.requests[owner]
        self.requests[owner] = replace(request, shares=request.shares - burned)
        self.shares.burn(self.address, burned)
        self.ledger.pay(self.address, self.account, int(receiver, 16) << 96, assets * self.cash_scale, now)
        self.log.append(Withdraw(caller, receiver, owner, assets, burned))
