"""`swap`: the maker has signed, the taker sends."""

from typing import Any

import boa
import pytest
from tests.contracts.mocks import GarbageMode, load
from tests.contracts.unit.forms import STRANGERS, by_stranger
from tests.contracts.unit.scene import NOTHING, SETTLED, approve, broker, maker, relayer, taker

from peersettle.trades import NETTABLE, Signature
from peersettle.trades.signature import HALF_ORDER, ORDER
from peersettle.types import ZERO_ADDRESS, ZERO_HASH, Hash32

FIELDS = (
    "maker",
    "taker",
    "maker_token",
    "maker_amount",
    "taker_token",
    "taker_amount",
    "nonce",
    "deadline",
    "terms",
)


def test_both_tokens_change_hands_and_the_nonce_is_used(scene):
    swap = scene.swap()
    done = scene.take(swap)
    assert done.settled
    assert scene.swap_moves() == SETTLED
    assert scene.settlement.used_swaps(maker.address, 0) == 1 << 7
    (event,) = done.events
    assert type(event).__name__ == "SwapSettled"
    assert (event.trade_hash, event.maker, event.taker) == (scene.digest(swap), maker.address, taker.address)


def test_the_hash_is_the_packages_digest(scene):
    swap = scene.swap(terms=Hash32(b"\x07" * 32), nonce=NETTABLE | 9)
    assert scene.settlement.hash_swap(swap.to_abi()) == scene.digest(swap)


def test_an_open_quote_goes_to_whoever_sends_it_first(scene):
    swap = scene.swap(taker=ZERO_ADDRESS)
    done = scene.take(swap, sender=broker.address)
    assert done.settled
    assert done.events[0].taker == broker.address
    assert (scene.moved(scene.dollar, broker), scene.moved(scene.ether, broker)) == (300, -2)
    assert scene.take(swap, sender=taker.address).reason == "nonce"


def test_a_named_taker_is_the_only_one(scene):
    for sender in (broker, maker):
        assert scene.take(scene.swap(), sender=sender.address).reason == "taker"


def test_the_deadline_is_inclusive(scene):
    swap = scene.swap(deadline=scene.now + 60)
    boa.env.timestamp += 61
    assert scene.take(swap).reason == "expired"
    boa.env.timestamp -= 1
    assert scene.take(swap).settled


@pytest.mark.parametrize("deadline", [0, 2**256 - 1])
def test_the_deadline_takes_any_value(scene, deadline):
    assert scene.take(scene.swap(deadline=deadline)).reason == (None if deadline else "expired")


def test_a_quote_fills_once(scene):
    assert scene.take(scene.swap()).settled
    assert scene.take(scene.swap()).reason == "nonce"
    assert scene.take(scene.swap(taker_amount=1)).reason == "nonce"
    assert scene.swap_moves() == SETTLED


def test_every_nonce_is_a_bit_of_its_own(scene):
    for nonce in (7, 6, 8, 7 + 256, 7 | 1 << 200, NETTABLE | 7):
        assert scene.take(scene.swap(nonce=nonce, maker_amount=1, taker_amount=1)).settled
    assert scene.settlement.used_swaps(maker.address, 0) == 7 << 6


def test_makers_share_no_nonces(scene):
    assert scene.take(scene.swap()).settled
    other = scene.swap(maker=broker.address)
    assert scene.take(other, broker.sign(scene.digest(other))).settled


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("bit", [0, -1])
def test_a_changed_bit_in_any_field_voids_the_signature(scene, field, bit):
    swap = scene.swap(taker=ZERO_ADDRESS, deadline=scene.now | 1)
    raw = dict(zip(FIELDS, swap.to_abi(), strict=True))
    value: Any = raw[field]
    changed: Any
    if isinstance(value, bytes):
        changed = bytes([value[0] ^ 128]) + value[1:] if bit else value[:31] + bytes([value[31] ^ 1])
    elif isinstance(value, str):
        changed = f"0x{int(value, 16) ^ (1 << 159 if bit else 1):040x}"
        raw["taker"] = ZERO_ADDRESS if field != "taker" else raw["taker"]
    else:
        changed = value ^ (1 << 255 if bit else 1)
    sender = changed if field == "taker" else taker.address
    boa.env.timestamp -= 2
    altered = tuple(changed if name == field else kept for name, kept in raw.items())
    done = scene.send("swap", altered, maker.sign(scene.digest(swap)).to_abi(), sender=sender)
    assert done.reason == "signature"


@pytest.mark.parametrize("how", STRANGERS)
def test_the_maker_itself_must_have_signed_it_for_here(scene, how):
    swap = scene.swap()
    assert scene.take(swap, by_stranger(scene, swap, maker, how)).reason == "signature"


@pytest.mark.parametrize(
    "words",
    [
        (0, 0),
        (1, 0),
        (0, 1),
        (1, 1 << 255),
        (1, HALF_ORDER + 1),
        (1, 2**255 - 1),
        (ORDER, 1),
        (2**256 - 1,) * 2,
    ],
    ids=str,
)
def test_a_signature_nobody_can_have_made_is_refused(scene, words):
    r, vs = (word.to_bytes(32, "big") for word in words)
    assert scene.send("swap", scene.swap().to_abi(), (r, vs), sender=taker.address).reason == "signature"


def test_the_parity_counts(scene):
    swap = scene.swap()
    good = maker.sign(scene.digest(swap))
    assert scene.take(swap, Signature(good.r, good.s, 1 - good.parity)).reason == "signature"


def test_no_maker_signs_as_the_zero_address(scene):
    raw = (ZERO_ADDRESS, *scene.swap().to_abi()[1:])
    for vs in (bytes(32), b"\x80" + bytes(31)):
        assert scene.send("swap", raw, (bytes(32), vs), sender=taker.address).reason == "signature"


def test_a_maker_that_is_a_contract_wallet_is_asked(scene):
    wallet = load("Wallet", maker.address)
    scene.fund(scene.dollar, wallet.address)
    swap = scene.swap(maker=wallet.address)
    digest = scene.digest(swap)
    assert scene.take(swap, taker.sign(digest)).reason == "signature"
    assert scene.take(swap, maker.sign(digest)).settled
    assert scene.moved(scene.dollar, wallet) == -300


def test_a_contract_without_erc1271_cannot_be_a_maker(scene):
    for stranger in (load("NFT"), load("GarbageWallet", GarbageMode.WRONG_MAGIC), scene.settlement):
        swap = scene.swap(maker=stranger.address)
        assert scene.take(swap).reason == "signature"


def test_after_a_fork_with_another_chain_id_nothing_settles(scene):
    swap = scene.swap()
    boa.env.evm.patch.chain_id += 1
    assert scene.take(swap).reason == "chain"
    assert scene.send("hash_swap", swap.to_abi()).reason == "chain"


def test_what_a_token_says_is_passed_on_and_nothing_moves(scene):
    swap = scene.swap()
    scene.forbid(scene.dollar, maker.address)
    assert scene.take(swap).reason == "ERC20: transfer amount exceeds allowance"
    approve(scene.dollar, maker.address, scene.settlement.address)
    scene.ether.transfer(relayer.address, 1_000_000, sender=taker.address)
    assert scene.take(swap).reason == "ERC20: transfer amount exceeds balance"
    assert scene.moved(scene.dollar, maker) == 0
    assert not scene.swap_used(swap)


def test_the_taker_pays_first_so_that_a_maker_may_pass_on_what_it_gets(scene):
    """A maker without stock gives on what the taker brings, where both sides name one token."""
    scene.dollar.transfer(relayer.address, 1_000_000, sender=maker.address)
    assert scene.take(scene.swap(taker_token=scene.dollar.address, taker_amount=300)).settled


def test_nothing_may_be_given_for_something_when_the_maker_signs_so(scene):
    assert scene.take(scene.swap(maker_amount=0)).settled
    assert scene.swap_moves() == (0, 0, 2, -2)


def test_no_ether_may_be_sent_along(scene):
    assert scene.take(scene.swap(), value=1).reason == ""
    assert scene.swap_moves() == NOTHING


def test_terms_are_part_of_what_is_signed(scene):
    swap = scene.swap(terms=Hash32(b"\x01" * 32))
    bare = scene.swap(terms=ZERO_HASH)
    assert scene.take(bare, maker.sign(scene.digest(swap))).reason == "signature"
    assert scene.take(swap).settled
