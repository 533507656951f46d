"""A signature is for exactly one message: change one bit of it, or of the signature, and nothing settles."""

import os
from typing import Any

import pytest
from tests.contracts.differential.drawing import arguments_of
from tests.contracts.differential.world import Call, World, liquidator, maker, relayer, taker

from peersettle.spec import settlement as spec
from peersettle.trades import Leg, LegKind, Swap, Trade, swap_digest, trade_digest
from peersettle.types import ZERO_HASH, checksummed

ADDRESS, WORD = 160, 256
EVERY = 1 if os.environ.get("HYPOTHESIS_PROFILE") == "fuzz" else 5  # of how many bits one is tried; the ends always
SWAP_FIELDS = dict.fromkeys(("maker", "taker", "maker_token", "taker_token"), ADDRESS) | dict.fromkeys(
    ("maker_amount", "taker_amount", "nonce", "deadline", "terms"), WORD
)
TRADE_FIELDS = {"submitter": ADDRESS} | dict.fromkeys(
    ("nonce_word", "nonce_mask", "valid_after", "deadline", "terms"), WORD
)
LEG_FIELDS = {"giver": ADDRESS, "receiver": ADDRESS, "kind": 8, "token": ADDRESS, "id": WORD, "amount": WORD}
SWAP_ORDER = tuple(Swap.__dataclass_fields__)
TRADE_ORDER = tuple(Trade.__dataclass_fields__)
LEG_ORDER = tuple(Leg.__dataclass_fields__)


def flipped(value: Any, bit: int) -> Any:
    """A number, an address, or bytes with one bit changed."""
    if isinstance(value, str):
        return checksummed((int(value, 16) ^ 1 << bit).to_bytes(20, "big"))
    if isinstance(value, bytes):
        return (int.from_bytes(value, "big") ^ 1 << bit).to_bytes(len(value), "big")
    return int(value) ^ 1 << bit


def bits(width: int) -> list[int]:
    return sorted({*range(0, width, EVERY), width - 1})


def put(items: Any, at: int, value: Any) -> Any:
    return type(items)([*items[:at], value, *items[at + 1 :]])


def refuses(world: World, verb: str, *arguments: Any) -> None:
    call = Call(verb, relayer.address, arguments, lambda _: None)
    assert not world.on_chain(call).settled, arguments


def a_swap(world: World) -> tuple[Any, ...]:
    swap = Swap(
        maker=maker.address,
        taker=taker.address,
        maker_token=world.addresses["usdc"],
        maker_amount=100,
        taker_token=world.addresses["usdt"],
        taker_amount=60,
        nonce=5,
        deadline=world.now + 2**20,
        terms=ZERO_HASH,
    )
    digest = swap_digest(world.domain, swap)
    return swap.to_abi(), maker.sign(digest).to_abi(), taker.sign(digest).to_abi()


def a_trade(world: World) -> tuple[Any, ...]:
    trade = Trade(
        (maker.address, taker.address, liquidator.address),
        (
            Leg(maker.address, taker.address, LegKind.ERC20, world.addresses["usdc"], 0, 100),
            Leg(taker.address, liquidator.address, LegKind.ERC1155, world.addresses["multi"], 7, 8),
        ),
        nonce_word=1,
        nonce_mask=6,
        valid_after=0,
        deadline=world.now + 2**20,
    )
    digest = trade_digest(world.domain, trade)
    return arguments_of(spec.Entry(trade, [world.actor(party).sign(digest).to_bytes() for party in trade.parties]))


@pytest.mark.parametrize("field", SWAP_FIELDS)
def test_a_swap_with_one_bit_changed_does_not_settle(world, field):
    swap, *signatures = a_swap(world)
    at = SWAP_ORDER.index(field)
    for bit in bits(SWAP_FIELDS[field]):
        refuses(world, "swap_relayed", put(swap, at, flipped(swap[at], bit)), *signatures)


@pytest.mark.parametrize("signer", [0, 1], ids=["maker", "taker"])
def test_a_swap_signature_with_one_bit_changed_does_not_count(world, signer):
    swap, *signatures = a_swap(world)
    for word in (0, 1):
        for bit in bits(WORD):
            changed = put(signatures[signer], word, flipped(signatures[signer][word], bit))
            refuses(world, "swap_relayed", swap, *put(signatures, signer, changed))


@pytest.mark.parametrize("field", TRADE_FIELDS)
def test_a_trade_with_one_bit_changed_does_not_settle(world, field):
    trade, signed, approvals = a_trade(world)
    at = TRADE_ORDER.index(field)
    for bit in bits(TRADE_FIELDS[field]):
        refuses(world, "settle", put(trade, at, flipped(trade[at], bit)), signed, approvals)


@pytest.mark.parametrize("field", LEG_FIELDS)
@pytest.mark.parametrize("leg", [0, 1])
def test_a_leg_with_one_bit_changed_does_not_settle(world, leg, field):
    trade, signed, approvals = a_trade(world)
    at = LEG_ORDER.index(field)
    for bit in bits(LEG_FIELDS[field]):
        changed = put(trade[1][leg], at, flipped(trade[1][leg][at], bit))
        refuses(world, "settle", put(trade, 1, put(trade[1], leg, changed)), signed, approvals)


@pytest.mark.parametrize("party", [0, 1, 2])
def test_a_party_or_its_signature_with_one_bit_changed_does_not_settle(world, party):
    trade, signed, approvals = a_trade(world)
    for bit in bits(ADDRESS):
        parties = put(trade[0], party, flipped(trade[0][party], bit))
        refuses(world, "settle", put(trade, 0, parties), signed, approvals)
    for bit in bits(8 * 65):
        refuses(world, "settle", trade, put(signed, party, flipped(signed[party], bit)), approvals)


def test_the_lists_of_a_trade_cannot_be_cut_or_grown(world):
    trade, signed, approvals = a_trade(world)
    parties, legs = trade[:2]
    for changed in (legs[:1], legs[1:], legs[::-1], [*legs, legs[0]], []):
        refuses(world, "settle", put(trade, 1, changed), signed, approvals)
    refuses(world, "settle", put(trade, 0, parties[:2]), signed[:2], approvals)
    refuses(world, "settle", put(trade, 0, parties[::-1]), signed[::-1], approvals)


def test_unchanged_they_settle(world):
    for verb, arguments in (("swap_relayed", a_swap(world)), ("settle", a_trade(world))):
        assert world.on_chain(Call(verb, relayer.address, arguments, lambda _: None)).settled
