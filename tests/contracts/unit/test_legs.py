"""Legs of a trade by their kind: ERC-20, ERC-721, ERC-1155 and the native asset.

Signed approvals of ERC-20 legs are in test_approvals.py, positions in test_position_legs.py.
"""

from dataclasses import replace

import boa
import pytest
from tests.contracts.mocks import load
from tests.contracts.unit.scene import (
    CODELESS,
    broker,
    delegate,
    maker,
    relayer,
    taker,
    with_leg,
)

from peersettle.trades import LegKind
from peersettle.types import ZERO_ADDRESS


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"id": 1}, "leg"),
        ({"id": 1, "kind": 1}, "leg"),
        ({"kind": 2, "amount": 2}, "leg"),
        ({"kind": 2, "amount": 0}, "leg"),
        ({"kind": 6}, "kind"),
        ({"kind": 255}, "kind"),
        ({"kind": 5, "amount": 1 << 64}, "leg"),
        ({"kind": 5, "amount": 0}, "leg"),
        ({"kind": 4, "token": ZERO_ADDRESS, "giver": taker.address}, "native"),
    ],
    ids=str,
)
def test_a_leg_has_what_its_kind_needs_and_nothing_else(scene, changes, reason):
    raw = with_leg(scene.trade(), **changes)
    assert scene.settle(raw, sender=maker.address).reason == reason


def test_an_exact_leg_settles_what_arrives_whole(scene):
    exact = scene.leg(kind=LegKind.ERC20_EXACT)
    assert scene.settle(scene.trade(exact)).settled
    assert scene.moved(scene.dollar, taker) == 300


def test_an_exact_leg_to_oneself_is_refused(scene):
    itself = scene.leg(maker, maker, kind=LegKind.ERC20_EXACT)
    assert scene.settle(scene.trade(itself)).reason == "exact"


def test_a_leg_of_nothing_settles(scene):
    assert scene.settle(scene.trade(scene.leg(amount=0))).settled


# ERC-721


def test_an_erc721_changes_its_owner(scene):
    nft = load("NFT")
    nft.mint(maker.address, 5)
    leg = scene.leg(token=nft, kind=LegKind.ERC721, id=5, amount=1)
    refused = "ERC721: transfer caller is not owner nor approved"
    assert scene.settle(scene.trade(leg)).reason == refused
    nft.approve(scene.settlement.address, 5, sender=maker.address)
    assert scene.settle(scene.trade(leg)).settled
    assert nft.ownerOf(5) == taker.address


def test_an_erc721_that_is_not_the_givers_does_not_move(scene):
    nft = load("NFT")
    nft.mint(broker.address, 5)
    for owner in (maker, broker):
        nft.setApprovalForAll(scene.settlement.address, True, sender=owner.address)
    leg = scene.leg(token=nft, kind=LegKind.ERC721, id=5, amount=1)
    assert scene.settle(scene.trade(leg)).reason == "ERC721: transfer from incorrect owner"
    assert nft.ownerOf(5) == broker.address


def test_an_erc721_may_pass_through_several_hands(scene):
    nft = load("NFT")
    nft.mint(maker.address, 5)
    for owner in (maker, broker):
        nft.setApprovalForAll(scene.settlement.address, True, sender=owner.address)
    legs = [
        scene.leg(giver, receiver, nft, 1, LegKind.ERC721, 5) for giver, receiver in ((maker, broker), (broker, taker))
    ]
    assert scene.settle(scene.trade(*legs, parties=(maker, broker, taker))).settled
    assert nft.ownerOf(5) == taker.address


@pytest.mark.parametrize("token", ["dollar", "PhantomToken", CODELESS])
def test_an_erc721_leg_on_anything_else_is_refused(scene, token):
    """An ERC-20 has the same `transferFrom`, and would move `id` units."""
    target = {"dollar": scene.dollar}.get(token) or (token if token == CODELESS else load(token, "W", "W", 18))
    if token == "PhantomToken":
        scene.fund(target, maker.address)
    leg = scene.leg(token=target, kind=LegKind.ERC721, id=5, amount=1)
    assert scene.settle(scene.trade(leg)).reason == ""
    assert scene.moved(scene.dollar, maker) == 0


# ERC-1155


def items_of(maker_has=10, id=3):
    items = load("MultiToken")
    items.mint(maker.address, id, maker_has)
    return items


def test_an_erc1155_moves_in_units(scene):
    items = items_of()
    leg = scene.leg(token=items, kind=LegKind.ERC1155, id=3, amount=4)
    assert scene.settle(scene.trade(leg)).reason == "ERC1155: caller is not owner nor approved"
    items.setApprovalForAll(scene.settlement.address, True, sender=maker.address)
    assert scene.settle(scene.trade(leg)).settled
    assert (items.balanceOf(maker.address, 3), items.balanceOf(taker.address, 3)) == (6, 4)
    short = replace(leg, amount=7)
    assert scene.settle(scene.trade(short, nonce_mask=2)).reason == "ERC1155: insufficient balance for transfer"


def test_an_erc1155_goes_to_a_contract_only_if_that_accepts(scene):
    items, refuses = items_of(), load("NFT")
    items.setApprovalForAll(scene.settlement.address, True, sender=maker.address)
    wallet = load("Wallet", broker.address)
    for receiver, settles in ((refuses, False), (wallet, True)):
        trade = scene.trade(
            scene.leg(receiver=receiver, token=items, kind=LegKind.ERC1155, id=3, amount=4),
            parties=(maker, receiver),
        )
        signed = [s or broker.sign(scene.digest(trade)).to_bytes() for s in scene.signed(trade)]
        assert scene.settle(trade, signed=signed).settled == settles
    assert items.balanceOf(wallet, 3) == 4


@pytest.mark.parametrize("token", ["dollar", "PhantomToken", CODELESS])
def test_an_erc1155_leg_on_anything_else_is_refused(scene, token):
    """WETH9 swallows `safeTransferFrom` as it does every unknown call."""
    target = {"dollar": scene.dollar}.get(token) or (token if token == CODELESS else load(token, "W", "W", 18))
    leg = scene.leg(token=target, kind=LegKind.ERC1155, id=3, amount=4)
    assert scene.settle(scene.trade(leg)).reason == ""


# The native asset


def native(scene, giver=maker, receiver=taker, amount=70):
    return scene.leg(giver, receiver, ZERO_ADDRESS, amount, LegKind.NATIVE)


def test_the_sender_gives_ether_for_tokens(scene):
    trade = scene.trade(native(scene), scene.leg(taker, maker, scene.ether, 2))
    before = boa.env.get_balance(taker.address)
    assert scene.settle(trade, sender=maker.address, value=70).settled
    assert boa.env.get_balance(taker.address) - before == 70
    assert scene.moved(scene.ether, maker) == 2
    assert boa.env.get_balance(scene.settlement.address) == 0


@pytest.mark.parametrize("value", [0, 69, 71, 140])
def test_the_value_is_exactly_the_sum_of_the_native_legs(scene, value):
    boa.env.set_balance(scene.settlement.address, 1000)
    assert scene.settle(scene.trade(native(scene)), sender=maker.address, value=value).reason == "value"
    assert boa.env.get_balance(scene.settlement.address) == 1000


def test_several_native_legs_add_up(scene):
    trade = scene.trade(native(scene), native(scene, receiver=broker, amount=30), parties=(maker, taker, broker))
    boa.env.set_balance(scene.settlement.address, 1000)
    assert scene.settle(trade, sender=maker.address, value=70).reason == "value"
    assert scene.settle(trade, sender=maker.address, value=100).settled


def test_value_without_a_native_leg_is_refused(scene):
    assert scene.settle(scene.trade(), sender=maker.address, value=1).reason == "value"


@pytest.mark.parametrize("sender", [relayer, taker])
def test_ether_is_the_senders_own(scene, sender):
    trade = scene.trade(native(scene))
    assert scene.settle(trade, sender=sender.address, value=70).reason == "native"


@pytest.mark.parametrize("changes", [{"token": CODELESS}, {"id": 1}])
def test_a_native_leg_names_no_token_and_no_id(scene, changes):
    raw = with_leg(scene.trade(native(scene)), **changes)
    assert scene.settle(raw, sender=maker.address, value=70).reason == "native"


def test_a_receiver_that_refuses_ether_stops_the_trade(scene):
    delegate(taker.address, load("NFT"))
    trade = scene.trade(native(scene))
    assert scene.settle(trade, sender=maker.address, value=70).reason == ""
    assert scene.used(trade) == 0


def test_a_receiver_of_ether_cannot_come_back_in(scene):
    """It gets its ether, and its own call of `settle` is refused meanwhile."""
    receiver = load("Reentrant")
    other = scene.trade(nonce_mask=2)
    receiver.arm(scene.settlement.address, scene.settle_calldata(other))
    trade = scene.trade(native(scene, receiver=receiver), parties=(maker, receiver))
    assert scene.settle(trade, sender=maker.address, value=70).settled
    assert (receiver.fired(), receiver.last_success()) == (1, False)
    assert boa.env.get_balance(receiver.address) == 70
    assert scene.used(other) == 0
