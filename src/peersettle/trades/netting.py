"""Netting: many swaps between the same peers, settled by moving only what remains of each token between them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from peersettle.errors import InputError, InvalidField
from peersettle.trades.documents import Quote
from peersettle.trades.signature import Signature
from peersettle.types import Address

MAX_NET_PARTIES: Final = 16
MAX_NET_TOKENS: Final = 8
MAX_NET_SWAPS: Final = 64


@dataclass(frozen=True, slots=True)
class NetMove:
    """One transfer of a netting, from a debtor to a creditor of `token`."""

    giver: Address
    receiver: Address
    token: Address
    amount: int


@dataclass(frozen=True, slots=True)
class Netting:
    """What `settle_net` takes: the swaps, everybody in them, and the moves that settle them."""

    parties: tuple[Address, ...]
    tokens: tuple[Address, ...]
    quotes: tuple[Quote, ...]
    moves: tuple[NetMove, ...]

    def to_abi(self) -> tuple[Any, ...]:
        """The arguments of the contract's `settle_net`. A missing signature (the sender's own) is zeros."""
        party = {a: i for i, a in enumerate(self.parties)}
        token = {a: i for i, a in enumerate(self.tokens)}
        swaps = []
        for quote in self.quotes:
            swap = quote.swap
            route = (
                swap.deadline << 32
                | token[swap.taker_token] << 24
                | token[swap.maker_token] << 16
                | party[swap.taker] << 8
                | party[swap.maker]
            )
            swaps.append(
                (
                    route,
                    swap.maker_amount,
                    swap.taker_amount,
                    swap.nonce,
                    bytes(swap.terms),
                    *_pair(quote.maker_signature),
                    *_pair(quote.taker_signature),
                )
            )
        moves = [(token[m.token] << 16 | party[m.receiver] << 8 | party[m.giver], m.amount) for m in self.moves]
        return list(self.parties), list(self.tokens), swaps, moves


def net(quotes: Sequence[Quote]) -> Netting:
    """Net quotes that both sides signed with the netting bit.

    In each token the largest debtor pays the largest creditor until nothing is left: at most parties - 1 moves a
    token, each from a debtor to a creditor.

    Raises:
        InputError: no quote, too many, different domains, an open swap, one without the netting bit, a deadline
            beyond 224 bits, or more than 16 parties or 8 tokens.
    """
    if not 1 <= len(quotes) <= MAX_NET_SWAPS:
        raise InputError(f"net 1 to {MAX_NET_SWAPS} swaps at a time, not {len(quotes)}")
    if len({quote.domain for quote in quotes}) != 1:
        raise InputError("the quotes are for different chains or Settlement contracts")
    owed: defaultdict[tuple[Address, Address], int] = defaultdict(int)
    for quote in quotes:
        swap = quote.swap
        if swap.is_open:
            raise InvalidField("taker", swap.taker, "a netted swap must name its taker")
        if not swap.is_nettable:
            raise InvalidField("nonce", swap.nonce, "the netting bit is not set: its signers want it settled alone")
        if swap.deadline >= 1 << 224:
            raise InvalidField("deadline", swap.deadline, "below 2**224, for netting")
        owed[swap.maker_token, swap.maker] += swap.maker_amount
        owed[swap.maker_token, swap.taker] -= swap.maker_amount
        owed[swap.taker_token, swap.taker] += swap.taker_amount
        owed[swap.taker_token, swap.maker] -= swap.taker_amount
    tokens = _ascending(token for token, _ in owed)
    parties = _ascending(party for _, party in owed)
    if len(parties) > MAX_NET_PARTIES or len(tokens) > MAX_NET_TOKENS:
        raise InputError(
            f"{len(parties)} parties and {len(tokens)} tokens; one netting takes {MAX_NET_PARTIES} and {MAX_NET_TOKENS}"
        )
    moves = [move for token in tokens for move in _moves(token, {p: owed[token, p] for p in parties})]
    return Netting(parties, tokens, tuple(quotes), tuple(moves))


def _moves(token: Address, owed: dict[Address, int]) -> Iterable[NetMove]:
    debtors = sorted(((amount, party) for party, amount in owed.items() if amount > 0), reverse=True)
    creditors = sorted(((-amount, party) for party, amount in owed.items() if amount < 0), reverse=True)
    while debtors:
        debit, giver = debtors.pop(0)
        credit, receiver = creditors.pop(0)
        amount = min(debit, credit)
        yield NetMove(giver, receiver, token, amount)
        if debit > amount:
            debtors.insert(0, (debit - amount, giver))
        if credit > amount:
            creditors.insert(0, (credit - amount, receiver))


def _ascending(addresses: Iterable[Address]) -> tuple[Address, ...]:
    return tuple(sorted(set(addresses), key=lambda a: int(a, 16)))


def _pair(signature: bytes) -> tuple[bytes, bytes]:
    return Signature.from_bytes(signature).to_abi() if signature else (bytes(32), bytes(32))
