"""Auction and Backstop on a chain beside their specifications, with the Ledger, Risk and Parameters they are for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from functools import cache
from typing import Any, Final

import boa
from tests.contracts.differential.ledger_world import (
    DELAY,
    USUAL,
    LedgerWorld,
    Outcome,
    keeper,
    ledger_of,
    rules_of,
)
from tests.contracts.differential.world import actor, layout, slot
from tests.contracts.margin import stage as margin_stage
from tests.contracts.margin.stage import START, Refused, Stage, account_of
from tests.contracts.mocks import rolled_back

from peersettle.errors import Reverted
from peersettle.spec import auction_events, backstop_events
from peersettle.spec.auction import Auction
from peersettle.spec.backstop import Backstop
from peersettle.types import Address, address

bidder, rival, provider, heir = map(actor, ("bidder", "rival", "provider", "heir"))
BIDDERS: Final = tuple(account_of(who.address, sub) for who in (bidder, rival) for sub in range(4))
PROVIDERS: Final = (provider.address, heir.address)


@cache
def scene() -> tuple[Stage, Auction]:
    """What is deployed once, and the specification that equals it."""
    here = margin_stage.stage(backstop=True, **USUAL)
    auction = address(here.auction.address)
    pool = Backstop(address(here.pool.address), auction, 10**12)
    ledger = ledger_of(here, rules_of(here), pool)
    return here, Auction(auction, ledger, ledger.risk, pool)


class LiquidationWorld(LedgerWorld):
    """The chain and the specification, changed together."""

    def __init__(self, stage: Stage, auction: Auction) -> None:
        super().__init__(stage, auction.ledger)
        self.auction = auction
        self.backstop = auction.backstop
        self.logs += [
            self.log_of(stage.auction, auction, auction_events),
            self.log_of(stage.pool, self.backstop, backstop_events),
        ]

    @classmethod
    @contextmanager
    def fresh(cls) -> Iterator[LiquidationWorld]:
        """A world as the stage is set; undone in the end."""
        stage, spec = scene()
        with rolled_back():
            boa.env.evm.patch.timestamp = START + 2 * (DELAY + 1)
            yield cls(stage, deepcopy(spec))

    def owed(self, account: int) -> int:
        return self.backstop.loan(account).owed

    # The Auction

    def sell(self, verb: str, sender: Address, *arguments: Any) -> Outcome:
        """A call of the Auction's."""
        spec = getattr(self.auction, verb)
        named = (sender,) if verb in ("start", "bid", "take_over") else ()
        return self.do(self.stage.auction, verb, sender, arguments, lambda: spec(*named, *arguments, self.now))

    def start(self, account: int, sender: Address = keeper.address) -> Outcome:
        return self.sell("start", sender, account)

    def end(self, account: int, sender: Address = keeper.address) -> Outcome:
        return self.sell("end", sender, account)

    def rescue(self, account: int, sender: Address = keeper.address) -> Outcome:
        return self.sell("rescue", sender, account)

    def run_off(self, account: int, sender: Address = keeper.address) -> Outcome:
        return self.sell("run_off", sender, account)

    def bid(self, into: int, account: int, most: int, least: int = 0, limit: int = 2**200) -> Outcome:
        owner = address(f"0x{into >> 96:040x}")
        return self.sell("bid", owner, account, into % 2**96, most, least, limit)

    def take_over(self, into: int, account: int, limit: int = 2**200) -> Outcome:
        owner = address(f"0x{into >> 96:040x}")
        return self.sell("take_over", owner, account, into % 2**96, limit)

    # The backstop

    def share(self, verb: str, sender: Address, *arguments: Any) -> Outcome:
        """A call of the backstop's, `transferFrom` and such by the name that the chain has for it."""
        spec = getattr(self.backstop, {"transferFrom": "transfer_from"}.get(verb, verb))
        named = () if verb in ("collect", "lapse") else (sender,)
        timed = () if verb in ("stay", "transfer", "transferFrom", "approve") else (self.now,)
        return self.do(self.stage.pool, verb, sender, arguments, lambda: spec(*named, *arguments, *timed))

    # Equality

    def assert_pool_equal(self) -> None:
        """Every word of the Auction's storage and of the backstop's."""
        self._assert_auction_equal()
        self.assert_storage(self.stage.pool, self._pool_storage())
        doubted = layout(self.stage.risk)["snapshots"]["doubted"]["slot"]
        for market in self.stage.markets:
            word = boa.env.get_storage(self.stage.risk.address, doubted + market.number)
            assert word == (market.number in self.risk.doubted)

    def assert_views_equal(self) -> None:
        super().assert_views_equal()
        stage, auction, pool = self.stage, self.auction, self.backstop
        for account in self.spec.accounts.heads:
            assert self.read(stage.auction, "quote", account) == self.found(
                lambda a=account: auction.quote(a, self.now)
            )
            sale = auction.sale(account)
            found = self.read(stage.auction, "auction", account)
            assert found == (sale.started_at, sale.insolvent_at, sale.lowest, sale.run_off)
            assert self.read(stage.pool, "loan", account) == (pool.loan(account).owed, pool.loan(account).since)
        assert self.read(stage.pool, "room") == pool.room()
        assert self.read(stage.pool, "capital") == pool.capital()
        for amount in (0, 1, pool.room() // 200, pool.room(), pool.room() + 1):
            assert self.read(stage.pool, "admits", amount) == pool.admits(amount)
        assert self.read(stage.pool, "valuations") == self.found(lambda: (pool.low(self.now), pool.high(self.now)))
        scale = pool.cash_scale
        for amount in (1, 10**6, 123_456_789):
            for verb, expected in {
                "convertToShares": lambda n=amount: pool.to_shares(n, pool.low(self.now), up=False),
                "convertToAssets": lambda n=amount: pool.to_assets(n, pool.low(self.now), up=False),
                "previewDeposit": lambda n=amount: pool.to_shares(n, pool.high(self.now), up=False),
                "previewMint": lambda n=amount: pool.to_assets(n, pool.high(self.now), up=True),
                "previewWithdraw": lambda n=amount: pool.to_shares(n, pool.low(self.now), up=True),
                "previewRedeem": lambda n=amount: pool.to_assets(n, pool.low(self.now), up=False),
            }.items():
                assert self.read(stage.pool, verb, amount) == self.found(expected), verb
        assert self.read(stage.pool, "totalAssets") == self.found(lambda: pool.low(self.now) // scale)
        for owner in PROVIDERS:
            for verb, ask in (("maxRedeem", pool.max_redeem), ("maxWithdraw", pool.max_withdraw)):
                assert self.read(stage.pool, verb, owner) == self.found(lambda a=ask, o=owner: a(o, self.now)), verb

    def read(self, where: Any, verb: str, *arguments: Any) -> Any:
        """What a reader answers: a struct as a plain tuple."""
        answer = self.stage.call(where, verb, *arguments)
        return tuple(answer) if isinstance(answer, tuple) else answer

    def found(self, ask: Any) -> Any:
        """What the specification says, as `read` has it."""
        try:
            answer = ask()
        except Reverted as refusal:
            return Refused(refusal.values.get("reason", refusal.reason))
        return tuple(vars(answer).values()) if hasattr(answer, "__dict__") else answer

    def _assert_auction_equal(self) -> None:
        places, run_offs = layout(self.stage.auction), self.auction.run_offs
        base = {name: here["slot"] for name, here in places["run_offs"].items()}
        words = {
            slot(places["sales"]["auctions"]["slot"], account): sale.word
            for account, sale in self.auction.sales.items()
        }
        for (market, series, is_long), lots in run_offs.payers.items():
            words[slot(base["payers"], market << 37 | series << 1 | is_long)] = lots
        for market, lots in run_offs.waiting.items():
            words[base["waiting"] + market] = lots
        left_over: set[int] = set()
        for account in self.auction.sales:
            first, items = slot(base["counted"], account), run_offs.counted.get(account, [])
            words[first] = len(items)
            for index, ((market, series, is_long), lots) in enumerate(items):
                words[first + 1 + index] = (market << 37 | series << 1 | is_long) << 28 | lots
            left_over |= set(range(first + 1 + len(items), first + 257))  # beyond the length nothing counts
        self.assert_storage(self.stage.auction, words, left_over)

    def _pool_storage(self) -> dict[int, int]:
        places, pool = layout(self.stage.pool), self.backstop
        at = {name: here["slot"] for name, here in places.items() if "slot" in here}
        modules = ("expiry_reserves", "holdings", "loans", "notices", "shares")
        at |= {name: here["slot"] for module in modules for name, here in places[module].items()}
        words = {
            at["lent"]: pool.loans.lent,
            at["lent_since"]: pool.loans.lent_since,
            at["totalSupply"]: pool.shares.total,
            at["reserved"]: pool.reserved,
            at["funded"]: pool.funded,
            at["inventory"]: sum(1 << one for one in pool.behind),
        }
        words |= {at["behind"] + one: amount for one, amount in pool.behind.items()}
        for account, loan in pool.loans.loans.items():
            first = slot(places["loans"]["loans"]["slot"], account)
            words |= {first: loan.owed, first + 1: loan.since}
        for owner, amount in pool.shares.balances.items():
            words[slot(at["balanceOf"], owner)] = amount
        for (owner, spender), amount in pool.shares.allowances.items():
            words[slot(at["allowance"], owner, spender)] = amount
        for owner, request in pool.requests.items():
            first = slot(at["requests"], owner)
            words |= {first: request.shares, first + 1: request.ready_at}
        for (market, day), kept in pool.reserves.items():
            first = slot(at["reserves"], market << 14 | day)
            words |= {first: kept.amount, first + 1: kept.until}
        words |= {slot(at["committed"], day): amount for day, amount in pool.committed.items()}
        return words
