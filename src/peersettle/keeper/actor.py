"""Sending what was decided: written down first, tried out next, then sent; and putting in order what a crash left."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import structlog

from peersettle.bindings import together
from peersettle.chain.calls import Call, Receipt, Sent
from peersettle.errors import (
    PeerSettleError,
    Reverted,
    RpcUnavailable,
    TransactionStuck,
)
from peersettle.keeper.hedge import Hedge
from peersettle.keeper.journal import Intent, Journal, Status
from peersettle.keeper.metrics import Metrics
from peersettle.keeper.purchases import bought_in, part
from peersettle.keeper.view import PURCHASES, Decision, Kind, Policy, View, from_wad
from peersettle.types import WAD, Account

if TYPE_CHECKING:
    from peersettle.chain.sender import TransactionSender
    from peersettle.keeper.reader import Reader
    from peersettle.signing import Signer

_MOST: Final = 32
"""So much is sent at a look."""
_FIRST_PAUSE: Final = 15
_LONGEST_PAUSE: Final = 600
_log = structlog.get_logger("peersettle.keeper")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a decision: `done`, `refused` (by the contract, nothing spent), `reverted` (on chain: somebody was
    faster), `unpaid` (gas costs more than thought), `stuck` or `failed`."""

    decision: Decision
    outcome: str
    why: str = ""
    tx_hash: str | None = None
    gas_used: int = 0
    bought: tuple[Mapping[str, Any], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """For `--json` and logs."""
        found = {"outcome": self.outcome, "why": self.why, "tx_hash": self.tx_hash, "gas_used": self.gas_used}
        return {**self.decision.to_json(), **found, "bought": [dict(item) for item in self.bought]}


@dataclass(frozen=True, slots=True)
class _Waiting:
    """What was sent, and is to be waited for."""

    intent: int
    decision: Decision
    sent: Sent
    sender: TransactionSender


class Actor:
    """Sends with one key: `signer` is the sender's. `hedge` is told of every purchase, until it takes it."""

    def __init__(
        self,
        reader: Reader,
        journal: Journal,
        sender: TransactionSender,
        signer: Signer,
        policy: Policy,
        metrics: Metrics,
        hedge: Hedge | None = None,
    ) -> None:
        self._reader, self._journal, self._sender, self._signer = reader, journal, sender, signer
        self._policy, self._metrics, self._hedge = policy, metrics, hedge
        self._pauses: dict[str, tuple[int, int]] = {}
        self._refreshed: dict[int, set[int]] = {}

    @property
    def owner(self) -> int:
        """Our address, as accounts begin with it."""
        return int(self._sender.address, 16)

    def recover(self) -> bool:
        """Put in order what an interruption left, and tell the hedge what it does not know. False while something is
        still under way, when nothing else should be sent.

        Raises:
            RpcUnavailable: the node does not answer.
        """
        waiting = self._journal.open_intents()
        if waiting:
            in_flight = {sent.nonce for sent in self._sender.resume()}
            for intent in waiting:
                self._conclude(intent, in_flight)
        self._tell()
        return not self._journal.open_intents()

    def act(self, decisions: Sequence[Decision], view: View) -> list[Outcome]:
        """Do what was decided: all is sent, then waited for. What was refused a moment ago rests, and is left out.

        Raises:
            RpcUnavailable: the node does not answer; whether something was sent is found out by `recover`.
        """
        found: list[Outcome] = []
        waiting: list[_Waiting] = []
        self._refreshed.clear()
        for decision in [item for item in decisions if self._pauses.get(item.key, (0, 0))[0] <= view.now][:_MOST]:
            try:
                sent = self._begin(decision, view)
            except PeerSettleError as error:
                sent = self._failed(decision, error)
            if isinstance(sent, _Waiting):
                waiting.append(sent)
            else:
                found.append(self._noted(sent, view.now))
        for item in waiting:
            try:
                done = self._wait(item)
            except PeerSettleError as error:
                done = self._failed(item.decision, error)
            found.append(self._noted(done, view.now))
        self._tell()
        return found

    # Inside

    def _begin(self, decision: Decision, view: View) -> _Waiting | Outcome:
        stale = self._not_refreshed(decision.stale)
        refreshes, call = self._reader.desk.refreshes(stale), self._call(decision)
        if decision.kind not in PURCHASES:
            sent = self._send(decision, together(refreshes, call), self._sender)
            if refreshes:  # what is sent next counts on them
                done = self._wait(sent)
                self._note_refreshed(stale)
                return done
            return sent
        if refreshes:
            ahead = replace(decision, reason="arrays for what follows", accounts=())
            self._wait(self._send(ahead, together(refreshes[:-1], refreshes[-1]), self._sender))
            self._note_refreshed(stale)
        gas = self._reader.chain.simulate(call, self._sender.address)
        cost = view.cost(gas)
        if decision.edge - cost < self._policy.min_edge:
            why = f"tried out, it takes {gas} gas: {from_wad(cost)} of an edge of {from_wad(decision.edge)}"
            return Outcome(decision, "unpaid", why)
        # Whatever becomes of the gas price while it waits, it never costs more than it brings.
        most = decision.edge * WAD // max(gas * view.native_price, 1)
        return self._send(decision, call, self._limited(max(most, 1)))

    def _not_refreshed(self, stale: Mapping[int, tuple[int, ...]]) -> dict[int, tuple[int, ...]]:
        """Without what was refreshed for another a moment ago."""
        left = {}
        for market, series in stale.items():
            done = self._refreshed.get(market)
            rest = tuple(item for item in series if done is None or item not in done)
            if rest or done is None:
                left[market] = rest
        return left

    def _note_refreshed(self, stale: Mapping[int, tuple[int, ...]]) -> None:
        for market, series in stale.items():
            self._refreshed.setdefault(market, set()).update(series)

    def _call(self, decision: Decision) -> Call:
        auction, ledger = self._reader.auction, self._reader.desk.ledger
        accounts = [Account.from_id(item) for item in decision.accounts]
        if decision.kind is Kind.BID:
            return auction.bid(accounts[0], decision.sub_account, decision.fraction, decision.least, decision.limit)
        if decision.kind is Kind.TAKE_OVER:
            return auction.take_over(accounts[0], decision.sub_account, decision.limit)
        if decision.kind is Kind.SETTLE:
            return ledger.expire(accounts)
        if decision.kind is Kind.FIX:
            return ledger.fix(decision.market, decision.day)
        if decision.kind is Kind.COLLECT:
            return self._reader.backstop.collect(decision.slot)
        if decision.kind is Kind.LAPSE:
            return self._reader.backstop.lapse(decision.market, decision.day)
        anybodys: dict[Kind, Callable[[Account], Call]] = {
            Kind.START: auction.start,
            Kind.NOTE: auction.start,
            Kind.END: auction.end,
            Kind.RESCUE: auction.rescue,
            Kind.RUN_OFF: auction.run_off,
        }
        return anybodys[decision.kind](accounts[0])

    def _send(self, decision: Decision, call: Call, sender: TransactionSender) -> _Waiting:
        intent = self._journal.mean(decision.to_json(), self._reader.chain.now())
        try:
            sent = sender.send(
                call, wait=False, on_signed=lambda sent: self._journal.signed(intent, sent.nonce, sent.tx_hash)
            )
        except RpcUnavailable:
            raise  # it may be on its way: `recover` finds out
        except PeerSettleError as error:
            self._journal.finish(intent, Status.FAILED, error.message)
            raise
        return _Waiting(intent, decision, sent, sender)

    def _wait(self, item: _Waiting) -> Outcome:
        try:
            receipt = item.sender.wait(item.sent)
        except (RpcUnavailable, TransactionStuck):
            raise
        except PeerSettleError as error:
            self._journal.finish(item.intent, Status.FAILED, error.message)
            raise
        bought = self._bought(receipt)
        self._journal.finish(item.intent, Status.DONE, receipt.tx_hash, bought)
        self._metrics.gas_spent.inc(receipt.gas_used * receipt.gas_price)
        for purchase in bought:
            self._metrics.purchases.labels(purchase["kind"]).inc()
        return Outcome(item.decision, "done", "", receipt.tx_hash, receipt.gas_used, tuple(bought))

    def _limited(self, max_fee: int) -> TransactionSender:
        """A sender with the same outbox that pays at most so much for gas, wei."""
        from peersettle.chain.sender import TransactionSender

        usual = self._sender.policy
        most = max_fee if usual.max_fee is None else min(max_fee, usual.max_fee)
        policy = replace(usual, max_fee=most)
        return TransactionSender(self._sender.chain, self._signer, self._sender.store, policy=policy)

    def _bought(self, receipt: Receipt) -> list[dict[str, Any]]:
        """With what changed hands: a part of what the account held in the block before."""
        found = bought_in(receipt, self._reader.auction, self.owner)
        for item in found:
            account, before = Account.parse(item["account"]).id, receipt.block_number - 1
            margins, _ = self._reader.accounts([account], at=before)
            time = self._reader.chain.block(receipt.block_number).timestamp
            item["positions"] = part(margins[account], int(item["fraction"]), time)
            item["fraction"] = from_wad(int(item["fraction"]))
        return found

    def _conclude(self, intent: Intent, in_flight: set[int]) -> None:
        """What came of something that was left open."""
        if intent.nonce is None:
            self._journal.finish(intent.id, Status.FAILED, "never sent")
            return
        chain = self._reader.chain
        for entry in self._sender.store.outbox(chain.chain_id, self._sender.address, nonce=intent.nonce):
            receipt = chain.receipt(entry.tx_hash)
            if receipt is None:
                continue
            bought = self._bought(receipt)
            status = Status.DONE if receipt.succeeded else Status.FAILED
            self._journal.finish(intent.id, status, receipt.tx_hash, bought)
            _log.info(
                "found what came of it", kind=intent.what.get("kind"), status=str(status), tx_hash=receipt.tx_hash
            )
            return
        if intent.nonce not in in_flight:
            self._journal.finish(intent.id, Status.FAILED, "abandoned: it would fail now, or its nonce was used")

    def _failed(self, decision: Decision, error: PeerSettleError) -> Outcome:
        if isinstance(error, RpcUnavailable):
            raise error
        if isinstance(error, TransactionStuck):
            return Outcome(decision, "stuck", error.message)
        if not isinstance(error, Reverted):
            return Outcome(decision, "failed", error.message)
        reason = str(error.reason or error.values.get("reason") or "unknown")
        self._metrics.refused.labels(str(decision.kind), reason).inc()
        tx_hash = error.values.get("tx_hash")
        if tx_hash is None:
            return Outcome(decision, "refused", error.message)
        receipt = self._reader.chain.receipt(tx_hash)
        used = receipt.gas_used if receipt else 0
        self._metrics.gas_spent.inc(used * (receipt.gas_price if receipt else 0))
        return Outcome(decision, "reverted", error.message, tx_hash, used)

    def _noted(self, done: Outcome, now: int) -> Outcome:
        """What was refused is not tried again at once."""
        key = done.decision.key
        if done.outcome == "done":
            self._pauses.pop(key, None)
        else:
            pause = min(2 * self._pauses.get(key, (0, _FIRST_PAUSE // 2))[1], _LONGEST_PAUSE)
            self._pauses[key] = now + pause, pause
        self._metrics.actions.labels(str(done.decision.kind), done.outcome).inc()
        is_usual = done.outcome in ("done", "refused", "reverted", "unpaid")
        getattr(_log, "info" if is_usual else "warning")("acted", **done.to_json())
        return done

    def _tell(self) -> None:
        """The hedge is told what it does not know, oldest first."""
        for purchase in self._journal.untold():
            try:
                if self._hedge is not None:
                    self._hedge(purchase)
            except Exception as error:  # a hook's fault must not stop the keeper
                self._metrics.hedges.labels("failed").inc()
                _log.error("the hedge was not told", why=str(error), tx_hash=purchase["tx_hash"])
                return
            self._metrics.hedges.labels("told").inc()
            self._journal.told(purchase["tx_hash"])
