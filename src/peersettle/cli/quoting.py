"""Making quotes and trades: nonces that cost little gas, salted terms, and what a party still lacks."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from peersettle.bindings.amounts import TokenBook
from peersettle.bindings.positions import is_position
from peersettle.bindings.settling import keep
from peersettle.cli.desk import Desk
from peersettle.cli.documents import legs_of, taker_of
from peersettle.cli.trade_file import read_trade
from peersettle.errors import InputError, NotDeployed, NotSettleable
from peersettle.signing import Signer, sign_as
from peersettle.trades import (
    Document,
    Leg,
    LegKind,
    Problem,
    ProblemCode,
    Quote,
    SignedTrade,
    Swap,
    Trade,
    load,
    random_nonce,
    salted_terms,
)
from peersettle.types import ZERO_HASH, Address, Hash32

if TYPE_CHECKING:
    from peersettle.chain import Receipt

_OWN_MATTERS: Final = (ProblemCode.BALANCE, ProblemCode.ALLOWANCE, ProblemCode.TOKEN)


@dataclass(frozen=True, slots=True)
class Terms:
    """What was agreed off chain, hidden behind a salt. Both sides keep it, to prove the text later."""

    hash: Hash32
    salt: bytes

    @classmethod
    def of(cls, file: Path) -> Terms:
        """Salted terms of a file's bytes.

        Raises:
            InputError: the file cannot be read.
        """
        try:
            text = file.read_bytes()
        except OSError as error:
            raise InputError(f"cannot read the terms {file}: {error.strerror}") from None
        salt = secrets.token_bytes(32)
        return cls(salted_terms(text, salt), salt)

    def write_beside(self, document: Path) -> Path:
        """Write the salt beside the document, for its owner only."""
        path = document.with_suffix(".terms.json")
        content = {"terms": "0x" + self.hash.hex(), "salt": "0x" + self.salt.hex()}
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(json.dumps(content, indent=2) + "\n")
        return path


def make_quote(
    desk: Desk,
    signer: Signer,
    give: str,
    want: str,
    taker: Address,
    life: int,
    *,
    nettable: bool = False,
    terms: Terms | None = None,
) -> Quote:
    """A signed, recorded quote: `give` and `want` as in "100 USDC", good for `life` seconds on chain."""
    maker_token, maker_amount = desk.tokens.amount(give, "give")
    taker_token, taker_amount = desk.tokens.amount(want, "want")
    with desk.exclusive("quote"):  # no two quotes with one nonce
        swap = Swap(
            maker=signer.address,
            taker=taker,
            maker_token=maker_token.address,
            maker_amount=maker_amount,
            taker_token=taker_token.address,
            taker_amount=taker_amount,
            nonce=_next_nonce(desk, signer.address, nettable),
            deadline=desk.chain.now() + life,
            terms=terms.hash if terms else ZERO_HASH,
        )
        quote = sign_as(signer, Quote(desk.domain, swap))
        keep(desk.store, quote, "maker", signer.address)
    return quote


def make_trade(desk: Desk, signer: Signer, file: Path, life: int, terms: Terms | None) -> SignedTrade:
    """A recorded trade from a file of legs, signed by its first party."""
    nonce = secrets.randbits(64), 1
    trade = read_trade(file, desk.tokens, desk.chain.now(), life, nonce)
    if terms is not None:
        trade = replace(trade, terms=terms.hash)
    signed = sign_as(signer, SignedTrade(desk.domain, trade))
    keep(desk.store, signed, "party", signer.address)
    return signed


def names_positions(*texts: str | None) -> bool:
    """Whether any of these amounts, separated by commas, is inside a margin ledger: then it takes a trade."""
    return any(is_position(item) for text in texts for item in _items(text))


def make_position_trade(
    desk: Desk,
    signer: Signer,
    give: str | None,
    want: str | None,
    taker: Address,
    life: int,
    *,
    sub_accounts: tuple[int, int] = (0, 0),
    terms: Terms | None = None,
) -> SignedTrade:
    """A recorded trade of instruments by name, and what is paid for them; signed by who offers it.

    `give` and `want` are amounts separated by commas: "10 ETH-26JUN26-3000-C" makes the giver so much shorter, "450
    cash" pays inside the ledger, "450 USDC" from wallet to wallet. `sub_accounts` are the signer's and the taker's.

    Raises:
        NotDeployed: there are no margin accounts on record. InvalidField: something that cannot be meant.
    """
    ours, book = signer.address, desk.tokens
    if book.positions is None:
        raise NotDeployed(
            f"chain {desk.chain.chain_id} has no margin accounts on record; run `peersettle margin deploy`"
        )
    legs = []
    for giver, receiver, subs, text, field in (
        (ours, taker, sub_accounts, give, "give"),
        (taker, ours, sub_accounts[::-1], want, "want"),
    ):
        for item in _items(text):
            if is_position(item):
                legs.append(book.positions.leg(giver, receiver, item, field, sub_accounts=(subs[0], subs[1])))
            else:
                token, units = book.amount(item, field)
                legs.append(Leg(giver, receiver, LegKind.ERC20, token.address, 0, units))
    trade = Trade(
        parties=(ours, taker),
        legs=tuple(legs),
        nonce_word=secrets.randbits(64),
        nonce_mask=1,
        valid_after=0,
        deadline=desk.chain.now() + life,
        terms=terms.hash if terms else ZERO_HASH,
    )
    signed = sign_as(signer, SignedTrade(desk.domain, trade))
    keep(desk.store, signed, "party", ours)
    return signed


def set_allowance(desk: Desk, signer: Signer, token: Address, units: int) -> list[Receipt]:
    """Let Settlement move exactly `units` of the signer's token; no transaction where it is so already."""
    settlement = desk.deployment.settlement
    contract = desk.token(token)
    allowed = contract.allowance(signer.address, settlement)
    if allowed == units:
        return []
    raise_it = contract.approvals_needed(signer.address, settlement, units)
    calls = raise_it if units > allowed else (contract.approve(settlement, units),)
    sender = desk.sender(signer)
    return [sender.send(call) for call in calls]


def own_problems(desk: Desk, document: Document, party: Address) -> tuple[Problem, ...]:
    """What `party` itself still lacks: balances and allowances."""
    sender = taker_of(document, party) if isinstance(document, Quote) else party
    found = desk.settling.problems(document, sender)
    return tuple(problem for problem in found if problem.party == party and problem.code in _OWN_MATTERS)


def assert_alive(desk: Desk, document: Document, party: Address) -> None:
    """Refuse to sign what can never settle.

    Raises:
        NotSettleable: it has expired, or was settled, cancelled or retired.
    """
    found = desk.settling.problems(document, party)
    if dead := [problem for problem in found if problem.code in (ProblemCode.EXPIRED, ProblemCode.NONCE)]:
        raise NotSettleable(dead)


def approvals_needed(
    document: Document, problems: tuple[Problem, ...], book: TokenBook, party: Address, key: str | None
) -> tuple[str, ...]:
    """The `peersettle approve` commands that would put missing ERC-20 allowances right."""
    legs = legs_of(document, party)
    needed = {
        legs[problem.index].token: problem.required
        for problem in problems
        if problem.code is ProblemCode.ALLOWANCE and legs[problem.index].kind <= 1
    }
    option = f" --key {key}" if key else ""
    return tuple(f'peersettle approve "{book.at(token).show(amount)}"{option}' for token, amount in needed.items())


def _items(text: str | None) -> list[str]:
    return [item.strip() for item in (text or "").split(",") if item.strip()]


def _next_nonce(desk: Desk, maker: Address, nettable: bool) -> int:
    """The bit after this maker's last quote, in the same word: a word in use costs 17,100 gas less."""
    for record in desk.store.list_documents(kind="quote", chain_id=desk.chain.chain_id):
        if record.party != maker or record.role != "maker":
            continue
        last = load(record.text)
        if isinstance(last, Quote) and last.domain == desk.domain and last.swap.is_nettable == nettable:
            if last.swap.nonce & 255 < 255:
                return last.swap.nonce + 1
            break
    return random_nonce(secrets.token_bytes(9), nettable=nettable) & ~255
