"""Checking, settling and cancelling a document. Recorded before it is sent; never sent twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from peersettle.bindings.settling import is_used, keep
from peersettle.cli.desk import Desk
from peersettle.errors import (
    InputError,
    InvalidField,
    NonceUsed,
    Reverted,
    SignatureError,
)
from peersettle.signing import Signer
from peersettle.store import SettlementRecord
from peersettle.trades import Document, Problem, ProblemCode, Quote
from peersettle.types import ZERO_ADDRESS, Address, uint

if TYPE_CHECKING:
    from peersettle.chain import Receipt

NOTICE_SECONDS: Final = 60
"""How long after a lone party's notice a trade can still settle; the contract's constant."""


@dataclass(frozen=True, slots=True)
class Report:
    """What would happen if `sender` sent it now: every problem, and the gas that a dry run needed."""

    sender: Address
    problems: tuple[Problem, ...]
    gas: int | None

    @property
    def would_settle(self) -> bool:
        """Whether nothing stands in the way."""
        return not self.problems


@dataclass(frozen=True, slots=True)
class Outcome:
    """A settlement as the chain has it. `sent_now` is false when it was on its way or done before."""

    record: SettlementRecord
    receipt: Receipt | None
    sent_now: bool

    def to_json(self) -> dict[str, Any]:
        """For scripts."""
        receipt = self.receipt
        return {
            "digest": self.record.digest,
            "status": self.record.status,
            "tx_hash": self.record.tx_hash,
            "block_number": self.record.block_number,
            "block_hash": self.record.block_hash,
            "gas_used": receipt.gas_used if receipt else None,
            "fee_wei": str(receipt.gas_used * receipt.gas_price) if receipt else None,
            "sent_now": self.sent_now,
        }


def check_document(desk: Desk, document: Document, sender: Address) -> Report:
    """The pre-flight check, then a dry run on the node."""
    desk.assert_ours(document)
    problems = desk.settling.problems(document, sender)
    try:
        gas = desk.chain.simulate(desk.settling.plan(document, sender).calls[0], sender)
    except (Reverted, SignatureError) as error:
        text = f"dry run: {error.message}"
        return Report(sender, (*problems, Problem(ProblemCode.DRY_RUN, party=None, text=text)), None)
    return Report(sender, problems, gas)


def usual_sender(document: Document) -> Address:
    """Who would send it, when nobody says: the taker, the submitter, or who gives a native leg.

    Raises:
        InputError: an open quote has no taker yet.
    """
    if isinstance(document, Quote):
        if document.swap.is_open:
            raise InputError("an open quote has no taker yet", next_step="add --sender ADDRESS")
        return document.swap.taker
    trade = document.trade
    if trade.submitter != ZERO_ADDRESS:
        return trade.submitter
    native = [leg.giver for leg in trade.legs if leg.token == ZERO_ADDRESS]
    return next(iter((*native, *document.missing, *trade.parties)))


def settle_document(desk: Desk, document: Document, signer: Signer, *, wait: str, force: bool = False) -> Outcome:
    """Settle a document as `signer` and wait until it is as far as `wait`; if it is on its way, only wait.

    Raises:
        NotSettleable: the pre-flight check found problems, and `force` is not given.
        Reverted, TransactionStuck, TransactionLost, InsufficientFunds, RpcError: as sending and waiting do.
    """
    desk.assert_ours(document)
    keep(desk.store, document, document.role_of(signer.address), signer.address)
    sender = desk.sender(signer)
    with desk.exclusive("settle"):
        record, waiting = desk.settling.submit(document, signer, sender, force=force)
    for sent in waiting:
        if record is None or sent.tx_hash == record.tx_hash:
            sender.wait(sent)
    settled = desk.tracker.wait(document.digest, wait, timeout=desk.settings.chain.patience)
    return Outcome(settled, desk.chain.receipt(settled.tx_hash), sent_now=record is None)


def cancel_document(desk: Desk, document: Document, signer: Signer) -> tuple[Receipt, int]:
    """Cancel a quote at once, or give notice that a trade is cancelled; the receipt and when it takes effect.

    Raises:
        InputError: the signer is not the maker, or no party.
        NonceUsed: there is nothing left to cancel.
    """
    desk.assert_ours(document)
    if isinstance(document, Quote):
        swap = document.swap
        if signer.address != swap.maker:
            raise InvalidField("signer", signer.address, f"only the maker {swap.maker} can cancel a quote")
        call = desk.settlement.cancel(swap.nonce_word, swap.nonce_mask)
    else:
        trade = document.trade
        if signer.address not in trade.parties:
            raise InvalidField("signer", signer.address, "is no party of this trade")
        call = desk.settlement.cancel_trade(trade.parties, trade.nonce_word, trade.nonce_mask)
    if is_used(document, desk.view()):
        record = desk.settling.standing(document)
        how = f"settled in {record.tx_hash}" if record else "settled, cancelled or retired already"
        raise NonceUsed(f"there is nothing left to cancel: it was {how}")
    receipt = desk.sender(signer).send(call)
    effective = desk.chain.block(receipt.block_number).timestamp
    return receipt, effective if isinstance(document, Quote) else effective + NOTICE_SECONDS


def cancel_bits(desk: Desk, signer: Signer, word: str, mask: str) -> tuple[Receipt, int]:
    """Cancel quotes of the signer's own by nonce word and mask, at once.

    Raises:
        InvalidField: no whole numbers, or an empty mask.
    """
    bits = _whole(mask, "mask")
    if not bits:
        raise InvalidField("mask", mask, "it must have at least one bit")
    receipt = desk.sender(signer).send(desk.settlement.cancel(_whole(word, "word"), bits))
    return receipt, desk.chain.block(receipt.block_number).timestamp


def _whole(text: str, field: str) -> int:
    try:
        value = int(text, 0)
    except ValueError:
        raise InvalidField(field, text, "give a whole number, decimal or 0x") from None
    return uint(value, field)
