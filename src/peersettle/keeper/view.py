"""What a keeper decides on, and what it decides: plain values. Money is in wad of settlement currency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from peersettle.bindings.auction import DURATION, AuctionQuote, AuctionState
from peersettle.keeper.appraisal import Buyer, Limits, Offer
from peersettle.risk.margin import MarginAccount
from peersettle.types import WAD, Account, from_units


class Kind(StrEnum):
    """What a keeper does."""

    BID = "bid"
    TAKE_OVER = "take_over"
    START = "start"
    NOTE = "note"  # that an account in auction has become insolvent
    END = "end"
    RESCUE = "rescue"
    RUN_OFF = "run_off"
    COLLECT = "collect"
    FIX = "fix"
    SETTLE = "settle"
    LAPSE = "lapse"  # what the backstop keeps for an expiry, when its time is up


PURCHASES: Final = (Kind.BID, Kind.TAKE_OVER)


@dataclass(frozen=True, slots=True)
class Gas:
    """What transactions use, about, by what they move."""

    start: int = 90_000
    bid: int = 165_000
    take_over: int = 100_000
    position: int = 15_000
    judged: int = 5_000
    """For each position of an account that is looked at."""
    rescue: int = 205_000
    refresh: int = 70_000
    series: int = 40_000
    end: int = 80_000
    fix: int = 80_000
    settle: int = 70_000
    settled: int = 85_000
    collect: int = 60_000
    lapse: int = 45_000

    def refreshing(self, series: int, markets: int) -> int:
        """For bringing arrays up to date."""
        return markets * self.refresh + series * self.series


@dataclass(frozen=True, slots=True)
class Policy:
    """When to do what.

    Args:
        limits: what we may hold.
        min_edge: wad that a purchase must bring beyond its gas and its hedge.
        hedge_rate: what it costs to be rid of the risk, wad for a unit of maintenance requirement.
        upkeep: wad that we give for a call that pays us nothing, such as a fixing.
        max_gas_price: wei; above it nothing is sent.
    """

    limits: Limits
    min_edge: int
    hedge_rate: int
    upkeep: int
    max_gas_price: int | None = None
    gas: Gas = field(default_factory=Gas)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An account that is for sale, or may be."""

    account: int
    quote: AuctionQuote
    state: AuctionState
    margin: MarginAccount = field(default_factory=MarginAccount)
    """What it holds."""
    stale: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    """Series that must be refreshed first, by market."""
    own_stale: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    """Of our accounts, for a purchase."""
    refused: frozenset[Kind] = frozenset()
    """Of what may be done at the last price, what the contract would refuse now."""
    offers: tuple[Offer, ...] = ()
    """What we could buy of it, where that was reckoned already."""

    @property
    def positions(self) -> int:
        """How many it has."""
        return sum(len(book.positions) for book in self.margin.books.values())


@dataclass(frozen=True, slots=True)
class Unfixed:
    """An expiry without its fixing that somebody holds."""

    market: int
    day: int
    holders: int


@dataclass(frozen=True, slots=True)
class Settleable:
    """Accounts of one call that would settle so many positions, for so much (wad)."""

    accounts: tuple[int, ...]
    positions: int
    income: int


@dataclass(frozen=True, slots=True)
class Reserved:
    """What the backstop keeps for the shortfalls of an expiry (wad), until a time (Unix seconds)."""

    market: int
    day: int
    amount: int
    until: int


@dataclass(frozen=True, slots=True)
class View:
    """All that a decision hangs on.

    Args:
        now: Unix seconds, of the block that a transaction would be in.
        gas_price: wei that a unit of gas costs now.
        native_price: wad of settlement currency for one native asset.
        owner: ours.
        room: what the backstop may put behind one more account, wad.
        pool: the backstop's owner id, whose accounts may always be sold; None where there is none.
        collectable: slots of the backstop that have been sold.
        reserved: what the backstop keeps for expiries.
        buyer: we, for reckoning what we could buy; without one, candidates bring their offers.
    """

    now: int
    gas_price: int
    native_price: int
    candidates: Sequence[Candidate] = ()
    unfixed: Sequence[Unfixed] = ()
    settleable: Sequence[Settleable] = ()
    owner: int = 0
    room: int = 0
    pool: int | None = None
    collectable: Sequence[int] = ()
    reserved: Sequence[Reserved] = ()
    buyer: Buyer | None = None

    def cost(self, gas: int) -> int:
        """What gas costs now, wad of settlement currency, rounded up."""
        return -(-gas * self.gas_price * self.native_price // WAD)


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, or not, and why. `edge` is before gas, `cost` is the gas's."""

    kind: Kind
    acts: bool
    reason: str
    accounts: tuple[int, ...] = ()
    gas: int = 0
    cost: int = 0
    edge: int = 0
    sub_account: int = 0
    fraction: int = 0
    least: int = 0
    limit: int = 0
    market: int = 0
    day: int = 0
    slot: int = 0
    stale: Mapping[int, tuple[int, ...]] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Names what is done, so that what was refused is not tried again at once."""
        return f"{self.kind}:{','.join(map(str, self.accounts))}:{self.market}:{self.day}:{self.slot}"

    def to_json(self) -> dict[str, Any]:
        """For `--json` and logs; money as decimal text."""
        found: dict[str, Any] = {"kind": str(self.kind), "acts": self.acts, "reason": self.reason}
        found["accounts"] = [str(Account.from_id(item)) for item in self.accounts]
        found |= {"gas": self.gas, "cost": from_wad(self.cost), "edge": from_wad(self.edge)}
        if self.kind in PURCHASES:
            found |= {"sub_account": self.sub_account, "fraction": from_wad(self.fraction)}
            found["limit"] = from_wad(self.limit)
        if self.kind in (Kind.FIX, Kind.LAPSE):
            found |= {"market": self.market, "day": self.day}
        if self.kind is Kind.COLLECT:
            found["slot"] = self.slot
        if self.stale:
            found["refreshes"] = sum(len(series) for series in self.stale.values())
        return found


def at_last_price(state: AuctionState, now: int) -> bool:
    """Whether bidders have had all the time there is, and nothing else was done about the account."""
    is_over = now >= max(state.started_at, state.insolvent_at) + DURATION
    return state.is_live(now) and is_over and not state.run_off


def from_wad(amount: int) -> str:
    """As decimal text, to 1e-6, with its sign."""
    rounded = abs(amount) // 10**12
    return ("-" if amount < 0 and rounded else "") + from_units(rounded, 6)
