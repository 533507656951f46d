"""Sending transactions: simulated, then stored, then broadcast, and never two with one nonce by mistake.

The outbox is the truth about nonces: the next one is the chain's count of pending transactions, past those
that the outbox still has in flight. So a failed send leaves no gap, and a crash at any point leaves a row
from which `resume` goes on: it broadcasts the very same signed bytes, which no chain includes twice.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, Literal, overload

from peersettle.chain.calls import Call, Receipt, Sent
from peersettle.chain.fees import FeePolicy, Fees, bumped_fees, current_fees
from peersettle.chain.outcomes import Broadcast, broadcast
from peersettle.chain.replay import call_of, why_reverted
from peersettle.errors import (
    InsufficientFunds,
    Reverted,
    RpcError,
    RpcUnavailable,
    TransactionLost,
    TransactionStuck,
)
from peersettle.store.records import IN_FLIGHT, OutboxRecord, OutboxStatus
from peersettle.types import Address, keccak

if TYPE_CHECKING:
    from peersettle.chain.client import Chain
    from peersettle.signing import Signer
    from peersettle.store import Store

_FIRST_POLL: Final = 0.02
_TRIES: Final = 8
_RECEIPT_TRIES: Final = 4


class TransactionSender:
    """Sends from one account on one chain. Use one per account, from any number of threads at once.

    Without a `store` the outbox is kept in memory, and a crash loses it.
    """

    def __init__(
        self,
        chain: Chain,
        signer: Signer,
        store: Store | None = None,
        *,
        policy: FeePolicy | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if store is None:
            from peersettle.store import Store as _Store

            store = _Store.open(":memory:")
            weakref.finalize(self, store.close)
        self.chain: Final = chain
        self.store: Final = store
        self.policy: Final = policy or FeePolicy()
        self._signer = signer
        self._sleep = sleep

    @property
    def address(self) -> Address:
        """Who sends."""
        return self._signer.address

    @overload
    def send(
        self,
        call: Call,
        *,
        gas: int | None = None,
        wait: Literal[True] = True,
        on_signed: Callable[[Sent], None] | None = None,
    ) -> Receipt: ...

    @overload
    def send(
        self,
        call: Call,
        *,
        gas: int | None = None,
        wait: Literal[False],
        on_signed: Callable[[Sent], None] | None = None,
    ) -> Sent: ...

    def send(
        self,
        call: Call,
        *,
        gas: int | None = None,
        wait: bool = True,
        on_signed: Callable[[Sent], None] | None = None,
    ) -> Receipt | Sent:
        """Send a call and, unless `wait` is false, wait until it is included. `gas` overrides the estimate.

        `on_signed` is called before each broadcast of a first version, for whoever must write down the hash.

        Raises:
            Reverted: the contract refuses; when simulated, before anything was spent, or else on chain.
            InsufficientFunds: value and fees are more than the account has. TransactionStuck: not included,
            all fee bumps spent; it may still be, and `wait` can be called again. TransactionLost: somebody
            else with this key used the nonce. RpcUnavailable: the node does not answer. Where that happened
            while broadcasting, the transaction is in
                the outbox and goes out with the next `send` or `resume`.
        """
        sent = self._send(call, gas, on_signed)
        return self.wait(sent) if wait else sent

    def resume(self) -> list[Sent]:
        """Put in order what a crash left: what was included is noted, the rest is broadcast again.

        A transaction that no node has and that would now fail is abandoned. Returns what is still to be
        included.

        Raises:
            RpcUnavailable: the node does not answer; nothing is lost.
        """
        with self.chain.lock(self.address):
            return self._reconcile()

    def wait(self, sent: Sent) -> Receipt:
        """Wait until a transaction, or a fee bump of it, is included; bump the fees when it is stuck.

        Raises:
            Reverted, TransactionStuck, TransactionLost, RpcUnavailable: as `send`.
        """
        pause, bumps = _FIRST_POLL, 0
        since = time.monotonic()
        while True:
            if (receipt := self._included(sent.nonce)) is not None:
                if receipt.succeeded:
                    return receipt
                raise why_reverted(self.chain, self.store, receipt)
            if time.monotonic() - since >= self.policy.stuck_after:
                self._check_nonce(sent)
                if bumps >= self.policy.max_bumps or not self._bump(sent):
                    raise self._stuck(sent, bumps)
                bumps, since, pause = bumps + 1, time.monotonic(), _FIRST_POLL
                continue
            self._sleep(min(pause, self.policy.poll_interval))
            pause *= 1.5

    # Sending

    def _send(self, call: Call, gas: int | None, on_signed: Callable[[Sent], None] | None) -> Sent:
        estimate = self.chain.simulate(call, self.address, gas)
        head = self.chain.block("latest")
        if gas is None:
            gas = min(estimate + estimate * self.policy.gas_margin_percent // 100, head.gas_limit)
            gas = max(gas, call.minimum_gas)
        fees = current_fees(self.chain, self.policy, head)
        with self.chain.lock(self.address):
            self._reconcile()
            passed: set[int] = set()
            for _ in range(_TRIES):
                nonce = self._next_nonce(passed)
                fields = {**_fields(call, self.chain.chain_id, gas, nonce), **fees.to_transaction()}
                entry = self._sign(fields, call.what, call)
                sent = Sent(entry.tx_hash, nonce, self.address, call.what)
                if on_signed is not None:
                    on_signed(sent)
                outcome, said = self._broadcast(entry)
                if outcome is Broadcast.TAKEN:
                    return sent
                if outcome is Broadcast.NO_FUNDS:
                    raise InsufficientFunds(
                        f"{self.address} has {self.chain.balance(self.address)} wei and cannot pay for "
                        f"{call.what}: {gas} gas at {fees.cap} wei, and {call.value} wei of value",
                        sender=self.address,
                    )
                if outcome is Broadcast.REFUSED:
                    break
                if outcome is Broadcast.UNDERPRICED:
                    fees = current_fees(self.chain, self.policy)
                else:
                    passed.add(nonce)
            raise RpcError(f"{self.chain.url} refused {call.what}: {said}", what=call.what, detail=said)

    def _next_nonce(self, passed: set[int]) -> int:
        waiting = {e.nonce for e in self.store.outbox(self.chain.chain_id, self.address, in_flight=True)}
        nonce = self.chain.nonce(self.address, "pending")
        while nonce in waiting or nonce in passed:
            nonce += 1
        return nonce

    def _sign(self, fields: dict[str, Any], what: str, call: Call | None = None) -> OutboxRecord:
        """Sign and store: from here on a crash loses nothing."""
        raw = self._signer.sign_transaction(fields)
        return self.store.put_outbox(
            self.chain.chain_id,
            self.address,
            int(fields["nonce"]),
            "0x" + keccak(raw).hex(),
            raw,
            fields,
            what,
            call.settles if call else (),
        )

    def _broadcast(self, entry: OutboxRecord) -> tuple[Broadcast, str]:
        """Hand it to the node and write down the outcome; where there is none, the row stays as it is."""
        try:
            outcome, said = broadcast(self.chain, entry)
        except RpcUnavailable as error:
            error.values.update(tx_hash=entry.tx_hash, sender=self.address, nonce=entry.nonce)
            raise
        self._note(entry, OutboxStatus.SENT if outcome is Broadcast.TAKEN else OutboxStatus.ABANDONED, said)
        return outcome, said

    def _replace(self, old: OutboxRecord) -> Broadcast | None:
        """Sign the same for more and broadcast it; None when the fee limit is reached."""
        fees = Fees.from_transaction(old.transaction)
        outcome = Broadcast.UNDERPRICED
        for _ in range(_TRIES):
            higher = bumped_fees(fees, current_fees(self.chain, self.policy), self.policy)
            if higher is None:
                return None
            entry = self._sign({**old.transaction, **higher.to_transaction()}, old.what)
            outcome, _said = self._broadcast(entry)
            if outcome not in (Broadcast.UNDERPRICED, Broadcast.OCCUPIED):
                break
            fees = higher
        return outcome

    def _note(self, entry: OutboxRecord, status: OutboxStatus, error: str = "") -> None:
        self.store.set_outbox(self.chain.chain_id, entry.tx_hash, status, error)

    # Waiting

    def _entries(self, nonce: int) -> list[OutboxRecord]:
        return self.store.outbox(self.chain.chain_id, self.address, nonce=nonce)

    def _included(self, nonce: int) -> Receipt | None:
        """The receipt of whichever transaction of this nonce got in; the rows are brought up to date."""
        entries = self._entries(nonce)
        for entry in reversed(entries):
            if (receipt := self.chain.receipt(entry.tx_hash)) is not None:
                for other in entries:
                    if other.tx_hash == entry.tx_hash:
                        self._note(other, OutboxStatus.INCLUDED)
                    elif other.status in IN_FLIGHT:
                        self._note(other, OutboxStatus.REPLACED)
                return receipt
        return None

    def _check_nonce(self, sent: Sent) -> None:
        if self.chain.nonce(self.address) <= sent.nonce:
            return
        for _ in range(_RECEIPT_TRIES):  # behind one URL may be several nodes, and not all have seen the block
            if self._included(sent.nonce) is not None:
                return
            self._sleep(self.policy.poll_interval)
        for entry in self._entries(sent.nonce):
            if entry.status in IN_FLIGHT:
                self._note(entry, OutboxStatus.ABANDONED, "another transaction took its nonce")
        raise TransactionLost(
            f"{sent.what}: nonce {sent.nonce} of {self.address} was used by another transaction; is another "
            "program sending with this key?",
            tx_hash=sent.tx_hash,
            nonce=sent.nonce,
        )

    def _bump(self, sent: Sent) -> bool:
        """Pay more for what waits with this nonce; False when that is not possible."""
        with self.chain.lock(self.address):
            if self._included(sent.nonce) is not None:
                return True
            live = [e for e in self._entries(sent.nonce) if e.status in IN_FLIGHT]
            return bool(live) and self._replace(live[-1]) in (Broadcast.TAKEN, Broadcast.NONCE_USED)

    def _stuck(self, sent: Sent, bumps: int) -> TransactionStuck:
        hashes = [e.tx_hash for e in self._entries(sent.nonce) if e.status in IN_FLIGHT]
        return TransactionStuck(
            f"{sent.what} is not included after {bumps} fee bumps; any of {', '.join(hashes)} may still be. "
            "Wait again, or allow higher fees",
            hashes=hashes,
            nonce=sent.nonce,
        )

    # After a crash

    def _reconcile(self) -> list[Sent]:
        waiting = self.store.outbox(self.chain.chain_id, self.address, in_flight=True)
        if not waiting:
            return []
        count = self.chain.nonce(self.address)
        pending = self.chain.nonce(self.address, "pending")
        left = []
        for nonce, group in groupby(waiting, key=lambda entry: entry.nonce):
            newest = list(group)[-1]
            sent = Sent(newest.tx_hash, nonce, self.address, newest.what)
            if nonce < count:
                try:
                    self._check_nonce(sent)
                except TransactionLost:
                    continue
            elif (nonce < pending and newest.status is OutboxStatus.SENT) or self._push(newest):
                left.append(sent)
        return left

    def _push(self, entry: OutboxRecord) -> bool:
        """Broadcast once more; False where it is abandoned."""
        if not self.chain.knows(entry.tx_hash):
            try:
                self.chain.simulate(call_of(entry), self.address, int(str(entry.transaction["gas"])))
            except Reverted as error:
                self._note(entry, OutboxStatus.ABANDONED, f"not sent again: {error.message}")
                return False
        outcome, said = broadcast(self.chain, entry)
        if outcome is Broadcast.UNDERPRICED:
            outcome = self._replace(entry) or outcome
            if outcome is Broadcast.TAKEN:
                self._note(entry, OutboxStatus.REPLACED)
        elif outcome is not Broadcast.TAKEN:
            self._note(entry, OutboxStatus.ABANDONED, said)
        else:
            self._note(entry, OutboxStatus.SENT)
        return outcome is Broadcast.TAKEN


def _fields(call: Call, chain_id: int, gas: int, nonce: int) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "chainId": chain_id,
        "nonce": nonce,
        "gas": gas,
        "value": call.value,
        "data": "0x" + call.data.hex(),
    }
    return fields if call.to is None else {**fields, "to": call.to}
