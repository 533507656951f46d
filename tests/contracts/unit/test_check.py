"""`SettlementCheck`: every reason why a trade would not settle, with the values, before anything is sent.

The numbers of the codes are held equal to the package's own `ProblemCode`. Where the check finds nothing, the
trade settles; where it finds something, the trade reverts: each test sends it, too.
"""

from dataclasses import replace

import boa
import pytest
from tests.contracts.mocks import SOURCE, load
from tests.contracts.unit.scene import (
    CODELESS,
    HOLDING,
    approve,
    broker,
    delegate,
    maker,
    relayer,
    taker,
    with_fields,
)

from peersettle.trades import Leg, LegKind, ProblemCode
from peersettle.types import UINT256_MAX, ZERO_ADDRESS

CHECK = SOURCE / "peersettle" / "contracts" / "SettlementCheck.vy"


def found(scene, trade, *approvals, sender=relayer, value=0, **options):
    """The problems by name; the trade is sent as well, and settles exactly when there are none."""
    said = scene.problems(trade, *approvals, sender=sender.address, value=value, **options)
    with boa.env.anchor():
        done = scene.settle(trade, *approvals, sender=sender.address, value=value, **options)
    assert done.settled == (not said), (done.reason, said)
    return [(ProblemCode(code).name, index, available, required) for code, index, available, required in said]


def found_for_swap(scene, swap, *approvals, maker_signed=None, taker_signed=b"", sender=taker):
    digest = scene.digest(swap)
    by_maker = maker.sign(digest).to_bytes() if maker_signed is None else maker_signed
    arguments = (swap.to_abi(), by_maker, taker_signed, [a.to_abi() for a in approvals])
    said = scene.check.check_swap(*arguments, sender.address)
    with boa.env.anchor():
        done = scene.send("swap_approved", *arguments, sender=sender.address)
    assert done.settled == (not said), (done.reason, said)
    return [(ProblemCode(code).name, index, available, required) for code, index, available, required in said]


def test_the_codes_are_the_packages(scene):
    for code in ProblemCode:
        if code < ProblemCode.DRY_RUN:
            assert f"\n{code.name}: constant(uint256) = {int(code)} " in CHECK.read_text()
    assert scene.check.SETTLEMENT() == scene.settlement.address


def test_a_trade_that_settles_has_no_problem(scene):
    assert found(scene, scene.trade()) == []
    assert found(scene, scene.trade(), sender=maker, signed=scene.signed(scene.trade(), (taker,))) == []


def test_submitter_and_times(scene):
    trade = scene.trade(submitter=maker.address, valid_after=scene.now + 1, deadline=scene.now - 1)
    assert found(scene, trade) == [
        ("SUBMITTER", 0, int(relayer.address, 16), int(maker.address, 16)),
        ("EARLY", 0, scene.now, scene.now + 1),
        ("EXPIRED", 0, scene.now, scene.now - 1),
    ]
    assert (
        found(
            scene,
            scene.trade(submitter=maker.address, valid_after=scene.now, deadline=scene.now),
            sender=maker,
        )
        == []
    )


def test_parties_out_of_order_doubled_zero_or_settlement(scene):
    first, second = scene.trade().parties
    for parties, index in (
        ([second, first], 1),
        ([first, second, second], 2),
        ([ZERO_ADDRESS, first, second], 0),
    ):
        said = found(scene, with_fields(scene.trade(), parties=parties))
        assert [one for one in said if one[0] == "PARTIES"] == [("PARTIES", index, 0, 0)]
    settlement = scene.trade(parties=(maker, taker, scene.settlement))
    at = settlement.parties.index(scene.domain.settlement)
    assert found(scene, settlement) == [("PARTIES", at, 0, 0), ("SIGNATURE", at, 0, 0)]


def test_signatures_missing_or_too_many(scene):
    trade = scene.trade()
    signed = scene.signed(trade)
    assert found(scene, trade, signed=[]) == [
        ("SIGNATURES", 0, 0, 2),
        ("SIGNATURE", 0, 0, 0),
        ("SIGNATURE", 1, 0, 0),
    ]
    assert found(scene, trade, signed=[*signed, b""]) == [("SIGNATURES", 0, 3, 2)]
    assert found(scene, trade, signed=[signed[0], b""]) == [("SIGNATURE", 1, 0, 0)]


@pytest.mark.parametrize("mask", [0, 1 << 255, UINT256_MAX])
def test_a_mask_out_of_range(scene, mask):
    assert found(scene, with_fields(scene.trade(), nonce_mask=mask)) == [("MASK", 0, mask, 0)]


def test_bits_used_settled_or_cancelled(scene):
    scene.settle(scene.trade(nonce_mask=0b110))
    assert found(scene, scene.trade(nonce_mask=0b11)) == [("NONCE", 0, 0b10, 0b11)]
    scene.send("cancel_trade", list(scene.trade().parties), 5, 1 << 3, sender=maker.address)
    assert found(scene, scene.trade(nonce_mask=1 << 3)) == []
    boa.env.timestamp += 60
    assert found(scene, scene.trade(nonce_mask=1 << 3)) == [("NONCE", 0, 1 << 3, 1 << 3)]


def test_legs_between_strangers_with_stray_fields_or_of_no_kind(scene):
    raw = scene.trade().to_abi()
    stranger, stray, unknown = (
        (broker.address, *raw[1][0][1:]),
        (*raw[1][0][:4], 9, 300),
        (*raw[1][0][:2], 6, *raw[1][0][3:]),
    )
    assert found(scene, with_fields(raw, legs=[stranger])) == [("PARTY", 0, 0, 0)]
    assert found(scene, with_fields(raw, legs=[raw[1][0], stray])) == [("LEG", 1, 0, 0)]
    assert found(scene, with_fields(raw, legs=[unknown])) == [("KIND", 0, 6, 0)]


@pytest.mark.parametrize("kind", [LegKind.ERC20, LegKind.ERC20_EXACT, LegKind.ERC721, LegKind.ERC1155])
def test_a_token_without_code(scene, kind):
    assert found(scene, scene.trade(scene.leg(token=CODELESS, kind=kind, amount=1))) == [("TOKEN", 0, 0, 0)]


def test_balance_and_allowance_are_counted_up_to_the_leg(scene):
    scene.dollar.transfer(relayer.address, HOLDING - 500, sender=maker.address)
    scene.dollar.approve(scene.settlement.address, 400, sender=maker.address)
    trade = scene.trade(scene.leg(amount=300), scene.leg(amount=300))
    assert found(scene, trade) == [("BALANCE", 1, 200, 300), ("ALLOWANCE", 1, 400, 600)]


def test_what_earlier_legs_bring_counts(scene):
    scene.dollar.transfer(relayer.address, HOLDING, sender=broker.address)
    through = [scene.leg(maker, broker), scene.leg(broker, taker)]
    three = (maker, broker, taker)
    assert found(scene, scene.trade(*through, parties=three)) == []
    assert found(scene, scene.trade(*through[::-1], parties=three)) == [("BALANCE", 0, 0, 300)]


def test_erc721_owner_approval_and_amount(scene):
    nft = load("NFT")
    nft.mint(maker.address, 5)
    leg = scene.leg(token=nft, kind=LegKind.ERC721, id=5, amount=1)
    assert found(scene, scene.trade(leg)) == [("ALLOWANCE", 0, 0, 1)]
    assert found(scene, scene.trade(replace(leg, giver=taker.address, receiver=maker.address))) == [
        ("BALANCE", 0, 0, 1),
        ("ALLOWANCE", 0, 0, 1),
    ]
    nft.approve(scene.settlement.address, 5, sender=maker.address)
    assert found(scene, scene.trade(leg)) == []
    two = (*leg.to_abi()[:5], 2)
    assert found(scene, with_fields(scene.trade(), legs=[two])) == [("LEG", 0, 2, 1)]
    nft.setApprovalForAll(scene.settlement.address, True, sender=taker.address)
    onward = replace(leg, giver=taker.address, receiver=broker.address)
    assert found(scene, scene.trade(leg, onward, parties=(maker, taker, broker))) == []


def test_erc1155_balance_and_operator(scene):
    items = load("MultiToken")
    items.mint(maker.address, 3, 10)
    leg = scene.leg(token=items, kind=LegKind.ERC1155, id=3, amount=11)
    assert found(scene, scene.trade(leg)) == [("BALANCE", 0, 10, 11), ("ALLOWANCE", 0, 0, 1)]
    items.setApprovalForAll(scene.settlement.address, True, sender=maker.address)
    legs = [replace(leg, amount=6)] * 2
    assert found(scene, scene.trade(*legs)) == [("BALANCE", 1, 4, 6)]
    assert found(scene, scene.trade(replace(leg, amount=10))) == []


def test_native_legs_are_the_senders_and_exactly_paid(scene):
    leg = scene.leg(token=ZERO_ADDRESS, kind=LegKind.NATIVE, amount=70)
    trade = scene.trade(leg)
    assert found(scene, trade, sender=maker, value=70) == []
    assert found(scene, trade, value=69) == [("NATIVE", 0, 0, 0), ("VALUE", 0, 69, 70)]
    assert found(scene, scene.trade(), value=1) == [("VALUE", 0, 1, 0)]
    stray = (*leg.to_abi()[:3], CODELESS, 1, 70)
    assert found(scene, with_fields(trade, legs=[stray]), sender=maker, value=70) == [("LEG", 0, 0, 0)]


def test_positions_on_one_ledger_and_of_some_lots(scene):
    ledger, other = (load("StubLedger", scene.settlement.address, 100) for _ in range(2))
    legs = [Leg.position(maker.address, taker.address, at, 11, 5) for at in (ledger.address, other.address, CODELESS)]
    raw = scene.trade().to_abi()
    assert found(scene, scene.trade(legs[0])) == []
    assert found(scene, with_fields(raw, legs=[one.to_abi() for one in legs[:2]])) == [("LEDGER", 1, 0, 0)]
    assert found(scene, scene.trade(legs[2])) == [("LEDGER", 0, 0, 0)]
    empty = (*legs[0].to_abi()[:5], 1 << 64)
    assert found(scene, with_fields(raw, legs=[empty])) == [("LEG", 0, 0, 0)]


def test_approvals_in_the_place_of_an_allowance(scene):
    scene.forbid(scene.dollar, maker.address)
    trade = scene.trade(scene.leg())
    leg, digest = trade.legs[0], scene.digest(trade)
    by_permit2 = scene.permit2_approval(leg, maker, digest)
    assert found(scene, trade) == [("ALLOWANCE", 0, 0, 300)]
    assert found(scene, trade, scene.permit(scene.dollar, maker, 300)) == []
    assert found(scene, trade, scene.authorization(scene.dollar, leg, maker, digest)) == []
    assert found(scene, trade, by_permit2) == [("ALLOWANCE", 0, 0, 300)]
    approve(scene.dollar, maker.address, scene.permit2.address)
    assert found(scene, trade, by_permit2) == []


def test_approvals_of_too_little_expired_or_out_of_place(scene):
    scene.forbid(scene.dollar, maker.address)
    trade = scene.trade(scene.leg())
    assert found(scene, trade, scene.permit(scene.dollar, maker, 299)) == [("APPROVAL", 0, 299, 300)]
    assert found(scene, trade, scene.permit(scene.dollar, maker, 300, until=scene.now - 1)) == [("APPROVAL", 0, 0, 300)]
    stray = scene.permit(scene.dollar, maker, 300, leg=1)
    assert found(scene, trade, stray) == [("ALLOWANCE", 0, 0, 300), ("APPROVAL", 1, 0, 0)]
    on_nft = scene.trade(scene.leg(token=load("NFT"), kind=LegKind.ERC721, amount=1))
    assert ("APPROVAL", 0, 0, 1) in found(scene, on_nft, scene.permit(scene.dollar, maker, 1))


def test_everything_that_is_wrong_is_said_at_once(scene):
    scene.forbid(scene.ether, taker.address)
    scene.dollar.transfer(relayer.address, HOLDING, sender=maker.address)
    trade = scene.trade(deadline=scene.now - 1)
    names = [name for name, *_ in found(scene, trade, signed=[b"", b""], value=5)]
    assert names == ["EXPIRED", "SIGNATURE", "SIGNATURE", "BALANCE", "ALLOWANCE", "VALUE"]


def test_a_hostile_token_does_not_stop_the_check(scene):
    """As an ERC-721 it answers `ownerOf` with a bomb."""
    token = load("BombToken", "Hostile", "HOST", 18)
    token.set_permit_size(100_000)
    trade = scene.trade(scene.leg(token=token, kind=LegKind.ERC721, amount=1))
    assert [name for name, *_ in found(scene, trade)] == ["BALANCE", "ALLOWANCE"]


def test_a_swap_that_settles_has_no_problem(scene):
    swap = scene.swap()
    signed = taker.sign(scene.digest(swap)).to_bytes()
    assert found_for_swap(scene, swap) == []
    assert found_for_swap(scene, swap, sender=relayer, taker_signed=signed) == []
    assert found_for_swap(scene, scene.swap(taker=ZERO_ADDRESS), sender=broker) == []


def test_everything_that_is_wrong_with_a_swap_is_said_at_once(scene):
    scene.forbid(scene.ether, taker.address)
    scene.dollar.transfer(relayer.address, HOLDING, sender=maker.address)
    swap = scene.swap(deadline=scene.now - 1)
    scene.send("cancel", 0, 1 << 7, sender=maker.address)
    assert found_for_swap(scene, swap, sender=relayer, maker_signed=b"") == [
        ("EXPIRED", 0, scene.now, scene.now - 1),
        ("SIGNATURE", 0, 0, 0),
        ("TAKER", 0, int(relayer.address, 16), int(taker.address, 16)),
        ("NONCE", 0, 1 << 7, 1 << 7),
        ("BALANCE", 0, 0, 300),
        ("ALLOWANCE", 1, 0, 2),
    ]


def test_a_swaps_approvals(scene):
    swap = scene.swap()
    scene.forbid(scene.dollar, maker.address)
    good = scene.authorization(scene.dollar, swap.legs()[0], maker, scene.digest(swap))
    assert found_for_swap(scene, swap) == [("ALLOWANCE", 0, 0, 300)]
    assert found_for_swap(scene, swap, good) == []


def test_a_delegated_account_signs_with_its_key(scene):
    delegate(maker.address, load("NFT"))
    assert found(scene, scene.trade()) == []
    assert found_for_swap(scene, scene.swap()) == []
