"""The messages that peers sign, as frozen values that cannot be built wrong."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from peersettle.errors import InvalidField
from peersettle.types import ZERO_ADDRESS, ZERO_HASH, Address, Hash32, address, hash32, keccak, uint

MAX_PARTIES: Final = 8
MAX_LEGS: Final = 16
NETTABLE: Final = 1 << 255
"""Set in a swap's nonce, it lets `settle_net` settle the swap: an option that both sides sign."""
NOTICE_FLAG: Final = 1 << 255
"""The bit of a trade's nonce word that no trade may use."""
_LOTS_BITS: Final = 64
_SUB_ACCOUNT_BITS: Final = 96


class LegKind(IntEnum):
    """What a leg moves."""

    ERC20 = 0
    ERC20_EXACT = 1
    ERC721 = 2
    ERC1155 = 3
    NATIVE = 4
    POSITION = 5


def _set(instance: object, **fields: object) -> None:
    for name, value in fields.items():
        object.__setattr__(instance, name, value)


@dataclass(frozen=True, slots=True)
class Domain:
    """Where a signature counts: one Settlement contract on one chain."""

    chain_id: int
    settlement: Address

    def __post_init__(self) -> None:
        _set(
            self,
            chain_id=uint(self.chain_id, "chain_id", 64),
            settlement=address(self.settlement, "settlement"),
        )


@dataclass(frozen=True, slots=True)
class Swap:
    """Two tokens change hands between a maker and a taker. Amounts in smallest units, times in Unix seconds.

    A zero `taker` offers the swap to whoever sends it first.
    """

    maker: Address
    taker: Address
    maker_token: Address
    maker_amount: int
    taker_token: Address
    taker_amount: int
    nonce: int
    deadline: int
    terms: Hash32 = ZERO_HASH

    def __post_init__(self) -> None:
        _set(
            self,
            maker=_party(self.maker, "maker"),
            taker=address(self.taker, "taker"),
            maker_token=_party(self.maker_token, "maker_token"),
            maker_amount=uint(self.maker_amount, "maker_amount"),
            taker_token=_party(self.taker_token, "taker_token"),
            taker_amount=uint(self.taker_amount, "taker_amount"),
            nonce=uint(self.nonce, "nonce"),
            deadline=uint(self.deadline, "deadline"),
            terms=hash32(self.terms, "terms"),
        )
        if self.maker == self.taker:
            raise InvalidField("taker", self.taker, "must differ from the maker")

    @property
    def nonce_word(self) -> int:
        """The maker's nonce word that holds this swap's bit."""
        return self.nonce >> 8

    @property
    def nonce_mask(self) -> int:
        """This swap's bit in its word."""
        return 1 << (self.nonce & 255)

    @property
    def is_open(self) -> bool:
        """Whether anybody may take it."""
        return self.taker == ZERO_ADDRESS

    @property
    def is_nettable(self) -> bool:
        """Whether `settle_net` may settle it."""
        return self.nonce >= NETTABLE

    def to_abi(self) -> tuple[Any, ...]:
        """The contract's `Swap` struct."""
        return (
            self.maker,
            self.taker,
            self.maker_token,
            self.maker_amount,
            self.taker_token,
            self.taker_amount,
            self.nonce,
            self.deadline,
            bytes(self.terms),
        )

    def legs(self, taker: Address | None = None) -> tuple[Leg, Leg]:
        """The maker's leg and the taker's, as a trade would have them; `taker` fills an open swap."""
        payer = self.taker if taker is None else taker
        return (
            Leg(self.maker, payer, LegKind.ERC20, self.maker_token, 0, self.maker_amount),
            Leg(payer, self.maker, LegKind.ERC20, self.taker_token, 0, self.taker_amount),
        )


@dataclass(frozen=True, slots=True)
class Leg:
    """One thing that goes from its giver to its receiver.

    `token` is the ledger for a position and zero for the native asset. `id` is the token id, or the series of a
    position, else zero. `amount` is in smallest units, one for an ERC-721; for a position build it with
    `Leg.position`.
    """

    giver: Address
    receiver: Address
    kind: LegKind
    token: Address
    id: int
    amount: int

    def __post_init__(self) -> None:
        try:
            kind = LegKind(self.kind)
        except ValueError:
            raise InvalidField("kind", self.kind, "leg kinds are 0 to 5") from None
        _set(
            self,
            giver=_party(self.giver, "giver"),
            receiver=_party(self.receiver, "receiver"),
            kind=kind,
            token=address(self.token, "token"),
            id=uint(self.id, "id"),
            amount=uint(self.amount, "amount"),
        )
        if (kind is LegKind.NATIVE) != (self.token == ZERO_ADDRESS):
            raise InvalidField("token", self.token, "zero for the native asset, and for nothing else")
        if self.id and kind in (LegKind.ERC20, LegKind.ERC20_EXACT, LegKind.NATIVE):
            raise InvalidField("id", self.id, "zero for ERC-20 and the native asset")
        if kind is LegKind.ERC721 and self.amount != 1:
            raise InvalidField("amount", self.amount, "one, for an ERC-721")
        if kind is LegKind.POSITION and self.lots == 0:
            raise InvalidField("amount", self.amount, "its lots (the low 64 bits) must not be zero")

    @classmethod
    def position(
        cls,
        giver: Address,
        receiver: Address,
        ledger: Address,
        series: int,
        lots: int,
        *,
        giver_sub_account: int = 0,
        receiver_sub_account: int = 0,
    ) -> Leg:
        """A position leg: `giver` becomes `lots` shorter in `series`, `receiver` longer."""
        amount = (
            uint(lots, "lots", _LOTS_BITS)
            | uint(giver_sub_account, "giver_sub_account", _SUB_ACCOUNT_BITS) << _LOTS_BITS
            | uint(receiver_sub_account, "receiver_sub_account", _SUB_ACCOUNT_BITS) << (_LOTS_BITS + _SUB_ACCOUNT_BITS)
        )
        return cls(giver, receiver, LegKind.POSITION, ledger, series, amount)

    @property
    def lots(self) -> int:
        """Lots of a position leg."""
        return self.amount & ((1 << _LOTS_BITS) - 1)

    @property
    def sub_accounts(self) -> tuple[int, int]:
        """The giver's and the receiver's sub-account of a position leg."""
        rest = self.amount >> _LOTS_BITS
        return rest & ((1 << _SUB_ACCOUNT_BITS) - 1), rest >> _SUB_ACCOUNT_BITS

    def to_abi(self) -> tuple[Any, ...]:
        """The contract's `Leg` struct."""
        return (self.giver, self.receiver, int(self.kind), self.token, self.id, self.amount)


@dataclass(frozen=True, slots=True)
class Trade:
    """Up to 16 legs between up to 8 parties, settled together or not at all.

    Parties may be given in any order; they are kept strictly ascending, as the contract wants them. A trade consumes
    every bit of `nonce_mask` in the word `nonce_word` of its set of parties: with many bits it retires many older
    trades (novation), with no legs it only cancels. A zero `submitter` lets anybody send it.
    """

    parties: tuple[Address, ...]
    legs: tuple[Leg, ...]
    nonce_word: int
    nonce_mask: int
    valid_after: int
    deadline: int
    submitter: Address = ZERO_ADDRESS
    terms: Hash32 = ZERO_HASH

    def __post_init__(self) -> None:
        parties = tuple(sorted((_party(p, "parties") for p in self.parties), key=lambda p: int(p, 16)))
        _set(
            self,
            parties=parties,
            legs=tuple(self.legs),
            nonce_word=uint(self.nonce_word, "nonce_word"),
            nonce_mask=uint(self.nonce_mask, "nonce_mask"),
            valid_after=uint(self.valid_after, "valid_after"),
            deadline=uint(self.deadline, "deadline"),
            submitter=address(self.submitter, "submitter"),
            terms=hash32(self.terms, "terms"),
        )
        if not 1 <= len(parties) <= MAX_PARTIES or len(set(parties)) != len(parties):
            raise InvalidField("parties", list(parties), f"1 to {MAX_PARTIES} different addresses")
        if len(self.legs) > MAX_LEGS:
            raise InvalidField("legs", len(self.legs), f"at most {MAX_LEGS}")
        if not 0 < self.nonce_mask < NOTICE_FLAG:
            raise InvalidField("nonce_mask", hex(self.nonce_mask), "at least one of the bits 0 .. 254")
        for leg in self.legs:
            for party in (leg.giver, leg.receiver):
                if party not in parties:
                    raise InvalidField("legs", party, "every giver and receiver must be one of the parties")
        if len({leg.token for leg in self.legs if leg.kind is LegKind.POSITION}) > 1:
            raise InvalidField("legs", "positions", "all position legs must be on one ledger")

    @property
    def native_amount(self) -> int:
        """What the sender must attach, in wei."""
        return sum(leg.amount for leg in self.legs if leg.kind is LegKind.NATIVE)

    def to_abi(self) -> tuple[Any, ...]:
        """The contract's `Trade` struct."""
        return (
            list(self.parties),
            [leg.to_abi() for leg in self.legs],
            self.nonce_word,
            self.nonce_mask,
            self.valid_after,
            self.deadline,
            self.submitter,
            bytes(self.terms),
        )


def random_nonce(entropy: bytes, *, nettable: bool = False) -> int:
    """A swap nonce in one of 2**64 words chosen by `entropy` (at least 9 bytes), so that quotes rarely share one.

    Prefer consecutive nonces where a maker keeps count: a bit in a word already in use costs 17,100 gas less.
    """
    if len(entropy) < 9:
        raise InvalidField("entropy", f"{len(entropy)} bytes", "give at least 9")
    return int.from_bytes(entropy[:9], "big") | (NETTABLE if nettable else 0)


def salted_terms(text: bytes, salt: bytes) -> Hash32:
    """The `terms` field for what was agreed off chain: keccak(keccak(salt) | keccak(text)).

    Provable later, and not guessable before.

    Raises:
        InvalidField: a salt shorter than 16 bytes, which could be searched.
    """
    if len(salt) < 16:
        raise InvalidField("salt", f"{len(salt)} bytes", "give at least 16 random bytes")
    return keccak(keccak(salt) + keccak(text))


def _party(value: object, field: str) -> Address:
    party = address(value, field)
    if party == ZERO_ADDRESS:
        raise InvalidField(field, value, "must not be the zero address")
    return party
