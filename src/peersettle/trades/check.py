"""The pre-flight check: every reason why a trade would not settle, with its values, before anything is sent.

The rules are those of `SettlementCheck.vy`, which tests hold equal to these. What only a dry run can tell (a blacklist,
a pause, a fee, a permit's own signature, a ledger's margin) is not judged here; nor is one permit counted for two legs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Protocol

from peersettle.errors import SignatureError
from peersettle.trades.approvals import Approval, ApprovalMethod
from peersettle.trades.documents import Quote, SignedTrade
from peersettle.trades.messages import NOTICE_FLAG, Leg, LegKind
from peersettle.trades.signature import Signature, recover
from peersettle.types import ZERO_ADDRESS, Address, Hash32, from_units


class ProblemCode(IntEnum):
    """As in `SettlementCheck.vy`, number by number; DRY_RUN is this side's own."""

    SUBMITTER = 1
    EARLY = 2
    EXPIRED = 3
    PARTIES = 4
    SIGNATURES = 5
    SIGNATURE = 6
    MASK = 7
    NONCE = 8
    PARTY = 9
    LEG = 10
    KIND = 11
    LEDGER = 12
    TOKEN = 13
    BALANCE = 14
    ALLOWANCE = 15
    APPROVAL = 16
    NATIVE = 17
    VALUE = 18
    TAKER = 19
    DRY_RUN = 100

    @property
    def is_of_sending(self) -> bool:
        """Whether it says who has signed, or who sends: what is still to be signed has such problems."""
        return self.name in ("SUBMITTER", "SIGNATURES", "SIGNATURE", "TAKER", "NATIVE", "VALUE")


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """How to show a token's amounts. `decimals` is None where the token does not say."""

    symbol: str
    decimals: int | None


class WalletView(Protocol):
    """What the check needs to know of a chain, at one block. Tokens that do not answer count as zero, False or None."""

    @property
    def now(self) -> int:
        """The time of the block the trade would be in, in seconds."""
        ...

    @property
    def settlement(self) -> Address:
        """The Settlement contract."""
        ...

    @property
    def permit2(self) -> Address:
        """The Permit2 that Settlement uses."""
        ...

    def used_swaps(self, maker: Address, word: int) -> int:
        """The maker's used bits in a word."""
        ...

    def used_trades(self, parties: tuple[Address, ...], word: int) -> int:
        """The parties' used bits in a word."""
        ...

    def has_code(self, account: Address) -> bool:
        """Whether an account has code."""
        ...

    def accepts(self, wallet: Address, digest: Hash32, signature: bytes) -> bool:
        """Whether a contract wallet accepts a signature (ERC-1271)."""
        ...

    def balance(self, token: Address, owner: Address) -> int:
        """ERC-20 balance in smallest units."""
        ...

    def allowance(self, token: Address, owner: Address, spender: Address) -> int:
        """ERC-20 allowance in smallest units."""
        ...

    def owner_of(self, token: Address, id: int) -> Address | None:
        """ERC-721 owner."""
        ...

    def approved_for(self, token: Address, id: int) -> Address | None:
        """ERC-721 single approval."""
        ...

    def balance_of_id(self, token: Address, owner: Address, id: int) -> int:
        """ERC-1155 balance."""
        ...

    def is_operator(self, token: Address, owner: Address, operator: Address) -> bool:
        """`isApprovedForAll`, of ERC-721 and ERC-1155."""
        ...

    def token_info(self, token: Address) -> TokenInfo:
        """Symbol and decimals, for the explanation only."""
        ...


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason why a trade would not settle. `index` is the leg's or the party's, `party` whose matter it is."""

    code: ProblemCode
    index: int = 0
    available: int = 0
    required: int = 0
    party: Address | None = None
    text: str = ""

    def explain(self) -> str:
        """One line, with the values and whom it concerns."""
        return self.text or f"{self.code.name.lower()} {self.index}: {self.available} of {self.required}"

    def to_json(self) -> dict[str, Any]:
        """The problem as `--json` prints it."""
        return {
            "code": self.code.name.lower(),
            "index": self.index,
            "available": str(self.available),
            "required": str(self.required),
            "party": self.party,
            "text": self.explain(),
        }


def check_trade(
    signed: SignedTrade, view: WalletView, sender: Address, native: int | None = None
) -> tuple[Problem, ...]:
    """What would stop `settle`, sent now by `sender` with `native` wei (by default what the legs need)."""
    trade = signed.trade
    attached = trade.native_amount if native is None else native
    found: list[Problem] = []
    if trade.submitter not in (ZERO_ADDRESS, sender):
        found.append(
            Problem(
                ProblemCode.SUBMITTER,
                0,
                int(sender, 16),
                int(trade.submitter, 16),
                trade.submitter,
                f"only {trade.submitter} may send it, not {sender}",
            )
        )
    if view.now < trade.valid_after:
        found.append(
            Problem(
                ProblemCode.EARLY,
                0,
                view.now,
                trade.valid_after,
                None,
                f"not valid for another {trade.valid_after - view.now} s",
            )
        )
    found += _expired(view, trade.deadline)
    digest = signed.digest
    for index, party in enumerate(trade.parties):
        if party == view.settlement:
            found.append(Problem(ProblemCode.PARTIES, index, text="Settlement itself cannot be a party"))
        signature = signed.signatures.get(party, b"")
        if party != sender and not _has_signed(view, party, digest, signature):
            found.append(_unsigned(index, "party", party, signature))
    used = view.used_trades(trade.parties, trade.nonce_word) & trade.nonce_mask & ~NOTICE_FLAG
    if used:
        found.append(
            Problem(
                ProblemCode.NONCE,
                0,
                used,
                trade.nonce_mask,
                None,
                f"{used.bit_count()} of its {trade.nonce_mask.bit_count()} nonce bits in word {trade.nonce_word} are "
                "used: it has been settled, cancelled or retired already",
            )
        )
    return tuple(found + _check_legs(trade.legs, signed.approvals, view, sender, attached))


def check_swap(quote: Quote, view: WalletView, sender: Address) -> tuple[Problem, ...]:
    """What would stop the swap, sent now by `sender`, its taker or a relayer. Leg 0 is the maker's, 1 the taker's."""
    swap = quote.swap
    found = _expired(view, swap.deadline)
    digest = quote.digest
    if not _has_signed(view, swap.maker, digest, quote.maker_signature):
        found.append(_unsigned(0, "maker", swap.maker, quote.maker_signature))
    payer = sender if swap.is_open else swap.taker
    if payer != sender and not _has_signed(view, payer, digest, quote.taker_signature):
        text = f"the taker {payer} has not signed, and {sender} is not the taker"
        found.append(Problem(ProblemCode.TAKER, 0, int(sender, 16), int(payer, 16), payer, text))
    if view.used_swaps(swap.maker, swap.nonce_word) & swap.nonce_mask:
        text = f"maker {swap.maker} nonce {swap.nonce} is used: the quote was settled or cancelled already"
        found.append(Problem(ProblemCode.NONCE, 0, swap.nonce_mask, swap.nonce_mask, swap.maker, text))
    return tuple(found + _check_legs(swap.legs(payer), quote.approvals, view, sender, 0))


def _expired(view: WalletView, deadline: int) -> list[Problem]:
    if view.now <= deadline:
        return []
    text = f"expired {view.now - deadline} s ago (deadline {deadline})"
    return [Problem(ProblemCode.EXPIRED, 0, view.now, deadline, None, text)]


def _unsigned(index: int, role: str, party: Address, signature: bytes) -> Problem:
    why = "its signature is not over exactly this message" if signature else "no signature"
    return Problem(ProblemCode.SIGNATURE, index, 0, 0, party, f"{role} {party} has not signed: {why}")


def _has_signed(view: WalletView, party: Address, digest: Hash32, signature: bytes) -> bool:
    if party == ZERO_ADDRESS:
        return False
    try:
        if recover(digest, Signature.from_bytes(signature)) == party:
            return True
    except SignatureError:
        pass
    return view.has_code(party) and view.accepts(party, digest, signature)


def _check_legs(
    legs: Sequence[Leg], approvals: Sequence[Approval], view: WalletView, sender: Address, native: int
) -> list[Problem]:
    found: list[Problem] = []
    spent = 0
    brought = {approval.leg: approval for approval in approvals}
    for index, leg in enumerate(legs):
        approval = brought.pop(index, None)
        if approval and leg.kind > LegKind.ERC20_EXACT:
            text = f"leg {index} is no ERC-20 leg and takes no approval"
            found.append(Problem(ProblemCode.APPROVAL, index, 0, leg.amount, leg.giver, text))
        if leg.kind is LegKind.POSITION:
            if not view.has_code(leg.token):
                found.append(Problem(ProblemCode.LEDGER, index, 0, 0, None, f"no ledger has code at {leg.token}"))
        elif leg.kind is LegKind.NATIVE:
            if leg.giver != sender:
                text = f"leg {index} takes the native asset from {leg.giver}, but only the sender can give it"
                found.append(Problem(ProblemCode.NATIVE, index, 0, 0, leg.giver, text))
            spent += leg.amount
        elif not view.has_code(leg.token):
            text = f"leg {index}: no token has code at {leg.token}"
            found.append(Problem(ProblemCode.TOKEN, index, 0, 0, leg.giver, text))
        elif leg.kind is LegKind.ERC721:
            found += _check_erc721(legs, index, view)
        elif leg.kind is LegKind.ERC1155:
            found += _check_self(leg, index)
            found += _check_balance(legs, index, view)
            if not view.is_operator(leg.token, leg.giver, view.settlement):
                text = f"{leg.giver} has not approved Settlement for {_name(view, leg.token)}"
                found.append(Problem(ProblemCode.ALLOWANCE, index, 0, 1, leg.giver, text))
        else:
            if leg.kind is LegKind.ERC20_EXACT:
                found += _check_self(leg, index)
            found += _check_balance(legs, index, view)
            found += _check_pull(legs, approvals, approval, index, view)
    for approval in brought.values():
        text = f"an approval is for leg {approval.leg}, which does not exist"
        found.append(Problem(ProblemCode.APPROVAL, approval.leg, text=text))
    if spent != native:
        text = f"{native} wei are sent, but the native legs need {spent}"
        found.append(Problem(ProblemCode.VALUE, 0, native, spent, sender, text))
    return found


def _check_self(leg: Leg, index: int) -> list[Problem]:
    if leg.giver != leg.receiver or not leg.amount:
        return []
    text = f"leg {index} goes from {leg.giver} to itself: nothing arrives, so not the exact amount"
    return [Problem(ProblemCode.LEG, index, leg.amount, 0, leg.giver, text)]


def _check_erc721(legs: Sequence[Leg], index: int, view: WalletView) -> list[Problem]:
    leg = legs[index]
    found = []
    owner, approved = view.owner_of(leg.token, leg.id), view.approved_for(leg.token, leg.id)
    for other in legs[:index]:
        if other.kind is LegKind.ERC721 and (other.token, other.id) == (leg.token, leg.id):
            owner, approved = other.receiver, None  # a transfer clears the approval
    name = f"{_name(view, leg.token)} #{leg.id}"
    if owner != leg.giver:
        found.append(Problem(ProblemCode.BALANCE, index, 0, 1, leg.giver, f"{leg.giver} does not own {name}"))
    if approved != view.settlement and not view.is_operator(leg.token, leg.giver, view.settlement):
        text = f"{leg.giver} has not approved Settlement for {name}"
        found.append(Problem(ProblemCode.ALLOWANCE, index, 0, 1, leg.giver, text))
    return found


def _check_balance(legs: Sequence[Leg], index: int, view: WalletView) -> list[Problem]:
    leg = legs[index]
    fungible = leg.kind is not LegKind.ERC1155
    held = view.balance(leg.token, leg.giver) if fungible else view.balance_of_id(leg.token, leg.giver, leg.id)
    coming, going = held, 0
    for other in legs[:index]:
        if other.kind < LegKind.NATIVE and (other.token, other.id) == (leg.token, leg.id):
            coming += other.amount if other.receiver == leg.giver else 0
            going += other.amount if other.giver == leg.giver else 0
    left = max(0, coming - going)
    if left >= leg.amount:
        return []
    needed = _amount(view, leg, leg.amount)
    text = f"{leg.giver} has {_amount(view, leg, left)} of the {needed} {_name(view, leg.token)} needed"
    return [Problem(ProblemCode.BALANCE, index, left, leg.amount, leg.giver, text)]


def _check_pull(
    legs: Sequence[Leg],
    approvals: Sequence[Approval],
    approval: Approval | None,
    index: int,
    view: WalletView,
) -> list[Problem]:
    leg = legs[index]
    spender = view.permit2 if approval and approval.method is ApprovalMethod.PERMIT2 else view.settlement
    allowed = view.allowance(leg.token, leg.giver, spender)
    found = []
    if approval is None or approval.method is ApprovalMethod.PERMIT2:
        needed = leg.amount
        if approval is None:
            own = {a.leg for a in approvals}
            needed = sum(
                o.amount
                for i, o in enumerate(legs[: index + 1])
                if o.kind <= LegKind.ERC20_EXACT and (o.giver, o.token) == (leg.giver, leg.token) and i not in own
            )
        if allowed < needed:
            to = "" if approval is None else " to Permit2"
            text = (
                f"{leg.giver} has allowed{to} {_amount(view, leg, allowed)} of the {_amount(view, leg, needed)} "
                f"{_name(view, leg.token)} needed"
            )
            found.append(Problem(ProblemCode.ALLOWANCE, index, allowed, needed, leg.giver, text))
    if approval is not None:
        usable = _usable(approval, leg, view.now)
        # A permit is best effort: what stands already serves as well.
        stands = approval.method is ApprovalMethod.ERC2612 and allowed >= leg.amount
        if usable < leg.amount and not stands:
            text = (
                f"the approval for leg {index} covers {_amount(view, leg, usable)} of the "
                f"{_amount(view, leg, leg.amount)} {_name(view, leg.token)} needed"
            )
            found.append(Problem(ProblemCode.APPROVAL, index, usable, leg.amount, leg.giver, text))
    return found


def _usable(approval: Approval, leg: Leg, now: int) -> int:
    if approval.method is ApprovalMethod.ERC3009:  # its `validBefore` excludes the moment itself
        return leg.amount if now < approval.deadline else 0
    return approval.amount if now <= approval.deadline else 0


def _name(view: WalletView, token: Address) -> str:
    return view.token_info(token).symbol


def _amount(view: WalletView, leg: Leg, units: int) -> str:
    decimals = view.token_info(leg.token).decimals if leg.kind <= LegKind.ERC20_EXACT else 0
    return from_units(units, decimals or 0)
