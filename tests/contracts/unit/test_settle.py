"""`settle`: one trade of up to 8 parties and 16 legs, whole or not at all."""

from dataclasses import replace

import boa
import pytest
from tests.contracts.mocks import GarbageMode, load
from tests.contracts.unit.forms import BAD, GOOD, STRANGERS, by_stranger
from tests.contracts.unit.scene import (
    LEG_FIELDS,
    NOTHING,
    SETTLED,
    TRADE_FIELDS,
    approve,
    broker,
    maker,
    peer,
    relayer,
    taker,
    with_fields,
    with_leg,
)

from peersettle.trades import scope
from peersettle.types import UINT256_MAX, ZERO_ADDRESS, Hash32

MAX_MASK = 2**255 - 1


# Success


@pytest.mark.parametrize("sender", [relayer, maker, taker])
def test_every_leg_moves_and_the_mask_is_used(scene, sender):
    trade = scene.trade()
    done = scene.settle(trade, sender=sender.address)
    assert done.settled
    assert scene.swap_moves() == SETTLED
    assert scene.used(trade) == 1
    (event,) = done.events
    assert type(event).__name__ == "TradeSettled"
    assert (event.trade_hash, event.scope) == (scene.digest(trade), scope(trade.parties))
    assert done.output == scene.digest(trade)


def test_the_hash_is_the_packages_digest(scene):
    legs = [scene.leg(amount=n) for n in range(16)]
    for trade in (
        scene.trade(),
        scene.trade(legs=()),
        scene.trade(*legs, parties=(maker, taker, broker), submitter=relayer.address, terms=Hash32(b"\x09" * 32)),
    ):
        assert scene.settlement.hash_trade(trade.to_abi()) == scene.digest(trade)


def test_eight_parties_and_sixteen_legs_settle(scene):
    """A ring: each party gives the next one dollar and one ether."""
    ring = sorted((peer(f"party {n}") for n in range(8)), key=lambda one: int(one.address, 16))
    for one in ring:
        scene.fund(scene.dollar, one.address)
        scene.fund(scene.ether, one.address)
    pairs = list(zip(ring, ring[1:] + ring[:1], strict=True))
    legs = [
        scene.leg(giver, receiver, token, amount)
        for token, amounts in ((scene.dollar, range(1, 9)), (scene.ether, range(11, 19)))
        for (giver, receiver), amount in zip(pairs, amounts, strict=True)
    ]
    trade = scene.trade(*legs, parties=ring)
    done = scene.settle(trade, signed=scene.signed(trade, ring))
    assert done.settled
    assert [scene.moved(scene.dollar, one) for one in ring] == [7, -1, -1, -1, -1, -1, -1, -1]
    assert scene.used(trade) == 1


def test_a_ninth_party_and_a_seventeenth_leg_do_not_fit(scene):
    trade = scene.trade()
    crowd = [f"0x{n:040x}" for n in range(1, 10)]
    assert scene.settle(with_fields(trade, legs=[trade.legs[0].to_abi()] * 17), signed=[b"", b""]).reason == ""
    assert scene.settle(with_fields(trade, parties=crowd), signed=[b""] * 8).reason == ""
    assert scene.settle(trade, signed=[b""] * 9).reason == ""


def test_legs_settle_in_their_order_so_that_tokens_may_pass_through(scene):
    """The broker has nothing: it passes on what the maker gives."""
    scene.dollar.transfer(relayer.address, 1_000_000, sender=broker.address)
    first, second = scene.leg(maker, broker), scene.leg(broker, taker)
    three = (maker, broker, taker)
    assert scene.settle(scene.trade(second, first, parties=three)).reason == "ERC20: transfer amount exceeds balance"
    assert scene.settle(scene.trade(first, second, parties=three)).settled
    assert scene.moved(scene.dollar, taker) == 300


def test_a_party_without_legs_must_sign_too(scene):
    trade = scene.trade(parties=(maker, taker, broker))
    assert scene.settle(trade, signed=scene.signed(trade, (maker, taker))).reason == "signature"
    assert scene.settle(trade).settled


def test_a_lone_party_may_settle_with_itself(scene):
    trade = scene.trade(scene.leg(maker, maker), parties=(maker,))
    assert scene.settle(trade).settled
    assert scene.moved(scene.dollar, maker) == 0


# Time and submitter


def test_both_times_are_inclusive(scene):
    opens, closes = scene.now + 10, scene.now + 20
    trade = scene.trade(valid_after=opens, deadline=closes)
    for now, reason in ((opens - 1, "early"), (closes + 1, "expired")):
        boa.env.timestamp = now
        assert scene.settle(trade).reason == reason
    for now in (opens, closes):
        boa.env.timestamp = now
        assert scene.settle(replace(trade, nonce_mask=1 << now - opens)).settled


def test_only_the_submitter_sends_it(scene):
    trade = scene.trade(submitter=relayer.address)
    for sender in (maker, taker, broker):
        assert scene.settle(trade, sender=sender.address).reason == "submitter"
    assert scene.settle(trade, sender=relayer.address).settled


# Parties


def test_parties_ascend_strictly(scene):
    trade = scene.trade()
    first, second = trade.parties
    for parties in ([second, first], [first, first], [ZERO_ADDRESS, first], [first, second, first]):
        raw = with_fields(trade, parties=parties)
        signed = [(maker if p == maker.address else taker).sign(scene.digest(raw)).to_bytes() for p in parties]
        assert scene.settle(raw, signed=signed).reason == "parties"


def test_one_signature_slot_for_each_party(scene):
    trade = scene.trade()
    signed = scene.signed(trade)
    for slots in ([], signed[:1], [*signed, b""]):
        assert scene.settle(trade, signed=slots).reason == "parties"


def test_settlement_is_never_a_party(scene):
    trade = scene.trade(parties=(maker, taker, scene.settlement))
    assert scene.settle(trade).reason == "parties"


@pytest.mark.parametrize("side", ["giver", "receiver"])
def test_who_gives_or_receives_is_a_party(scene, side):
    raw = with_leg(scene.trade(), 1, **{side: broker.address})
    assert scene.settle(raw).reason == "party"
    assert scene.swap_moves() == NOTHING


def test_nobody_at_all_can_only_burn_nobodys_nonces(scene):
    nobody = with_fields(scene.trade(), parties=[], legs=[])
    assert scene.settle(nobody, signed=[]).settled
    assert scene.settle(with_fields(scene.trade(), parties=[], nonce_mask=2), signed=[]).reason == "party"
    assert scene.used(scene.trade()) == 0


# Signatures


@pytest.mark.parametrize("form", GOOD)
def test_a_signature_counts_in_each_form(scene, form):
    trade = scene.trade()
    digest = scene.digest(trade)
    by = {one.address: GOOD[form](one.sign(digest)) for one in (maker, taker)}
    assert scene.settle(trade, signed=[by[party] for party in trade.parties]).settled


@pytest.mark.parametrize("form", BAD)
@pytest.mark.parametrize("slot", [0, 1])
def test_a_malformed_signature_does_not(scene, form, slot):
    trade = scene.trade()
    signed = scene.signed(trade)
    signer = maker if trade.parties[slot] == maker.address else taker
    signed[slot] = BAD[form](signer.sign(scene.digest(trade)))
    assert scene.settle(trade, signed=signed).reason == "signature"


@pytest.mark.parametrize("how", STRANGERS)
def test_each_party_itself_must_have_signed_it_for_here(scene, how):
    trade = scene.trade()
    for slot, party in enumerate(trade.parties):
        signed = scene.signed(trade)
        signer = maker if party == maker.address else taker
        signed[slot] = by_stranger(scene, trade, signer, how).to_bytes()
        assert scene.settle(trade, signed=signed).reason == "signature"


def test_parties_do_not_sign_for_each_other(scene):
    trade = scene.trade()
    assert scene.settle(trade, signed=scene.signed(trade)[::-1]).reason == "signature"
    assert scene.settle(trade, signed=[scene.signed(trade)[0]] * 2).reason == "signature"


def test_the_senders_own_signature_is_not_looked_at_and_nobody_elses_is_spared(scene):
    trade = scene.trade()
    only_takers = scene.signed(trade, (taker,))
    for sender in (relayer, taker):
        assert scene.settle(trade, signed=only_takers, sender=sender.address).reason == "signature"
    junk = [signature or b"junk" for signature in only_takers]
    assert scene.settle(trade, signed=junk, sender=maker.address).settled


def test_a_769_byte_signature_does_not_fit(scene):
    trade = scene.trade()
    assert scene.settle(trade, signed=[bytes(769), scene.signed(trade)[1]]).reason == ""


def test_contract_wallets_are_asked(scene):
    wallet = load("MultisigWallet", maker.address, broker.address)
    scene.fund(scene.dollar, wallet.address)
    trade = scene.trade(scene.leg(wallet), scene.leg(taker, wallet, scene.ether, 2), parties=(wallet, taker))
    digest = scene.digest(trade)
    both = maker.sign(digest).to_bytes() + broker.sign(digest).to_bytes()
    for given, reason in ((both[:65], "signature"), (both, None)):
        signed = [s or given for s in scene.signed(trade)]
        assert scene.settle(trade, signed=signed).reason == reason


@pytest.mark.parametrize("field", TRADE_FIELDS)
@pytest.mark.parametrize("bit", [0, -1])
def test_a_changed_bit_in_any_field_voids_the_signatures(scene, field, bit):
    trade = scene.trade(deadline=scene.now | 1)
    boa.env.timestamp -= 2
    raw = dict(zip(TRADE_FIELDS, trade.to_abi(), strict=True))
    if field == "parties":
        position = 0 if bit else 1
        party = int(raw[field][position], 16) ^ 1
        raw[field] = [f"0x{party:040x}" if at == position else p for at, p in enumerate(raw[field])]
    elif field == "legs":
        raw[field] = raw[field][:1] if bit else [*raw[field], raw[field][0]]
    elif field == "terms":
        raw[field] = bytes([128]) + bytes(31) if bit else bytes(31) + b"\1"
    elif field == "submitter":
        raw[field] = relayer.address
    elif field == "valid_after":
        raw[field] = 1 << 30 if bit else 1
    else:
        raw[field] ^= (1 << 254) if bit else (3 if field == "nonce_mask" else 1)
    assert scene.settle(tuple(raw.values()), signed=scene.signed(trade)).reason == "signature"


@pytest.mark.parametrize("field", LEG_FIELDS)
def test_a_changed_bit_in_any_field_of_a_leg_voids_the_signatures(scene, field):
    trade = scene.trade()
    value = trade.to_abi()[1][1][LEG_FIELDS.index(field)]
    changed = f"0x{int(value, 16) ^ 1:040x}" if isinstance(value, str) else value ^ 1
    raw = with_leg(trade, 1, **{field: changed})
    assert scene.settle(raw, signed=scene.signed(trade)).reason == "signature"


def test_after_a_fork_with_another_chain_id_nothing_settles(scene):
    trade = scene.trade()
    signed = scene.signed(trade)
    boa.env.evm.patch.chain_id += 1
    assert scene.settle(trade, signed=signed).reason == "chain"


# Nonces


@pytest.mark.parametrize("mask", [0, 2**255, 2**255 | 1, UINT256_MAX])
def test_a_mask_has_at_least_one_bit_and_not_the_top_one(scene, mask):
    assert scene.settle(with_fields(scene.trade(), nonce_mask=mask)).reason == "mask"


def test_a_trade_settles_once(scene):
    assert scene.settle(scene.trade()).settled
    assert scene.settle(scene.trade()).reason == "nonce"
    assert scene.swap_moves() == SETTLED


def test_any_used_bit_of_the_mask_refuses_the_whole_trade(scene):
    assert scene.settle(scene.trade(nonce_mask=1 << 254)).settled
    for mask in (1 << 254, 1 << 254 | 1, MAX_MASK):
        assert scene.settle(scene.trade(nonce_mask=mask)).reason == "nonce"
    assert scene.settle(scene.trade(nonce_mask=MAX_MASK ^ 1 << 254)).settled
    assert scene.used(scene.trade()) == MAX_MASK


def test_words_and_sets_of_parties_have_bits_of_their_own(scene):
    assert scene.settle(scene.trade()).settled
    for other in (
        scene.trade(nonce_word=6),
        scene.trade(nonce_word=UINT256_MAX),
        scene.trade(parties=(maker, taker, broker)),
        scene.trade(scene.leg(maker, broker), parties=(maker, broker)),
    ):
        assert scene.settle(other).settled
    assert not scene.swap_used(scene.swap(nonce=5 << 8))


def test_a_net_trade_retires_the_days_120_trades(scene):
    """Novation: any of the day's trades settled before refuses it; afterwards it refuses them all."""
    day = [scene.trade(scene.leg(amount=n + 1), nonce_mask=1 << n) for n in range(120)]
    total = sum(range(1, 121))
    retires = scene.trade(scene.leg(amount=total), nonce_mask=(1 << 120) - 1)
    with boa.env.anchor():
        assert scene.settle(day[119]).settled
        assert scene.settle(retires).reason == "nonce"
    assert scene.settle(retires).settled
    assert scene.moved(scene.dollar, taker) == total
    for n in (0, 1, 60, 119):
        assert scene.settle(day[n]).reason == "nonce"
    assert scene.settle(scene.trade(nonce_mask=1 << 120)).settled


def test_a_trade_without_legs_cancels_its_mask_at_once(scene):
    victims = scene.trade(nonce_mask=0b100)
    cancels = scene.trade(legs=(), nonce_mask=0b110)
    assert scene.settle(cancels, signed=scene.signed(cancels, (maker,))).reason == "signature"
    done = scene.settle(cancels)
    assert done.settled
    assert type(done.events[0]).__name__ == "TradeSettled"
    assert scene.settle(victims).reason == "nonce"
    assert scene.used(victims) == 0b110


def test_a_trade_that_failed_can_be_sent_again(scene):
    scene.forbid(scene.ether, taker.address)
    assert scene.settle(scene.trade()).reason == "ERC20: transfer amount exceeds allowance"
    assert (scene.used(scene.trade()), scene.swap_moves()) == (0, NOTHING)
    approve(scene.ether, taker.address, scene.settlement.address)
    assert scene.settle(scene.trade()).settled


def test_a_wallet_that_burns_all_gas_only_sinks_its_own_trade(scene):
    wallet = load("GarbageWallet", GarbageMode.BURN_GAS)
    trade = scene.trade(parties=(maker, taker, wallet))
    assert not scene.settle(trade, gas=3_000_000).settled
    assert scene.used(trade) == 0
