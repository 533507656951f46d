"""What a keeper asks the chain: accounts in bulk, snapshots, quotes. It changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from peersettle.bindings import Backstop, MarginDesk, Question, ask
from peersettle.bindings.auction import Auction, AuctionQuote, AuctionState
from peersettle.bindings.ledger import MAX_EXPIRING
from peersettle.chain.fees import current_fees
from peersettle.errors import ConfigError, InvalidField, Reverted
from peersettle.keeper.doubts import Doubts, in_run_off
from peersettle.keeper.estimates import anticipated, lacks_words
from peersettle.keeper.view import Candidate, Kind, Reserved, Settleable, Unfixed, at_last_price
from peersettle.reports import SurfaceSlice
from peersettle.risk.books import Book, SeriesTable, Snapshot
from peersettle.risk.instruments import SERIES_BITS, expiry
from peersettle.risk.margin import MarginAccount
from peersettle.types import Account, to_units

if TYPE_CHECKING:
    from peersettle.chain.calls import Call
    from peersettle.chain.client import BlockId, Chain
    from peersettle.chain.deployments import Deployment
    from peersettle.chain.fees import FeePolicy

_SERIES_AT_ONCE: Final = 320
"""So many are refreshed in one simulated call: about 12 million gas."""
_DAYS_AT_ONCE: Final = 64
_UNIT: Final = 10**14


class Reader:
    """One deployment, read in as few requests as can be."""

    def __init__(self, chain: Chain, deployment: Deployment) -> None:
        self.chain: Final = chain
        self.desk: Final = MarginDesk(chain, deployment)
        self.auction: Final = Auction(chain, deployment)
        self.backstop: Final = Backstop(chain, deployment)

    # Accounts

    def accounts(
        self, wanted: Sequence[int], at: BlockId = "latest"
    ) -> tuple[dict[int, MarginAccount], dict[int, AuctionState]]:
        """What accounts hold, and the auctions of those that have one."""
        ledger = self.desk.ledger
        heads: dict[int, tuple[int, int]] = {}
        auctions: dict[int, AuctionState] = {}
        questions = [
            question
            for account in wanted
            for question in (ledger.question("head", account), self.auction.question("auction", account))
        ]
        answers = iter(ask(self.chain, questions, at=at))
        for account in wanted:
            cash, _, markets = _given(next(answers))
            heads[account] = cash, markets
            state = AuctionState(*_given(next(answers))[0])
            if state.started_at:
                auctions[account] = state
        places = [
            (account, market)
            for account, (_, markets) in heads.items()
            for market in range(64)
            if markets >> market & 1
        ]
        books: dict[int, dict[int, Book]] = {}
        answers = iter(ask(self.chain, [ledger.question("book", *place) for place in places], at=at))
        for account, market in places:
            header, words = _given(next(answers))
            books.setdefault(account, {})[market] = Book.unpack(header, words)
        found = {account: MarginAccount(cash, books.get(account, {})) for account, (cash, _) in heads.items()}
        return found, auctions

    def inventory(self) -> tuple[int, ...]:
        """The accounts that the backstop has taken over."""
        return tuple(self.backstop.inventory_account(slot).id for slot in self.backstop.inventory())

    # Markets

    def tables(self, held: Mapping[int, Sequence[int]]) -> tuple[dict[int, SeriesTable], dict[int, str]]:
        """The series that anybody holds, as the next refresh would value them; and why a market cannot be valued."""
        tables, failed = {}, {}
        for market, snapshot in self.desk.snapshots(held).items():
            if snapshot is None:
                failed[market] = "was never refreshed"
                continue
            try:
                tables[market] = SeriesTable.of(anticipated(snapshot, self._surface(market, snapshot)), held[market])
            except InvalidField as error:
                failed[market] = error.message
        return tables, failed

    def _surface(self, market: int, snapshot: Snapshot) -> dict[int, tuple[SurfaceSlice, int]]:
        days = sorted(lacks_words(snapshot))
        feed = self.desk.listings[market].surface_feed
        questions = [self.desk.oracle.question("surface_slice", bytes(feed.id), expiry(day)) for day in days]
        found = {}
        for day, answer in zip(days, ask(self.chain, questions) if questions else [], strict=True):
            *fields, observed_at = _given(answer)[0]
            if observed_at:
                found[day] = SurfaceSlice(expiry(day), *fields), observed_at
        return found

    # What may be sold

    def candidates(
        self, accounts: Mapping[int, MarginAccount], own: Mapping[int, MarginAccount], now: int
    ) -> list[Candidate]:
        """What the Auction says of these accounts, as it would after the arrays were refreshed that it hangs on.

        `own` are ours by sub-account: a purchase takes their arrays, too.
        """
        found = []
        for some in _by_series(accounts, now):
            found += self._candidates({account: accounts[account] for account in some}, own, now)
        return found

    def _candidates(
        self, accounts: Mapping[int, MarginAccount], own: Mapping[int, MarginAccount], now: int
    ) -> list[Candidate]:
        everybody = [*accounts.values(), *own.values()]
        due = self.desk.due((), {item for margin in everybody for item in _series(margin, now)})
        questions: list[Question] = []
        for account in accounts:
            questions += [self.auction.question("quote", account), self.auction.question("auction", account)]
        answers = iter(ask(self.chain, questions, self.desk.refreshes(due), "pending"))
        own_stale = _stale_of(list(own.values()), due, now)
        found = []
        for account, margin in accounts.items():
            quoted, state = next(answers), AuctionState(*_given(next(answers))[0])
            if quoted is None:  # an array or a fixing is missing that no refresh brings
                continue
            stale, quote = _stale_of([margin], due, now), AuctionQuote(*quoted[0])
            refused = self._refused(account, self.desk.refreshes(stale)) if at_last_price(state, now) else frozenset()
            found.append(Candidate(account, quote, state, margin, stale, own_stale, refused))
        return found

    def _refused(self, account: int, refreshes: Sequence[Call]) -> frozenset[Kind]:
        """Of what anybody may do about an account that nobody wants, what would change nothing now."""
        whose, question = Account.from_id(account), self.auction.question("auction", account)
        calls = {Kind.RESCUE: self.auction.rescue(whose), Kind.RUN_OFF: self.auction.run_off(whose)}
        ((before,),) = (_given(answer) for answer in ask(self.chain, [question], refreshes, "pending"))
        return frozenset(
            kind
            for kind, call in calls.items()
            if _given(ask(self.chain, [question], [*refreshes, call], "pending")[0]) == (before,)
        )

    def doubts(self, run_offs: Mapping[int, MarginAccount]) -> dict[int, Doubts]:
        """What accounts in run-off owe, by market."""
        payers = in_run_off(run_offs)
        places = [(market, series) for market, held in payers.items() for series in sorted({item for item, _ in held})]
        answers = ask(self.chain, [self.desk.ledger.question("open_interest", *place) for place in places])
        totals: dict[int, dict[int, int]] = {}
        for (market, series), answer in zip(places, answers, strict=True):
            totals.setdefault(market, {})[series] = _given(answer)[0]
        return {market: Doubts(payers[market], totals[market]) for market in payers}

    # Expiries

    def unfixed(self, expired: Mapping[tuple[int, int], int]) -> list[Unfixed]:
        """Of expiries, by market and day with the number of their holders, those that can be fixed now."""
        keys = list(expired)
        questions = [self.desk.risk.question("fixing", *key) for key in keys]
        open_ = [key for key, answer in zip(keys, ask(self.chain, questions), strict=True) if not _given(answer)[0]]
        return [Unfixed(*key, expired[key]) for key in open_ if self._can_fix(*key)]

    def _can_fix(self, market: int, day: int) -> bool:
        call = self.desk.ledger.fix(market, day)
        assert call.to is not None
        try:
            self.chain.call(call.to, call.data, at="pending")
        except Reverted:
            return False
        return True

    def settleable(self, accounts: Sequence[int]) -> list[Settleable]:
        """What settling these accounts would do now, in calls of 16, without those of which nothing would be settled.

        A receiver waits for all who pay, so that some become settleable only when others were settled.
        """
        found = []
        for first in range(0, len(accounts), MAX_EXPIRING):
            some = accounts[first : first + MAX_EXPIRING]
            before, _ = self.accounts(some)
            gone = self._gone(some, before)
            chosen = tuple(account for account in some if any(who == account for who, _ in gone))
            if chosen:
                charges = {market: self.desk.parameters.risk_parameters(market).position_charge for _, market in gone}
                paying = {pair: count for pair, count in gone.items() if before[pair[0]].cash > 0}
                income = sum(count * charges[market] * _UNIT for (_, market), count in paying.items())
                found.append(Settleable(chosen, sum(gone.values()), income))
        return found

    def _gone(self, accounts: Sequence[int], before: Mapping[int, MarginAccount]) -> dict[tuple[int, int], int]:
        """How many positions of each book would be settled."""
        pairs = [(account, market) for account in accounts for market in before[account].books]
        expire = self.desk.ledger.expire([Account.from_id(account) for account in accounts])
        found: dict[tuple[int, int], int] = {}
        questions = [self.desk.ledger.question("book", *pair) for pair in pairs]
        answers = ask(self.chain, questions, [expire], "pending")
        for (account, market), answer in zip(pairs, answers, strict=True):
            left = len(before[account].books[market].positions) - (_given(answer)[0] & 255)
            if left:
                found[account, market] = left
        return found

    def reserved(self, amount: int, last_day: int) -> list[Reserved]:
        """What the backstop keeps for expiries up to a day, so much in all: looked for from the latest on."""
        found: list[Reserved] = []
        for last in range(last_day, -1, -_DAYS_AT_ONCE):
            days = range(last, max(last - _DAYS_AT_ONCE, -1), -1)
            places = [(listing.number, day) for day in days for listing in self.desk.listings]
            questions = [self.backstop.question("reserves", market << 14 | day) for market, day in places]
            for place, answer in zip(places, ask(self.chain, questions), strict=True):
                kept, until = _given(answer)[0]
                if kept:
                    found.append(Reserved(*place, kept, until))
            if sum(item.amount for item in found) >= amount:
                break
        return found

    # Prices

    def gas_price(self, policy: FeePolicy) -> int:
        """What a unit of gas costs in the next block, with the tip that we offer, wei."""
        head = self.chain.block("latest")
        fees = current_fees(self.chain, policy, head)
        return fees.cap if fees.tip is None or head.base_fee is None else min(fees.cap, head.base_fee + fees.tip)

    def native_price(self, said: str) -> int:
        """Of one native asset, wad of settlement currency: an amount, or the symbol of the market whose price it has.

        Raises:
            ConfigError: there is no such market, or it has no price yet.
        """
        if said[:1].isdigit():
            return to_units(said, 18)
        try:
            listing = self.desk.listing(said)
        except InvalidField as error:
            raise ConfigError(
                f"keeper.native_price: {error.message}; give the symbol of a market, or a price",
                key="keeper.native_price",
            ) from None
        value = self.desk.oracle.read(listing.spot_feed).value
        if not value:
            raise ConfigError(f"keeper.native_price: {said} has no price yet", key="keeper.native_price")
        return value


def _by_series(accounts: Mapping[int, MarginAccount], now: int) -> list[list[int]]:
    """Accounts in groups of which all series can be refreshed in one simulated call."""
    groups: list[list[int]] = []
    together: set[int] = set()
    for account, margin in accounts.items():
        held = _series(margin, now)
        if not groups or len(together | held) > _SERIES_AT_ONCE:
            groups.append([])
            together = set()
        groups[-1].append(account)
        together |= held
    return groups


def _series(margin: MarginAccount, now: int) -> set[int]:
    """Ids of live positions, and of each market."""
    found = {market << SERIES_BITS for market in margin.books}
    for market, book in margin.books.items():
        found |= {market << SERIES_BITS | item for item, _ in book.positions if expiry(item >> 22) > now}
    return found


def _stale_of(
    margins: Sequence[MarginAccount], due: Mapping[int, Sequence[int]], now: int
) -> dict[int, tuple[int, ...]]:
    held: dict[int, set[int]] = {}
    for margin in margins:
        for market, book in margin.books.items():
            live = {item for item, _ in book.positions if expiry(item >> 22) > now}
            held.setdefault(market, set()).update(live)
    return {market: tuple(item for item in due[market] if item in held[market]) for market in held if market in due}


def _given(answer: tuple[Any, ...] | None) -> tuple[Any, ...]:
    assert answer is not None, "a view that never reverts has"
    return answer
